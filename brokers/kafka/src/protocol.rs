//! Requests and responses of the data plane, one API a file: a structure, how it is written, how
//! it is read. Field names are the protocol's.

mod error_code;

pub(crate) use error_code::ErrorCode;
