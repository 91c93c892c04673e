//! How dynamic values flow through a topology of the library: their serdes, the two kinds of keys,
//! timestamp extractors.

mod extractor;
mod key;
mod serde;

pub use self::{extractor::Extractor, key::Key, serde::DynSerde};
