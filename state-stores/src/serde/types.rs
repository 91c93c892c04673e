//! The serdes of plain types, byte for byte Kafka's.

use super::{Nullable, Payload, Presence, Serde, SerdeContext, SharedSerde, StreamData, serde_of};
use crate::error::SerdeError;
use bytes::Bytes;
use uuid::Uuid;

fn some<'a>(bytes: Option<Payload<'a>>, type_name: &str) -> Result<Payload<'a>, SerdeError> {
    bytes.ok_or_else(|| SerdeError::null(type_name))
}

fn text<'a>(bytes: &'a Payload<'_>, type_name: &str) -> Result<&'a str, SerdeError> {
    std::str::from_utf8(bytes).map_err(|error| {
        SerdeError::new(format!("invalid UTF-8 for {type_name}")).with_source(error)
    })
}

/// UTF-8, which Kafka's `StringSerializer` writes too.
#[derive(Clone, Copy, Debug, Default)]
pub struct StringSerde;

impl Serde<String> for StringSerde {
    fn serialize(
        &self,
        value: &String,
        _to: &SerdeContext<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Presence, SerdeError> {
        out.extend_from_slice(value.as_bytes());
        Ok(Presence::Bytes)
    }

    fn deserialize(
        &self,
        bytes: Option<Payload<'_>>,
        _from: &SerdeContext<'_>,
    ) -> Result<String, SerdeError> {
        text(&some(bytes, "String")?, "String").map(str::to_owned)
    }

    fn size_hint(&self, value: &String) -> Option<usize> {
        Some(value.len())
    }
}

impl StreamData for String {
    type Serde = StringSerde;
}

macro_rules! big_endian {
    ($($type:ty => $serde:ident),*) => { $(
        #[doc = concat!("`", stringify!($type), "`, big-endian.")]
        #[derive(Clone, Copy, Debug, Default)]
        pub struct $serde;

        impl Serde<$type> for $serde {
            fn serialize(
                &self,
                value: &$type,
                _to: &SerdeContext<'_>,
                out: &mut Vec<u8>,
            ) -> Result<Presence, SerdeError> {
                out.extend_from_slice(&value.to_be_bytes());
                Ok(Presence::Bytes)
            }

            fn deserialize(
                &self,
                bytes: Option<Payload<'_>>,
                _from: &SerdeContext<'_>,
            ) -> Result<$type, SerdeError> {
                let bytes = some(bytes, stringify!($type))?;
                match bytes.as_slice().try_into() {
                    Ok(bytes) => Ok(<$type>::from_be_bytes(bytes)),
                    Err(_) => Err(wrong_length(stringify!($type), size_of::<$type>(), bytes.len())),
                }
            }

            fn size_hint(&self, _value: &$type) -> Option<usize> {
                Some(size_of::<$type>())
            }
        }

        impl StreamData for $type {
            type Serde = $serde;
        }
    )* };
}

big_endian!(
    i64 => I64Serde, i32 => I32Serde, i16 => I16Serde, u64 => U64Serde, u32 => U32Serde,
    f64 => F64Serde, f32 => F32Serde
);

fn wrong_length(type_name: &str, expected: usize, found: usize) -> SerdeError {
    SerdeError::new(format!("{type_name} has {expected} bytes, not {found}"))
}

/// One byte, 1 or 0, as Kafka's `BooleanSerializer`.
#[derive(Clone, Copy, Debug, Default)]
pub struct BoolSerde;

impl Serde<bool> for BoolSerde {
    fn serialize(
        &self,
        value: &bool,
        _to: &SerdeContext<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Presence, SerdeError> {
        out.push(u8::from(*value));
        Ok(Presence::Bytes)
    }

    fn deserialize(
        &self,
        bytes: Option<Payload<'_>>,
        _from: &SerdeContext<'_>,
    ) -> Result<bool, SerdeError> {
        match some(bytes, "bool")?.as_slice() {
            [0] => Ok(false),
            [1] => Ok(true),
            [_] => Err(SerdeError::new("a bool is the byte 0 or 1")),
            bytes => Err(wrong_length("bool", 1, bytes.len())),
        }
    }

    fn size_hint(&self, _value: &bool) -> Option<usize> {
        Some(1)
    }
}

impl StreamData for bool {
    type Serde = BoolSerde;
}

/// Bytes as they are, copied.
#[derive(Clone, Copy, Debug, Default)]
pub struct VecSerde;

impl Serde<Vec<u8>> for VecSerde {
    fn serialize(
        &self,
        value: &Vec<u8>,
        _to: &SerdeContext<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Presence, SerdeError> {
        out.extend_from_slice(value);
        Ok(Presence::Bytes)
    }

    fn deserialize(
        &self,
        bytes: Option<Payload<'_>>,
        _from: &SerdeContext<'_>,
    ) -> Result<Vec<u8>, SerdeError> {
        some(bytes, "Vec<u8>").map(|bytes| bytes.to_vec())
    }

    fn size_hint(&self, value: &Vec<u8>) -> Option<usize> {
        Some(value.len())
    }
}

impl StreamData for Vec<u8> {
    type Serde = VecSerde;
}

/// Bytes as they are, sharing the memory they came in.
#[derive(Clone, Copy, Debug, Default)]
pub struct BytesSerde;

impl Serde<Bytes> for BytesSerde {
    fn serialize(
        &self,
        value: &Bytes,
        _to: &SerdeContext<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Presence, SerdeError> {
        out.extend_from_slice(value);
        Ok(Presence::Bytes)
    }

    fn deserialize(
        &self,
        bytes: Option<Payload<'_>>,
        _from: &SerdeContext<'_>,
    ) -> Result<Bytes, SerdeError> {
        some(bytes, "Bytes").map(|bytes| bytes.to_bytes())
    }

    fn size_hint(&self, value: &Bytes) -> Option<usize> {
        Some(value.len())
    }
}

impl StreamData for Bytes {
    type Serde = BytesSerde;
}

/// The text form of a UUID in UTF-8, as Kafka's `UUIDSerializer`.
#[derive(Clone, Copy, Debug, Default)]
pub struct UuidSerde;

impl Serde<Uuid> for UuidSerde {
    fn serialize(
        &self,
        value: &Uuid,
        _to: &SerdeContext<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Presence, SerdeError> {
        let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
        out.extend_from_slice(value.hyphenated().encode_lower(&mut text).as_bytes());
        Ok(Presence::Bytes)
    }

    fn deserialize(
        &self,
        bytes: Option<Payload<'_>>,
        _from: &SerdeContext<'_>,
    ) -> Result<Uuid, SerdeError> {
        let bytes = some(bytes, "Uuid")?;
        // The cause would quote the text.
        Uuid::parse_str(text(&bytes, "Uuid")?)
            .map_err(|_| SerdeError::new("not the text of a UUID"))
    }

    fn size_hint(&self, _value: &Uuid) -> Option<usize> {
        Some(uuid::fmt::Hyphenated::LENGTH)
    }
}

impl StreamData for Uuid {
    type Serde = UuidSerde;
}

/// A value, or null for `None`.
pub struct OptionSerde<T>(SharedSerde<T>);

impl<T> OptionSerde<T> {
    /// Null besides the values of `inner`.
    pub fn new(inner: SharedSerde<T>) -> Self {
        Self(inner)
    }
}

impl<T> std::fmt::Debug for OptionSerde<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OptionSerde")
    }
}

impl<T: StreamData> Default for OptionSerde<T> {
    fn default() -> Self {
        Self(serde_of::<T>())
    }
}

impl<T: 'static> Serde<Option<T>> for OptionSerde<T> {
    fn serialize(
        &self,
        value: &Option<T>,
        to: &SerdeContext<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Presence, SerdeError> {
        match value {
            Some(value) => self.0.serialize(value, to, out),
            None => Ok(Presence::Null),
        }
    }

    fn deserialize(
        &self,
        bytes: Option<Payload<'_>>,
        from: &SerdeContext<'_>,
    ) -> Result<Option<T>, SerdeError> {
        bytes.map(|bytes| self.0.deserialize(Some(bytes), from)).transpose()
    }

    fn is_null(&self, value: &Option<T>) -> bool {
        value.as_ref().is_none_or(|value| self.0.is_null(value))
    }

    fn size_hint(&self, value: &Option<T>) -> Option<usize> {
        value.as_ref().map_or(Some(0), |value| self.0.size_hint(value))
    }
}

impl<T: StreamData> StreamData for Option<T> {
    type Serde = OptionSerde<T>;
}

impl<T: super::Data> Nullable for Option<T> {
    fn null() -> Self {
        None
    }
}

/// A key or a value that does not matter: it is not read, and written as null.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Ignored;

/// Reads nothing, writes null.
#[derive(Clone, Copy, Debug, Default)]
pub struct IgnoredSerde;

impl Serde<Ignored> for IgnoredSerde {
    fn serialize(
        &self,
        _value: &Ignored,
        _to: &SerdeContext<'_>,
        _out: &mut Vec<u8>,
    ) -> Result<Presence, SerdeError> {
        Ok(Presence::Null)
    }

    fn deserialize(
        &self,
        _bytes: Option<Payload<'_>>,
        _from: &SerdeContext<'_>,
    ) -> Result<Ignored, SerdeError> {
        Ok(Ignored)
    }

    fn is_null(&self, _value: &Ignored) -> bool {
        true
    }

    fn size_hint(&self, _value: &Ignored) -> Option<usize> {
        Some(0)
    }
}

impl StreamData for Ignored {
    type Serde = IgnoredSerde;
}

impl Nullable for Ignored {
    fn null() -> Self {
        Self
    }
}
