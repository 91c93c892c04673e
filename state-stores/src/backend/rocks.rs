//! Stores on disk, in RocksDB.

mod memory;
mod options;

use super::{Backend, KeyRange, Offset, Order, SortedRun, StoreId, Write, WriteBatch};
use crate::error::StoreError;
use bytes::Bytes;
use rocksdb::{
    ColumnFamily, ColumnFamilyDescriptor, DB, FlushOptions, IngestExternalFileOptions, Options,
    ReadOptions, SstFileWriter,
};
use std::fmt;
use std::fs;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

pub use memory::RocksMemory;

/// The version of the files' format. A newer one is refused, an older one would be read.
pub const ROCKS_FORMAT_VERSION: u32 = 1;

/// The family of the changelog offsets: `topic | partition i32` to `offset i64`.
const OFFSETS: &str = "offsets";
/// The key of the format version, a u32, in the default family.
const VERSION: &[u8] = b"format-version";
/// What the names of sorted runs on their way in begin with.
const RUN: &str = "ingest-";

/// The stores of one task in one RocksDB, a column family each, another for the changelog
/// offsets, and no write-ahead log: the changelog topic is one.
///
/// All families are flushed together (atomic flush), so that whatever a crash leaves is the state
/// after some commit, with the offsets of that commit: the task restores from there.
pub struct RocksBackend {
    folder: PathBuf,
    /// The families of the stores, in the order of their numbers.
    families: Vec<String>,
    /// `None` once closed.
    database: RwLock<Option<DB>>,
    table_options: Options,
    ingested: AtomicU64,
    /// Whether files are merged as is best for ingesting more.
    is_ingesting: AtomicBool,
}

impl RocksBackend {
    /// Opens or creates the database of a task in `folder`, which holds nothing else.
    ///
    /// The numbers of the stores follow `stores`; on disk they are known by their names, so that
    /// a store keeps its data when others come or go.
    ///
    /// # Errors
    /// When another process holds the folder, it cannot be written, is damaged, or was written by
    /// a newer version of this library.
    pub fn open(folder: &Path, stores: &[&str], memory: &RocksMemory) -> Result<Self, StoreError> {
        let failed = |error| backend_error(folder, "open", error);
        let database_options = options::database(memory);
        let table_options = options::table(memory).map_err(failed)?;
        let families: Vec<_> = stores.iter().map(|name| format!("store-{name}")).collect();
        let mut all = match folder.join("CURRENT").exists() {
            true => DB::list_cf(&database_options, folder).map_err(failed)?,
            false => Vec::new(),
        };
        let wanted = families.iter().map(String::as_str).chain([OFFSETS]);
        for family in wanted {
            if !all.iter().any(|known| known == family) {
                all.push(family.to_owned());
            }
        }
        let descriptors =
            all.into_iter().map(|name| ColumnFamilyDescriptor::new(name, table_options.clone()));
        let database =
            DB::open_cf_descriptors(&database_options, folder, descriptors).map_err(failed)?;
        remove_runs(folder)?;
        let backend = Self {
            folder: folder.to_owned(),
            families,
            database: RwLock::new(Some(database)),
            table_options,
            ingested: AtomicU64::new(0),
            is_ingesting: AtomicBool::new(false),
        };
        backend.check_version()?;
        Ok(backend)
    }

    fn check_version(&self) -> Result<(), StoreError> {
        let opened = self.opened()?;
        match opened.get(VERSION).map_err(|error| self.failed("read its version", error))? {
            Some(bytes) => {
                let found = bytes.try_into().map(u32::from_be_bytes);
                match found {
                    Ok(found) if found <= ROCKS_FORMAT_VERSION => Ok(()),
                    Ok(found) => Err(StoreError::VersionTooNew {
                        store: self.name(),
                        found,
                        known: ROCKS_FORMAT_VERSION,
                    }),
                    Err(_) => Err(StoreError::Corrupted { what: self.name() }),
                }
            }
            None => {
                let mut batch = rocksdb::WriteBatch::default();
                batch.put(VERSION, ROCKS_FORMAT_VERSION.to_be_bytes());
                opened
                    .write_without_wal(batch)
                    .and_then(|()| opened.flush())
                    .map_err(|error| self.failed("write its version", error))
            }
        }
    }

    fn flush_tables(&self) -> Result<(), StoreError> {
        let opened = self.opened()?;
        let mut families = vec![opened.family(OFFSETS)?];
        for store in 0..self.families.len() {
            families.push(opened.store(StoreId(store))?);
        }
        let mut options = FlushOptions::default();
        options.set_wait(true);
        opened.flush_cfs_opt(&families, &options).map_err(|error| self.failed("flush", error))
    }

    /// Says for all stores how many files may overlap before they are merged.
    fn merge_from(&self, files: &[(&str, &str)]) -> Result<(), StoreError> {
        let opened = self.opened()?;
        for store in 0..self.families.len() {
            opened
                .set_options_cf(opened.store(StoreId(store))?, files)
                .map_err(|error| self.failed("change how its files are merged", error))?;
        }
        Ok(())
    }

    fn name(&self) -> String {
        self.folder.display().to_string()
    }

    fn failed(&self, what: &str, error: rocksdb::Error) -> StoreError {
        backend_error(&self.folder, what, error)
    }

    // A panic while the lock was held leaves the database as it is: it has locks of its own.
    fn opened(&self) -> Result<Opened<'_>, StoreError> {
        let guard = self.database.read().unwrap_or_else(PoisonError::into_inner);
        match *guard {
            Some(_) => Ok(Opened { guard, backend: self }),
            None => Err(self.closed()),
        }
    }

    fn closed(&self) -> StoreError {
        StoreError::Closed { store: self.name() }
    }
}

/// Removes the names of runs that a crash left. Their files may be tables of the database by now:
/// writing a new run under such a name would overwrite them.
fn remove_runs(folder: &Path) -> Result<(), StoreError> {
    let failed = |error: std::io::Error| StoreError::Io {
        store: folder.display().to_string(),
        what: "remove what a crash left".to_owned(),
        source: error.into(),
    };
    for file in fs::read_dir(folder).map_err(failed)? {
        let file = file.map_err(failed)?;
        if file.file_name().to_string_lossy().starts_with(RUN) {
            fs::remove_file(file.path()).map_err(failed)?;
        }
    }
    Ok(())
}

fn backend_error(folder: &Path, what: &str, error: rocksdb::Error) -> StoreError {
    let store = folder.display().to_string();
    match error.kind() {
        rocksdb::ErrorKind::Corruption => StoreError::Corrupted { what: store },
        rocksdb::ErrorKind::IOError => {
            StoreError::Io { store, what: what.to_owned(), source: error.into() }
        }
        _ => StoreError::Backend { store, what: what.to_owned(), source: error.into() },
    }
}

impl fmt::Debug for RocksBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RocksBackend({}, {} stores)", self.folder.display(), self.families.len())
    }
}

/// The database while it may not be closed.
struct Opened<'a> {
    guard: RwLockReadGuard<'a, Option<DB>>,
    backend: &'a RocksBackend,
}

impl std::ops::Deref for Opened<'_> {
    type Target = DB;

    fn deref(&self) -> &DB {
        self.guard.as_ref().expect("the guard is made of an open database")
    }
}

impl Opened<'_> {
    fn family(&self, name: &str) -> Result<&ColumnFamily, StoreError> {
        self.cf_handle(name).ok_or_else(|| StoreError::InvalidConfig {
            store: self.backend.name(),
            what: format!("there is no column family {name}"),
        })
    }

    fn store(&self, store: StoreId) -> Result<&ColumnFamily, StoreError> {
        let Some(name) = self.backend.families.get(store.0) else {
            return Err(StoreError::InvalidConfig {
                store: self.backend.name(),
                what: format!("there is no store number {}", store.0),
            });
        };
        self.family(name)
    }

    /// Ranges are removed and written in the order of `batch`.
    fn translate(&self, batch: &WriteBatch) -> Result<rocksdb::WriteBatch, StoreError> {
        let mut translated = rocksdb::WriteBatch::default();
        let mut family: Option<(StoreId, &ColumnFamily)> = None;
        for write in batch.iter() {
            let store = write.store();
            let at = match family {
                Some((known, at)) if known == store => at,
                _ => self.store(store)?,
            };
            family = Some((store, at));
            match write {
                Write::Put { key, value, .. } => translated.put_cf(at, key, value),
                Write::Delete { key, .. } => translated.delete_cf(at, key),
                Write::DeleteRange { from, to, .. } if from < to => {
                    translated.delete_range_cf(at, from, to);
                }
                Write::DeleteRange { .. } => {}
            }
        }
        let offsets = self.family(OFFSETS)?;
        for (topic, partition, offset) in batch.offsets() {
            let key = [topic.as_bytes(), &partition.to_be_bytes()].concat();
            translated.put_cf(offsets, key, offset.to_be_bytes());
        }
        Ok(translated)
    }
}

impl Backend for RocksBackend {
    fn get(&self, store: StoreId, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        let opened = self.opened()?;
        match opened.get_pinned_cf(opened.store(store)?, key) {
            Ok(found) => Ok(found.map(|value| Bytes::copy_from_slice(&value))),
            Err(error) => Err(self.failed("read a value", error)),
        }
    }

    fn scan(
        &self,
        store: StoreId,
        range: KeyRange<'_>,
        order: Order,
        limit: usize,
        out: &mut Vec<(Bytes, Bytes)>,
    ) -> Result<(), StoreError> {
        if limit == 0 || range.is_empty() {
            return Ok(());
        }
        let opened = self.opened()?;
        let mut rows = opened.raw_iterator_cf_opt(opened.store(store)?, read_options(range));
        match order {
            Order::Forward => rows.seek_to_first(),
            Order::Backward => rows.seek_to_last(),
        }
        let end = out.len() + limit;
        while out.len() < end
            && let Some((key, value)) = rows.item()
        {
            out.push((Bytes::copy_from_slice(key), Bytes::copy_from_slice(value)));
            match order {
                Order::Forward => rows.next(),
                Order::Backward => rows.prev(),
            }
        }
        rows.status().map_err(|error| self.failed("scan", error))
    }

    fn write(&self, batch: &mut WriteBatch) -> Result<(), StoreError> {
        let opened = self.opened()?;
        let translated = opened.translate(batch)?;
        opened
            .write_without_wal(translated)
            .map_err(|error| self.failed("write a commit", error))?;
        batch.clear();
        Ok(())
    }

    fn offsets(&self) -> Result<Vec<Offset>, StoreError> {
        let mut rows = Vec::new();
        let opened = self.opened()?;
        let family = opened.family(OFFSETS)?;
        for row in opened.iterator_cf(family, rocksdb::IteratorMode::Start) {
            let (key, value) = row.map_err(|error| self.failed("read its offsets", error))?;
            let damaged = || StoreError::Corrupted { what: self.name() };
            rows.push(decode_offset(&key, &value).ok_or_else(damaged)?);
        }
        Ok(rows)
    }

    fn approximate_entries(&self, store: StoreId) -> Result<u64, StoreError> {
        let opened = self.opened()?;
        let entries = opened
            .property_int_value_cf(opened.store(store)?, rocksdb::properties::ESTIMATE_NUM_KEYS)
            .map_err(|error| self.failed("count its entries", error))?;
        Ok(entries.unwrap_or(0))
    }

    fn ingest(&self, store: StoreId, run: SortedRun<'_, '_>) -> Result<(), StoreError> {
        let mut run = run.peekable();
        if run.peek().is_none() {
            return Ok(());
        }
        if !self.is_ingesting.swap(true, Ordering::Relaxed) {
            self.merge_from(options::MANY_FILES)?;
        }
        let failed = |error| self.failed("take in a sorted run", error);
        let number = self.ingested.fetch_add(1, Ordering::Relaxed);
        let file = self.folder.join(format!("{RUN}{number}.sst"));
        let opened = self.opened()?;
        let family = opened.store(store)?;
        {
            let mut writer = SstFileWriter::create(&self.table_options);
            writer.open(&file).map_err(failed)?;
            for (key, value) in run {
                match value {
                    Some(value) => writer.put(key, value).map_err(failed)?,
                    None => writer.delete(key).map_err(failed)?,
                }
            }
            writer.finish().map_err(failed)?;
        }
        let mut options = IngestExternalFileOptions::default();
        options.set_move_files(true);
        opened.ingest_external_file_cf_opts(family, &options, vec![file]).map_err(failed)
    }

    fn flush(&self) -> Result<(), StoreError> {
        self.flush_tables()?;
        match self.is_ingesting.swap(false, Ordering::Relaxed) {
            true => self.merge_from(options::FEW_FILES),
            false => Ok(()),
        }
    }

    fn close(&self) -> Result<(), StoreError> {
        let flushed = match self.flush_tables() {
            Err(StoreError::Closed { .. }) => return Ok(()),
            flushed => flushed,
        };
        *self.database.write().unwrap_or_else(PoisonError::into_inner) = None;
        flushed
    }

    fn is_persistent(&self) -> bool {
        true
    }
}

fn decode_offset(key: &[u8], value: &[u8]) -> Option<Offset> {
    let (topic, partition) = key.split_last_chunk()?;
    let topic = std::str::from_utf8(topic).ok()?.to_owned();
    let offset = i64::from_be_bytes(value.try_into().ok()?);
    Some((topic, i32::from_be_bytes(*partition), offset))
}

/// The bounds of RocksDB include the lower and exclude the upper one; the least key behind `key`
/// is `key` and a zero.
fn read_options(range: KeyRange<'_>) -> ReadOptions {
    let mut options = ReadOptions::default();
    let behind = |key: &[u8]| [key, &[0]].concat();
    match range.from {
        Bound::Included(from) => options.set_iterate_lower_bound(from),
        Bound::Excluded(from) => options.set_iterate_lower_bound(behind(from)),
        Bound::Unbounded => {}
    }
    match range.to {
        Bound::Included(to) => options.set_iterate_upper_bound(behind(to)),
        Bound::Excluded(to) => options.set_iterate_upper_bound(to),
        Bound::Unbounded => {}
    }
    options
}
