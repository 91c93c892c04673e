//! The cluster that is measured on.

use std::sync::Arc;

use streams_dsl::{Broker, KafkaBroker, KafkaConfig};

use crate::Result;

/// Connects to Apache Kafka at `bootstrap`, `host:port`.
pub(crate) fn connect(bootstrap: &str) -> Result<Arc<dyn Broker>> {
    Ok(Arc::new(KafkaBroker::new(KafkaConfig::new(bootstrap)?)?))
}
