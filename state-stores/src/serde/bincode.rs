//! Any serde type as a key or a value.

use super::{Data, Payload, Presence, Serde, SerdeContext, StreamData};
use crate::error::SerdeError;
use ::bincode::config;
use ::serde::Serialize;
use ::serde::de::DeserializeOwned;
use std::ops::Deref;

/// The most bytes a value may take, and may claim to take, in the form of [`Bincode`]: 16 MiB.
pub const BINCODE_LIMIT: usize = 16 * 1024 * 1024;

/// A value of any type that implements serde's traits, in bincode's standard form.
///
/// A length in the bytes that goes beyond [`BINCODE_LIMIT`] is an error, never an allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Bincode<T>(pub T);

impl<T> Deref for Bincode<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// The serde of [`Bincode`].
#[derive(Clone, Copy, Debug, Default)]
pub struct BincodeSerde;

fn limited()
-> config::Configuration<config::LittleEndian, config::Varint, config::Limit<BINCODE_LIMIT>> {
    config::standard().with_limit::<BINCODE_LIMIT>()
}

impl<T: Serialize + DeserializeOwned> Serde<Bincode<T>> for BincodeSerde {
    fn serialize(
        &self,
        value: &Bincode<T>,
        _to: &SerdeContext<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Presence, SerdeError> {
        let before = out.len();
        ::bincode::serde::encode_into_std_write(&value.0, out, limited())
            .map_err(|error| SerdeError::new("no bincode form").with_source(error))?;
        if out.len() - before > BINCODE_LIMIT {
            out.truncate(before);
            return Err(SerdeError::new(format!(
                "a bincode value has at most {BINCODE_LIMIT} bytes"
            )));
        }
        Ok(Presence::Bytes)
    }

    fn deserialize(
        &self,
        bytes: Option<Payload<'_>>,
        _from: &SerdeContext<'_>,
    ) -> Result<Bincode<T>, SerdeError> {
        let bytes = bytes.ok_or_else(|| SerdeError::null("Bincode"))?;
        // The cause may quote the bytes: it stays out of the error.
        let (value, read) = ::bincode::serde::decode_from_slice(&bytes, limited())
            .map_err(|_| SerdeError::new("not the bincode form of the type"))?;
        if read != bytes.len() {
            return Err(SerdeError::new("bytes after the bincode form of the type"));
        }
        Ok(Bincode(value))
    }
}

impl<T: Data + Serialize + DeserializeOwned> StreamData for Bincode<T> {
    type Serde = BincodeSerde;
}
