//! Topics, writing and reading.

use super::*;
use crate::broker::{BrokerErrorKind, OffsetSpec};

pub(super) fn records_are_read_as_they_were_written(broker: &dyn Broker) {
    make_topic(broker, "contract-roundtrip", 1);
    let to = partition("contract-roundtrip", 0);
    let written = rows(&[
        (5, Some("k"), Some("v")),
        (3, None, Some("no key")),
        (9, Some("no value"), None),
        (9, Some(""), Some("")),
    ]);
    assert_eq!(Writer::new(broker).write(&to, &written), 0);
    let read: Vec<_> = read_all(broker, &to, 4).into_iter().map(|(_, row)| row).collect();
    assert_eq!(read, written);
}

pub(super) fn offsets_are_consecutive_over_producers(broker: &dyn Broker) {
    make_topic(broker, "contract-offsets", 2);
    let (first, second) = (partition("contract-offsets", 0), partition("contract-offsets", 1));
    let (mut one, mut two) = (Writer::new(broker), Writer::new(broker));
    let three = rows(&[(1, None, Some("a")), (1, None, Some("b")), (1, None, Some("c"))]);
    assert_eq!(one.write(&first, &three), 0);
    assert_eq!(two.write(&first, &three), 3);
    assert_eq!(two.write(&second, &three), 0);
    let tickets: Vec<_> = (0..10).map(|_| one.send(&first, &three)).collect();
    assert!(tickets.is_sorted(), "tickets grow");
    let mut acks = one.acks();
    acks.sort_by_key(|ack| ack.ticket);
    let offsets: Vec<_> = acks.into_iter().map(|ack| ack.result.expect("written")).collect();
    assert_eq!(offsets, (6..36).step_by(3).collect::<Vec<i64>>());
    let read: Vec<_> = read_all(broker, &first, 36).into_iter().map(|(at, _)| at).collect();
    assert_eq!(read, (0..36).collect::<Vec<i64>>());
}

pub(super) fn every_assignment_is_reported_once_even_if_empty(broker: &dyn Broker) {
    make_topic(broker, "contract-empty", 1);
    let empty = partition("contract-empty", 0);
    let mut reader = Reader::new(broker);
    reader.fetcher.assign(&empty, 0);
    let fetched = reader.next().remove(0);
    assert_eq!(fetched.partition, empty);
    let found = fetched.result.expect("it exists");
    assert!(found.batches.is_empty());
    assert_eq!((found.next_offset, found.high_watermark, found.log_start_offset), (0, 0, 0));
    assert!(reader.poll().is_empty(), "nothing is new");
    reader.fetcher.unassign(&empty);
    Writer::new(broker).write(&empty, &rows(&[(1, None, Some("late"))]));
    assert!(reader.poll().is_empty(), "not assigned any more");
}

pub(super) fn a_fetch_within_a_batch_returns_that_batch(broker: &dyn Broker) {
    make_topic(broker, "contract-within", 1);
    let to = partition("contract-within", 0);
    let mut writer = Writer::new(broker);
    for _ in 0..3 {
        let three = rows(&[(1, None, Some("a")), (1, None, Some("b")), (1, None, Some("c"))]);
        writer.write(&to, &three);
    }
    for position in 0..9 {
        let mut reader = Reader::new(broker);
        reader.fetcher.assign(&to, position);
        let fetched = reader.next().remove(0).result.expect("it is in range");
        let first = &fetched.batches[0];
        assert!((first.base_offset()..=first.last_offset()).contains(&position));
    }
}

pub(super) fn a_paused_partition_keeps_its_position(broker: &dyn Broker) {
    make_topic(broker, "contract-pause", 1);
    let to = partition("contract-pause", 0);
    let mut writer = Writer::new(broker);
    writer.write(&to, &rows(&[(1, None, Some("a"))]));
    let mut reader = Reader::new(broker);
    reader.fetcher.assign(&to, 0);
    assert_eq!(reader.read(1)[&to].len(), 1);
    reader.fetcher.pause(&to);
    writer.write(&to, &rows(&[(2, None, Some("b"))]));
    assert!(reader.poll().is_empty(), "paused");
    reader.fetcher.resume(&to);
    assert_eq!(reader.read(1)[&to][0].0, 1, "goes on where it stopped");
}

pub(super) fn an_offset_out_of_range_is_reported_and_unassigned(broker: &dyn Broker) {
    make_topic(broker, "contract-range", 1);
    let to = partition("contract-range", 0);
    let mut reader = Reader::new(broker);
    for position in [1, -1] {
        reader.fetcher.assign(&to, position);
        let error = reader.error();
        assert_eq!(error.kind(), BrokerErrorKind::OffsetOutOfRange);
        assert!(error.to_string().contains("contract-range-0"), "{error}");
        assert!(reader.poll().is_empty(), "reported once");
    }
    reader.fetcher.assign(&to, 0);
    assert!(reader.next().remove(0).result.is_ok());
}

pub(super) fn unknown_topics_are_named(broker: &dyn Broker) {
    let nowhere = partition("contract-nowhere", 0);
    let mut reader = Reader::new(broker);
    reader.fetcher.assign(&nowhere, 0);
    let of_reader = reader.error();
    let mut writer = Writer::new(broker);
    writer.send(&nowhere, &rows(&[(1, None, None)]));
    let of_writer = writer.acks().remove(0).result.expect_err("it has nowhere to go");
    let of_count = writer.producer.partition_count("contract-nowhere").expect_err("no such topic");
    for error in [of_reader, of_writer, of_count] {
        assert_eq!(error.kind(), BrokerErrorKind::UnknownTopic);
        assert!(error.to_string().contains("contract-nowhere"), "{error}");
    }
    assert_eq!(
        admin_kind(broker, |admin| admin.list_offsets(&[(nowhere.clone(), OffsetSpec::Latest)])),
        BrokerErrorKind::UnknownTopic
    );
    assert_eq!(
        admin_kind(broker, |admin| admin.delete_topics(&["contract-nowhere"])),
        BrokerErrorKind::UnknownTopic
    );
    let described = broker.admin().describe_topics(&["contract-nowhere"]).expect("asked");
    assert_eq!(described, [None]);
}

pub(super) fn a_batch_too_large_is_refused_by_its_acknowledgement(broker: &dyn Broker) {
    let topic = NewTopic::new("contract-large", 1).config("max.message.bytes", "1000");
    broker.admin().create_topics(&[topic]).expect("the topic is made");
    let to = partition("contract-large", 0);
    let mut writer = Writer::new(broker);
    writer.send(&to, &rows(&[(1, None, Some(&"x".repeat(2000)))]));
    let error = writer.acks().remove(0).result.expect_err("too large");
    assert_eq!(error.kind(), BrokerErrorKind::InvalidRequest);
    assert!(error.to_string().contains("contract-large"), "{error}");
    assert_eq!(writer.write(&to, &rows(&[(1, None, Some("small"))])), 0, "the log goes on");
}

pub(super) fn an_empty_batch_is_refused(broker: &dyn Broker) {
    make_topic(broker, "contract-nothing", 1);
    let mut writer = Writer::new(broker);
    let sent = writer.producer.send(&partition("contract-nothing", 0), &mut BatchBuilder::new());
    assert_eq!(sent.expect_err("nothing to send").kind(), BrokerErrorKind::InvalidRequest);
    assert_eq!(writer.producer.in_flight(), 0);
}

pub(super) fn a_waiting_reader_is_woken_by_a_write(broker: &dyn Broker) {
    make_topic(broker, "contract-wake", 1);
    let to = partition("contract-wake", 0);
    let mut reader = Reader::new(broker);
    reader.fetcher.assign(&to, 0);
    reader.next();
    // Takes what wake-ups there are: from here on only the write can wake.
    while reader.wake.wait(WAIT) {
        reader.poll();
    }
    std::thread::scope(|scope| {
        scope.spawn(|| Writer::new(broker).write(&to, &rows(&[(1, None, Some("a"))])));
        assert!(reader.wake.wait(WAIT * TRIES as u32), "woken");
    });
    assert_eq!(reader.read(1)[&to].len(), 1);
}

pub(super) fn deleted_records_are_gone(broker: &dyn Broker) {
    make_topic(broker, "contract-delete", 1);
    let to = partition("contract-delete", 0);
    let mut writer = Writer::new(broker);
    for _ in 0..5 {
        writer.write(&to, &rows(&[(1, None, Some("a")), (1, None, Some("b"))]));
    }
    let admin = broker.admin();
    let start = || {
        let found = admin.list_offsets(&[(to.clone(), OffsetSpec::Earliest)]);
        found.expect("it exists")[0]
    };
    admin.delete_records(&[(to.clone(), 5)]).expect("deleted");
    assert_eq!(start(), 5);
    admin.delete_records(&[(to.clone(), 3)]).expect("nothing to do");
    assert_eq!(start(), 5, "it never goes back");
    let beyond = admin_kind(broker, |admin| admin.delete_records(&[(to.clone(), 11)]));
    assert_eq!(beyond, BrokerErrorKind::OffsetOutOfRange);
    let mut reader = Reader::new(broker);
    reader.fetcher.assign(&to, 4);
    assert_eq!(reader.error().kind(), BrokerErrorKind::OffsetOutOfRange);
    reader.fetcher.assign(&to, 5);
    let read = reader.read(5).remove(&to).unwrap_or_default();
    let offsets: Vec<_> = read.into_iter().map(|(at, _)| at).filter(|at| *at >= 5).collect();
    assert_eq!(offsets, [5, 6, 7, 8, 9]);
    admin.delete_records(&[(to.clone(), 10)]).expect("all deleted");
    assert_eq!(writer.write(&to, &rows(&[(1, None, Some("c"))])), 10, "offsets go on");
}

pub(super) fn offsets_are_found_by_time(broker: &dyn Broker) {
    make_topic(broker, "contract-times", 1);
    let to = partition("contract-times", 0);
    let mut writer = Writer::new(broker);
    for times in [[100, 50], [300, 200], [150, 400]] {
        writer.write(&to, &rows(&times.map(|time| (time, None, Some("x")))));
    }
    for (time, offset) in [(0, 0), (100, 0), (101, 2), (300, 2), (301, 5), (400, 5), (401, 6)] {
        let spec = OffsetSpec::AtOrAfter(Timestamp::from_millis(time));
        let found = broker.admin().list_offsets(&[(to.clone(), spec)]).expect("it exists");
        assert_eq!(found, [offset], "at {time}");
    }
    for (spec, offset) in
        [(OffsetSpec::Earliest, 0), (OffsetSpec::Latest, 6), (OffsetSpec::LatestStable, 6)]
    {
        assert_eq!(broker.admin().list_offsets(&[(to.clone(), spec)]).expect("asked"), [offset]);
    }
}

pub(super) fn log_append_time_replaces_the_timestamps(broker: &dyn Broker) {
    let topic = NewTopic::new("contract-stamped", 1);
    let topic = topic.config("message.timestamp.type", "LogAppendTime");
    broker.admin().create_topics(&[topic]).expect("the topic is made");
    let to = partition("contract-stamped", 0);
    Writer::new(broker).write(&to, &rows(&[(-1, None, Some("a")), (-1, None, Some("b"))]));
    let times: Vec<_> = read_all(broker, &to, 2).into_iter().map(|(_, row)| row.0).collect();
    assert_ne!(times[0], -1);
    assert_eq!(times[0], times[1]);
}

pub(super) fn topics_are_listed_grown_and_deleted(broker: &dyn Broker) {
    let admin = broker.admin();
    let topic = NewTopic::new("contract-topic", 2).config("retention.ms", "-1");
    admin.create_topics(std::slice::from_ref(&topic)).expect("the topic is made");
    let again = admin_kind(broker, |admin| admin.create_topics(std::slice::from_ref(&topic)));
    assert_eq!(again, BrokerErrorKind::AlreadyExists);
    let listed = |name: &str| admin.list_topics().expect("asked").iter().any(|t| **t == *name);
    assert!(listed("contract-topic"));
    let described = admin.describe_topics(&["contract-topic"]).expect("asked").remove(0);
    let described = described.expect("it exists");
    assert_eq!(described.partitions, 2);
    assert_eq!(described.configs.get("retention.ms").map(String::as_str), Some("-1"));
    let kept = partition("contract-topic", 1);
    let mut writer = Writer::new(broker);
    writer.write(&kept, &rows(&[(1, None, Some("kept"))]));
    admin.create_partitions("contract-topic", 3).expect("it grows");
    let fewer = admin_kind(broker, |admin| admin.create_partitions("contract-topic", 2));
    assert_eq!(fewer, BrokerErrorKind::InvalidRequest);
    assert_eq!(writer.write(&partition("contract-topic", 2), &rows(&[(1, None, None)])), 0);
    assert_eq!(read_all(broker, &kept, 1).len(), 1);
    let mut reader = Reader::new(broker);
    reader.fetcher.assign(&kept, 0);
    reader.read(1);
    admin.delete_topics(&["contract-topic"]).expect("deleted");
    assert!(!listed("contract-topic"));
    assert_eq!(reader.error().kind(), BrokerErrorKind::UnknownTopic);
    admin.create_topics(&[topic]).expect("the name is free again");
    assert_eq!(writer.write(&kept, &rows(&[(1, None, Some("new"))])), 0, "and the topic empty");
    for name in ["", ".", "a/b", "with space"] {
        let refused = admin_kind(broker, |admin| admin.create_topics(&[NewTopic::new(name, 1)]));
        assert_eq!(refused, BrokerErrorKind::InvalidRequest, "{name:?}");
    }
    let none = admin_kind(broker, |admin| admin.create_topics(&[NewTopic::new("contract-0", 0)]));
    assert_eq!(none, BrokerErrorKind::InvalidRequest);
}
