use crate::Memory;
use proptest::prelude::*;
use state_stores::contract::{Step, check_backend, check_history};
use std::ops::Bound;

/// Few keys, so that they meet; some share more than sorting looks at first.
fn key() -> impl Strategy<Value = Vec<u8>> {
    let short = short_key();
    prop_oneof![4 => short_key(), 1 => short.prop_map(|end| [&[b'a'; 20][..], &end].concat())]
}

fn short_key() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop_oneof![Just(0), Just(b'a'), Just(b'b'), Just(0xff)], 0..4)
}

fn bound() -> impl Strategy<Value = Bound<Vec<u8>>> {
    prop_oneof![
        key().prop_map(Bound::Included),
        key().prop_map(Bound::Excluded),
        Just(Bound::Unbounded)
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let value = prop::option::weighted(0.7, prop::collection::vec(any::<u8>(), 0..6));
    prop_oneof![
        10 => (key(), value).prop_map(|(key, value)| Step::Put(key, value)),
        1 => (key(), key()).prop_map(|(from, to)| Step::DeleteRange(from, to)),
        2 => Just(Step::Commit),
        1 => Just(Step::Discard),
        4 => (bound(), bound(), any::<bool>())
            .prop_map(|(from, to, forward)| Step::Scan(from, to, forward)),
    ]
}

fn history() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 0..80)
}

#[test]
fn memory_keeps_the_contract() {
    check_backend(&Memory).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn staged_writes_over_memory_read_as_an_ordered_map(steps in history()) {
        check_history(&Memory, &steps).unwrap();
    }
}

#[cfg(feature = "rocksdb")]
mod rocksdb {
    use super::history;
    use proptest::prelude::*;
    use state_stores::contract::{Place, check_backend, check_history};
    use state_stores::{Backend, RocksBackend, RocksMemory, StoreError, StoreId, WriteBatch};
    use std::cell::Cell;
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::sync::Arc;

    const NAMES: [&str; 2] = ["counts", "words"];

    /// Backends in numbered folders of their own.
    struct Disk {
        root: PathBuf,
        number: Cell<usize>,
        memory: RocksMemory,
    }

    impl Disk {
        fn new(name: &str) -> Self {
            let root = Path::new(env!("CARGO_TARGET_TMPDIR"))
                .join(format!("stores-{name}-{}", std::process::id()));
            fs::remove_dir_all(&root).ok();
            fs::create_dir_all(&root).unwrap();
            Self { root, number: Cell::new(0), memory: RocksMemory::new(8 << 20) }
        }

        fn folder(&self) -> PathBuf {
            self.root.join(self.number.get().to_string())
        }

        fn open(&self, stores: usize) -> Result<Arc<dyn Backend>, StoreError> {
            Ok(Arc::new(RocksBackend::open(&self.folder(), &NAMES[..stores], &self.memory)?))
        }
    }

    impl Drop for Disk {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.root).ok();
        }
    }

    impl Place for Disk {
        fn create(&self, stores: usize) -> Result<Arc<dyn Backend>, StoreError> {
            self.number.set(self.number.get() + 1);
            self.open(stores)
        }

        /// The files as they are, of a database that goes on.
        fn after_crash(&self) -> Result<Option<Arc<dyn Backend>>, StoreError> {
            let from = self.folder();
            self.number.set(self.number.get() + 1);
            fs::create_dir(self.folder()).unwrap();
            for file in fs::read_dir(from).unwrap() {
                let file = file.unwrap();
                fs::copy(file.path(), self.folder().join(file.file_name())).unwrap();
            }
            self.open(2).map(Some)
        }
    }

    #[test]
    fn rocksdb_keeps_the_contract() {
        check_backend(&Disk::new("contract")).unwrap();
    }

    #[test]
    fn a_crash_before_any_flush_leaves_neither_data_nor_offsets() {
        let disk = Disk::new("unflushed");
        let backend = disk.create(2).unwrap();
        let mut batch = WriteBatch::default();
        batch.put(StoreId(0), b"k", b"v");
        batch.set_offset("t", 0, 1);
        backend.write(&mut batch).unwrap();
        let found = disk.after_crash().unwrap().unwrap();
        assert_eq!(found.offsets().unwrap(), []);
        assert_eq!(found.get(StoreId(0), b"k").unwrap(), None);
    }

    #[test]
    fn data_is_found_by_the_name_of_the_store_after_a_close() {
        let disk = Disk::new("names");
        let backend = disk.create(2).unwrap();
        let mut batch = WriteBatch::default();
        batch.put(StoreId(1), b"k", b"words");
        batch.set_offset("t", 0, 1);
        backend.write(&mut batch).unwrap();
        backend.close().unwrap();
        let other = ["new", "words"];
        let found = RocksBackend::open(&disk.folder(), &other, &disk.memory).unwrap();
        assert_eq!(found.get(StoreId(1), b"k").unwrap().as_deref(), Some(&b"words"[..]));
        assert_eq!(found.get(StoreId(0), b"k").unwrap(), None);
        assert_eq!(found.offsets().unwrap(), [("t".to_owned(), 0, 1)]);
    }

    #[test]
    fn a_folder_held_by_another_is_an_error_that_names_it() {
        let disk = Disk::new("held");
        let _held = disk.create(1).unwrap();
        let error = disk.open(1).unwrap_err();
        assert!(matches!(error, StoreError::Io { .. }), "{error:?}");
        assert!(error.to_string().contains("stores-held"), "{error}");
    }

    #[test]
    fn a_run_linked_into_the_database_before_a_crash_is_not_overwritten() {
        let disk = Disk::new("linked");
        let run = |key: &'static [u8]| std::iter::once((key, Some(key)));
        let backend = disk.create(1).unwrap();
        backend.ingest(StoreId(0), &mut run(b"first")).unwrap();
        backend.close().unwrap();
        drop(backend);
        // As if the crash had come before the run's own name was removed.
        let is_table = |path: &PathBuf| path.extension().is_some_and(|kind| kind == "sst");
        for file in fs::read_dir(disk.folder()).unwrap() {
            let path = file.unwrap().path();
            if is_table(&path) {
                fs::hard_link(path, disk.folder().join("ingest-0.sst")).ok();
            }
        }
        let backend = disk.open(1).unwrap();
        backend.ingest(StoreId(0), &mut run(b"second")).unwrap();
        backend.close().unwrap();
        drop(backend);
        let backend = disk.open(1).unwrap();
        for key in [&b"first"[..], b"second"] {
            assert_eq!(backend.get(StoreId(0), key).unwrap().as_deref(), Some(key));
        }
    }

    #[test]
    fn a_newer_format_is_refused_with_both_versions() {
        let disk = Disk::new("version");
        disk.create(1).unwrap().close().unwrap();
        let files = ::rocksdb::DB::list_cf(&Default::default(), disk.folder()).unwrap();
        let newer = ::rocksdb::DB::open_cf(&Default::default(), disk.folder(), files).unwrap();
        newer.put(b"format-version", 2_u32.to_be_bytes()).unwrap();
        drop(newer);
        let error = disk.open(1).unwrap_err();
        assert!(matches!(error, StoreError::VersionTooNew { found: 2, known: 1, .. }), "{error:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(24) })]

        #[test]
        fn staged_writes_over_rocksdb_read_as_an_ordered_map(steps in history()) {
            check_history(&Disk::new("history"), &steps).unwrap();
        }
    }
}
