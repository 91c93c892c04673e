//! The records of `__consumer_offsets`, in Kafka's own layout (`OffsetCommitKey` version 1,
//! `OffsetCommitValue` version 3).
//!
//! ```text
//!  key:    version (2) = 1 | group (string) | topic (string) | partition (4)
//!  value:  version (2) = 3 | offset (8) | leader epoch (4) | metadata (string) | commit time (8)
//!  string: length (2) | UTF-8
//! ```

use streams_core::broker::{BrokerError, CommittedOffset, TopicPartition};
use streams_core::stores::Timestamp;

/// The longest metadata of a commit; Kafka's `offset.metadata.max.bytes` is smaller by default, but
/// configurable.
const STRING_MAX: usize = i16::MAX as usize;

/// Appends the key of a commit.
pub(super) fn put_key(
    out: &mut Vec<u8>,
    group_id: &str,
    partition: &TopicPartition,
) -> Result<(), BrokerError> {
    out.extend_from_slice(&1_i16.to_be_bytes());
    put_string(out, group_id)?;
    put_string(out, &partition.topic)?;
    out.extend_from_slice(&partition.partition.to_be_bytes());
    Ok(())
}

/// Appends the value of a commit.
pub(super) fn put_value(
    out: &mut Vec<u8>,
    committed: &CommittedOffset,
    now: Timestamp,
) -> Result<(), BrokerError> {
    out.extend_from_slice(&3_i16.to_be_bytes());
    out.extend_from_slice(&committed.offset.to_be_bytes());
    out.extend_from_slice(&committed.leader_epoch.unwrap_or(-1).to_be_bytes());
    put_string(out, &committed.metadata)?;
    out.extend_from_slice(&now.as_millis().to_be_bytes());
    Ok(())
}

/// Group and partition of a commit; `None` for any other record.
pub(super) fn read_key(mut bytes: &[u8]) -> Option<(String, TopicPartition)> {
    if i16::from_be_bytes(take(&mut bytes)?) != 1 {
        return None;
    }
    let group_id = take_string(&mut bytes)?;
    let topic = take_string(&mut bytes)?;
    Some((group_id, TopicPartition::new(topic, i32::from_be_bytes(take(&mut bytes)?))))
}

/// The committed offset; `None` for what is no commit of version 3.
pub(super) fn read_value(mut bytes: &[u8]) -> Option<CommittedOffset> {
    if i16::from_be_bytes(take(&mut bytes)?) != 3 {
        return None;
    }
    let offset = i64::from_be_bytes(take(&mut bytes)?);
    let leader_epoch = Some(i32::from_be_bytes(take(&mut bytes)?)).filter(|epoch| *epoch >= 0);
    Some(CommittedOffset { offset, leader_epoch, metadata: take_string(&mut bytes)? })
}

fn put_string(out: &mut Vec<u8>, text: &str) -> Result<(), BrokerError> {
    if text.len() > STRING_MAX {
        return Err(BrokerError::invalid_request(format!(
            "a group id, topic or metadata of {} bytes is too long, {STRING_MAX} is the limit",
            text.len()
        )));
    }
    out.extend_from_slice(&(text.len() as i16).to_be_bytes());
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*head)
}

fn take_string(bytes: &mut &[u8]) -> Option<String> {
    let length = usize::try_from(i16::from_be_bytes(take(bytes)?)).ok()?;
    let (text, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    String::from_utf8(text.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_read_back() {
        let partition = TopicPartition::new("lines", 3);
        let mut key = Vec::new();
        put_key(&mut key, "app", &partition).unwrap();
        assert_eq!(key, b"\0\x01\0\x03app\0\x05lines\0\0\0\x03");
        assert_eq!(read_key(&key), Some(("app".to_owned(), partition)));
        for leader_epoch in [None, Some(0), Some(7)] {
            let committed =
                CommittedOffset { offset: 42, leader_epoch, metadata: "AgAAAY".to_owned() };
            let mut value = Vec::new();
            put_value(&mut value, &committed, Timestamp::from_millis(9)).unwrap();
            assert_eq!(read_value(&value), Some(committed));
            for kept in 0..value.len() - 8 {
                assert_eq!(read_value(&value[..kept]), None);
            }
        }
        assert_eq!(read_key(&key[..5]), None);
        assert!(put_string(&mut key, &"x".repeat(STRING_MAX + 1)).is_err());
    }
}
