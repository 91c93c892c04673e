//! The floor: fetch, decode, encode, produce, on our own codec and the broker's seam, without tasks,
//! stores and commits.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde_json::Value;
use streams_dsl::{
    Broker,
    core::{
        batch::{BatchBuilder, DecodeOptions, RecordBatch, partition_for_key},
        broker::{
            Ack, BrokerErrorKind, FetchOptions, Fetched, Fetcher, OffsetSpec, ProduceOptions,
            Producer, TopicPartition, WakeUp,
        },
    },
};

use crate::{Result, measure::Meter, options::Options};

/// At how many bytes a batch is sent: what an application does unless told otherwise.
const BATCH_BYTES: usize = 64 << 10;

/// How long nothing may come.
const PATIENCE: Duration = Duration::from_secs(60);

/// Copies what the input holds, each record to the partition of its key.
pub(crate) fn run(broker: &dyn Broker, options: &Options, input: u64) -> Result<Value> {
    let mut meter = Meter::start(options);
    std::thread::scope(|scope| {
        let work = || {
            let mut copy = Copy::new(broker, options)?;
            meter.running();
            copy.all(input, &mut meter)?;
            meter.drained();
            Result::Ok(())
        };
        let thread = std::thread::Builder::new().name("copy".to_owned());
        let ended = thread.spawn_scoped(scope, work)?.join();
        ended.unwrap_or_else(|_| Err("the copying thread panicked".into()))
    })?;
    Ok(meter.closed(options, input))
}

struct Copy {
    fetcher: Box<dyn Fetcher>,
    producer: Box<dyn Producer>,
    wake: WakeUp,
    /// How many records of each partition are not copied yet.
    left: BTreeMap<TopicPartition, i64>,
    lanes: Vec<(TopicPartition, BatchBuilder)>,
    acks: Vec<Ack>,
}

impl Copy {
    fn new(broker: &dyn Broker, options: &Options) -> Result<Self> {
        let wake = WakeUp::new();
        let mut produce = ProduceOptions::default();
        if let Some(codec) = options.setting("producer.compression.type") {
            produce.compression = codec.parse()?;
        }
        let mut fetcher = broker.fetcher(FetchOptions::default(), wake.clone());
        let mut left = BTreeMap::new();
        for (name, partitions) in options.workload.inputs {
            for partition in partitions_of(&options.topic(name), *partitions) {
                let asked = [(partition.clone(), OffsetSpec::Latest)];
                let end: i64 = broker.admin().list_offsets(&asked)?.into_iter().sum();
                fetcher.assign(&partition, 0);
                left.insert(partition, end);
            }
        }
        let (name, partitions) = options.workload.output;
        let lanes = partitions_of(&options.topic(name), partitions);
        Ok(Self {
            fetcher,
            producer: broker.producer(produce, wake.clone()),
            wake,
            left,
            lanes: lanes.map(|partition| (partition, BatchBuilder::new())).collect(),
            acks: Vec::new(),
        })
    }

    fn all(&mut self, input: u64, meter: &mut Meter) -> Result<()> {
        let (mut fetched, mut copied) = (Vec::new(), 0);
        while self.left.values().any(|left| *left > 0) {
            self.fetcher.poll(&mut fetched)?;
            if fetched.is_empty() {
                self.wait()?;
            }
            for Fetched { partition, result } in fetched.drain(..) {
                let mut count = 0;
                for batch in &result?.batches {
                    count += self.copy(batch)?;
                }
                copied += count as u64;
                *self.left.entry(partition).or_default() -= count;
            }
            meter.progress(copied, input);
            self.take_acks()?;
        }
        for lane in 0..self.lanes.len() {
            self.send(lane)?;
        }
        while self.producer.in_flight() > 0 {
            self.wait()?;
            self.take_acks()?;
        }
        Ok(())
    }

    /// Copies one batch; returns how many records it had.
    fn copy(&mut self, batch: &RecordBatch) -> Result<i64> {
        let decoded = batch.decode(&DecodeOptions::default())?;
        let lanes = self.lanes.len() as i32;
        for record in decoded.records() {
            let record = record?;
            let lane = partition_for_key(record.key.unwrap_or_default(), lanes) as usize;
            let builder = &mut self.lanes[lane].1;
            builder.append(record.timestamp, record.key, record.value, record.headers)?;
            if builder.estimated_size() >= BATCH_BYTES {
                self.send(lane)?;
            }
        }
        Ok(decoded.record_count() as i64)
    }

    /// Sends what a lane holds; waits while the producer is full.
    fn send(&mut self, lane: usize) -> Result<()> {
        loop {
            let (partition, builder) = &mut self.lanes[lane];
            if builder.is_empty() {
                return Ok(());
            }
            match self.producer.send(partition, builder) {
                Err(error) if error.kind() == BrokerErrorKind::Retriable => self.wait()?,
                sent => return sent.map(|_| ()).map_err(Into::into),
            }
            self.take_acks()?;
        }
    }

    fn take_acks(&mut self) -> Result<()> {
        self.producer.poll(&mut self.acks)?;
        for ack in self.acks.drain(..) {
            ack.result?;
        }
        Ok(())
    }

    fn wait(&self) -> Result<()> {
        match self.wake.wait(PATIENCE) {
            true => Ok(()),
            false => Err("the broker told nothing for a minute".into()),
        }
    }
}

fn partitions_of(topic: &str, count: i32) -> impl Iterator<Item = TopicPartition> + use<> {
    let topic: Arc<str> = topic.into();
    (0..count).map(move |number| TopicPartition::new(Arc::clone(&topic), number))
}
