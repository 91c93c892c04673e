//! FindCoordinator: which node coordinates a group.

use bytes::{BufMut, Bytes, BytesMut};

use super::ErrorCode;
use crate::{
    transport::{Api, Request},
    wire::{Reader, Result, Writer},
};

const VERSION: i16 = 6;
const KEY_TYPE_GROUP: i8 = 0;

/// Asks who coordinates a group.
pub(crate) fn request(group_id: &str) -> Request {
    let group_id = group_id.to_owned();
    Request::new(Api::FindCoordinator, VERSION, move |to| write(to, &group_id))
}

fn write(to: &mut BytesMut, group_id: &str) {
    to.put_i8(KEY_TYPE_GROUP);
    to.array(std::iter::once(group_id), BytesMut::string);
    to.no_tagged_fields();
}

/// The coordinator of the one group that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) node_id: i32,
    pub(crate) error_code: ErrorCode,
    pub(crate) error_message: Option<String>,
}

impl Response {
    pub(crate) fn read(body: Bytes) -> Result<Self> {
        super::read_only(body, "the coordinators", Self::read_coordinator)
    }

    fn read_coordinator(from: &mut Reader) -> Result<Self> {
        from.string("a coordinator's key")?;
        let node_id = from.i32("a coordinator's node")?;
        from.string("a coordinator's host")?;
        from.i32("a coordinator's port")?;
        let error_code = ErrorCode(from.i16("a coordinator's error")?);
        let error_message = from.nullable_string("a coordinator's error message")?;
        from.skip_tagged_fields()?;
        Ok(Self { node_id, error_code, error_message })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::tests::check_truncated;

    fn response(error_code: i16, message: Option<&str>) -> Bytes {
        let mut to = BytesMut::new();
        to.put_i32(0);
        to.array(std::iter::once("orders"), |to, key| {
            to.string(key);
            to.put_i32(7);
            to.string("kafka-7");
            to.put_i32(9092);
            to.put_i16(error_code);
            to.nullable_string(message);
            to.no_tagged_fields();
        });
        to.no_tagged_fields();
        to.freeze()
    }

    #[test]
    fn the_group_is_the_key() {
        let mut to = BytesMut::new();
        write(&mut to, "ab");
        assert_eq!(to[..], [0, 2, 3, b'a', b'b', 0]);
    }

    #[test]
    fn the_node_is_read() {
        let read = Response::read(response(0, None)).unwrap();
        assert_eq!((read.node_id, read.error_code.is_ok()), (7, true));
    }

    #[test]
    fn an_error_is_read_with_its_message() {
        let read = Response::read(response(15, Some("not yet"))).unwrap();
        assert_eq!(read.error_code, ErrorCode::COORDINATOR_NOT_AVAILABLE);
        assert_eq!(read.error_message.as_deref(), Some("not yet"));
    }

    #[test]
    fn a_response_without_a_coordinator_is_refused() {
        let mut to = BytesMut::new();
        to.put_i32(0);
        to.array(std::iter::empty::<()>(), |_, ()| {});
        assert!(Response::read(to.freeze()).is_err());
    }

    #[test]
    fn a_response_that_is_cut_short_is_an_error() {
        // The last byte counts the response's own tagged fields, which nobody reads.
        let whole = response(0, Some("why"));
        check_truncated(&whole.slice(..whole.len() - 1), Response::read);
    }
}
