//! How the values of a store look as bytes.

use crate::error::StoreError;
use crate::headers::Headers;
use crate::serde::{Payload, Presence, SerdeContext, SharedSerde};
use crate::time::Timestamp;
use std::sync::Arc;

/// How the values of a store look as bytes.
pub(crate) struct ValueCodec<V> {
    pub(crate) store: Arc<str>,
    pub(crate) topic: Arc<str>,
    pub(crate) serde: SharedSerde<V>,
    /// Whether local values begin with their timestamp: `timestamp i64 | value`.
    pub(crate) timestamped: bool,
}

impl<V: 'static> ValueCodec<V> {
    pub(crate) fn prefix(&self) -> usize {
        if self.timestamped { 8 } else { 0 }
    }

    pub(crate) fn read(
        &self,
        bytes: Payload<'_>,
        headers: &Headers,
    ) -> Result<(V, Timestamp), StoreError> {
        let context = SerdeContext { topic: &self.topic, headers };
        let (value, timestamp) = match self.timestamped {
            false => (Some(bytes), Timestamp::NONE),
            true => match bytes.first_chunk() {
                Some(time) => {
                    let timestamp = Timestamp::from_millis(i64::from_be_bytes(*time));
                    (bytes.part(8..bytes.len()), timestamp)
                }
                None => {
                    let what = format!("a value of store {}", self.store);
                    return Err(StoreError::Corrupted { what });
                }
            },
        };
        let value = self.serde.deserialize(value, &context);
        Ok((value.map_err(|error| StoreError::serde(&self.store, error))?, timestamp))
    }

    pub(super) fn write(
        &self,
        value: &V,
        timestamp: Timestamp,
        headers: &Headers,
        out: &mut Vec<u8>,
    ) -> Result<Presence, StoreError> {
        out.clear();
        if self.timestamped {
            out.extend_from_slice(&timestamp.as_millis().to_be_bytes());
        }
        let context = SerdeContext { topic: &self.topic, headers };
        self.serde
            .serialize(value, &context, out)
            .map_err(|error| StoreError::serde(&self.store, error))
    }
}
