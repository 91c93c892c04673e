//! One dynamic value: what a scenario's keys and values are at run time.

use crate::{refusal::Refusal, types::Type};
use serde_json::{Value, json};
use std::{borrow::Cow, fmt};

/// A key or a value of any declared type; null is one of its values.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dyn {
    /// No value.
    #[default]
    Null,
    /// Text.
    Text(String),
    /// A number.
    Long(i64),
    /// A windowed key.
    Windowed(Box<InWindow>),
}

/// A key in a window; both bounds in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InWindow {
    /// The key, never windowed itself.
    pub key: Dyn,
    /// The first millisecond of the window.
    pub start: i64,
    /// The end of the window: exclusive in time windows, inclusive in sessions.
    pub end: i64,
}

/// Bytes that are no value of the declared type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undecodable {
    what: String,
}

impl fmt::Display for Undecodable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Undecodable {}

impl From<i64> for Dyn {
    fn from(number: i64) -> Self {
        Self::Long(number)
    }
}

impl From<&str> for Dyn {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Dyn {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl Dyn {
    /// A windowed key.
    pub fn windowed(key: Self, start: i64, end: i64) -> Self {
        Self::Windowed(Box::new(InWindow { key, start, end }))
    }

    /// Whether this is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The text form: what `str`, `kv` and every concatenation make of a value.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Null => Cow::Borrowed("null"),
            Self::Text(text) => Cow::Borrowed(text),
            Self::Long(number) => Cow::Owned(number.to_string()),
            Self::Windowed(it) => Cow::Owned(format!("{}@{}/{}", it.key.text(), it.start, it.end)),
        }
    }

    /// The number form: a number is itself, a text is its length, null is 0.
    pub fn number(&self) -> i64 {
        match self {
            Self::Long(number) => *number,
            Self::Text(text) => length(text),
            Self::Null | Self::Windowed(_) => 0,
        }
    }

    /// Reads a value of type `ty` from a scenario. A missing member is null.
    pub fn from_json(json: Option<&Value>, ty: &Type) -> Result<Self, Refusal> {
        let Some(json) = json.filter(|json| !json.is_null()) else { return Ok(Self::Null) };
        let wrong = || Refusal::invalid(format!("expected a {ty}, got {json}"));
        match ty {
            Type::Text => json.as_str().map(Self::from).ok_or_else(wrong),
            Type::Long => json.as_i64().map(Self::Long).ok_or_else(wrong),
            Type::Time(inner, _) | Type::Session(inner) => {
                let bound = |name| json.get(name).and_then(Value::as_i64).ok_or_else(wrong);
                let key = Self::from_json(json.get("k"), inner)?;
                Ok(Self::windowed(key, bound("start")?, bound("end")?))
            }
        }
    }

    /// The value as results show it.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Text(text) => Value::from(text.as_str()),
            Self::Long(number) => Value::from(*number),
            Self::Windowed(it) => json!({"k": it.key.to_json(), "start": it.start, "end": it.end}),
        }
    }

    /// The bytes of the value in a topic, `None` for null. A windowed key keeps its start (time
    /// windows) or its end and start (sessions); `ty` says which.
    pub fn encode(&self, ty: &Type) -> Option<Vec<u8>> {
        match self {
            Self::Null => None,
            Self::Text(text) => Some(text.as_bytes().to_vec()),
            Self::Long(number) => Some(number.to_be_bytes().to_vec()),
            Self::Windowed(it) => {
                let inner = ty.inner().unwrap_or(ty);
                let mut bytes = it.key.encode(inner).unwrap_or_default();
                if matches!(ty, Type::Session(_)) {
                    bytes.extend_from_slice(&it.end.to_be_bytes());
                }
                bytes.extend_from_slice(&it.start.to_be_bytes());
                Some(bytes)
            }
        }
    }

    /// Reads the bytes of a topic. Text is read as Java does: what is no UTF-8 is replaced.
    pub fn decode(bytes: Option<&[u8]>, ty: &Type) -> Result<Self, Undecodable> {
        let Some(bytes) = bytes else { return Ok(Self::Null) };
        match ty {
            Type::Text => Ok(Self::Text(String::from_utf8_lossy(bytes).into_owned())),
            Type::Long => Ok(Self::Long(long(bytes)?)),
            Type::Time(inner, size) => {
                if bytes.is_empty() {
                    return Ok(Self::Null);
                }
                let (key, [start]) = split(bytes)?;
                // A window that would end beyond the last millisecond ends there.
                let end = start.checked_add(*size).unwrap_or(i64::MAX);
                Ok(Self::windowed(Self::decode(Some(key), inner)?, start, end))
            }
            Type::Session(inner) => {
                if bytes.is_empty() {
                    return Ok(Self::Null);
                }
                let (key, [end, start]) = split(bytes)?;
                Ok(Self::windowed(Self::decode(Some(key), inner)?, start, end))
            }
        }
    }
}

/// The length of a text as Java counts it: UTF-16 code units.
pub fn length(text: &str) -> i64 {
    i64::try_from(text.encode_utf16().count()).unwrap_or(i64::MAX)
}

/// Lower-case hex digits of bytes, null for none.
pub fn hex(bytes: Option<&[u8]>) -> Value {
    bytes.map_or(Value::Null, |bytes| {
        Value::from(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
    })
}

/// Reads hex digits.
pub fn unhex(text: &str) -> Result<Vec<u8>, Refusal> {
    let digits = text.as_bytes();
    let pair = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair).ok()?;
        u8::from_str_radix(pair, 16).ok()
    };
    digits
        .len()
        .is_multiple_of(2)
        .then(|| digits.chunks(2).map(pair).collect::<Option<Vec<u8>>>())
        .flatten()
        .ok_or_else(|| Refusal::invalid(format!("not hex: {text}")))
}

fn long(bytes: &[u8]) -> Result<i64, Undecodable> {
    let bytes = bytes.try_into().map_err(|_| Undecodable {
        what: format!("a long has 8 bytes, these are {}", bytes.len()),
    })?;
    Ok(i64::from_be_bytes(bytes))
}

/// Parts the key of a windowed key from its `N` trailing numbers.
fn split<const N: usize>(bytes: &[u8]) -> Result<(&[u8], [i64; N]), Undecodable> {
    let at = bytes.len().checked_sub(8 * N).ok_or_else(|| Undecodable {
        what: format!("a windowed key has at least {} bytes, these are {}", 8 * N, bytes.len()),
    })?;
    let (key, tail) = bytes.split_at(at);
    let mut numbers = [0; N];
    for (number, chunk) in numbers.iter_mut().zip(tail.chunks_exact(8)) {
        *number = long(chunk)?;
    }
    Ok((key, numbers))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(value: &Dyn, ty: &Type) -> Vec<u8> {
        let bytes = value.encode(ty).unwrap();
        assert_eq!(&Dyn::decode(Some(&bytes), ty).unwrap(), value);
        let json = value.to_json();
        assert_eq!(&Dyn::from_json(Some(&json), ty).unwrap(), value);
        bytes
    }

    #[test]
    fn values_keep_their_bytes_and_their_json() {
        assert_eq!(round_trip(&"a\u{20ac}".into(), &Type::Text), "a\u{20ac}".as_bytes());
        assert_eq!(round_trip(&Dyn::Text(String::new()), &Type::Text), b"");
        assert_eq!(round_trip(&Dyn::Long(-2), &Type::Long), (-2_i64).to_be_bytes());
    }

    #[test]
    fn a_windowed_key_ends_in_its_bounds() {
        let ty = Type::parse("time:string:10").unwrap();
        let bytes = round_trip(&Dyn::windowed("a".into(), 5, 15), &ty);
        assert_eq!(bytes, [&b"a"[..], &5_i64.to_be_bytes()].concat());
        let ty = Type::parse("session:string").unwrap();
        let bytes = round_trip(&Dyn::windowed("a".into(), 5, 7), &ty);
        assert_eq!(bytes, [&b"a"[..], &7_i64.to_be_bytes(), &5_i64.to_be_bytes()].concat());
    }

    #[test]
    fn null_has_no_bytes_and_bad_bytes_are_refused() {
        assert_eq!(Dyn::Null.encode(&Type::Text), None);
        assert_eq!(Dyn::decode(None, &Type::Long), Ok(Dyn::Null));
        assert!(Dyn::decode(Some(b"1234567"), &Type::Long).is_err());
        assert!(Dyn::decode(Some(b"1"), &Type::time(Type::Text, 1)).is_err());
        assert_eq!(Dyn::decode(Some(&[b'a', 0xff]), &Type::Text), Ok("a\u{fffd}".into()));
    }

    #[test]
    fn a_window_that_would_overflow_ends_at_the_last_millisecond() {
        let bytes = Dyn::windowed("a".into(), 9, 0).encode(&Type::time(Type::Text, 1)).unwrap();
        let end = Dyn::decode(Some(&bytes), &Type::time(Type::Text, i64::MAX)).unwrap();
        assert_eq!(end, Dyn::windowed("a".into(), 9, i64::MAX));
    }

    #[test]
    fn text_and_number_forms_follow_the_language() {
        assert_eq!(Dyn::Null.text(), "null");
        assert_eq!(Dyn::windowed(Dyn::Long(3), 0, 10).text(), "3@0/10");
        assert_eq!(Dyn::from("\u{fc}\u{20ac}").number(), 2);
        assert_eq!(Dyn::Null.number(), 0);
    }

    #[test]
    fn hex_is_read_and_written() {
        assert_eq!(hex(Some(&[0, 0xab])), Value::from("00ab"));
        assert_eq!(hex(None), Value::Null);
        assert_eq!(unhex("00ab").unwrap(), [0, 0xab]);
        assert!(unhex("0").is_err() && unhex("zz").is_err());
    }
}
