//! The two kinds of keys: plain ones, and those that windowed aggregations make.

use super::serde::DynSerde;
use crate::{types::Type, value::Dyn};
use std::sync::Arc;
use streams_core::stores::{
    Data, SessionWindowedSerde, SharedSerde, Timestamp, Window, Windowed, WindowedSerde,
};

/// A key of a stream or table, dynamic in its content alone.
pub trait Key: Data + Sync {
    /// The key as functions see it.
    fn to_dyn(&self) -> Dyn;

    /// The key that a function made. Type-checked functions make no other kind.
    fn from_dyn(value: Dyn) -> Self;

    /// The serde of keys of type `ty`.
    fn serde(ty: &Type) -> SharedSerde<Self>;
}

impl Key for Dyn {
    fn to_dyn(&self) -> Dyn {
        self.clone()
    }

    fn from_dyn(value: Dyn) -> Self {
        value
    }

    fn serde(ty: &Type) -> SharedSerde<Self> {
        DynSerde::shared(ty)
    }
}

impl Key for Windowed<Dyn> {
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

    fn serde(ty: &Type) -> SharedSerde<Self> {
        match ty {
            Type::Time(inner, size) => Arc::new(WindowedSerde::new(DynSerde::shared(inner), *size)),
            Type::Session(inner) => Arc::new(SessionWindowedSerde::new(DynSerde::shared(inner))),
            Type::Text | Type::Long => Arc::new(WindowedSerde::new(DynSerde::shared(ty), i64::MAX)),
        }
    }
}
