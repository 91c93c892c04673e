//! The declared type of a key or a value: `string`, `long`, `time:string:10`, `session:long`.

use crate::refusal::Refusal;
use std::fmt;

/// A type of the scenario language.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Type {
    /// UTF-8 text.
    Text,
    /// A 64 bit signed number, 8 bytes big-endian.
    Long,
    /// A key in a time window of the given size in milliseconds; its bytes hold the start alone.
    Time(Box<Type>, i64),
    /// A key in a session window; its bytes hold end and start.
    Session(Box<Type>),
}

impl Type {
    /// Reads the notation of the scenario language.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let unknown = || Refusal::invalid(format!("unknown type {text}"));
        let parts: Vec<&str> = text.split(':').collect();
        match parts.as_slice() {
            ["string", ..] => Ok(Self::Text),
            ["long", ..] => Ok(Self::Long),
            ["time", inner, size, ..] => {
                Ok(Self::time(Self::parse(inner)?, size.parse().map_err(|_| unknown())?))
            }
            ["session", inner, ..] => Ok(Self::session(Self::parse(inner)?)),
            _ => Err(unknown()),
        }
    }

    /// A time-windowed key.
    pub fn time(inner: Self, size: i64) -> Self {
        Self::Time(Box::new(inner), size)
    }

    /// A session-windowed key.
    pub fn session(inner: Self) -> Self {
        Self::Session(Box::new(inner))
    }

    /// Whether this is a windowed key.
    pub fn is_windowed(&self) -> bool {
        matches!(self, Self::Time(..) | Self::Session(_))
    }

    /// The type of the key inside a windowed key.
    pub fn inner(&self) -> Option<&Self> {
        match self {
            Self::Time(inner, _) | Self::Session(inner) => Some(inner),
            Self::Text | Self::Long => None,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => f.write_str("string"),
            Self::Long => f.write_str("long"),
            Self::Time(inner, size) => write!(f, "time:{inner}:{size}"),
            Self::Session(inner) => write!(f, "session:{inner}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_notation_is_read_and_written_alike() {
        for text in ["string", "long", "time:string:10", "time:long:86400000", "session:string"] {
            assert_eq!(Type::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn an_unknown_type_is_named() {
        let error = Type::parse("int").unwrap_err();
        assert_eq!(error, Refusal::invalid("unknown type int"));
        assert!(Type::parse("time:string:ten").is_err());
        assert!(Type::parse("time:string").is_err());
    }
}
