//! An application that runs, with what an example gives to it and takes from it.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use bytes::Bytes;
use futures::StreamExt;
use streams_dsl::{
    Data, Headers, KafkaStreams, State, StreamData, TaskCounters, Timestamp, Topology,
    client::{
        ProducerRecord, ReadOptions, ReadRecord, RecordProducer, RecordProducerOptions,
        RecordReader,
    },
    core::{
        broker::Acks,
        stores::{Payload, Presence, SerdeContext, serde_of},
    },
};

use crate::{Feed, FeedOptions, Lag, Place, Result, Stop, progress};

/// A running application. Its topics are named without the prefix that they may have on a cluster.
pub struct Application {
    place: Place,
    lag: Lag,
    streams: KafkaStreams,
    producer: RecordProducer,
}

impl Application {
    pub(crate) async fn start(place: Place, topology: Topology) -> Result<Self> {
        let producer = RecordProducer::new(&*place.broker, RecordProducerOptions::default())?;
        let lag = Lag::of(&place.broker, &place.application_id, &topology);
        let streams = KafkaStreams::new(topology, place.config()?, Arc::clone(&place.broker))?;
        streams.start().await?;
        streams.wait_for(|state| state == State::Running).await;
        streams.error().map_or(Ok(()), Err)?;
        Ok(Self { place, lag, streams, producer })
    }

    /// Starts another application in the same place.
    pub async fn beside(&self, id: &str, topology: Topology) -> Result<Self> {
        Self::start(self.place.beside(id)?, topology).await
    }

    /// Writes a record, `time` in milliseconds since the epoch.
    pub fn produce<K: StreamData, V: StreamData>(
        &self,
        topic: &str,
        key: K,
        value: V,
        time: i64,
    ) -> Result<()> {
        let topic = self.place.topic(topic);
        let (key, value) = (encode(&topic, &key)?, encode(&topic, &value)?);
        let mut record = ProducerRecord::new(&topic).timestamp(Timestamp::from_millis(time));
        if let Some(key) = &key {
            record = record.key(key);
        }
        if let Some(value) = &value {
            record = record.value(value);
        }
        Ok(self.producer.send(record)?)
    }

    /// Feeds the lines of `texts` into `topic`, from where an earlier run stopped, and shows how
    /// far it is. Returns true once everything is processed and committed, if asked to end then
    /// (on an embedded log always); false when the user wants to stop.
    pub async fn feed(&self, topic: &str, texts: &[PathBuf], exit_when_idle: bool) -> Result<bool> {
        let mut stop = Stop::listen()?;
        let mut feed = match texts {
            [] => None,
            texts => {
                let options = FeedOptions {
                    topic: self.place.topic(topic),
                    acks: Acks::All,
                    lock: self.place.lock_of(topic),
                    anew: "with another --topic-prefix and --application-id it is counted anew",
                };
                let texts = texts.iter().map(|path| {
                    path.canonicalize().map_err(|error| crate::at(path, &error).into())
                });
                let texts = texts.collect::<Result<Vec<_>>>()?;
                Some(Feed::start(Arc::clone(&self.place.broker), texts, options)?)
            }
        };
        let until_idle = exit_when_idle || self.place.bootstrap.is_none();
        let lag = self.lag.clone();
        let ended = progress::watch(&self.streams, lag, feed.as_mut(), &mut stop, until_idle).await;
        if let Some(mut feed) = feed {
            let notes = feed.stop().await;
            notes?.iter().for_each(|note| println!("note: {note}"));
            println!("loaded     {} new lines", feed.so_far().lines);
        }
        ended
    }

    /// Waits until everything produced so far is processed and committed, then reads all of `topic`.
    pub async fn results<K: StreamData, V: StreamData>(&self, topic: &str) -> Result<Vec<(K, V)>> {
        self.producer.flush().await?;
        self.lag.clone().none_left(&self.streams).await?;
        let mut results = Vec::new();
        self.read(topic, |key, value| results.push((key, value))).await?;
        Ok(results)
    }

    /// The last value of each key that is in `topic` now, in the order of the keys.
    pub async fn table<K: StreamData + Ord, V: StreamData>(
        &self,
        topic: &str,
    ) -> Result<BTreeMap<K, V>> {
        let mut table = BTreeMap::new();
        self.read(topic, |key, value| drop(table.insert(key, value))).await?;
        Ok(table)
    }

    async fn read<K: StreamData, V: StreamData>(
        &self,
        topic: &str,
        mut found: impl FnMut(K, V),
    ) -> Result<()> {
        let topic = self.place.topic(topic);
        let mut reader = RecordReader::topic(&*self.place.broker, &topic, &ReadOptions::all())?;
        while let Some(record) = reader.next().await {
            let ReadRecord { key, value, .. } = record?;
            found(decode(&topic, key.as_ref())?, decode(&topic, value.as_ref())?);
        }
        Ok(())
    }

    /// What the application counted so far.
    pub async fn counters(&self) -> TaskCounters {
        self.streams.metrics().await.total()
    }

    /// Stops it: what was processed is committed, and others take its tasks over. Returns what it
    /// counted. What no later run can use is deleted.
    pub async fn close(self) -> Result<TaskCounters> {
        let Self { place, lag, streams, producer } = self;
        streams.close().await?;
        let counters = streams.metrics().await.total();
        drop((producer, streams, lag));
        place.leave()?;
        Ok(counters)
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
