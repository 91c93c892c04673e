//! Where the Kafka of the tests is.

use broker_kafka::{KafkaBroker, KafkaConfig};

/// The address of a Kafka with the settings of `cargo xtask kafka start --profile test`.
pub(crate) fn bootstrap() -> String {
    std::env::var("STREAMS_KAFKA").expect(
        "STREAMS_KAFKA is the address of a Kafka that `cargo xtask kafka start --profile test` has \
         started; `cargo xtask test kafka` starts one by itself",
    )
}

/// A client of it.
pub(crate) fn broker() -> KafkaBroker {
    let config = KafkaConfig::new(&bootstrap()).expect("the address is host:port");
    KafkaBroker::new(config).expect("a client is made")
}
