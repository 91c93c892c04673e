//! Windowed keys on topics.

use super::{Payload, Presence, Serde, SerdeContext, SharedSerde, StreamData, serde_of};
use crate::error::SerdeError;
use crate::time::{Timestamp, Window, Windowed};

fn timestamp_at(bytes: &[u8], at: usize) -> Result<Timestamp, SerdeError> {
    let bytes = bytes.get(at..at + 8).and_then(|bytes| bytes.try_into().ok());
    bytes.map(|bytes| Timestamp::from_millis(i64::from_be_bytes(bytes))).ok_or_else(too_short)
}

fn too_short() -> SerdeError {
    SerdeError::new("too short for a windowed key")
}

/// A key in a time window: `key | start i64`. The size of the window is not on the wire.
pub struct WindowedSerde<K> {
    inner: SharedSerde<K>,
    size_ms: i64,
}

impl<K> WindowedSerde<K> {
    /// Keys of `inner` in windows of `size_ms` milliseconds.
    pub fn new(inner: SharedSerde<K>, size_ms: i64) -> Self {
        Self { inner, size_ms }
    }

    /// The serde of the key in it, by which a windowed record is partitioned.
    pub fn inner(&self) -> &SharedSerde<K> {
        &self.inner
    }
}

impl<K> std::fmt::Debug for WindowedSerde<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WindowedSerde({} ms)", self.size_ms)
    }
}

impl<K: StreamData> Default for WindowedSerde<K> {
    fn default() -> Self {
        Self::new(serde_of::<K>(), i64::MAX)
    }
}

impl<K: 'static> Serde<Windowed<K>> for WindowedSerde<K> {
    fn serialize(
        &self,
        value: &Windowed<K>,
        to: &SerdeContext<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Presence, SerdeError> {
        self.inner.serialize(&value.key, to, out)?;
        out.extend_from_slice(&value.start().as_millis().to_be_bytes());
        Ok(Presence::Bytes)
    }

    fn deserialize(
        &self,
        bytes: Option<Payload<'_>>,
        from: &SerdeContext<'_>,
    ) -> Result<Windowed<K>, SerdeError> {
        let bytes = bytes.ok_or_else(|| SerdeError::null("Windowed"))?;
        let at = bytes.len().checked_sub(8).ok_or_else(too_short)?;
        let window = Window::of_size(timestamp_at(&bytes, at)?, self.size_ms);
        Ok(Windowed { key: self.inner.deserialize(bytes.part(0..at), from)?, window })
    }

    fn size_hint(&self, value: &Windowed<K>) -> Option<usize> {
        self.inner.size_hint(&value.key).map(|size| size + 8)
    }

    fn partition_bytes<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        &bytes[..bytes.len().saturating_sub(8)]
    }
}

impl<K: StreamData> StreamData for Windowed<K> {
    type Serde = WindowedSerde<K>;
}

/// A key in a session window: `key | end i64 | start i64`.
pub struct SessionWindowedSerde<K>(SharedSerde<K>);

impl<K> SessionWindowedSerde<K> {
    /// Keys of `inner` in session windows.
    pub fn new(inner: SharedSerde<K>) -> Self {
        Self(inner)
    }

    /// The serde of the key in it, by which a windowed record is partitioned.
    pub fn inner(&self) -> &SharedSerde<K> {
        &self.0
    }
}

impl<K> std::fmt::Debug for SessionWindowedSerde<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SessionWindowedSerde")
    }
}

impl<K: StreamData> Default for SessionWindowedSerde<K> {
    fn default() -> Self {
        Self::new(serde_of::<K>())
    }
}

impl<K: 'static> Serde<Windowed<K>> for SessionWindowedSerde<K> {
    fn serialize(
        &self,
        value: &Windowed<K>,
        to: &SerdeContext<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Presence, SerdeError> {
        self.0.serialize(&value.key, to, out)?;
        out.extend_from_slice(&value.end().as_millis().to_be_bytes());
        out.extend_from_slice(&value.start().as_millis().to_be_bytes());
        Ok(Presence::Bytes)
    }

    fn deserialize(
        &self,
        bytes: Option<Payload<'_>>,
        from: &SerdeContext<'_>,
    ) -> Result<Windowed<K>, SerdeError> {
        let bytes = bytes.ok_or_else(|| SerdeError::null("Windowed"))?;
        let at = bytes.len().checked_sub(16).ok_or_else(too_short)?;
        let (end, start) = (timestamp_at(&bytes, at)?, timestamp_at(&bytes, at + 8)?);
        Ok(Windowed {
            key: self.0.deserialize(bytes.part(0..at), from)?,
            window: Window { start, end },
        })
    }

    fn size_hint(&self, value: &Windowed<K>) -> Option<usize> {
        self.0.size_hint(&value.key).map(|size| size + 16)
    }

    fn partition_bytes<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        &bytes[..bytes.len().saturating_sub(16)]
    }
}
