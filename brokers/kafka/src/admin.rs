//! Topics and offsets.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use krafka::{
    admin::{
        AdminClient, ConfigResource, CreatePartitionsOptions, CreateTopicsOptions,
        DeleteRecordsOptions, DeleteTopicsOptions, DescribeConfigsOptions, DescribeTopicsOptions,
        ListTopicsOptions, NewTopic as KrafkaTopic, TopicPartition as KrafkaPartition,
    },
    error::KrafkaError,
};
use streams_core::broker::{
    Admin, BrokerError, NewTopic, OffsetSpec, TopicDescription, TopicPartition,
};

use crate::{
    client::Client,
    offsets::OffsetFinder,
    protocol::ErrorCode,
    transport::{KrafkaTransport, from_krafka},
};

/// A config that was set for the topic itself, in the protocol's numbers.
const SET_FOR_THE_TOPIC: i8 = 1;

/// How often a change is looked for that the cluster has accepted but not yet made known.
const LOOK: Duration = Duration::from_millis(20);

#[derive(Clone, Debug)]
pub(crate) struct KafkaAdmin {
    client: Client,
    transport: KrafkaTransport,
    offsets: OffsetFinder,
}

impl KafkaAdmin {
    pub(crate) fn new(client: Client, transport: KrafkaTransport) -> Self {
        let offsets = OffsetFinder::new(Arc::clone(&client.transport), "streams-admin");
        Self { client, transport, offsets }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Waits for a call with krafka's admin client.
    pub(crate) fn call<T, F>(
        &self,
        what: &str,
        call: impl FnOnce(AdminClient) -> F + Send + 'static,
    ) -> Result<T, BrokerError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, BrokerError>> + Send,
    {
        let transport = self.transport.clone();
        self.client.wait_for(what, async move { call(transport.admin().await?).await })
    }
}

impl Admin for KafkaAdmin {
    fn create_topics(&self, topics: &[NewTopic]) -> Result<(), BrokerError> {
        let wanted: Vec<NewTopic> = topics.to_vec();
        self.call("the creation of topics", move |admin| async move {
            let topics: Result<Vec<_>, _> = wanted.iter().map(krafka_topic).collect();
            let created = admin.create_topics(topics?, CreateTopicsOptions::default()).await;
            first_error("the creation of topics", created, topic_name)?;
            for topic in &wanted {
                until_partitions(&admin, &topic.name, Some(topic.partitions)).await?;
            }
            Ok(())
        })
    }

    fn create_partitions(&self, topic: &str, partitions: i32) -> Result<(), BrokerError> {
        let topic = topic.to_owned();
        self.call("the creation of partitions", move |admin| async move {
            let grown = [(topic.clone(), partitions)];
            let grown = admin.create_partitions(grown, CreatePartitionsOptions::default()).await;
            first_error("the creation of partitions", grown, topic_name)?;
            until_partitions(&admin, &topic, Some(partitions)).await
        })
    }

    fn delete_topics(&self, topics: &[&str]) -> Result<(), BrokerError> {
        let topics: Vec<String> = topics.iter().map(|topic| (*topic).to_owned()).collect();
        self.call("the deletion of topics", move |admin| async move {
            let deleted = admin.delete_topics(&topics, DeleteTopicsOptions::default()).await;
            first_error("the deletion of topics", deleted, topic_name)?;
            for topic in &topics {
                until_partitions(&admin, topic, None).await?;
            }
            Ok(())
        })
    }

    fn describe_topics(
        &self,
        topics: &[&str],
    ) -> Result<Vec<Option<TopicDescription>>, BrokerError> {
        let topics: Vec<String> = topics.iter().map(|topic| (*topic).to_owned()).collect();
        self.call("the description of topics", move |admin| async move {
            let mut found = described(&admin, &topics).await?;
            let mut configs = configs_of(&admin, found.keys()).await?;
            Ok(topics
                .iter()
                .map(|name| {
                    let (partitions, replicas) = found.remove(name)?;
                    let mut topic = TopicDescription::new(name.as_str(), partitions, replicas);
                    topic.configs = configs.remove(name).unwrap_or_default();
                    Some(topic)
                })
                .collect())
        })
    }

    fn list_topics(&self) -> Result<Vec<Arc<str>>, BrokerError> {
        self.call("the list of topics", |admin| async move {
            let listed = admin.list_topics(ListTopicsOptions::default()).await;
            let listed = listed.map_err(|error| admin_error("the list of topics", error))?;
            let mut names: Vec<Arc<str>> = listed.into_iter().map(Into::into).collect();
            names.sort_unstable();
            Ok(names)
        })
    }

    fn list_offsets(
        &self,
        partitions: &[(TopicPartition, OffsetSpec)],
    ) -> Result<Vec<i64>, BrokerError> {
        let (finder, asked) = (self.offsets.clone(), partitions.to_vec());
        let find = async move { finder.find(&asked).await };
        self.client.wait_for("the list of offsets", find)
    }

    fn delete_records(&self, before: &[(TopicPartition, i64)]) -> Result<(), BrokerError> {
        let before: Vec<_> = before
            .iter()
            .map(|(partition, offset)| (krafka_partition(partition), *offset))
            .collect();
        self.call("the deletion of records", move |admin| async move {
            let deleted = admin.delete_records(before, DeleteRecordsOptions::default()).await;
            first_error("the deletion of records", deleted, partition_name)
        })
    }
}

fn krafka_topic(topic: &NewTopic) -> Result<KrafkaTopic, BrokerError> {
    let replicas = topic.replication_factor.unwrap_or(-1);
    let made = KrafkaTopic::new(topic.name.as_str(), topic.partitions, replicas);
    // What krafka refuses without asking the cluster is wrong in itself.
    let made = made.map_err(|error| {
        let what = format!("topic {:?} cannot be made", topic.name);
        BrokerError::invalid_request(what).with_source(error)
    })?;
    let configs = topic.configs.iter();
    Ok(configs.fold(made, |made, (name, value)| made.with_config(name, value)))
}

pub(crate) fn krafka_partition(partition: &TopicPartition) -> KrafkaPartition {
    KrafkaPartition::new(partition.topic.to_string(), partition.partition)
}

/// Waits until a node tells of a topic what the cluster has decided: so many partitions, or none.
async fn until_partitions(
    admin: &AdminClient,
    topic: &str,
    partitions: Option<i32>,
) -> Result<(), BrokerError> {
    let topic = [topic.to_owned()];
    loop {
        let found = described(admin, &topic).await?;
        if found.get(&topic[0]).map(|(count, _)| *count) == partitions {
            return Ok(());
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Partition count and replication factor of each topic that exists.
async fn described(
    admin: &AdminClient,
    topics: &[String],
) -> Result<BTreeMap<String, (i32, i16)>, BrokerError> {
    if topics.is_empty() {
        return Ok(BTreeMap::new());
    }
    let found = admin.describe_topics(topics, DescribeTopicsOptions::default()).await;
    let found = found.map_err(|error| admin_error("the description of topics", error))?;
    let mut described = BTreeMap::new();
    for (name, topic) in found {
        match topic {
            Ok(topic) => {
                let replicas = topic.partitions.first().map_or(0, |first| first.replicas.len());
                let replicas = i16::try_from(replicas).unwrap_or(i16::MAX);
                let count = i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX);
                described.insert(name, (count, replicas));
            }
            Err(error) if is_unknown_topic(&error) => {}
            Err(error) => return Err(admin_error(&format!("topic {name}"), error)),
        }
    }
    Ok(described)
}

fn is_unknown_topic(error: &KrafkaError) -> bool {
    let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION.0;
    match error {
        KrafkaError::UnknownTopic { .. } => true,
        KrafkaError::Broker { code, .. } => code.to_i16() == unknown,
        _ => false,
    }
}

/// What was set for each topic itself.
async fn configs_of(
    admin: &AdminClient,
    topics: impl Iterator<Item = &String>,
) -> Result<BTreeMap<String, BTreeMap<String, String>>, BrokerError> {
    let resources: Vec<_> = topics.map(ConfigResource::topic).collect();
    if resources.is_empty() {
        return Ok(BTreeMap::new());
    }
    let found = admin.describe_configs(resources, DescribeConfigsOptions::default()).await;
    let found = found.map_err(|error| admin_error("the configs of topics", error))?;
    let mut configs = BTreeMap::new();
    for (resource, entries) in found {
        // A topic that was deleted meanwhile, or whose configs may not be read, shows none.
        let own = entries.into_iter().flatten().filter_map(|entry| {
            let set = entry.config_source == SET_FOR_THE_TOPIC;
            Some((entry.name, entry.value.filter(|_| set)?))
        });
        configs.insert(resource.name, own.collect());
    }
    Ok(configs)
}

/// The first error of a call that does several things: that of the call, else of the first by
/// name.
pub(crate) fn first_error<K, T>(
    what: &str,
    results: Result<impl IntoIterator<Item = (K, Result<T, KrafkaError>)>, KrafkaError>,
    name: impl Fn(&K) -> String,
) -> Result<(), BrokerError> {
    let results = results.map_err(|error| admin_error(what, error))?;
    let mut errors: Vec<_> =
        results.into_iter().filter_map(|(key, result)| Some((name(&key), result.err()?))).collect();
    errors.sort_by(|(one, _), (other, _)| one.cmp(other));
    match errors.into_iter().next() {
        None => Ok(()),
        Some((name, error)) => Err(admin_error(&name, error)),
    }
}

pub(crate) fn partition_name(partition: &KrafkaPartition) -> String {
    format!("partition {}-{}", partition.topic, partition.partition)
}

fn topic_name(topic: &String) -> String {
    format!("topic {topic}")
}

/// krafka's error in the words of the seam; a code that the cluster answered with decides.
pub(crate) fn admin_error(what: &str, error: KrafkaError) -> BrokerError {
    if let KrafkaError::Broker { code, message } = &error {
        let code = ErrorCode(code.to_i16());
        return code.error(&format!("{what}: {message}"));
    }
    if let KrafkaError::UnknownTopic { topic } = &error {
        return BrokerError::unknown_topic(topic);
    }
    from_krafka(what, error).into()
}
