//! What the examples share: an application on an embedded log of its own, written to and read
//! through the public producer and reader.

use std::{error::Error, path::PathBuf, time::Duration};

use bytes::Bytes;
use futures::StreamExt;
use streams_dsl::{
    Broker, Data, EmbeddedBroker, EmbeddedOptions, Headers, KafkaStreams, NewTopic, State,
    StreamData, StreamsConfig, TaskCounters, Timestamp, Topology,
    client::{ProducerRecord, ReadOptions, RecordProducer, RecordProducerOptions, RecordReader},
    core::stores::{Payload, Presence, SerdeContext, serde_of},
};

mod lag;

pub use lag::Lag;

/// What the examples return: any error ends them with its text.
pub type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// A running application and the embedded log it runs on, in a folder that is deleted at the end.
pub struct Application {
    broker: EmbeddedBroker,
    folder: Folder,
    lag: Lag,
    streams: KafkaStreams,
    producer: RecordProducer,
}

impl Application {
    /// Opens a log, creates `topics` with their numbers of partitions, and starts `topology`.
    pub async fn start(id: &str, topology: Topology, topics: &[(&str, i32)]) -> Result<Self> {
        let folder = Folder::temporary(id)?;
        let broker = EmbeddedBroker::open(folder.0.join("log"), EmbeddedOptions::default())?;
        let topics: Vec<_> =
            topics.iter().map(|(name, count)| NewTopic::new(*name, *count)).collect();
        broker.admin().create_topics(&topics)?;
        Self::start_on(broker, folder, id, topology).await
    }

    /// Starts another application on the same log.
    pub async fn beside(&self, id: &str, topology: Topology) -> Result<Self> {
        Self::start_on(self.broker.clone(), Folder::temporary(id)?, id, topology).await
    }

    async fn start_on(
        broker: EmbeddedBroker,
        folder: Folder,
        id: &str,
        topology: Topology,
    ) -> Result<Self> {
        let config = StreamsConfig::new(id)?
            .state_dir(folder.0.join("state"))
            .num_stream_threads(2)
            .commit_interval(Duration::from_millis(100));
        let producer = RecordProducer::new(&broker, RecordProducerOptions::default())?;
        let lag = Lag::of(&broker, id, &topology);
        let streams = KafkaStreams::new(topology, config, broker.clone())?;
        streams.start().await?;
        streams.wait_for(|state| state == State::Running).await;
        streams.error().map_or(Ok(()), Err)?;
        Ok(Self { broker, folder, lag, streams, producer })
    }

    /// Writes a record, `time` in milliseconds since the epoch.
    pub fn produce<K: StreamData, V: StreamData>(
        &self,
        topic: &str,
        key: K,
        value: V,
        time: i64,
    ) -> Result<()> {
        let (key, value) = (encode(topic, &key)?, encode(topic, &value)?);
        let mut record = ProducerRecord::new(topic).timestamp(Timestamp::from_millis(time));
        if let Some(key) = &key {
            record = record.key(key);
        }
        if let Some(value) = &value {
            record = record.value(value);
        }
        Ok(self.producer.send(record)?)
    }

    /// Waits until everything produced so far is processed and committed, then reads all of `topic`.
    pub async fn results<K: StreamData, V: StreamData>(&self, topic: &str) -> Result<Vec<(K, V)>> {
        self.producer.flush().await?;
        self.lag.clone().none_left(&self.streams).await?;
        let mut reader = RecordReader::topic(&self.broker, topic, &ReadOptions::all())?;
        let mut results = Vec::new();
        while let Some(record) = reader.next().await {
            let record = record?;
            results
                .push((decode(topic, record.key.as_ref())?, decode(topic, record.value.as_ref())?));
        }
        Ok(results)
    }

    /// What the application counted so far.
    pub async fn counters(&self) -> TaskCounters {
        self.streams.metrics().await.total()
    }

    /// Stops it, and deletes its folder.
    pub async fn close(self) -> Result<()> {
        self.streams.close().await?;
        drop((self.producer, self.streams, self.lag, self.broker));
        Ok(std::fs::remove_dir_all(&self.folder.0)?)
    }
}

/// The last value of each key, in the order in which these stand: what a table makes of records.
pub fn last_values<K: PartialEq, V>(records: Vec<(K, V)>) -> Vec<(K, V)> {
    let mut last: Vec<(K, V)> = Vec::new();
    for (key, value) in records {
        last.retain(|(other, _)| *other != key);
        last.push((key, value));
    }
    last
}

/// A folder of this process; a clean end deletes it.
struct Folder(PathBuf);

impl Folder {
    fn temporary(name: &str) -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("streams-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }
}

fn encode<T: StreamData>(topic: &str, value: &T) -> Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let to = SerdeContext { topic, headers: &Headers::default() };
    let presence = serde_of::<T>().serialize(value, &to, &mut bytes)?;
    Ok((presence == Presence::Bytes).then_some(bytes))
}

fn decode<T: StreamData + Data>(topic: &str, bytes: Option<&Bytes>) -> Result<T> {
    let from = SerdeContext { topic, headers: &Headers::default() };
    Ok(serde_of::<T>().deserialize(bytes.map(Payload::from), &from)?)
}
