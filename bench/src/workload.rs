//! The workloads: each its topics, its data, its topology and what has to come out.
//!
//! They are those that are measured against Kafka Streams for Java: names, partitions, keys, values
//! and timestamps are equal to the last bit, so that either side may load the input, run, and
//! verify what the other wrote.

mod kvtable;
mod orders;
mod passthrough;
mod unprocessed;
mod windowcount;
mod wordcount;

use streams_dsl::{Topology, TopologyError};

use crate::{Result, expectation::Expectation};

/// A topic and its number of partitions.
pub(crate) type Topic = (&'static str, i32);

/// One workload.
#[derive(Debug)]
pub(crate) struct Workload {
    /// How it is asked for.
    pub(crate) name: &'static str,
    /// The topics it reads.
    pub(crate) inputs: &'static [Topic],
    /// The topic it writes.
    pub(crate) output: Topic,
    /// How many records it has unless told otherwise.
    pub(crate) records: u64,
    /// Makes the input for this many records.
    pub(crate) generate: fn(u64, &mut Sink<'_>) -> Result<()>,
    /// How many records this many make.
    pub(crate) volume: fn(u64) -> Volume,
    /// What the output has to hold then.
    pub(crate) expect: fn(u64) -> Expectation,
    /// What is done with them.
    pub(crate) work: Work,
}

/// What a workload does.
#[derive(Debug)]
pub(crate) enum Work {
    /// It runs this topology, on topics whose names begin with the prefix given.
    Topology(fn(&str) -> std::result::Result<Topology, TopologyError>),
    /// It copies records, without the library's engine.
    Copy,
}

/// How many records flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Volume {
    /// Into the input topics.
    pub(crate) input: u64,
    /// Through tasks: those, and what is read again behind repartition topics.
    pub(crate) processed: u64,
}

/// Takes the records of an input.
pub(crate) type Sink<'a> = dyn FnMut(&Input<'_>) -> Result<()> + 'a;

/// A record of an input.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Input<'a> {
    /// Its topic.
    pub(crate) topic: &'static str,
    /// Its partition, where its key does not decide that.
    pub(crate) partition: Option<i32>,
    /// Its timestamp, in milliseconds since the epoch.
    pub(crate) timestamp: i64,
    /// Its key.
    pub(crate) key: Option<&'a [u8]>,
    /// Its value.
    pub(crate) value: &'a [u8],
}

/// All workloads, in the order in which they are told.
pub(crate) const ALL: &[&Workload] = &[
    &passthrough::WORKLOAD,
    &wordcount::WORKLOAD,
    &orders::WORKLOAD,
    &windowcount::WORKLOAD,
    &kvtable::WORKLOAD,
    &unprocessed::WORKLOAD,
];

/// The workload of this name.
pub(crate) fn find(name: &str) -> Result<&'static Workload> {
    let found = ALL.iter().copied().find(|workload| workload.name == name);
    found.ok_or_else(|| {
        let names: Vec<&str> = ALL.iter().map(|workload| workload.name).collect();
        format!("there is no workload {name}; there are {}", names.join(", ")).into()
    })
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, collections::BTreeMap};

    use bytes::Bytes;
    use streams_dsl::{Headers, Timestamp};
    use streams_test::{DriverOptions, TopologyTestDriver};

    use super::*;

    /// Pipes a whole input through the topology and collects what comes out.
    fn run(workload: &Workload, records: u64) -> (Expectation, Volume) {
        let Work::Topology(topology) = workload.work else { panic!("a workload with a topology") };
        let topics = workload.inputs.iter().chain([&workload.output]);
        let options = topics.fold(DriverOptions::new(), |options, (topic, partitions)| {
            options.partitions(&format!("t-{topic}"), *partitions)
        });
        let driver = TopologyTestDriver::with(&topology("t-").unwrap(), &options).unwrap();
        let mut found = (workload.expect)(records).empty();
        let mut volume = Volume { input: 0, processed: 0 };
        (workload.generate)(records, &mut |input| {
            volume.input += 1;
            let topic = format!("t-{}", input.topic);
            let payload =
                (input.key.map(Bytes::copy_from_slice), Some(Bytes::copy_from_slice(input.value)));
            let timestamp = Timestamp::from_millis(input.timestamp);
            driver.pipe_bytes(&topic, input.partition, payload, timestamp, Headers::default())?;
            for topic in driver.produced_topics() {
                let sent = driver.take_sent(&topic);
                if topic.ends_with("-repartition") {
                    volume.processed += sent.len() as u64;
                } else if *topic == *format!("t-{}", workload.output.0) {
                    for record in sent {
                        found.add(
                            record.key.as_deref().unwrap_or_default(),
                            record.value.as_deref(),
                        );
                    }
                }
            }
            Ok(())
        })
        .unwrap();
        volume.processed += volume.input;
        (found, volume)
    }

    /// What the Java side says of the same number of records: input, processed, records or rows of
    /// output, their hash, their sum.
    type Known = (u64, u64, u64, u64, i64);

    const KNOWN: &[(&str, u64, Known)] = &[
        ("passthrough", 1_000, (1_000, 1_000, 908, 0x5022_6715_f840_1443, 0)),
        ("passthrough", 20_000, (20_000, 20_000, 18_030, 0x6ffd_6c4e_ea98_b01a, 0)),
        ("wordcount", 1_000, (1_000, 6_000, 2_429, 0x21ce_4fef_4aa7_2018, 5_000)),
        ("wordcount", 20_000, (20_000, 120_000, 22_503, 0x79a5_efad_f8ae_794c, 100_000)),
        ("windowcount", 1_000, (1_000, 1_000, 940, 0xf0df_e2a4_1f8c_ef8e, 1_000)),
        ("windowcount", 20_000, (20_000, 20_000, 5_989, 0x001b_22ed_c4c9_0601, 19_984)),
        ("orders", 1_000, (35_400, 36_379, 49, 0xafc5_2148_40d0_aaea, 49)),
        ("orders", 20_000, (54_400, 73_971, 989, 0x65be_a835_f8bb_b991, 1_030)),
        ("kvtable", 1_000, (1_000, 1_000, 1_000, 0x9b3e_8895_8744_41b0, 73_799)),
        ("kvtable", 20_000, (20_000, 20_000, 20_000, 0x8943_914f_8433_f3e0, 1_506_662)),
    ];

    #[test]
    fn what_is_expected_is_what_java_says() {
        for (name, records, known) in KNOWN {
            let workload = find(name).unwrap();
            let (volume, wanted) = ((workload.volume)(*records), (workload.expect)(*records));
            let ours =
                (volume.input, volume.processed, wanted.count(), wanted.hash(), wanted.sum());
            assert_eq!(ours, *known, "{name} {records}");
        }
    }

    #[test]
    fn each_topology_makes_of_its_input_what_is_expected() {
        for workload in ALL.iter().filter(|workload| matches!(workload.work, Work::Topology(_))) {
            let records = if workload.name == "windowcount" { 20_000 } else { 1_000 };
            let (found, volume) = run(workload, records);
            assert_eq!(volume, (workload.volume)(records), "{}", workload.name);
            let wanted = (workload.expect)(records);
            assert!(found == wanted, "{}: {:?}", workload.name, wanted.difference(&found));
        }
    }

    #[test]
    fn an_input_goes_to_the_topics_and_partitions_it_has() {
        for workload in ALL {
            let topics: BTreeMap<_, _> = workload.inputs.iter().copied().collect();
            let seen = RefCell::new(0);
            (workload.generate)(100, &mut |input| {
                let partitions = topics[input.topic];
                assert!(input.partition.is_none_or(|partition| partition < partitions));
                assert!(input.partition.is_some() || input.key.is_some());
                *seen.borrow_mut() += 1;
                Ok(())
            })
            .unwrap();
            assert_eq!(seen.into_inner(), (workload.volume)(100).input, "{}", workload.name);
        }
    }

    #[test]
    fn an_unknown_workload_is_told_what_there_is() {
        let told = find("join").unwrap_err().to_string();
        assert!(told.starts_with("there is no workload join; there are passthrough, "), "{told}");
    }
}
