//! Window stores.

mod bytes;
mod plain;
mod scans;
mod timestamped;

use crate::backend::Order;
use crate::core::{Core, Row};
use crate::error::StoreError;
use crate::key_value::{decode_key, encode_key};
use crate::merge::Step;
use crate::scan::Scan;
use crate::serde::{Data, Payload, SharedSerde};
use crate::store::{Flushed, Update, UpdateError};
use crate::time::{Timestamp, Window, Windowed};
use crate::window_schema::{Keys, Starts, Verdict, WindowFilter};

pub(crate) use bytes::{WindowBytes, prepare};
pub use plain::WindowStore;
pub use timestamped::TimestampedWindowStore;

/// What plain and timestamped window stores share: keys and windows in and out of bytes.
pub(crate) struct WindowTable<K, V> {
    keys: SharedSerde<K>,
    pub(crate) core: Core<V, WindowBytes>,
    window_size_ms: i64,
    key: Vec<u8>,
}

impl<K: Data, V: Data> WindowTable<K, V> {
    pub(crate) fn new(
        keys: SharedSerde<K>,
        core: Core<V, WindowBytes>,
        window_size_ms: i64,
    ) -> Self {
        Self { keys, core, window_size_ms, key: Vec::new() }
    }

    /// Serializes the local key into the buffer `self.key`.
    fn encode(&mut self, key: &K, start: Timestamp) -> Result<(), StoreError> {
        let Self { keys, core, key: out, .. } = self;
        out.clear();
        let (schema, seq) = (core.bytes.schema, core.bytes.last_seq());
        schema.encode(start.as_millis(), seq, out, |out| encode_key(keys, core, key, out))
    }

    /// The key and window of a local key.
    fn decode(&self, local: &[u8]) -> Result<Windowed<K>, StoreError> {
        let Some(parts) = self.core.bytes.schema.decode(local) else {
            let what = format!("a key of store {}", self.core.codec.store);
            return Err(StoreError::Corrupted { what });
        };
        let key = decode_key(&self.keys, &self.core, Payload::from(parts.key))?;
        let start = Timestamp::from_millis(parts.start);
        Ok(Windowed::new(key, Window::of_size(start, self.window_size_ms)))
    }

    fn put(
        &mut self,
        key: &K,
        value: Option<V>,
        start: Timestamp,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.encode(key, start)?;
        self.core.put(&self.key, value, at)
    }

    fn fetch(&mut self, key: &K, start: Timestamp) -> Result<Option<(V, Timestamp)>, StoreError> {
        self.encode(key, start)?;
        self.core.get(&self.key)
    }

    fn update<E>(
        &mut self,
        key: &K,
        start: Timestamp,
        f: impl FnOnce(Option<V>, Option<Timestamp>) -> Result<(Option<V>, Timestamp), E>,
    ) -> Result<Update<V>, UpdateError<E>> {
        self.encode(key, start)?;
        self.core.update(&self.key, f)
    }

    fn next_dirty(&mut self) -> Result<Option<Flushed<Windowed<K>, V>>, StoreError> {
        let Some(flushed) = self.core.next_dirty()? else { return Ok(None) };
        Ok(Some(Flushed {
            key: self.decode(&flushed.key)?,
            change: flushed.change,
            timestamp: flushed.timestamp,
            headers: flushed.headers,
            context: flushed.context,
        }))
    }

    fn key_bytes(&self, key: &K) -> Result<Vec<u8>, StoreError> {
        let mut bytes = Vec::new();
        encode_key(&self.keys, &self.core, key, &mut bytes)?;
        Ok(bytes)
    }

    fn one_key(&self, key: &K) -> Result<Keys, StoreError> {
        Ok(Keys::One(self.key_bytes(key)?))
    }

    fn key_range(&self, from: Option<&K>, to: Option<&K>) -> Result<Keys, StoreError> {
        let bytes = |key: Option<&K>| key.map(|key| self.key_bytes(key)).transpose();
        Ok(Keys::Range(bytes(from)?, bytes(to)?))
    }

    /// A scan of what the retention still shows of `starts`.
    fn scan<W>(
        &mut self,
        keys: Keys,
        starts: Starts,
        order: Order,
    ) -> Result<Scan<Windowed<K>, W>, StoreError> {
        let schema = self.core.bytes.schema;
        let first_live = schema.first_live(self.core.bytes.observed()?);
        let starts = Starts { from: starts.from.max(first_live), to: starts.to };
        let filter = WindowFilter::new(schema, keys, starts);
        Ok(Scan::new(filter.range(), order, Some(filter)))
    }

    fn fill<W>(
        &mut self,
        scan: &mut Scan<Windowed<K>, W>,
        entry: impl Fn(V, Timestamp) -> W,
    ) -> Result<(), StoreError> {
        let mut rows: Vec<Row<V>> = Vec::new();
        let mut end = None;
        let (filter, order) = (scan.filter.as_ref(), scan.order);
        let judge = |key: &[u8]| match filter.map(|filter| filter.judge(key, order)) {
            None | Some(Verdict::Take) => Step::Take,
            Some(Verdict::Skip) => Step::Skip,
            Some(verdict) => {
                end = Some(verdict);
                Step::Stop
            }
        };
        scan.exhausted = self.core.page(&mut scan.range, (order, scan.page), judge, &mut rows)?;
        match end {
            Some(Verdict::Seek(key, inclusive)) => {
                scan.range.seek(order, key, inclusive);
                // Scattered entries: a long page would be read to be thrown away.
                scan.page = 1;
            }
            Some(_) => scan.exhausted = true,
            None => {}
        }
        for row in rows {
            let key = self.decode(&row.key)?;
            scan.rows.push_back((key, entry(row.value, row.timestamp)));
        }
        Ok(())
    }
}
