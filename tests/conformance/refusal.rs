//! Why a scenario is not run to its end.

use std::fmt;

/// A scenario that cannot be built: malformed, or beyond what the library offers today.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The scenario breaks the rules of the scenario language (error phase `scenario`).
    Invalid(String),
    /// The library has no such operator or option yet. Holds what is missing.
    Unsupported(String),
}

impl Refusal {
    /// A malformed scenario.
    pub fn invalid(what: impl Into<String>) -> Self {
        Self::Invalid(what.into())
    }

    /// Something that the library does not offer yet.
    pub fn unsupported(what: impl Into<String>) -> Self {
        Self::Unsupported(what.into())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(what) => write!(f, "malformed scenario: {what}"),
            Self::Unsupported(what) => write!(f, "not supported yet: {what}"),
        }
    }
}

impl std::error::Error for Refusal {}
