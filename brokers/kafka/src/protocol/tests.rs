//! What the tests of all codecs share.

use std::fmt::Debug;

use bytes::Bytes;

use crate::wire::Result;

/// Every beginning of a response is an error, and never a panic.
pub(crate) fn check_truncated<T: Debug>(whole: &Bytes, read: impl Fn(Bytes) -> Result<T>) {
    assert!(read(whole.clone()).is_ok(), "the whole response is sound");
    for length in 0..whole.len() {
        let cut = read(whole.slice(..length));
        assert!(cut.is_err(), "cut after {length} of {} bytes: {cut:?}", whole.len());
    }
}
