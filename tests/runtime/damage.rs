//! A damaged record batch is told with its topic, partition and offset by whoever reads it.

use std::sync::Arc;

use broker_embedded::EmbeddedBroker;
use streams_core::{
    ErrorKind, KafkaStreams, State, StreamsError, Topology,
    batch::RecordBatch,
    broker::{
        Admin, Broker, BrokerError, BrokerErrorKind, FetchOptions, Fetched, Fetcher, GroupAdmin,
        GroupOptions, Membership, ProduceOptions, Producer, TopicPartition, TopologySpec, WakeUp,
        client::{ReadOptions, RecordReader},
    },
};

use crate::support::{
    Kept, LINES, Scratch, Updates, close, config, counted, lines, log, reach, running, word_count,
    write,
};

/// Reads the log, and finds the batches of one topic damaged.
#[derive(Debug)]
struct Damaged {
    log: Arc<EmbeddedBroker>,
    topic: &'static str,
}

#[derive(Debug)]
struct DamagedFetcher {
    inner: Box<dyn Fetcher>,
    topic: &'static str,
}

impl Broker for Damaged {
    fn fetcher(&self, options: FetchOptions, wake: WakeUp) -> Box<dyn Fetcher> {
        let inner = self.log.fetcher(options, wake);
        Box::new(DamagedFetcher { inner, topic: self.topic })
    }

    fn producer(&self, options: ProduceOptions, wake: WakeUp) -> Box<dyn Producer> {
        self.log.producer(options, wake)
    }

    fn membership(
        &self,
        options: GroupOptions,
        topology: TopologySpec,
        wake: WakeUp,
    ) -> Result<Box<dyn Membership>, BrokerError> {
        self.log.membership(options, topology, wake)
    }

    fn admin(&self) -> Arc<dyn Admin> {
        self.log.admin()
    }

    fn group_admin(&self) -> Arc<dyn GroupAdmin> {
        self.log.group_admin()
    }
}

impl Fetcher for DamagedFetcher {
    fn assign(&mut self, partition: &TopicPartition, position: i64) {
        self.inner.assign(partition, position);
    }

    fn unassign(&mut self, partition: &TopicPartition) {
        self.inner.unassign(partition);
    }

    fn pause(&mut self, partition: &TopicPartition) {
        self.inner.pause(partition);
    }

    fn resume(&mut self, partition: &TopicPartition) {
        self.inner.resume(partition);
    }

    fn poll(&mut self, out: &mut Vec<Fetched>) -> Result<(), BrokerError> {
        let first_new = out.len();
        self.inner.poll(out)?;
        for fetched in &mut out[first_new..] {
            if let (true, Ok(found)) =
                (*fetched.partition.topic == *self.topic, &mut fetched.result)
            {
                found.batches.iter_mut().for_each(damage);
            }
        }
        Ok(())
    }
}

/// Changes the last byte.
fn damage(batch: &mut RecordBatch) {
    let mut bytes = batch.bytes().to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    *batch = RecordBatch::parse(bytes.into()).unwrap();
}

/// How an application ends that reads a damaged topic.
async fn end(topology: Topology, scratch: &Scratch, broker: Damaged) -> StreamsError {
    let config = config("app", scratch.path());
    let streams = KafkaStreams::new(topology, config, Arc::new(broker)).unwrap();
    streams.start().await.unwrap();
    reach(&streams, State::Error).await;
    streams.close().await.unwrap_err()
}

#[tokio::test]
async fn by_a_stream_thread() {
    let (log, scratch) = (log(), Scratch::new());
    write(&log, &["a".to_owned()]);
    let error = end(word_count(Kept::InMemory).0, &scratch, Damaged { log, topic: LINES }).await;
    assert_eq!(error.kind(), ErrorKind::Deserialization);
    let report = error.report().to_string();
    assert!(report.contains("the batch of lines-0 at offset 0 is damaged"), "{report}");
    assert!(report.contains("checksum mismatch"), "{report}");
}

#[tokio::test]
async fn by_a_restore() {
    let (log, scratch) = (log(), Scratch::new());
    let (topology, _) = word_count(Kept::InMemory);
    let streams = running(&log, &topology, config("app", scratch.path())).await;
    let text = lines(4, 1);
    write(&log, &text);
    Updates::new(&log).wait_for(counted(&text).values().sum::<i64>() as usize);
    close(&streams).await;
    let broker = Damaged { log, topic: "app-counts-changelog" };
    let error = end(topology, &scratch, broker).await;
    assert_eq!(error.kind(), ErrorKind::Broker);
    let report = error.report().to_string();
    assert!(report.contains("the batch of changelog app-counts-changelog-"), "{report}");
    assert!(report.contains(" at offset 0 is damaged"), "{report}");
}

#[test]
fn by_a_reader() {
    let log = log();
    write(&log, &["a".to_owned()]);
    let broker = Damaged { log, topic: LINES };
    let reader = RecordReader::topic(&broker, LINES, &ReadOptions::all()).unwrap();
    let error = reader.read_to_end().unwrap_err();
    assert_eq!(error.kind(), BrokerErrorKind::Corrupted);
    assert!(error.to_string().contains("the batch of lines-0 at offset 0 is damaged"), "{error}");
}
