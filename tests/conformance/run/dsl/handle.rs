//! What the operations of the DSL make, under the names that scenarios give them.

use crate::{processor::StoreKey, refusal::Refusal, types::Type, value::Dyn};
use streams_core::stores::{StreamData, Windowed};
use streams_dsl::{KGroupedStream, KStream, KTable, TimeWindowedKStream};

/// The same thing with keys of either kind.
#[derive(Clone, Debug)]
pub enum ByKey<P, W> {
    /// With plain keys.
    Plain(P),
    /// With windowed keys.
    Windowed(W),
}

/// Runs an expression for keys of either kind.
macro_rules! each_key {
    ($by_key:expr, $it:ident => $body:expr) => {
        match $by_key {
            $crate::run::dsl::handle::ByKey::Plain($it) => $body,
            $crate::run::dsl::handle::ByKey::Windowed($it) => $body,
        }
    };
}
pub(crate) use each_key;

/// A stream with keys of either kind.
pub type AnyStream = ByKey<KStream<Dyn, Dyn>, KStream<Windowed<Dyn>, Dyn>>;
/// A table with keys of either kind.
pub type AnyTable = ByKey<KTable<Dyn, Dyn>, KTable<Windowed<Dyn>, Dyn>>;
/// A grouped stream with keys of either kind.
pub type AnyGrouped = ByKey<KGroupedStream<Dyn, Dyn>, KGroupedStream<Windowed<Dyn>, Dyn>>;

/// What an operation made.
#[derive(Clone, Debug)]
pub enum Handle {
    /// A stream.
    Stream(AnyStream),
    /// A table.
    Table(AnyTable),
    /// A grouped stream.
    Grouped(AnyGrouped),
    /// A stream grouped by key and window.
    Windowed(TimeWindowedKStream<Dyn, Dyn>, Windowing),
}

/// What has to be known of windows besides the stream.
#[derive(Clone, Debug)]
pub struct Windowing {
    /// The type of the windowed key.
    pub key: Type,
    /// Size and grace in milliseconds: how long windows have to be kept.
    pub retention: i64,
}

/// A handle and its types.
#[derive(Clone, Debug)]
pub struct Typed {
    /// What the operation made.
    pub handle: Handle,
    /// The type of its keys.
    pub key: Type,
    /// The type of its values.
    pub value: Type,
}

/// A kind of keys, as operations of the DSL need it.
pub trait DslKey: StoreKey + StreamData {
    /// A stream as a handle.
    fn stream(stream: KStream<Self, Dyn>) -> Handle;
    /// A table as a handle.
    fn table(table: KTable<Self, Dyn>) -> Handle;
    /// A grouped stream as a handle.
    fn grouped(grouped: KGroupedStream<Self, Dyn>) -> Handle;
    /// The stream of a handle, if it is one with such keys.
    fn as_stream(handle: &Handle) -> Option<&KStream<Self, Dyn>>;
    /// The table of a handle, if it is one with such keys.
    fn as_table(handle: &Handle) -> Option<&KTable<Self, Dyn>>;
}

macro_rules! dsl_key {
    ($key:ty, $kind:ident) => {
        impl DslKey for $key {
            fn stream(stream: KStream<Self, Dyn>) -> Handle {
                Handle::Stream(ByKey::$kind(stream))
            }

            fn table(table: KTable<Self, Dyn>) -> Handle {
                Handle::Table(ByKey::$kind(table))
            }

            fn grouped(grouped: KGroupedStream<Self, Dyn>) -> Handle {
                Handle::Grouped(ByKey::$kind(grouped))
            }

            fn as_stream(handle: &Handle) -> Option<&KStream<Self, Dyn>> {
                match handle {
                    Handle::Stream(ByKey::$kind(stream)) => Some(stream),
                    _ => None,
                }
            }

            fn as_table(handle: &Handle) -> Option<&KTable<Self, Dyn>> {
                match handle {
                    Handle::Table(ByKey::$kind(table)) => Some(table),
                    _ => None,
                }
            }
        }
    };
}

dsl_key!(Dyn, Plain);
dsl_key!(Windowed<Dyn>, Windowed);

/// An operation on a handle of another kind than it has.
pub fn misplaced(op: &str, on: &str) -> Refusal {
    Refusal::invalid(format!("op {op} on {on}"))
}
