//! The serde of a dynamic value: its declared type says what the bytes are.

use crate::{types::Type, value::Dyn};
use std::sync::Arc;
use streams_core::stores::{
    Nullable, Payload, Presence, Serde, SerdeContext, SerdeError, SharedSerde, StreamData,
};

/// Reads and writes values of one declared type that is not windowed.
#[derive(Clone, Debug)]
pub struct DynSerde(Type);

impl DynSerde {
    /// The serde of values of type `ty`.
    pub fn of(ty: &Type) -> Self {
        Self(ty.clone())
    }

    /// The serde of values of type `ty`, shared.
    pub fn shared(ty: &Type) -> SharedSerde<Dyn> {
        Arc::new(Self::of(ty))
    }
}

/// The serde that counts have where a scenario says nothing of one: the only place that asks a
/// dynamic value for a serde of its own.
impl Default for DynSerde {
    fn default() -> Self {
        Self(Type::Long)
    }
}

impl StreamData for Dyn {
    type Serde = DynSerde;
}

impl Nullable for Dyn {
    fn null() -> Self {
        Self::Null
    }
}

impl Serde<Dyn> for DynSerde {
    fn serialize(
        &self,
        value: &Dyn,
        _: &SerdeContext<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Presence, SerdeError> {
        let fits = match value {
            Dyn::Null => return Ok(Presence::Null),
            Dyn::Text(_) => self.0 == Type::Text,
            Dyn::Long(_) => self.0 == Type::Long,
            Dyn::Windowed(_) => false,
        };
        match value.encode(&self.0) {
            Some(bytes) if fits => {
                out.extend_from_slice(&bytes);
                Ok(Presence::Bytes)
            }
            _ => Err(SerdeError::new(format!("a value that is no {} met its serde", self.0))),
        }
    }

    fn deserialize(
        &self,
        bytes: Option<Payload<'_>>,
        _: &SerdeContext<'_>,
    ) -> Result<Dyn, SerdeError> {
        let bytes = bytes.as_ref().map(Payload::as_slice);
        Dyn::decode(bytes, &self.0)
            .map_err(|error| SerdeError::new("bytes of another type").with_source(error))
    }

    fn is_null(&self, value: &Dyn) -> bool {
        value.is_null()
    }

    fn size_hint(&self, value: &Dyn) -> Option<usize> {
        match value {
            Dyn::Text(text) => Some(text.len()),
            Dyn::Long(_) => Some(8),
            Dyn::Null | Dyn::Windowed(_) => Some(0),
        }
    }
}
