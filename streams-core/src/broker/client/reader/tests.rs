use super::*;
use crate::batch::{BatchBuilder, BatchMut, RecordBatch, SealOptions};

/// Hands over what was written down, one item a poll.
#[derive(Debug)]
struct Script(VecDeque<Fetched>);

impl Fetcher for Script {
    fn assign(&mut self, _: &TopicPartition, _: i64) {}

    fn unassign(&mut self, _: &TopicPartition) {}

    fn pause(&mut self, _: &TopicPartition) {}

    fn resume(&mut self, _: &TopicPartition) {}

    fn poll(&mut self, out: &mut Vec<Fetched>) -> Result<(), BrokerError> {
        out.extend(self.0.pop_front());
        Ok(())
    }
}

fn partition(number: i32) -> TopicPartition {
    TopicPartition::new("orders", number)
}

/// A batch of two records.
fn batch(base: i64) -> Vec<u8> {
    let mut builder = BatchBuilder::new();
    for value in [b"a", b"b"] {
        builder.append(Timestamp::from_millis(5), None, Some(value), &[]).unwrap();
    }
    let mut bytes = builder.seal(&SealOptions::default()).to_vec();
    BatchMut::parse(&mut bytes).unwrap().place(base, 0);
    bytes
}

/// The same, with another byte as its last: a wrong checksum.
fn damaged_batch(base: i64) -> Vec<u8> {
    let mut bytes = batch(base);
    *bytes.last_mut().unwrap() ^= 1;
    bytes
}

/// The same, with a second record of another length: the checksum is right.
fn malformed_batch(base: i64) -> Vec<u8> {
    let mut bytes = batch(base);
    let length = (bytes.len() - 61) / 2;
    bytes[61 + length] += 2;
    let checksum = crc32c::crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&checksum.to_be_bytes());
    bytes
}

fn fetched(number: i32, batches: Vec<Vec<u8>>, next_offset: i64) -> Fetched {
    let batches = batches.into_iter().map(|bytes| RecordBatch::parse(bytes.into()).unwrap());
    let found = FetchedBatches {
        batches: batches.collect(),
        next_offset,
        high_watermark: 100,
        last_stable_offset: 100,
        log_start_offset: 0,
    };
    Fetched { partition: partition(number), result: Ok(found) }
}

/// A reader of two partitions from their beginning.
fn reader(script: impl Into<VecDeque<Fetched>>, end: Option<i64>) -> RecordReader {
    let position = |number| (partition(number), Position { next: 0, end });
    RecordReader {
        fetcher: Box::new(Script(script.into())),
        wake: WakeUp::new(),
        positions: [0, 1].map(position).into(),
        fetched: VecDeque::new(),
        failures: VecDeque::new(),
    }
}

/// What it gives until there is nothing: partition and offset, or the error.
fn told(reader: &mut RecordReader) -> Vec<String> {
    let mut told = Vec::new();
    loop {
        match reader.try_next() {
            Ok(Some(record)) => told.push(format!("{} at {}", record.partition, record.offset)),
            Ok(None) => return told,
            Err(error) => {
                assert_eq!(error.kind(), BrokerErrorKind::Corrupted);
                let cause = std::error::Error::source(&error).expect("what is damaged");
                assert!(cause.is::<BatchError>(), "{cause}");
                told.push(error.to_string());
            }
        }
    }
}

#[test]
fn a_damaged_batch_is_named_after_the_records_before_it() {
    let script = [
        fetched(0, vec![batch(0), damaged_batch(2), batch(4)], 6),
        fetched(1, vec![batch(0)], 2),
        fetched(0, vec![batch(6)], 8),
    ];
    let mut reader = reader(script, None);
    let damage = "the batch of orders-0 at offset 2 is damaged and cannot be read";
    assert_eq!(told(&mut reader), ["0 at 0", "0 at 1", damage, "1 at 0", "1 at 1"]);
    assert!(!reader.is_at_end(), "one partition is left");
}

#[test]
fn a_malformed_record_is_told_once() {
    let mut reader = reader([fetched(1, vec![malformed_batch(4), batch(6)], 8)], None);
    let damage = "the batch of orders-1 at offset 4 is damaged and cannot be read";
    assert_eq!(told(&mut reader), ["1 at 4", damage]);
}

#[test]
fn each_partition_that_fails_is_told() {
    let script = [
        fetched(0, vec![damaged_batch(0)], 2),
        Fetched {
            partition: partition(1),
            result: Err(BrokerError::new(BrokerErrorKind::Corrupted, "orders-1 is gone")
                .with_source(RecordBatch::parse(Bytes::new()).unwrap_err())),
        },
    ];
    let mut reader = reader(script, None);
    let damage = "the batch of orders-0 at offset 0 is damaged and cannot be read";
    assert_eq!(told(&mut reader), [damage, "orders-1 is gone"]);
    assert!(reader.is_at_end());
}

/// Such as the marker that ends a transaction.
#[test]
fn the_end_may_lie_behind_what_holds_no_record() {
    let script = [fetched(0, vec![batch(0)], 3), fetched(1, vec![], 3)];
    let mut reader = reader(script, Some(3));
    assert_eq!(told(&mut reader), ["0 at 0", "0 at 1"]);
    assert!(reader.is_at_end());
}

#[test]
fn records_beyond_the_end_are_left() {
    let script = [fetched(0, vec![batch(0), batch(2)], 4), fetched(1, vec![batch(0)], 2)];
    let mut reader = reader(script, Some(1));
    assert_eq!(told(&mut reader), ["0 at 0", "1 at 0"]);
    assert!(reader.is_at_end());
}
