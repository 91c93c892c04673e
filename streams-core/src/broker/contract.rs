//! What every broker has to keep, checked through the seam alone: the embedded log in memory and on
//! disk, Apache Kafka, and brokers of your own.
//!
//! A test of a broker calls [`check_all`] with an empty one, or each of [`CHECKS`] by itself.

mod groups;
mod log;

use std::collections::BTreeMap;
use std::time::Duration;

use super::{
    Ack, Admin, Broker, BrokerError, FetchOptions, Fetched, Fetcher, NewTopic, ProduceOptions,
    Producer, SendTicket, TopicPartition, WakeUp,
};
use crate::batch::{BatchBuilder, DecodeOptions, RecordBatch, Timestamp};

/// A check: panics, with what it found, if the broker breaks the contract. Each makes topics and
/// groups of its own, which no other may have made before.
pub type Check = fn(&dyn Broker);

/// All checks with their names.
pub const CHECKS: &[(&str, Check)] = &[
    ("records_are_read_as_they_were_written", log::records_are_read_as_they_were_written),
    ("offsets_are_consecutive", log::offsets_are_consecutive_over_producers),
    ("every_assignment_is_reported", log::every_assignment_is_reported_once_even_if_empty),
    ("a_fetch_within_a_batch", log::a_fetch_within_a_batch_returns_that_batch),
    ("a_paused_partition_keeps_its_position", log::a_paused_partition_keeps_its_position),
    ("an_offset_out_of_range", log::an_offset_out_of_range_is_reported_and_unassigned),
    ("unknown_topics_are_named", log::unknown_topics_are_named),
    ("a_batch_too_large_is_refused", log::a_batch_too_large_is_refused_by_its_acknowledgement),
    ("an_empty_batch_is_refused", log::an_empty_batch_is_refused),
    ("a_waiting_reader_is_woken", log::a_waiting_reader_is_woken_by_a_write),
    ("deleted_records_are_gone", log::deleted_records_are_gone),
    ("offsets_are_found_by_time", log::offsets_are_found_by_time),
    ("log_append_time", log::log_append_time_replaces_the_timestamps),
    ("topics_are_listed_grown_and_deleted", log::topics_are_listed_grown_and_deleted),
    ("one_member_gets_all_tasks", groups::one_member_gets_all_tasks),
    ("internal_topics_are_made", groups::internal_topics_are_made_with_their_configs),
    ("a_missing_source_topic_is_named", groups::a_missing_source_topic_is_named_until_it_exists),
    ("offsets_are_committed_and_found", groups::offsets_are_committed_and_found_again),
    ("a_task_moves_after_its_revocation", groups::a_task_moves_only_after_its_revocation),
    ("a_member_that_left_cannot_commit", groups::a_member_that_left_cannot_commit),
    ("offsets_of_an_idle_group_are_mended", groups::offsets_of_an_idle_group_are_mended),
];

/// Runs all checks; `tracing` names each as it begins.
pub fn check_all(broker: &dyn Broker) {
    for (name, check) in CHECKS {
        tracing::info!(name, "contract");
        check(broker);
    }
}

/// How often a check looks for what it waits for, and how long each time.
const TRIES: usize = 300;
const WAIT: Duration = Duration::from_millis(100);

/// Timestamp, key, value: what the checks compare.
type Row = (i64, Option<Vec<u8>>, Option<Vec<u8>>);

fn make_topic(broker: &dyn Broker, name: &str, partitions: i32) {
    broker.admin().create_topics(&[NewTopic::new(name, partitions)]).expect("the topic is made");
}

fn partition(topic: &str, number: i32) -> TopicPartition {
    TopicPartition::new(topic, number)
}

fn rows(rows: &[(i64, Option<&str>, Option<&str>)]) -> Vec<Row> {
    let bytes = |text: &Option<&str>| text.map(|text| text.as_bytes().to_vec());
    rows.iter().map(|(time, key, value)| (*time, bytes(key), bytes(value))).collect()
}

fn batch_of(rows: &[Row]) -> BatchBuilder {
    let mut batch = BatchBuilder::new();
    for (time, key, value) in rows {
        let time = Timestamp::from_millis(*time);
        batch.append(time, key.as_deref(), value.as_deref(), &[]).expect("the row fits");
    }
    batch
}

/// A producer with its wake-up.
struct Writer {
    producer: Box<dyn Producer>,
    wake: WakeUp,
}

impl Writer {
    fn new(broker: &dyn Broker) -> Self {
        let wake = WakeUp::new();
        Self { producer: broker.producer(ProduceOptions::default(), wake.clone()), wake }
    }

    fn send(&mut self, to: &TopicPartition, rows: &[Row]) -> SendTicket {
        self.producer.send(to, &mut batch_of(rows)).expect("the batch is taken")
    }

    /// The acknowledgements of all that was sent.
    fn acks(&mut self) -> Vec<Ack> {
        let mut acks = Vec::new();
        for _ in 0..TRIES {
            self.producer.poll(&mut acks).expect("the producer works");
            if self.producer.in_flight() == 0 {
                return acks;
            }
            self.wake.wait(WAIT);
        }
        unreachable!("no acknowledgement came, {} are missing", self.producer.in_flight())
    }

    /// Writes rows and returns the offset of the first.
    fn write(&mut self, to: &TopicPartition, rows: &[Row]) -> i64 {
        let ticket = self.send(to, rows);
        let ack = self.acks().into_iter().find(|ack| ack.ticket == ticket);
        ack.expect("it is acknowledged").result.expect("it is written")
    }
}

/// A fetcher with its wake-up.
struct Reader {
    fetcher: Box<dyn Fetcher>,
    wake: WakeUp,
}

impl Reader {
    fn new(broker: &dyn Broker) -> Self {
        let wake = WakeUp::new();
        Self { fetcher: broker.fetcher(FetchOptions::default(), wake.clone()), wake }
    }

    fn poll(&mut self) -> Vec<Fetched> {
        let mut fetched = Vec::new();
        self.fetcher.poll(&mut fetched).expect("the fetcher works");
        fetched
    }

    /// Polls until something comes.
    fn next(&mut self) -> Vec<Fetched> {
        for _ in 0..TRIES {
            let fetched = self.poll();
            if !fetched.is_empty() {
                return fetched;
            }
            self.wake.wait(WAIT);
        }
        unreachable!("nothing was fetched")
    }

    /// The error that a partition is reported with.
    fn error(&mut self) -> BrokerError {
        let fetched = self.next().pop().expect("one partition");
        fetched.result.expect_err("it cannot be read")
    }

    /// Reads until there are `count` records of each partition, with their offsets.
    fn read(&mut self, count: usize) -> BTreeMap<TopicPartition, Vec<(i64, Row)>> {
        let mut found: BTreeMap<_, Vec<_>> = BTreeMap::new();
        while found.values().map(Vec::len).sum::<usize>() < count {
            for fetched in self.next() {
                let batches = fetched.result.expect("it can be read").batches;
                found
                    .entry(fetched.partition)
                    .or_default()
                    .extend(batches.iter().flat_map(records));
            }
        }
        found
    }
}

fn records(batch: &RecordBatch) -> Vec<(i64, Row)> {
    let decoded = batch.decode(&DecodeOptions::default()).expect("the batch is sound");
    let owned = |part: Option<&[u8]>| part.map(<[u8]>::to_vec);
    decoded
        .records()
        .map(|record| {
            let record = record.expect("the record is sound");
            let row = (record.timestamp.as_millis(), owned(record.key), owned(record.value));
            (record.offset, row)
        })
        .collect()
}

fn read_all(broker: &dyn Broker, from: &TopicPartition, count: usize) -> Vec<(i64, Row)> {
    let mut reader = Reader::new(broker);
    reader.fetcher.assign(from, 0);
    reader.read(count).remove(from).unwrap_or_default()
}

fn admin_kind<T: std::fmt::Debug>(
    broker: &dyn Broker,
    call: impl Fn(&dyn Admin) -> Result<T, BrokerError>,
) -> super::BrokerErrorKind {
    call(&*broker.admin()).expect_err("the call is refused").kind()
}
