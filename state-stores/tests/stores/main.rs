//! The stores over every backend.

#![expect(clippy::unwrap_used, reason = "helpers of tests are no `#[test]` to the lint")]

mod backends;
mod cache;
mod key_value;
mod vectors;
mod windows;

use state_stores::contract::Place;
use state_stores::{
    Backend, CacheBudget, ChangelogSink, Headers, MemoryBackend, StoreEnv, StoreError, StoreId,
    Timestamp,
};
use std::sync::{Arc, Mutex};

/// Backends in memory.
#[derive(Debug)]
pub(crate) struct Memory;

impl Place for Memory {
    fn create(&self, stores: usize) -> Result<Arc<dyn Backend>, StoreError> {
        Ok(Arc::new(MemoryBackend::new("task", stores)))
    }
}

/// One logged change: key, value, timestamp.
pub(crate) type Logged = (Vec<u8>, Option<Vec<u8>>, Option<Timestamp>);

/// A changelog to look into.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<Logged>>>);

impl Log {
    pub(crate) fn take(&self) -> Vec<Logged> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl ChangelogSink for Log {
    fn append(
        &mut self,
        key: &[u8],
        value: Option<&[u8]>,
        timestamp: Option<Timestamp>,
        headers: &Headers,
    ) -> Result<(), StoreError> {
        assert!(headers.is_empty(), "stores without headers log none");
        self.0.lock().unwrap().push((key.to_vec(), value.map(<[u8]>::to_vec), timestamp));
        Ok(())
    }
}

pub(crate) fn env(backend: &Arc<dyn Backend>, log: &Log, cache_bytes: usize) -> StoreEnv {
    StoreEnv {
        id: StoreId(0),
        backend: Arc::clone(backend),
        changelog: Some(Box::new(log.clone())),
        cache: Arc::new(CacheBudget::new(cache_bytes)),
        changelog_topic: Arc::from("app-store-changelog"),
    }
}

pub(crate) fn memory() -> Arc<dyn Backend> {
    Memory.create(1).unwrap()
}

pub(crate) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

pub(crate) fn text(text: &str) -> String {
    text.to_owned()
}
