//! How far each text was read: it stands in the log, with the lines themselves.
//!
//! A line's record has the text's path as its key and where it stood in a header. There is no
//! second place to keep in step with the log: whatever end the process came to, of the lines in the
//! log that line of a text that stands last in it is the last one that was read.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use streams_dsl::{
    Broker, Headers,
    client::{ReadOptions, RecordReader},
};

use crate::Result;

/// Name of the header: first byte and byte behind the line, 8 bytes each.
const HEADER: &str = "at";

/// The last line read of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LastLine {
    /// Its first byte in the text.
    pub(crate) start: u64,
    /// The byte behind it: where to go on.
    pub(crate) end: u64,
    /// What was read.
    pub(crate) line: Bytes,
}

/// The headers of the line that stands at `start` and ends before `end`.
pub(crate) fn headers(start: u64, end: u64) -> Headers {
    let mut at = [0; 16];
    at[..8].copy_from_slice(&start.to_be_bytes());
    at[8..].copy_from_slice(&end.to_be_bytes());
    Headers::default().with(HEADER, Some(&at))
}

fn parse(headers: &Headers) -> Option<(u64, u64)> {
    let at: [u8; 16] = headers.last(HEADER)?.value()?.try_into().ok()?;
    let number = |bytes: &[u8]| bytes.try_into().ok().map(u64::from_be_bytes);
    Some((number(&at[..8])?, number(&at[8..])?))
}

/// The last line of each text that is in `topic`, by the text's path. Records that others wrote are
/// passed over.
pub(crate) fn read(broker: &dyn Broker, topic: &str) -> Result<BTreeMap<Bytes, LastLine>> {
    let mut reader = RecordReader::topic(broker, topic, &ReadOptions::all())?;
    let mut last: BTreeMap<Bytes, LastLine> = BTreeMap::new();
    while let Some(record) = reader.next_blocking(Duration::from_secs(60))? {
        let parts = (record.key, record.value, parse(&record.headers));
        let (Some(path), Some(line), Some((start, end))) = parts else { continue };
        match last.get_mut(&path) {
            // Partitions are read in no order.
            Some(known) if known.end >= end => {}
            Some(known) => *known = LastLine { start, end, line },
            None => {
                // A copy: the key shares the memory of a whole batch.
                last.insert(Bytes::copy_from_slice(&path), LastLine { start, end, line });
            }
        }
    }
    match reader.is_at_end() {
        true => Ok(last),
        false => Err(format!("topic {topic} could not be read to its end").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_survives_the_header() {
        let (start, end) = (7, u64::MAX);
        assert_eq!(parse(&headers(start, end)), Some((start, end)));
        assert_eq!(parse(&Headers::default()), None);
        assert_eq!(parse(&Headers::default().with(HEADER, Some(b"short"))), None);
    }
}
