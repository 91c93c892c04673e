//! InitProducerId, version 5: a producer id that nobody else has.
//!
//! ```text
//!  request:  transactional id (nullable) | transaction time-out ms (4) | producer id (8)
//!            | producer epoch (2)
//!  response: throttle ms (4) | error (2) | producer id (8) | producer epoch (2)
//! ```

use bytes::{BufMut, Bytes, BytesMut};

use super::ErrorCode;
use crate::wire::{Reader, Result, Writer};

pub(crate) const VERSION: i16 = 5;

/// For a producer without transactions: every request is answered by a new id.
pub(crate) fn write_idempotent(to: &mut BytesMut) {
    to.nullable_string(None);
    // Without a transactional id the time-out means nothing.
    to.put_i32(i32::MAX);
    to.put_i64(-1);
    to.put_i16(-1);
    to.no_tagged_fields();
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InitProducerIdResponse {
    pub(crate) error: ErrorCode,
    pub(crate) producer_id: i64,
    pub(crate) producer_epoch: i16,
}

impl InitProducerIdResponse {
    pub(crate) fn read(body: Bytes) -> Result<Self> {
        let mut from = Reader::new(body);
        from.i32("the throttle time")?;
        let error = ErrorCode(from.i16("the error of a producer id")?);
        let producer_id = from.i64("a producer id")?;
        let producer_epoch = from.i16("a producer epoch")?;
        from.skip_tagged_fields()?;
        Ok(Self { error, producer_id, producer_epoch })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESPONSE: &[u8] = &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 232, 0, 7, 0];

    #[test]
    fn the_request_is_the_protocol_s() {
        let mut request = BytesMut::new();
        write_idempotent(&mut request);
        let mut expected = vec![0, 0x7f, 0xff, 0xff, 0xff];
        expected.extend([0xff; 10]);
        expected.push(0);
        assert_eq!(request[..], expected[..]);
    }

    #[test]
    fn the_response_is_read() {
        let read = InitProducerIdResponse::read(Bytes::from_static(RESPONSE)).unwrap();
        let expected =
            InitProducerIdResponse { error: ErrorCode::NONE, producer_id: 1000, producer_epoch: 7 };
        assert_eq!(read, expected);
    }

    #[test]
    fn a_response_that_is_cut_short_is_an_error() {
        for length in 0..RESPONSE.len() {
            assert!(InitProducerIdResponse::read(Bytes::from_static(&RESPONSE[..length])).is_err());
        }
    }
}
