//! The changelog of a store, written and read back.

use crate::backend::{Backend, StoreId, WriteBatch};
use crate::error::StoreError;
use crate::headers::Headers;
use crate::serde::Presence;
use crate::time::Timestamp;
use std::fmt;

/// Where a store tells its changes: the producer of its changelog topic.
pub trait ChangelogSink: Send {
    /// Appends a change; `None` for `value` is a tombstone, `None` for `timestamp` leaves it to
    /// the producer.
    ///
    /// # Errors
    /// When the change was not taken; the task cannot go on.
    fn append(
        &mut self,
        key: &[u8],
        value: Option<&[u8]>,
        timestamp: Option<Timestamp>,
        headers: &Headers,
    ) -> Result<(), StoreError>;
}

/// Turns records of a changelog into local entries; the bytes differ where the changelog keeps a
/// timestamp in the record, and where the local key has the segment of a window before it.
pub trait ChangelogRestore: Send + Sync {
    /// Appends the local key of a changelog record to `out_key` and its local value to
    /// `out_value`; [`Presence::Null`] is a deletion.
    ///
    /// # Errors
    /// When the key is none of the store's.
    fn local(
        &self,
        key: &[u8],
        value: Option<&[u8]>,
        timestamp: Timestamp,
        headers: &Headers,
        out_key: &mut Vec<u8>,
        out_value: &mut Vec<u8>,
    ) -> Result<Presence, StoreError>;

    /// Says what `backend` needs before entries of `store` are restored, by writes to `batch`, and
    /// whether the entries it has do not lie under the keys that [`local`](Self::local) gives.
    /// Those of a window store no longer do where a changed retention asks for segments of another
    /// length: then `batch` removes them, and whoever writes it restores the store from the
    /// beginning of its changelog.
    ///
    /// # Errors
    /// When the backend cannot be read.
    fn prepare(
        &self,
        backend: &dyn Backend,
        store: StoreId,
        batch: &mut WriteBatch,
    ) -> Result<bool, StoreError>;
}

/// The changelog of a store, or none where logging is off.
pub(crate) struct Changelog(Option<Box<dyn ChangelogSink>>);

impl Changelog {
    pub(crate) fn new(sink: Option<Box<dyn ChangelogSink>>) -> Self {
        Self(sink)
    }

    /// Stores without headers log none, as Java's do.
    pub(crate) fn append(
        &mut self,
        key: &[u8],
        value: Option<&[u8]>,
        timestamp: Timestamp,
    ) -> Result<(), StoreError> {
        static NO_HEADERS: Headers = Headers::new();
        match &mut self.0 {
            Some(sink) => {
                let timestamp = (timestamp != Timestamp::NONE).then_some(timestamp);
                sink.append(key, value, timestamp, &NO_HEADERS)
            }
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Changelog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Changelog(on)" } else { "Changelog(off)" })
    }
}
