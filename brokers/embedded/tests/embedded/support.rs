//! What the tests share.

use std::path::{Path, PathBuf};

use broker_embedded::{EmbeddedBroker, EmbeddedOptions};
use streams_core::batch::{BatchBuilder, Timestamp};
use streams_core::broker::client::{ReadOptions, ReadRecord, RecordReader};
use streams_core::broker::{
    Acks, Broker, BrokerError, NewTopic, ProduceOptions, TopicPartition, WakeUp,
};

/// A folder of a test's own, empty at first and gone with it.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let unique = format!("{name}-{}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(unique);
        std::fs::remove_dir_all(&path).unwrap_or_default();
        Self(path)
    }

    /// A copy as a crash would leave it: what the files hold at this moment.
    pub(crate) fn crash_image(&self, name: &str) -> Self {
        let image = Self::new(name);
        copy(&self.0, &image.0);
        image
    }

    pub(crate) fn open(&self) -> Result<EmbeddedBroker, BrokerError> {
        EmbeddedBroker::open(self, EmbeddedOptions::default())
    }

    /// The segments of partition 0 of `topic`, in order.
    pub(crate) fn segments(&self, topic: &str) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.0.join(format!("{topic}-0"))).expect("it exists");
        let paths = entries.map(|entry| entry.expect("it can be listed").path());
        let mut paths: Vec<_> =
            paths.filter(|path| path.extension().is_some_and(|e| e == "log")).collect();
        paths.sort();
        paths
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("the folder can be made");
    for entry in std::fs::read_dir(from).expect("it can be listed") {
        let entry = entry.expect("it can be listed");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("it can be copied");
        }
    }
}

impl AsRef<Path> for Folder {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap_or_default();
    }
}

pub(crate) fn make_topic(broker: &EmbeddedBroker, topic: NewTopic) -> TopicPartition {
    let name = topic.name.clone();
    broker.admin().create_topics(&[topic]).expect("the topic is made");
    TopicPartition::new(name, 0)
}

/// Writes one batch of values, all stamped with `time`.
pub(crate) fn write(
    broker: &EmbeddedBroker,
    to: &TopicPartition,
    time: i64,
    values: &[&str],
) -> Result<i64, BrokerError> {
    let mut options = ProduceOptions::default();
    options.acks = Acks::Leader;
    let mut producer = broker.producer(options, WakeUp::new());
    let mut batch = BatchBuilder::new();
    for value in values {
        let time = Timestamp::from_millis(time);
        batch.append(time, None, Some(value.as_bytes()), &[]).expect("it fits");
    }
    producer.send(to, &mut batch)?;
    let mut acks = Vec::new();
    producer.poll(&mut acks)?;
    acks.pop().expect("acknowledged at once").result
}

pub(crate) fn read(broker: &EmbeddedBroker, topic: &str) -> Vec<ReadRecord> {
    let reader = RecordReader::topic(broker, topic, &ReadOptions::all()).expect("it exists");
    reader.read_to_end().expect("it can be read")
}

/// `offset:value` of all records.
pub(crate) fn read_text(broker: &EmbeddedBroker, topic: &str) -> Vec<String> {
    let text = |record: ReadRecord| {
        let value = record.value.unwrap_or_default();
        format!("{}:{}", record.offset, String::from_utf8_lossy(&value))
    };
    read(broker, topic).into_iter().map(text).collect()
}

/// Runs a future on this thread.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = std::sync::Arc::new(Unpark(std::thread::current())).into();
    let mut context = std::task::Context::from_waker(&waker);
    let mut future = std::pin::pin!(future);
    loop {
        if let std::task::Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        std::thread::park();
    }
}
