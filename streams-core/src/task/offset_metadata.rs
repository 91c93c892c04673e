//! What Kafka Streams keeps beside a committed offset.
//!
//! ```text
//!  base64 of:  version 2 (1) | partition time (8) | count (4) | { length (4), name, time (8) }*
//! ```
//! The list holds when each emit-on-close operator last emitted; it is left out when empty.

use state_stores::Timestamp;

const VERSION: u8 = 2;
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The metadata of a partition whose greatest timestamp so far is `partition_time`.
pub(super) fn encode(partition_time: Timestamp) -> String {
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(&partition_time.as_millis().to_be_bytes());
    base64(&bytes)
}

/// The partition time in committed metadata; [`Timestamp::NONE`] for text of another origin.
pub(super) fn decode(metadata: &str) -> Timestamp {
    let parse = || {
        let bytes = from_base64(metadata)?;
        let (version, rest) = bytes.split_first()?;
        let time = rest.first_chunk::<8>()?;
        matches!(version, 1 | 2).then(|| i64::from_be_bytes(*time))
    };
    parse().map_or(Timestamp::NONE, Timestamp::from_millis)
}

fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let mut group = [0; 3];
        group[..chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes([0, group[0], group[1], group[2]]);
        for position in 0..4 {
            let sextet = (bits >> (18 - 6 * position)) & 63;
            let used = position <= chunk.len();
            text.push(if used { char::from(ALPHABET[sextet as usize]) } else { '=' });
        }
    }
    text
}

fn from_base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0);
    for c in text.bytes().filter(|c| *c != b'=') {
        let value = ALPHABET.iter().position(|other| *other == c)?;
        bits = (bits << 6) | u32::try_from(value).ok()?;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use state_stores::Timestamp;

    use super::{decode, encode};

    /// Recorded from Kafka Streams 4.3.1.
    #[test]
    fn the_text_is_javas() {
        assert_eq!(encode(Timestamp::from_millis(5)), "AgAAAAAAAAAF");
        assert_eq!(decode("AgAAAAAAAAAFAAAAAQAAAAFzAAAAAAAAAAc=").as_millis(), 5);
    }

    #[test]
    fn every_time_returns() {
        for ms in [-1, 0, 1, 255, i64::MAX] {
            assert_eq!(decode(&encode(Timestamp::from_millis(ms))).as_millis(), ms);
        }
    }

    #[test]
    fn foreign_text_gives_no_time() {
        for text in ["", "hello", "\u{e9}", "AAAA", "Ag=="] {
            assert_eq!(decode(text), Timestamp::NONE, "{text:?}");
        }
    }
}
