//! Many threads on one log.

use std::collections::BTreeMap;
use std::time::Duration;

use broker_embedded::{EmbeddedBroker, EmbeddedOptions};
use streams_core::broker::NewTopic;
use streams_core::broker::client::{
    ProducerRecord, ReadOptions, RecordProducer, RecordProducerOptions, RecordReader,
};

use crate::support::{Folder, make_topic};

/// Each writer's records come out once, in order, while others write, purge and sync.
fn hammer(broker: &EmbeddedBroker) {
    const WRITERS: usize = 4;
    const RECORDS: usize = 2_000;
    make_topic(broker, NewTopic::new("lines", 2));
    let mut reader = RecordReader::topic(broker, "lines", &ReadOptions::default()).expect("made");
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            scope.spawn(move || {
                let mut options = RecordProducerOptions::default();
                options.batch_size = 300 * (writer + 1);
                let producer = RecordProducer::new(broker, options).expect("it starts");
                for number in 0..RECORDS {
                    let key = writer.to_string();
                    let value = number.to_string();
                    let record = ProducerRecord::new("lines").key(&key).value(&value);
                    producer.send(record).expect("it is taken");
                }
                producer.flush_blocking().expect("all are written");
            });
        }
        scope.spawn(|| {
            for _ in 0..20 {
                broker.flush().expect("it syncs");
                broker.delete_expired().expect("nothing to delete");
            }
        });
        let mut next: BTreeMap<String, usize> = BTreeMap::new();
        for _ in 0..WRITERS * RECORDS {
            let record = reader.next_blocking(Duration::from_secs(60)).expect("it reads");
            let record = record.expect("a record comes");
            let text = |bytes: Option<bytes::Bytes>| {
                String::from_utf8(bytes.unwrap_or_default().to_vec()).expect("UTF-8")
            };
            let expected = next.entry(text(record.key)).or_default();
            assert_eq!(text(record.value), expected.to_string());
            *expected += 1;
        }
        assert!(next.values().all(|count| *count == RECORDS));
    });
}

#[test]
fn writers_and_readers_do_not_disturb_each_other_in_memory() {
    hammer(&EmbeddedBroker::in_memory());
}

#[test]
fn writers_and_readers_do_not_disturb_each_other_on_disk() {
    let folder = Folder::new("threads");
    let small = EmbeddedOptions::default().topic_default("segment.bytes", "20000");
    hammer(&EmbeddedBroker::open(&folder, small).unwrap());
}
