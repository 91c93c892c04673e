//! From changelog records to local entries.

use super::{StoreSpec, window_schema};
use crate::backend::{Backend, StoreId, WriteBatch};
use crate::changelog::ChangelogRestore;
use crate::error::StoreError;
use crate::headers::Headers;
use crate::serde::Presence;
use crate::time::Timestamp;
use crate::window;

/// Puts a record's timestamp before the value where local values carry it (Java's
/// `RecordConverters`), and the segment before a windowed key.
pub(super) struct Restorer {
    spec: StoreSpec,
}

impl Restorer {
    pub(super) fn new(spec: &StoreSpec) -> Self {
        Self { spec: spec.clone() }
    }
}

impl ChangelogRestore for Restorer {
    fn local(
        &self,
        key: &[u8],
        value: Option<&[u8]>,
        timestamp: Timestamp,
        _headers: &Headers,
        out_key: &mut Vec<u8>,
        out_value: &mut Vec<u8>,
    ) -> Result<Presence, StoreError> {
        match window_schema(&self.spec) {
            None => out_key.extend_from_slice(key),
            Some(schema) => {
                if !schema.encode_logged(key, out_key) {
                    let what = format!("the changelog of store {}", self.spec.name);
                    return Err(StoreError::Corrupted { what });
                }
            }
        }
        let Some(value) = value else { return Ok(Presence::Null) };
        if self.spec.timestamped {
            out_value.extend_from_slice(&timestamp.as_millis().to_be_bytes());
        }
        out_value.extend_from_slice(value);
        Ok(Presence::Bytes)
    }

    fn prepare(
        &self,
        backend: &dyn Backend,
        store: StoreId,
        batch: &mut WriteBatch,
    ) -> Result<bool, StoreError> {
        match window_schema(&self.spec) {
            Some(schema) => window::prepare(schema, backend, store, batch),
            None => Ok(false),
        }
    }
}
