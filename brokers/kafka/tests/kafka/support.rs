//! Where the Kafka of the tests is, names of their own, and waiting.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use broker_kafka::{KafkaBroker, KafkaConfig};
use streams_core::{
    Stopwatch,
    broker::{Broker, NewTopic, WakeUp},
};

use crate::logs;

/// Nothing here takes so long, also on a machine with more to do.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

const PAUSE: Duration = Duration::from_millis(20);

/// The address of a Kafka with the settings of `cargo xtask kafka start --profile test`.
pub(crate) fn bootstrap() -> String {
    variable("STREAMS_KAFKA")
}

/// Where that Kafka's certificates and logs lie.
pub(crate) fn folder() -> PathBuf {
    variable("STREAMS_KAFKA_DIR").into()
}

/// The value of a variable that `cargo xtask test kafka` sets.
pub(crate) fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!(
            "{name} is not set: run `cargo xtask test kafka`. Or start a Kafka by `cargo xtask kafka \
             start --profile test --secure` and set STREAMS_KAFKA to the address that it prints, \
             STREAMS_KAFKA_DIR to its folder, STREAMS_XTASK to the executable xtask"
        )
    })
}

/// A client of it.
pub(crate) fn broker() -> KafkaBroker {
    client(&[("bootstrap.servers", &bootstrap())])
}

/// A client with these settings.
pub(crate) fn client(properties: &[(&str, &str)]) -> KafkaBroker {
    let config = KafkaConfig::from_properties(properties.iter().copied()).unwrap();
    KafkaBroker::new(config).unwrap()
}

/// A name that nobody has had before.
pub(crate) fn unique(name: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{name}-{}-{n}", std::process::id())
}

/// Makes a topic with a name of its own.
pub(crate) fn topic(broker: &dyn Broker, name: &str, partitions: i32) -> String {
    let name = unique(name);
    broker.admin().create_topics(&[NewTopic::new(&*name, partitions)]).unwrap();
    name
}

/// Looks again and again until there is something.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Stopwatch::start();
    loop {
        if let Some(found) = look() {
            return found;
        }
        let (waited, warnings) = (began.elapsed(), logs::last_warnings);
        assert!(waited < PATIENCE, "{what} did not happen; the last warnings:\n{}", warnings());
        WakeUp::new().wait(PAUSE);
    }
}

/// A broker as an application takes it.
pub(crate) fn shared(broker: &KafkaBroker) -> Arc<dyn Broker> {
    Arc::new(broker.clone())
}

/// Waits for a future.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}
