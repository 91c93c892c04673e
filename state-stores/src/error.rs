//! What goes wrong with bytes and with stores.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

type Source = Box<dyn Error + Send + Sync>;

/// Bytes that are not a value of the type, or a value that has no bytes.
///
/// The text never holds the payload: it ends up in logs.
#[derive(Debug)]
pub struct SerdeError(Box<SerdeErrorParts>);

/// Boxed, so that the results of serdes, of which every record makes some, stay small.
#[derive(Debug)]
struct SerdeErrorParts {
    what: String,
    source: Option<Source>,
}

impl SerdeError {
    /// An error that says `what` is wrong, in one lower-case sentence.
    pub fn new(what: impl Into<String>) -> Self {
        Self(Box::new(SerdeErrorParts { what: what.into(), source: None }))
    }

    /// The same with its cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Source>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The error of a null where `type_name` has none.
    pub fn null(type_name: &str) -> Self {
        Self::new(format!("null is no {type_name}; read it as Option<{type_name}>"))
    }
}

impl fmt::Display for SerdeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.what)
    }
}

impl Error for SerdeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

/// Why a store could not do what it was asked.
#[derive(Debug)]
#[non_exhaustive]
pub enum StoreError {
    /// The disk or the operating system failed below `store`.
    Io {
        /// The store, or the folder of the database.
        store: String,
        /// What was tried.
        what: String,
        /// The cause.
        source: Source,
    },
    /// The database below `store` failed.
    Backend {
        /// The store, or the folder of the database.
        store: String,
        /// What was tried.
        what: String,
        /// The cause.
        source: Source,
    },
    /// Bytes that this library did not write like this; restore the store from its changelog.
    Corrupted {
        /// What is damaged, with the name of the store.
        what: String,
    },
    /// The store was closed before, or given up after a failed update.
    Closed {
        /// The store.
        store: String,
    },
    /// A key or a value has no bytes, or bytes are no key or value.
    Serde {
        /// The store.
        store: Arc<str>,
        /// The cause.
        source: SerdeError,
    },
    /// A store that cannot be built as it is described.
    InvalidConfig {
        /// The store.
        store: String,
        /// What is wrong and what to do.
        what: String,
    },
    /// The files were written by a newer version of this library.
    VersionTooNew {
        /// The folder of the database.
        store: String,
        /// The version found.
        found: u32,
        /// The newest version known here.
        known: u32,
    },
    /// The changelog did not take a change.
    Changelog {
        /// The store.
        store: String,
        /// The cause.
        source: Source,
    },
}

impl StoreError {
    pub(crate) fn serde(store: &Arc<str>, source: SerdeError) -> Self {
        Self::Serde { store: Arc::clone(store), source }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { store, what, .. } => write!(f, "could not {what} in {store}"),
            Self::Backend { store, what, .. } => {
                write!(f, "the database of {store} could not {what}")
            }
            Self::Corrupted { what } => {
                write!(
                    f,
                    "{what} is damaged; delete its folder and it is restored from the changelog"
                )
            }
            Self::Closed { store } => write!(f, "store {store} is closed"),
            Self::Serde { store, .. } => {
                write!(f, "store {store} could not convert a key or a value")
            }
            Self::InvalidConfig { store, what } => write!(f, "store {store}: {what}"),
            Self::VersionTooNew { store, found, known } => write!(
                f,
                "{store} has format version {found}, newer than {known}; use a newer version of the library, or delete the folder and let it restore"
            ),
            Self::Changelog { store, .. } => {
                write!(f, "the changelog of store {store} did not take a change")
            }
        }
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io { source, .. }
            | Self::Backend { source, .. }
            | Self::Changelog { source, .. } => Some(source.as_ref()),
            Self::Serde { source, .. } => Some(source),
            _ => None,
        }
    }
}
