//! Requests and responses of the data plane, one API a file: a structure, how it is written, how
//! it is read. Field names are the protocol's.

mod error_code;
pub(crate) mod fetch;
pub(crate) mod list_offsets;
pub(crate) mod find_coordinator;
pub(crate) mod offset_commit;
pub(crate) mod offset_fetch;
pub(crate) mod streams_group_describe;
pub(crate) mod streams_group_heartbeat;
#[cfg(test)]
mod tests;
pub(crate) mod init_producer_id;
pub(crate) mod produce;

use bytes::Bytes;

use crate::wire::{Reader, Result, WireError};

pub(crate) use error_code::ErrorCode;

/// Reads a response that could answer for several of `what`, where one was asked for.
fn read_only<T>(
    body: Bytes,
    what: &'static str,
    read: impl FnMut(&mut Reader) -> Result<T>,
) -> Result<T> {
    let mut from = Reader::new(body);
    from.i32("the throttle time")?;
    from.array(what, read)?.into_iter().next().ok_or_else(|| WireError::new(what))
}
