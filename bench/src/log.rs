//! The embedded log against the disk below it.

use std::{path::Path, process::Command, time::Duration};

use broker_embedded::{EmbeddedBroker, EmbeddedOptions};
use streams_core::{
    batch::BatchBuilder,
    broker::{Acks, Broker, NewTopic, ProduceOptions, TopicPartition, WakeUp},
    stores::Timestamp,
};

use crate::harness::now;

const RECORD_BYTES: usize = 1024;
const BATCH_BYTES: usize = 64 * 1024;
const MEGABYTE: usize = 1 << 20;

/// Appends `megabytes` of 1 KiB records in batches of 64 KiB with one fsync at the end, and has
/// `dd` write as much to the same folder.
pub fn append(megabytes: usize) {
    let folder = std::env::temp_dir().join(format!("streams-bench-log-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for the log");
    // Taking turns evens out what the machine does meanwhile.
    let rounds = (0..3).map(|_| (write_log(&folder, megabytes), write_with_dd(&folder, megabytes)));
    let (log, dd): (Vec<f64>, Vec<f64>) = rounds.unzip();
    std::fs::remove_dir_all(&folder).expect("the folder is ours");
    let best = |rates: &[f64]| rates.iter().copied().fold(0.0, f64::max);
    let (log, dd) = (best(&log), best(&dd));
    println!("{:24} {log:8.0} MB/s, dd {dd:.0} MB/s, ratio {:.2}", "log-append", log / dd);
}

fn rate(megabytes: usize, took: Duration) -> f64 {
    megabytes as f64 / took.as_secs_f64()
}

fn write_log(folder: &Path, megabytes: usize) -> f64 {
    let folder = folder.join("log");
    let broker = EmbeddedBroker::open(&folder, EmbeddedOptions::default()).expect("the log opens");
    broker.admin().create_topics(&[NewTopic::new("in", 1)]).expect("a topic");
    let mut options = ProduceOptions::default();
    options.acks = Acks::Leader;
    let mut producer = broker.producer(options, WakeUp::default());
    let partition = TopicPartition::new("in", 0);
    let value = vec![b'x'; RECORD_BYTES];
    let (mut batch, mut acks) = (BatchBuilder::new(), Vec::new());
    let start = now();
    for _ in 0..megabytes * MEGABYTE / RECORD_BYTES {
        let at = Timestamp::from_millis(0);
        batch.append(at, None, Some(&value), &[]).expect("the record fits");
        if batch.estimated_size() >= BATCH_BYTES {
            producer.send(&partition, &mut batch).expect("the log takes the batch");
            producer.poll(&mut acks).expect("the log answers");
            assert!(acks.drain(..).all(|ack| ack.result.is_ok()), "the log keeps every batch");
        }
    }
    if !batch.is_empty() {
        producer.send(&partition, &mut batch).expect("the log takes the batch");
    }
    broker.flush().expect("the log reaches the disk");
    let took = start.elapsed();
    drop((producer, broker));
    std::fs::remove_dir_all(&folder).expect("the folder is ours");
    rate(megabytes, took)
}

fn write_with_dd(folder: &Path, megabytes: usize) -> f64 {
    let file = folder.join("dd");
    let start = now();
    let status = Command::new("dd")
        .args(["if=/dev/zero", "bs=1M", "conv=fdatasync", "status=none"])
        .arg(format!("of={}", file.display()))
        .arg(format!("count={megabytes}"))
        .status()
        .expect("dd is installed");
    let took = start.elapsed();
    assert!(status.success(), "dd writes the file");
    std::fs::remove_file(&file).expect("the file is ours");
    rate(megabytes, took)
}
