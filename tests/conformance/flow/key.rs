//! The two kinds of keys: plain ones, and those that windowed aggregations make.

use super::serde::DynSerde;
use crate::{types::Type, value::Dyn};
use std::sync::Arc;
use streams_core::stores::{
    Data, Payload, Presence, Serde, SerdeContext, SerdeError, SessionWindowedSerde, SharedSerde,
    Timestamp, Window, Windowed, WindowedSerde,
};

/// A key of a stream or table, dynamic in its content alone.
pub trait Key: Data + Sync {
    /// The serde of such keys.
    type Serde: Serde<Self> + Clone;

    /// The key as functions see it.
    fn to_dyn(&self) -> Dyn;

    /// The key that a function made. Type-checked functions make no other kind.
    fn from_dyn(value: Dyn) -> Self;

    /// The serde of keys of type `ty`.
    fn serde_of(ty: &Type) -> Self::Serde;

    /// The serde of keys of type `ty`, shared.
    fn serde(ty: &Type) -> SharedSerde<Self> {
        Arc::new(Self::serde_of(ty))
    }
}

impl Key for Dyn {
    type Serde = DynSerde;

    fn to_dyn(&self) -> Dyn {
        self.clone()
    }

    fn from_dyn(value: Dyn) -> Self {
        value
    }

    fn serde_of(ty: &Type) -> DynSerde {
        DynSerde::of(ty)
    }
}

impl Key for Windowed<Dyn> {
    type Serde = WindowedKeySerde;

    fn to_dyn(&self) -> Dyn {
        Dyn::windowed(self.key.clone(), self.start().as_millis(), self.end().as_millis())
    }

    fn from_dyn(value: Dyn) -> Self {
        let (key, start, end) = match value {
            Dyn::Windowed(it) => (it.key, it.start, it.end),
            key => (key, 0, 0),
        };
        let (start, end) = (Timestamp::from_millis(start), Timestamp::from_millis(end));
        Self::new(key, Window { start, end })
    }

    fn serde_of(ty: &Type) -> WindowedKeySerde {
        WindowedKeySerde(match ty {
            Type::Time(inner, size) => Arc::new(WindowedSerde::new(DynSerde::shared(inner), *size)),
            Type::Session(inner) => Arc::new(SessionWindowedSerde::new(DynSerde::shared(inner))),
            Type::Text | Type::Long => Arc::new(WindowedSerde::new(DynSerde::shared(ty), i64::MAX)),
        })
    }
}

/// The library's serde of windowed keys, of time windows or of sessions.
#[derive(Clone)]
pub struct WindowedKeySerde(SharedSerde<Windowed<Dyn>>);

impl Serde<Windowed<Dyn>> for WindowedKeySerde {
    fn serialize(
        &self,
        value: &Windowed<Dyn>,
        to: &SerdeContext<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Presence, SerdeError> {
        self.0.serialize(value, to, out)
    }

    fn deserialize(
        &self,
        bytes: Option<Payload<'_>>,
        from: &SerdeContext<'_>,
    ) -> Result<Windowed<Dyn>, SerdeError> {
        self.0.deserialize(bytes, from)
    }

    fn size_hint(&self, value: &Windowed<Dyn>) -> Option<usize> {
        self.0.size_hint(value)
    }

    fn partition_bytes<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        self.0.partition_bytes(bytes)
    }
}
