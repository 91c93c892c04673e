//! The broker that an application is handed.

use std::{fmt, sync::Arc};

use streams_core::broker::{
    Admin, Broker, BrokerError, FetchOptions, Fetcher, GroupAdmin, GroupOptions, Membership,
    ProduceOptions, Producer, TopologySpec, WakeUp,
};

use crate::{
    admin::KafkaAdmin, client::Client, config::KafkaConfig, fetcher::KafkaFetcher,
    group_admin::KafkaGroupAdmin, membership::KafkaMembership, producer::KafkaProducer,
    transport::KrafkaTransport,
};

/// A cluster of Apache Kafka 4.2 or newer.
///
/// Cheap to clone; clones share connections' settings, what is known of the cluster, and one
/// thread that moves bytes. The thread ends with the last of the clones and of what was made from
/// them.
///
/// # Example: an application on a cluster
/// ```no_run
/// use broker_kafka::{KafkaBroker, KafkaConfig};
/// use streams_core::broker::Broker;
///
/// let broker = KafkaBroker::new(KafkaConfig::new("localhost:9092")?)?;
/// for topic in broker.admin().list_topics()? {
///     println!("{topic}");
/// }
/// # Ok::<(), streams_core::broker::BrokerError>(())
/// ```
#[derive(Clone)]
pub struct KafkaBroker {
    client: Client,
    admin: KafkaAdmin,
}

impl KafkaBroker {
    /// A cluster that is not contacted before something is asked of it: an application starts
    /// before its brokers do, and tries until they are there (see
    /// [`deadline`](KafkaConfig::deadline)).
    ///
    /// # Errors
    /// Certificates that cannot be read, naming the setting.
    pub fn new(config: KafkaConfig) -> Result<Self, BrokerError> {
        let transport = KrafkaTransport::new(config.clone(), "streams")?;
        let client = Client::new(Arc::new(transport.clone()), config)?;
        let admin = KafkaAdmin::new(client.clone(), transport);
        Ok(Self { client, admin })
    }
}

impl Broker for KafkaBroker {
    fn fetcher(&self, options: FetchOptions, wake: WakeUp) -> Box<dyn Fetcher> {
        Box::new(KafkaFetcher::start(&self.client, options, wake))
    }

    fn producer(&self, options: ProduceOptions, wake: WakeUp) -> Box<dyn Producer> {
        Box::new(KafkaProducer::start(&self.client, options, wake))
    }

    fn membership(
        &self,
        options: GroupOptions,
        topology: TopologySpec,
        wake: WakeUp,
    ) -> Result<Box<dyn Membership>, BrokerError> {
        Ok(Box::new(KafkaMembership::start(&self.client, options, topology, wake)?))
    }

    fn admin(&self) -> Arc<dyn Admin> {
        Arc::new(self.admin.clone())
    }

    fn group_admin(&self) -> Arc<dyn GroupAdmin> {
        Arc::new(KafkaGroupAdmin::new(self.admin.clone()))
    }
}

impl fmt::Debug for KafkaBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaBroker").field("config", &self.client.config).finish_non_exhaustive()
    }
}
