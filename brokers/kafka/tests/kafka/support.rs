//! Where the Kafka of the tests is.

use broker_kafka::{KafkaBroker, KafkaConfig};

/// The address of a Kafka with the settings of `cargo xtask kafka start --profile test`.
pub(crate) fn bootstrap() -> String {
    std::env::var("STREAMS_KAFKA").unwrap_or_else(|_| {
        panic!(
            "STREAMS_KAFKA is not set: run `cargo xtask test kafka`, or give the address of a \
             Kafka that `cargo xtask kafka start --profile test` has started"
        )
    })
}

/// A client of it.
pub(crate) fn broker() -> KafkaBroker {
    KafkaBroker::new(KafkaConfig::new(&bootstrap()).unwrap()).unwrap()
}
