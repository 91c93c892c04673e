//! The errors of the embedded log, in the words of the seam.

use std::fmt::Display;
use std::io;
use std::path::Path;

use streams_core::batch::BatchError;
use streams_core::broker::{BrokerError, BrokerErrorKind};

/// The operating system refused something; `what` is a verb, as in "write to".
pub(crate) fn io(what: &str, path: &Path, error: io::Error) -> BrokerError {
    let path = path.display();
    if error.kind() == io::ErrorKind::StorageFull {
        let context = format!("cannot {what} {path}: the disk is full, free some space");
        return BrokerError::new(BrokerErrorKind::Retriable, context).with_source(error);
    }
    let context = format!("cannot {what} {path}");
    BrokerError::new(BrokerErrorKind::Fatal, context).with_source(error)
}

/// A file has unsound bytes in front of sound ones.
pub(crate) fn damaged(path: &Path, position: u64, reason: &dyn Display) -> BrokerError {
    let context = format!(
        "{} is damaged at byte {position}, and sound data follows ({reason}): restore the file \
         from a backup, or cut it there by hand and lose what follows; nothing was changed",
        path.display()
    );
    BrokerError::new(BrokerErrorKind::Corrupted, context)
}

/// A stored batch cannot be read.
pub(crate) fn batch(error: BatchError) -> BrokerError {
    BrokerError::new(BrokerErrorKind::Corrupted, "a stored batch cannot be read").with_source(error)
}
