//! The cluster at `STREAMS_KAFKA`: an Apache Kafka 4.3 with short sessions and heartbeats.

use std::{
    fmt::Debug,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use krafka::admin::{
    AdminClient, ConfigOp, ConfigResource, CreatePartitionsOptions, CreateTopicsOptions,
    DescribeConfigsOptions, IncrementalAlterConfigsOptions, NewTopic,
};
use streams_core::{
    Clock, SystemClock,
    broker::{BrokerError, GroupOptions, TopologySpec},
};

use super::{
    Member,
    lossy::{Lossy, Trouble},
};
use crate::{KafkaConfig, client::Client, transport::KrafkaTransport};

#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) client: Client,
    transport: KrafkaTransport,
}

impl Cluster {
    pub(super) fn connect() -> Self {
        Self::with(|config| config)
    }

    pub(super) fn with(change: impl FnOnce(KafkaConfig) -> KafkaConfig) -> Self {
        let servers = std::env::var("STREAMS_KAFKA");
        let servers = servers.expect("STREAMS_KAFKA is to be the host:port of an Apache Kafka");
        let config = change(KafkaConfig::new(&servers).unwrap());
        let transport = KrafkaTransport::new(config.clone(), "membership-test").unwrap();
        let client = Client::new(Arc::new(transport.clone()), config).unwrap();
        Self { client, transport }
    }

    pub(super) fn make_topic(&self, name: &str, partitions: i32) {
        let topic = NewTopic::new(name, partitions, 1).unwrap();
        let options = CreateTopicsOptions::default();
        self.admin(|admin| async move { all(admin.create_topics([topic], options).await) });
    }

    pub(super) fn grow_topic(&self, name: &str, partitions: i32) {
        let total = [(name.to_owned(), partitions)];
        let options = CreatePartitionsOptions::default();
        self.admin(|admin| async move { all(admin.create_partitions(total, options).await) });
    }

    /// Sets a config of a group.
    pub(super) fn set(&self, group: &str, name: &str, value: &str) {
        let change = [(ConfigResource::group(group), vec![ConfigOp::set(name, value)])];
        let options = IncrementalAlterConfigsOptions::default();
        self.admin(
            |admin| async move { all(admin.incremental_alter_configs(change, options).await) },
        );
    }

    /// A config of a topic.
    pub(super) fn topic_config(&self, topic: &str, name: &str) -> Option<String> {
        let (resource, name) = (ConfigResource::topic(topic), name.to_owned());
        let options = DescribeConfigsOptions::default();
        let described = self.admin(|admin| async move {
            let mut described = admin.describe_configs([resource.clone()], options).await.unwrap();
            described.remove(&resource).unwrap().unwrap()
        });
        described.into_iter().find(|entry| entry.name == name)?.value
    }

    pub(super) fn admin<T, F>(&self, call: impl FnOnce(AdminClient) -> F + Send + 'static) -> T
    where
        T: Send + 'static,
        F: Future<Output = T> + Send,
    {
        let transport = self.transport.clone();
        let done = self.client.wait_for("the admin's call", async move {
            let admin = transport.admin().await?;
            Ok::<_, BrokerError>(call(admin).await)
        });
        done.unwrap()
    }

    /// The same cluster, to which connections suffer some trouble.
    pub(super) fn troubled(&self) -> (Self, Arc<Trouble>) {
        let trouble = Arc::new(Trouble::default());
        let lossy = Lossy::new(Arc::clone(&self.client.transport), &trouble);
        let mut client = self.client.clone();
        client.transport = Arc::new(lossy);
        (Self { client, transport: self.transport.clone() }, trouble)
    }

    pub(super) fn member(&self, group: &str, id: &str, topology: &TopologySpec) -> Member {
        let options = GroupOptions::new(group, format!("process-of-{id}"), id);
        Member::start(&self.client, options, topology)
    }
}

/// Each of an admin's results is a success.
fn all<K: Debug, E: Debug>(results: Result<impl IntoIterator<Item = (K, Result<(), E>)>, E>) {
    for (name, result) in results.unwrap() {
        result.unwrap_or_else(|error| panic!("{name:?}: {error:?}"));
    }
}

/// A name that no other test and no earlier run has.
pub(super) fn unique(name: &str) -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let (process, count) = (std::process::id(), COUNT.fetch_add(1, Ordering::SeqCst));
    let started = SystemClock.now().as_millis();
    format!("{name}-{process}-{started}-{count}")
}
