//! The headers of a record, kept in the form they travel in.

use crate::error::SerdeError;
use bytes::Bytes;
use std::borrow::Cow;
use std::fmt;

/// The headers of a record: names that may repeat, in order, with bytes or null.
///
/// They are kept in the wire form of a record and parsed when asked for, so that records that
/// only pass through cost a reference count, and records without headers cost nothing.
///
/// ```text
/// count varint | { key length varint | key | value length varint (-1: null) | value }*
/// ```
/// (varint: zig-zag, as in Kafka's record format.)
// `None` is none: most records have no headers, and `Bytes` calls through a table even if empty.
#[derive(Clone, Default)]
pub struct Headers(Option<Bytes>);

/// One header, borrowed from its [`Headers`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    key: &'a [u8],
    value: Option<&'a [u8]>,
}

impl<'a> Header<'a> {
    /// The name; bytes that are not UTF-8 are replaced.
    pub fn key(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.key)
    }

    /// The name as it is on the wire.
    pub fn key_bytes(&self) -> &'a [u8] {
        self.key
    }

    /// The value; a null is `None`.
    pub fn value(&self) -> Option<&'a [u8]> {
        self.value
    }
}

impl fmt::Debug for Header<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {:?}", self.key(), self.value)
    }
}

impl Headers {
    /// No headers.
    pub const fn new() -> Self {
        Self(None)
    }

    /// Headers in the wire form, which is checked here once.
    ///
    /// # Errors
    /// When `wire` does not hold exactly the headers it announces.
    pub fn from_wire(wire: Bytes) -> Result<Self, SerdeError> {
        let mut rest = &wire[..];
        if rest.is_empty() {
            return Ok(Self::default());
        }
        let count = read_length(&mut rest)?.ok_or_else(|| malformed("a count below zero"))?;
        for _ in 0..count {
            read_header(&mut rest)?;
        }
        if !rest.is_empty() {
            return Err(malformed("bytes after the last one"));
        }
        Ok(if count == 0 { Self::default() } else { Self(Some(wire)) })
    }

    /// The wire form: what goes into a record.
    pub fn wire(&self) -> &[u8] {
        self.0.as_deref().unwrap_or(&[0])
    }

    /// The headers in order.
    pub fn iter(&self) -> HeaderIter<'_> {
        let mut rest = self.bytes();
        let left = read_length(&mut rest).ok().flatten().unwrap_or(0);
        HeaderIter { rest, left }
    }

    /// The last header of that name, which is the one that counts by Kafka's convention.
    pub fn last(&self, key: &str) -> Option<Header<'_>> {
        self.iter().filter(|header| header.key == key.as_bytes()).last()
    }

    /// These headers and one more behind them.
    #[must_use]
    pub fn with(&self, key: &str, value: Option<&[u8]>) -> Self {
        let added = Header { key: key.as_bytes(), value };
        encode(self.len() + 1, self.iter().chain([added]))
    }

    /// These headers less all of that name.
    #[must_use]
    pub fn without(&self, key: &str) -> Self {
        let kept = || self.iter().filter(|header| header.key != key.as_bytes());
        match kept().count() {
            left if left == self.len() => self.clone(),
            left => encode(left, kept()),
        }
    }

    /// How many headers there are.
    pub fn len(&self) -> usize {
        read_length(&mut self.bytes()).ok().flatten().unwrap_or(0)
    }

    /// Whether there is none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    fn bytes(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }

    /// What Java's record cache charges for them: the names and values.
    pub(crate) fn resident_bytes(&self) -> usize {
        if self.is_empty() {
            return 0;
        }
        self.iter().map(|header| header.key.len() + header.value.map_or(0, <[u8]>::len)).sum()
    }
}

impl PartialEq for Headers {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Headers {}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a> IntoIterator for &'a Headers {
    type Item = Header<'a>;
    type IntoIter = HeaderIter<'a>;

    fn into_iter(self) -> HeaderIter<'a> {
        self.iter()
    }
}

impl<N: AsRef<str>, V: AsRef<[u8]>> FromIterator<(N, Option<V>)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, Option<V>)>>(headers: I) -> Self {
        let headers: Vec<_> = headers.into_iter().collect();
        encode(
            headers.len(),
            headers.iter().map(|(key, value)| Header {
                key: key.as_ref().as_bytes(),
                value: value.as_ref().map(AsRef::as_ref),
            }),
        )
    }
}

/// The headers of a record in order, see [`Headers::iter`].
#[derive(Clone, Debug)]
pub struct HeaderIter<'a> {
    rest: &'a [u8],
    left: usize,
}

impl<'a> Iterator for HeaderIter<'a> {
    type Item = Header<'a>;

    fn next(&mut self) -> Option<Header<'a>> {
        self.left = self.left.checked_sub(1)?;
        // Checked when the headers were made.
        read_header(&mut self.rest).ok()
    }
}

fn encode<'a>(count: usize, headers: impl Iterator<Item = Header<'a>>) -> Headers {
    if count == 0 {
        return Headers::default();
    }
    let mut wire = Vec::with_capacity(64);
    write_varint(&mut wire, count as i64);
    for header in headers {
        write_varint(&mut wire, header.key.len() as i64);
        wire.extend_from_slice(header.key);
        write_varint(&mut wire, header.value.map_or(-1, |value| value.len() as i64));
        wire.extend_from_slice(header.value.unwrap_or_default());
    }
    Headers(Some(wire.into()))
}

fn malformed(what: &str) -> SerdeError {
    SerdeError::new(format!("malformed record headers: {what}"))
}

fn read_header<'a>(rest: &mut &'a [u8]) -> Result<Header<'a>, SerdeError> {
    let key_length = read_length(rest)?.ok_or_else(|| malformed("a header without a name"))?;
    let key = take(rest, key_length)?;
    let value = match read_length(rest)? {
        Some(length) => Some(take(rest, length)?),
        None => None,
    };
    Ok(Header { key, value })
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], SerdeError> {
    let (head, tail) = rest.split_at_checked(length).ok_or_else(|| malformed("cut short"))?;
    *rest = tail;
    Ok(head)
}

/// A length; negative ones are `None`.
fn read_length(rest: &mut &[u8]) -> Result<Option<usize>, SerdeError> {
    let mut bits = 0_u64;
    for (at, &byte) in rest.iter().take(5).enumerate() {
        bits |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            *rest = &rest[at + 1..];
            let value = (bits >> 1) as i64 ^ -((bits & 1) as i64);
            return Ok(usize::try_from(value).ok());
        }
    }
    Err(malformed("a length that does not end"))
}

fn write_varint(out: &mut Vec<u8>, value: i64) {
    let mut bits = ((value << 1) ^ (value >> 63)) as u64;
    while bits >= 0x80 {
        out.push(bits as u8 | 0x80);
        bits >>= 7;
    }
    out.push(bits as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> Headers {
        [("h", Some(&b"v"[..])), ("h", Some(b"w")), ("n", None), ("", Some(b""))]
            .into_iter()
            .collect()
    }

    #[test]
    fn wire_form_is_javas_with_duplicates_nulls_and_empty_names() {
        let hex: String = some().wire().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "080268027602680277026e010000");
        assert_eq!(Headers::from_wire(Bytes::from(some().wire().to_vec())).unwrap(), some());
    }

    #[test]
    fn no_headers_are_no_bytes_here_and_one_zero_on_the_wire() {
        let none = Headers::from_wire(Bytes::from_static(&[0])).unwrap();
        assert!(none.is_empty() && none.0.is_none());
        assert_eq!(none.wire(), [0]);
        assert_eq!(some().without("h").without("n").without(""), Headers::new());
    }

    #[test]
    fn the_last_of_a_name_counts_and_order_is_kept() {
        let headers = some().with("h", None);
        assert_eq!(headers.len(), 5);
        assert_eq!(headers.last("h").unwrap().value(), None);
        assert_eq!(some().last("h").unwrap().value(), Some(&b"w"[..]));
        assert!(some().last("absent").is_none());
        let names: Vec<_> = headers.without("h").iter().map(|h| h.key().into_owned()).collect();
        assert_eq!(names, ["n", ""]);
    }

    #[test]
    fn cut_or_prolonged_headers_are_refused() {
        let wire = some().wire().to_vec();
        for end in 1..wire.len() {
            assert!(Headers::from_wire(Bytes::copy_from_slice(&wire[..end])).is_err(), "{end}");
        }
        assert!(Headers::from_wire([&wire[..], &[0]].concat().into()).is_err());
        assert!(Headers::from_wire(Bytes::from_static(&[0xff, 0xff, 0xff, 0xff, 0x0f])).is_err());
        assert!(Headers::from_wire(Bytes::from_static(&[1])).is_err());
    }
}
