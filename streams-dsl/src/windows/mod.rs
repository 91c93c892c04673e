//! Windows: which spans of time a record belongs to. Computed purely.

mod time;

pub use time::{Hopping, TimeWindows, Tumbling};

pub(crate) use time::{TimeSpec, millis};
