//! The primitive types of Kafka's protocol, in the compact form of flexible versions.
//!
//! Reading is checked: a response that is cut short or lies about its lengths is a [`WireError`]
//! that names what could not be read, never a panic.

use std::fmt;

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// A response that does not follow the protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WireError {
    what: &'static str,
}

impl WireError {
    pub(crate) fn new(what: &'static str) -> Self {
        Self { what }
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the response ends within, or lies about, {}", self.what)
    }
}

impl std::error::Error for WireError {}

pub(crate) type Result<T> = std::result::Result<T, WireError>;

/// Reads a response from its front.
#[derive(Debug)]
pub(crate) struct Reader {
    rest: Bytes,
}

impl Reader {
    pub(crate) fn new(rest: Bytes) -> Self {
        Self { rest }
    }

    fn need(&self, bytes: usize, what: &'static str) -> Result<()> {
        if self.rest.len() < bytes { Err(WireError::new(what)) } else { Ok(()) }
    }

    pub(crate) fn i8(&mut self, what: &'static str) -> Result<i8> {
        self.need(1, what)?;
        Ok(self.rest.get_i8())
    }

    pub(crate) fn i16(&mut self, what: &'static str) -> Result<i16> {
        self.need(2, what)?;
        Ok(self.rest.get_i16())
    }

    pub(crate) fn i32(&mut self, what: &'static str) -> Result<i32> {
        self.need(4, what)?;
        Ok(self.rest.get_i32())
    }

    pub(crate) fn i64(&mut self, what: &'static str) -> Result<i64> {
        self.need(8, what)?;
        Ok(self.rest.get_i64())
    }

    pub(crate) fn unsigned_varint(&mut self, what: &'static str) -> Result<u32> {
        let mut value = 0u32;
        for shift in (0..35).step_by(7) {
            let byte = self.i8(what)? as u8;
            value |= u32::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(WireError::new(what))
    }

    /// A length that is written plus one; 0 is null.
    fn compact_length(&mut self, what: &'static str) -> Result<Option<usize>> {
        Ok(self.unsigned_varint(what)?.checked_sub(1).map(|length| length as usize))
    }

    /// A slice of the response, without a copy; `None` is null.
    pub(crate) fn bytes(&mut self, what: &'static str) -> Result<Option<Bytes>> {
        let Some(length) = self.compact_length(what)? else { return Ok(None) };
        self.need(length, what)?;
        Ok(Some(self.rest.split_to(length)))
    }

    pub(crate) fn nullable_string(&mut self, what: &'static str) -> Result<Option<String>> {
        let Some(bytes) = self.bytes(what)? else { return Ok(None) };
        match String::from_utf8(bytes.into()) {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(WireError::new(what)),
        }
    }

    /// A string; null reads as empty.
    pub(crate) fn string(&mut self, what: &'static str) -> Result<String> {
        Ok(self.nullable_string(what)?.unwrap_or_default())
    }

    /// Reads each element of an array; `None` is null.
    pub(crate) fn nullable_array<T>(
        &mut self,
        what: &'static str,
        mut element: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Option<Vec<T>>> {
        let Some(length) = self.compact_length(what)? else { return Ok(None) };
        // An element takes a byte at least: a lie about the length reserves no memory.
        self.need(length, what)?;
        let mut elements = Vec::with_capacity(length.min(1024));
        for _ in 0..length {
            elements.push(element(self)?);
        }
        Ok(Some(elements))
    }

    /// Reads each element of an array; null reads as empty.
    pub(crate) fn array<T>(
        &mut self,
        what: &'static str,
        element: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        Ok(self.nullable_array(what, element)?.unwrap_or_default())
    }

    /// Calls `take` with each tagged field of a structure.
    pub(crate) fn tagged_fields(
        &mut self,
        mut take: impl FnMut(u32, &mut Self) -> Result<()>,
    ) -> Result<()> {
        let what = "tagged fields";
        for _ in 0..self.unsigned_varint(what)? {
            let tag = self.unsigned_varint(what)?;
            let length = self.unsigned_varint(what)? as usize;
            self.need(length, what)?;
            take(tag, &mut Self::new(self.rest.split_to(length)))?;
        }
        Ok(())
    }

    /// Passes over the tagged fields of a structure.
    pub(crate) fn skip_tagged_fields(&mut self) -> Result<()> {
        self.tagged_fields(|_, _| Ok(()))
    }
}

/// Writes a request.
pub(crate) trait Writer {
    fn unsigned_varint(&mut self, value: u32);
    /// A length, plus one.
    fn compact_length(&mut self, length: usize);
    fn string(&mut self, text: &str);
    fn nullable_string(&mut self, text: Option<&str>);
    /// A structure without tagged fields ends with this.
    fn no_tagged_fields(&mut self);
    /// An array with its length.
    fn array<T>(
        &mut self,
        elements: impl ExactSizeIterator<Item = T>,
        write: impl FnMut(&mut Self, T),
    );
    /// A null array.
    fn null_array(&mut self);
}

impl Writer for BytesMut {
    fn unsigned_varint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.put_u8(value as u8 | 0x80);
            value >>= 7;
        }
        self.put_u8(value as u8);
    }

    fn compact_length(&mut self, length: usize) {
        self.unsigned_varint(u32::try_from(length + 1).unwrap_or(u32::MAX));
    }

    fn string(&mut self, text: &str) {
        self.compact_length(text.len());
        self.put_slice(text.as_bytes());
    }

    fn nullable_string(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.string(text),
            None => self.unsigned_varint(0),
        }
    }

    fn no_tagged_fields(&mut self) {
        self.put_u8(0);
    }

    fn array<T>(
        &mut self,
        elements: impl ExactSizeIterator<Item = T>,
        mut write: impl FnMut(&mut Self, T),
    ) {
        self.compact_length(elements.len());
        for element in elements {
            write(self, element);
        }
    }

    fn null_array(&mut self) {
        self.unsigned_varint(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(write: impl FnOnce(&mut BytesMut)) -> Reader {
        let mut bytes = BytesMut::new();
        write(&mut bytes);
        Reader::new(bytes.freeze())
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut reader = reader(|to| {
            to.unsigned_varint(300);
            to.string("topic");
            to.nullable_string(None);
            to.array([1i32, 2].into_iter(), BufMut::put_i32);
            to.null_array();
            to.no_tagged_fields();
        });
        assert_eq!(reader.unsigned_varint("number"), Ok(300));
        assert_eq!(reader.nullable_string("name"), Ok(Some("topic".to_owned())));
        assert_eq!(reader.nullable_string("name"), Ok(None));
        assert_eq!(reader.array("numbers", |r| r.i32("a number")), Ok(vec![1, 2]));
        assert_eq!(reader.nullable_array("numbers", |r| r.i32("a number")), Ok(None));
        assert_eq!(reader.skip_tagged_fields(), Ok(()));
        assert_eq!(reader.i8("more"), Err(WireError::new("more")));
    }

    #[test]
    fn a_length_that_lies_is_an_error_before_memory_is_reserved() {
        let mut reader = reader(|to| to.unsigned_varint(u32::MAX));
        assert_eq!(reader.array("topics", |r| r.i8("a topic")), Err(WireError::new("topics")));
    }

    #[test]
    fn a_varint_of_more_than_five_bytes_is_an_error() {
        let mut reader = reader(|to| to.put_slice(&[0xff; 6]));
        assert!(reader.unsigned_varint("number").is_err());
    }

    #[test]
    fn unknown_tagged_fields_are_passed_over() {
        let mut reader = reader(|to| {
            to.put_slice(&[2, 7, 1, 42, 9, 2, 1, 2]);
            to.put_i16(5);
        });
        let mut seen = Vec::new();
        reader
            .tagged_fields(|tag, field| {
                seen.push((tag, field.i8("field")?));
                Ok(())
            })
            .unwrap();
        assert_eq!(seen, [(7, 42), (9, 1)]);
        assert_eq!(reader.i16("code"), Ok(5));
    }
}
