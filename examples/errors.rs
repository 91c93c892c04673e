//! Errors for people to read.

use std::{error::Error, fmt, io, ops::Deref, path::Path};

use streams_dsl::{BrokerError, core::broker::BrokerErrorKind};

pub use streams_dsl::core::with_causes;

/// What the examples return: any error ends them with its text.
pub type Result<T> = std::result::Result<T, Failure>;

/// Any error. `main` shows it with all its causes.
pub struct Failure(Box<dyn Error + Send + Sync>);

impl Failure {
    /// Whether the brokers are away, and may come back.
    pub(crate) fn is_passing(&self) -> bool {
        let passing = [BrokerErrorKind::Retriable, BrokerErrorKind::TimedOut];
        self.0.downcast_ref::<BrokerError>().is_some_and(|error| passing.contains(&error.kind()))
    }
}

impl<E: Into<Box<dyn Error + Send + Sync>>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl Deref for Failure {
    type Target = dyn Error + Send + Sync;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&with_causes(&**self))
    }
}

/// An I/O error with the path it is about.
pub fn at(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}
