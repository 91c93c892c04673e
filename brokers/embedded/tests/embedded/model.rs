//! The log against a list: any order of writes, purges, reads and crashes.

use broker_embedded::{EmbeddedBroker, EmbeddedOptions};
use proptest::collection::vec;
use proptest::prelude::*;
use streams_core::batch::Timestamp;
use streams_core::broker::client::{ReadOptions, RecordReader};
use streams_core::broker::{Broker, NewTopic, OffsetSpec, TopicPartition};

use crate::support::{Folder, make_topic, write};

#[derive(Debug, Clone)]
enum Step {
    /// So many records of one batch, with this timestamp.
    Write(usize, i64),
    /// Deletes the records before this share of what there is.
    Purge(u8),
    /// Reads from this share on.
    Read(u8),
    /// Looks this timestamp up.
    Find(i64),
    Close,
    Crash,
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..6_usize, 0..50_i64).prop_map(|(count, time)| Step::Write(count, time)),
        1 => any::<u8>().prop_map(Step::Purge),
        2 => any::<u8>().prop_map(Step::Read),
        2 => (0..60_i64).prop_map(Step::Find),
        1 => Just(Step::Close),
        1 => Just(Step::Crash),
    ]
}

/// Timestamp by offset, and the first that still exists.
#[derive(Debug, Default)]
struct Model {
    times: Vec<i64>,
    start: usize,
}

impl Model {
    fn at_share(&self, share: u8) -> usize {
        self.start + (self.times.len() - self.start) * usize::from(share) / 255
    }
}

fn options() -> EmbeddedOptions {
    EmbeddedOptions::default().topic_default("segment.bytes", "400")
}

fn run(broker: &EmbeddedBroker, model: &mut Model, step: &Step) {
    let lines = TopicPartition::new("lines", 0);
    match step {
        Step::Write(count, time) => {
            let offset = write(broker, &lines, *time, &vec!["value"; *count]).expect("written");
            assert_eq!(offset, model.times.len() as i64);
            model.times.extend(std::iter::repeat_n(*time, *count));
        }
        Step::Purge(share) => {
            model.start = model.at_share(*share);
            let before = [(lines, model.start as i64)];
            broker.admin().delete_records(&before).expect("deleted");
        }
        Step::Read(share) => {
            let from = model.at_share(*share);
            let starts = [(lines, from as i64)];
            let reader = RecordReader::partitions(broker, starts, &ReadOptions::all());
            let records = reader.expect("in range").read_to_end().expect("readable");
            let found: Vec<_> =
                records.iter().map(|r| (r.offset as usize, r.timestamp.as_millis())).collect();
            let expected: Vec<_> =
                (from..model.times.len()).map(|at| (at, model.times[at])).collect();
            assert_eq!(found, expected);
        }
        Step::Find(time) => {
            let spec = OffsetSpec::AtOrAfter(Timestamp::from_millis(*time));
            let found = broker.admin().list_offsets(&[(lines, spec)]).expect("it exists");
            let expected = (model.start..model.times.len()).find(|at| model.times[*at] >= *time);
            assert_eq!(found, [expected.unwrap_or(model.times.len()) as i64], "time {time}");
        }
        Step::Close | Step::Crash => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn a_log_on_disk_is_a_list_that_survives(steps in vec(any_step(), 1..60)) {
        let mut folder = Folder::new("model");
        let mut model = Model::default();
        let mut broker = EmbeddedBroker::open(&folder, options()).unwrap();
        make_topic(&broker, NewTopic::new("lines", 1));
        let mut crashes = 0;
        for step in steps.iter().chain([&Step::Crash, &Step::Read(0), &Step::Find(25)]) {
            match step {
                Step::Close => {
                    drop(broker);
                    broker = EmbeddedBroker::open(&folder, options()).unwrap();
                }
                Step::Crash => {
                    crashes += 1;
                    let image = folder.crash_image(&format!("model-{}", crashes % 2));
                    drop(broker);
                    folder = image;
                    broker = EmbeddedBroker::open(&folder, options()).unwrap();
                }
                step => run(&broker, &mut model, step),
            }
            let offsets = broker.partition_offsets(&TopicPartition::new("lines", 0)).unwrap();
            prop_assert_eq!(offsets.log_start_offset, model.start as i64);
            prop_assert_eq!(offsets.log_end_offset, model.times.len() as i64);
        }
    }

}

proptest! {
    #[test]
    fn a_log_in_memory_is_a_list(steps in vec(any_step(), 1..80)) {
        let mut model = Model::default();
        let broker = EmbeddedBroker::in_memory_with(options()).unwrap();
        make_topic(&broker, NewTopic::new("lines", 1));
        for step in steps.iter().chain([&Step::Read(0)]) {
            run(&broker, &mut model, step);
        }
    }
}
