//! Bytes to values and back; what a type needs to travel.

#[cfg(feature = "bincode")]
mod bincode;
mod types;
mod windowed;

use crate::error::SerdeError;
use crate::headers::Headers;
use bytes::Bytes;
use std::ops::{Deref, Range};
use std::sync::Arc;

#[cfg(feature = "bincode")]
pub use bincode::{BINCODE_LIMIT, Bincode, BincodeSerde};
pub use types::{
    BoolSerde, BytesSerde, F32Serde, F64Serde, I16Serde, I32Serde, I64Serde, Ignored, IgnoredSerde,
    OptionSerde, StringSerde, U32Serde, U64Serde, UuidSerde, VecSerde,
};
pub use windowed::{SessionWindowedSerde, WindowedSerde};

/// What a serde may see besides the bytes.
#[derive(Clone, Copy, Debug)]
pub struct SerdeContext<'a> {
    /// The topic of the record; for a store, its changelog topic.
    pub topic: &'a str,
    /// The headers of the record.
    pub headers: &'a Headers,
}

/// Whether a value has bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// The value is null on the wire: nothing was appended.
    Null,
    /// The bytes were appended; there may be none of them.
    Bytes,
}

/// The bytes of a key or a value, on their way to [`Serde::deserialize`].
#[derive(Clone, Copy)]
pub struct Payload<'a> {
    bytes: &'a [u8],
    owner: Option<&'a Bytes>,
}

impl<'a> Payload<'a> {
    /// The part `bytes` of `owner`, whose memory can be shared by [`Payload::to_bytes`].
    #[inline]
    pub fn shared(owner: &'a Bytes, bytes: &'a [u8]) -> Self {
        let (all, part) = (owner.as_ptr_range(), bytes.as_ptr_range());
        let inside = all.start <= part.start && part.end <= all.end;
        Self { bytes, owner: inside.then_some(owner) }
    }

    /// The bytes to keep: a reference count where the memory can be shared, else a copy.
    pub fn to_bytes(&self) -> Bytes {
        match self.owner {
            Some(owner) => owner.slice_ref(self.bytes),
            None => Bytes::copy_from_slice(self.bytes),
        }
    }

    /// The bytes, for as long as the source of the payload lives.
    #[inline]
    pub fn as_slice(&self) -> &'a [u8] {
        self.bytes
    }

    /// A part of the payload, sharing what it shares; `None` when it has no such bytes.
    pub fn part(&self, range: Range<usize>) -> Option<Self> {
        Some(Self { bytes: self.bytes.get(range)?, owner: self.owner })
    }
}

impl<'a> From<&'a [u8]> for Payload<'a> {
    #[inline]
    fn from(bytes: &'a [u8]) -> Self {
        Self { bytes, owner: None }
    }
}

impl<'a> From<&'a Bytes> for Payload<'a> {
    fn from(bytes: &'a Bytes) -> Self {
        Self { bytes, owner: Some(bytes) }
    }
}

impl Deref for Payload<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.bytes
    }
}

/// The length only: payloads stay out of logs.
impl std::fmt::Debug for Payload<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Payload({} bytes)", self.bytes.len())
    }
}

/// Turns values of `T` into bytes and back.
///
/// Nullness belongs to the serde: `Option<T>` reads a null as `None`, `String` refuses it.
pub trait Serde<T>: Send + Sync + 'static {
    /// Appends the bytes of `value` to `out`; appends nothing for a null.
    ///
    /// # Errors
    /// When the value has no bytes. `out` may then hold part of them.
    fn serialize(
        &self,
        value: &T,
        to: &SerdeContext<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Presence, SerdeError>;

    /// The value of `bytes`; `None` is a null.
    ///
    /// # Errors
    /// When the bytes are no value of the type. The error must not repeat them.
    fn deserialize(
        &self,
        bytes: Option<Payload<'_>>,
        from: &SerdeContext<'_>,
    ) -> Result<T, SerdeError>;

    /// Whether `value` is null on the wire.
    fn is_null(&self, _value: &T) -> bool {
        false
    }

    /// The serialized length, where it is known without serializing: what the record cache
    /// charges.
    fn size_hint(&self, _value: &T) -> Option<usize> {
        None
    }

    /// The part of a serialized key that decides the partition: all of it, but for windowed keys,
    /// whose window plays no role, so that all windows of a key stay together.
    fn partition_bytes<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        bytes
    }
}

/// A serde as operators and stores share it.
pub type SharedSerde<T> = Arc<dyn Serde<T>>;

/// What flows through a topology: owned, cloneable when two need it, and free to move with its
/// task from one thread to another.
pub trait Data: Clone + Send + 'static {}

impl<T: Clone + Send + 'static> Data for T {}

/// A type with a serde of its own, so that no option needs to name it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no serde of its own",
    label = "this step writes `{Self}` to a topic or a store",
    note = "implement `StreamData for {Self}`, wrap it (`Bincode<{Self}>`), or call the `.._with` form and pass a serde: `Produced::with(..)`, `Grouped::with(..)`, `Materialized::with(..)`"
)]
pub trait StreamData: Data {
    /// The serde of the type.
    type Serde: Serde<Self> + Default;
}

/// The serde of `T`, as operators and stores share it.
pub fn serde_of<T: StreamData>() -> SharedSerde<T> {
    Arc::new(T::Serde::default())
}

/// A type with a null.
pub trait Nullable: Data {
    /// The null.
    fn null() -> Self;
}

#[cfg(test)]
mod tests;
