//! Single records in and out.

use std::time::Duration;

use broker_embedded::EmbeddedBroker;
use futures::StreamExt;

use streams_core::batch::Timestamp;
use streams_core::broker::client::{
    ProducerRecord, ReadFrom, ReadOptions, RecordProducer, RecordProducerOptions, RecordReader,
};
use streams_core::broker::{Acks, Broker, BrokerErrorKind, NewTopic, TopicPartition};
use streams_core::stores::Headers;

use crate::support::{Folder, block_on, make_topic, read, read_text, write};

fn producer(broker: &EmbeddedBroker) -> RecordProducer {
    RecordProducer::new(broker, RecordProducerOptions::default()).expect("it starts")
}

#[test]
fn a_record_comes_back_with_all_its_parts() {
    let broker = EmbeddedBroker::in_memory();
    make_topic(&broker, NewTopic::new("lines", 3));
    let headers = Headers::from_wire(b"\x02\x02h\x02x".to_vec().into()).unwrap();
    let producer = producer(&broker);
    let record = ProducerRecord::new("lines").key("k").value("v").headers(&headers);
    let record = record.timestamp(Timestamp::from_millis(7)).partition(2);
    producer.send(record).unwrap();
    producer.send(ProducerRecord::new("lines").partition(2)).unwrap();
    block_on(producer.flush()).unwrap();
    let found = read(&broker, "lines");
    assert_eq!((found[0].partition, found[0].offset, found[0].timestamp.as_millis()), (2, 0, 7));
    assert_eq!(found[0].key.as_deref(), Some(&b"k"[..]));
    assert_eq!(found[0].value.as_deref(), Some(&b"v"[..]));
    assert_eq!(found[0].headers.wire(), headers.wire());
    assert_eq!((found[1].key.clone(), found[1].value.clone()), (None, None));
    assert!(found[1].timestamp.as_millis() > 1_000_000_000_000, "the time of the send");
}

#[test]
fn keys_go_where_the_java_client_sends_them() {
    let broker = EmbeddedBroker::in_memory();
    make_topic(&broker, NewTopic::new("lines", 7));
    let producer = producer(&broker);
    for key in ["", "a", "b", "user-17", "a long key, longer than a word"] {
        producer.send(ProducerRecord::new("lines").key(key)).unwrap();
    }
    producer.flush_blocking().unwrap();
    for record in read(&broker, "lines") {
        let key = record.key.unwrap();
        assert_eq!(record.partition, streams_core::batch::partition_for_key(&key, 7));
    }
}

#[test]
fn records_without_a_key_fill_one_batch_after_another() {
    let broker = EmbeddedBroker::in_memory();
    make_topic(&broker, NewTopic::new("lines", 3));
    let mut options = RecordProducerOptions::default();
    (options.batch_size, options.linger) = (1_000, Duration::from_secs(3600));
    let producer = RecordProducer::new(&broker, options).unwrap();
    for _ in 0..90 {
        producer.send(ProducerRecord::new("lines").value(&[b'x'; 100])).unwrap();
    }
    producer.flush_blocking().unwrap();
    let mut per_partition = [0; 3];
    for record in read(&broker, "lines") {
        per_partition[record.partition as usize] += 1;
    }
    assert!(per_partition.iter().all(|count| (20..=40).contains(count)), "{per_partition:?}");
}

#[test]
fn a_small_batch_is_sent_when_it_has_lingered() {
    let broker = EmbeddedBroker::in_memory();
    make_topic(&broker, NewTopic::new("lines", 1));
    let producer = producer(&broker);
    let options = ReadOptions::default();
    let mut reader = RecordReader::topic(&broker, "lines", &options).unwrap();
    producer.send(ProducerRecord::new("lines").value("v")).unwrap();
    let record = reader.next_blocking(Duration::from_secs(60)).unwrap();
    assert_eq!(record.unwrap().value.as_deref(), Some(&b"v"[..]), "without a flush");
}

#[test]
fn what_is_left_is_sent_when_the_producer_goes() {
    let folder = Folder::new("client-drop");
    let broker = folder.open().unwrap();
    make_topic(&broker, NewTopic::new("lines", 1));
    let mut options = RecordProducerOptions::default();
    options.produce.acks = Acks::Leader;
    let producer = RecordProducer::new(&broker, options).unwrap();
    producer.send(ProducerRecord::new("lines").value("v")).unwrap();
    drop(producer);
    drop(broker);
    assert_eq!(read_text(&folder.open().unwrap(), "lines"), ["0:v"]);
}

#[test]
fn what_cannot_be_sent_is_told() {
    let broker = EmbeddedBroker::in_memory();
    let small = NewTopic::new("small", 1).config("max.message.bytes", "100");
    make_topic(&broker, small);
    let producer = producer(&broker);
    let unknown = producer.send(ProducerRecord::new("nowhere")).unwrap_err();
    assert_eq!(unknown.kind(), BrokerErrorKind::UnknownTopic);
    let partition = producer.send(ProducerRecord::new("small").partition(1)).unwrap_err();
    assert!(partition.to_string().contains("no partition 1"), "{partition}");
    producer.send(ProducerRecord::new("small").value(&[0; 500])).unwrap();
    let large = producer.flush_blocking().unwrap_err();
    assert_eq!(large.kind(), BrokerErrorKind::InvalidRequest);
    producer.send(ProducerRecord::new("small").value("v")).unwrap();
    producer.flush_blocking().unwrap();
    assert_eq!(read_text(&broker, "small"), ["0:v"]);
}

#[test]
fn every_level_of_acknowledgement_is_answered_on_disk() {
    let folder = Folder::new("client-acks");
    let broker = folder.open().unwrap();
    make_topic(&broker, NewTopic::new("lines", 4));
    for acks in [Acks::None, Acks::Leader, Acks::All] {
        let mut options = RecordProducerOptions::default();
        options.produce.acks = acks;
        let producer = RecordProducer::new(&broker, options).unwrap();
        for number in 0..1000 {
            let key = format!("{number}");
            producer.send(ProducerRecord::new("lines").key(&key)).unwrap();
        }
        block_on(producer.flush()).unwrap();
    }
    assert_eq!(read(&broker, "lines").len(), 3000);
}

#[test]
fn a_reader_begins_where_it_is_told() {
    let broker = EmbeddedBroker::in_memory();
    let lines = make_topic(&broker, NewTopic::new("lines", 1));
    for (time, value) in [(10, "a"), (20, "b"), (30, "c")] {
        write(&broker, &lines, time, &[value, value]).unwrap();
    }
    let from = |from| {
        let reader = RecordReader::topic(&broker, "lines", &ReadOptions::all().from(from));
        reader.unwrap().read_to_end().unwrap().into_iter().map(|r| r.offset).collect::<Vec<_>>()
    };
    assert_eq!(from(ReadFrom::Beginning), [0, 1, 2, 3, 4, 5]);
    assert_eq!(from(ReadFrom::Time(Timestamp::from_millis(11))), [2, 3, 4, 5]);
    assert_eq!(from(ReadFrom::End), [0; 0]);
    let reader = RecordReader::partitions(&broker, [(lines, 3)], &ReadOptions::all()).unwrap();
    assert_eq!(reader.read_to_end().unwrap()[0].offset, 3, "within a batch");
    let unknown = RecordReader::topic(&broker, "nowhere", &ReadOptions::all()).unwrap_err();
    assert_eq!(unknown.kind(), BrokerErrorKind::UnknownTopic);
}

#[test]
fn a_reader_is_a_stream_that_ends_at_the_end() {
    let broker = EmbeddedBroker::in_memory();
    make_topic(&broker, NewTopic::new("lines", 2));
    for number in 0..2 {
        write(&broker, &TopicPartition::new("lines", number), 1, &["a", "b"]).unwrap();
    }
    let reader = RecordReader::topic(&broker, "lines", &ReadOptions::all()).unwrap();
    write(&broker, &TopicPartition::new("lines", 0), 1, &["too late"]).unwrap();
    let records = block_on(reader.collect::<Vec<_>>());
    assert_eq!(records.len(), 4);
    assert!(records.iter().all(Result::is_ok));
}

#[test]
fn a_pending_stream_is_woken_by_a_write() {
    let broker = EmbeddedBroker::in_memory();
    let lines = make_topic(&broker, NewTopic::new("lines", 1));
    let mut reader = RecordReader::topic(&broker, "lines", &ReadOptions::default()).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| write(&broker, &lines, 1, &["a"]));
        let record = block_on(reader.next()).unwrap().unwrap();
        assert_eq!(record.value.as_deref(), Some(&b"a"[..]));
    });
}

#[test]
fn a_partition_that_vanishes_is_an_error_and_then_the_end() {
    let broker = EmbeddedBroker::in_memory();
    make_topic(&broker, NewTopic::new("lines", 1));
    let mut reader = RecordReader::topic(&broker, "lines", &ReadOptions::default()).unwrap();
    assert!(reader.try_next().unwrap().is_none());
    broker.admin().delete_topics(&["lines"]).unwrap();
    let error = block_on(reader.next()).unwrap().unwrap_err();
    assert_eq!(error.kind(), BrokerErrorKind::UnknownTopic);
    assert!(block_on(reader.next()).is_none());
}
