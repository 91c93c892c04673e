//! Options of operators.
//!
//! They hold no key or value type: what is said of a serde is part of their own type, so that a
//! missing serde is an error of the compiler at the step that needs it, and no type has to be
//! written out.

mod serdes;
mod named;
mod consumed;
mod produced;
mod grouped;
mod materialized;
mod joined;
mod repartitioned;
mod branched;
mod printed;
mod processed;

pub use {
    branched::Branched,
    consumed::Consumed,
    grouped::Grouped,
    joined::Joined,
    materialized::Materialized,
    named::Named,
    printed::Printed,
    processed::Processed,
    produced::Produced,
    repartitioned::Repartitioned,
    serdes::{ByKey, ChosenBy, OfType, PartitionerFor, Said, SerdeFor, SerdeOver},
};

pub(crate) use materialized::StoreOptions;
