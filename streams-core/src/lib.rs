//! To be written.

pub mod batch;
pub mod broker;
