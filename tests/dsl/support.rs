//! Rows in, rows out.

use std::{fmt::Display, sync::Arc};

use streams_core::{
    Handlers, LogAndContinue,
    stores::{Headers, Payload, SerdeContext, StreamData, Windowed, serde_of},
};
use streams_dsl::{StreamsBuilder, Topology};
use streams_test::{DriverOptions, TopologyTestDriver};

/// The topology of a test over a driver; `in` and `out` are its topics unless others are named.
pub(crate) struct Run {
    pub(crate) driver: TopologyTestDriver,
}

/// Runs what `describe` describes, without a cache.
pub(crate) fn run(describe: impl FnOnce(&StreamsBuilder)) -> Run {
    run_with(DriverOptions::new(), describe)
}

/// Runs what `describe` describes, with a cache that holds everything.
pub(crate) fn run_cached(describe: impl FnOnce(&StreamsBuilder)) -> Run {
    run_with(DriverOptions::new().cache_max_bytes(1 << 20), describe)
}

/// Runs what `describe` describes; an error of user code drops its record.
pub(crate) fn run_resuming(describe: impl FnOnce(&StreamsBuilder)) -> Run {
    let handlers = Handlers { processing: Arc::new(LogAndContinue), ..Handlers::default() };
    run_with(DriverOptions::new().handlers(handlers), describe)
}

/// Runs what `describe` describes.
pub(crate) fn run_with(options: DriverOptions, describe: impl FnOnce(&StreamsBuilder)) -> Run {
    Run { driver: TopologyTestDriver::with(&topology(describe), &options).unwrap() }
}

/// The topology that `describe` describes.
pub(crate) fn topology(describe: impl FnOnce(&StreamsBuilder)) -> Topology {
    let builder = StreamsBuilder::new();
    describe(&builder);
    builder.build().unwrap()
}

/// What is wrong with the topology that `describe` describes.
pub(crate) fn mistake(describe: impl FnOnce(&StreamsBuilder)) -> String {
    let builder = StreamsBuilder::new();
    describe(&builder);
    builder.build().unwrap_err().to_string()
}

impl Run {
    /// A record for topic `in`; `None` is a null.
    pub(crate) fn put<'a>(
        &self,
        key: impl Into<Option<&'a str>>,
        value: impl Into<Option<i64>>,
        timestamp: i64,
    ) -> &Self {
        self.put_to("in", key, value, timestamp)
    }

    /// A record for any topic.
    pub(crate) fn put_to<'a>(
        &self,
        topic: &str,
        key: impl Into<Option<&'a str>>,
        value: impl Into<Option<i64>>,
        timestamp: i64,
    ) -> &Self {
        let input = self.driver.input::<Option<String>, Option<i64>>(topic);
        input.pipe(key.into().map(str::to_owned), value.into(), timestamp).unwrap();
        self
    }

    /// A text for topic `in`.
    pub(crate) fn put_text(&self, key: &str, value: &str, timestamp: i64) -> &Self {
        let input = self.driver.input::<String, String>("in");
        input.pipe(key, value, timestamp).unwrap();
        self
    }

    /// Takes the records of topic `out` as `key=value@timestamp`.
    pub(crate) fn out<K: StreamData + Text, V: StreamData + Text>(&self) -> String {
        self.out_of::<K, V>("out")
    }

    /// Takes the records of any topic as `key=value@timestamp`.
    pub(crate) fn out_of<K: StreamData + Text, V: StreamData + Text>(&self, topic: &str) -> String {
        let (keys, values) = (serde_of::<K>(), serde_of::<V>());
        let headers = Headers::default();
        let from = SerdeContext { topic, headers: &headers };
        let texts = self.driver.take_sent(topic).into_iter().map(|sent| {
            let key = sent.key.as_ref().map(Payload::from);
            let value = sent.value.as_ref().map(Payload::from);
            let key = key.map(|bytes| keys.deserialize(Some(bytes), &from).unwrap().text());
            let value = value.map(|bytes| values.deserialize(Some(bytes), &from).unwrap().text());
            let null = || "null".to_owned();
            let (key, value) = (key.unwrap_or_else(null), value.unwrap_or_else(null));
            format!("{key}={value}@{}", sent.timestamp.unwrap().as_millis())
        });
        texts.collect::<Vec<_>>().join(" ")
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.driver.dropped_records()
    }
}

/// The text of a key or value; a null has none here.
pub(crate) trait Text {
    fn text(&self) -> String;
}

impl Text for String {
    fn text(&self) -> String {
        self.clone()
    }
}

impl Text for i64 {
    fn text(&self) -> String {
        self.to_string()
    }
}

impl Text for i32 {
    fn text(&self) -> String {
        self.to_string()
    }
}

/// `a[10`: the end of a window is not on the wire.
impl<K: Display> Text for Windowed<K> {
    fn text(&self) -> String {
        format!("{}[{}", self.key, self.start())
    }
}
