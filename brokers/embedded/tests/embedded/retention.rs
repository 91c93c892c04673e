//! What is deleted by time, by size and by hand.

use std::sync::Arc;
use std::time::Duration;

use broker_embedded::{EmbeddedBroker, EmbeddedOptions};
use streams_core::ManualClock;
use streams_core::batch::Timestamp;
use streams_core::broker::{Broker, NewTopic, TopicPartition};

use crate::support::{Folder, make_topic, read_text, write};

fn both(name: &str, check: impl Fn(&EmbeddedBroker, &ManualClock)) {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_000)));
    let options =
        EmbeddedOptions::default().clock(clock.clone()).topic_default("segment.bytes", "150");
    check(&EmbeddedBroker::in_memory_with(options.clone()).expect("it is made"), &clock);
    clock.set(Timestamp::from_millis(1_000));
    let folder = Folder::new(name);
    check(&EmbeddedBroker::open(&folder, options).expect("it opens"), &clock);
}

fn files(broker: &EmbeddedBroker, partition: &TopicPartition) -> (i64, u64) {
    let start = broker.partition_offsets(partition).expect("it exists").log_start_offset;
    (start, broker.partition_size(partition).expect("it exists"))
}

#[test]
fn segments_whose_newest_record_is_too_old_are_deleted() {
    both("retention-time", |broker, clock| {
        let topic = NewTopic::new("lines", 1).config("retention.ms", "100");
        let lines = make_topic(broker, topic);
        // Two batches a segment; the late one keeps its segment.
        for (time, value) in [(900, "a"), (950, "b"), (901, "c"), (1_000, "d"), (902, "e")] {
            write(broker, &lines, time, &[value]).unwrap();
        }
        assert_eq!(broker.delete_expired().unwrap(), 0);
        clock.advance(Duration::from_millis(60));
        assert_eq!(broker.delete_expired().unwrap(), 1);
        assert_eq!(read_text(broker, "lines"), ["2:c", "3:d", "4:e"]);
        clock.advance(Duration::from_secs(1));
        assert_eq!(broker.delete_expired().unwrap(), 1, "the active one counts as two: begun anew");
        assert_eq!(read_text(broker, "lines"), Vec::<String>::new());
        assert_eq!(write(broker, &lines, 3_000, &["f"]).unwrap(), 5, "offsets go on");
    });
}

#[test]
fn the_oldest_segments_are_deleted_while_the_rest_is_large_enough() {
    both("retention-size", |broker, _| {
        let topic = NewTopic::new("lines", 1).config("retention.bytes", "300");
        let lines = make_topic(broker, topic);
        for _ in 0..20 {
            write(broker, &lines, 1, &["x"]).unwrap();
        }
        let (start, size) = files(broker, &lines);
        assert!(start > 10, "{start}");
        assert!((300..600).contains(&size), "{size}");
    });
}

#[test]
fn nothing_is_deleted_without_a_limit_or_under_compaction() {
    both("retention-none", |broker, clock| {
        let unlimited =
            make_topic(broker, NewTopic::new("unlimited", 1).config("retention.ms", "-1"));
        let compacted = NewTopic::new("compacted", 1).config("retention.ms", "1");
        let compacted = make_topic(broker, compacted.config("cleanup.policy", "compact"));
        for to in [&unlimited, &compacted] {
            for _ in 0..5 {
                write(broker, to, 1, &["x"]).unwrap();
            }
        }
        clock.advance(Duration::from_secs(3600 * 24 * 365));
        assert_eq!(broker.delete_expired().unwrap(), 0);
        assert_eq!((files(broker, &unlimited).0, files(broker, &compacted).0), (0, 0));
    });
}

#[test]
fn segments_before_deleted_records_are_dropped_while_a_reader_reads_on() {
    both("retention-purge", |broker, _| {
        let lines = make_topic(broker, NewTopic::new("lines", 1));
        for _ in 0..20 {
            write(broker, &lines, 1, &["x"]).unwrap();
        }
        let before = files(broker, &lines).1;
        broker.admin().delete_records(&[(lines.clone(), 15)]).unwrap();
        let (start, size) = files(broker, &lines);
        assert_eq!(start, 15);
        assert!(size < before / 2, "{size} of {before}");
        assert_eq!(read_text(broker, "lines").len(), 5);
    });
}

#[test]
fn a_segment_ends_by_age() {
    both("retention-age", |broker, clock| {
        let topic = NewTopic::new("lines", 1)
            .config("segment.ms", "1000")
            .config("segment.bytes", "100000");
        let lines = make_topic(broker, topic.config("retention.bytes", "10"));
        write(broker, &lines, 1, &["a"]).unwrap();
        clock.advance(Duration::from_millis(900));
        write(broker, &lines, 1, &["b"]).unwrap();
        assert_eq!(files(broker, &lines).0, 0);
        clock.advance(Duration::from_millis(200));
        write(broker, &lines, 1, &["c"]).unwrap();
        write(broker, &lines, 1, &["d"]).unwrap();
        assert_eq!(broker.delete_expired().unwrap(), 1);
        assert_eq!(read_text(broker, "lines"), ["2:c", "3:d"]);
    });
}

#[test]
fn records_deleted_in_memory_give_their_memory_back_at_once() {
    let broker = EmbeddedBroker::in_memory();
    let lines = make_topic(&broker, NewTopic::new("lines", 1));
    for _ in 0..10 {
        write(&broker, &lines, 1, &["x", "y"]).unwrap();
    }
    let before = files(&broker, &lines).1;
    broker.admin().delete_records(&[(lines.clone(), 15)]).unwrap();
    assert_eq!(files(&broker, &lines), (15, before * 3 / 10), "the batch of 14 and 15 is whole");
    assert_eq!(read_text(&broker, "lines"), ["15:y", "16:x", "17:y", "18:x", "19:y"]);
    broker.admin().delete_records(&[(lines.clone(), 20)]).unwrap();
    assert_eq!(files(&broker, &lines), (20, 0));
    assert_eq!(write(&broker, &lines, 1, &["z"]).unwrap(), 20);
    assert_eq!(read_text(&broker, "lines"), ["20:z"]);
}
