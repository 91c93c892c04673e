//! Topics and groups before and after a run.

use std::time::Duration;

use streams_dsl::{
    Broker, NewTopic,
    core::broker::{OffsetSpec, TopicPartition},
};

use crate::{Result, options::Options, workload::Topic};

/// What the names of an application's own topics end with.
const INTERNAL: [&str; 2] = ["-changelog", "-repartition"];

/// How often and at what pace something is looked at that is about to change.
const LOOKS: u32 = 300;
const PACE: Duration = Duration::from_millis(100);

/// The end offsets of these topics, added up; `None` if one of them does not exist.
pub(crate) fn records_in(
    broker: &dyn Broker,
    options: &Options,
    topics: &[Topic],
) -> Result<Option<u64>> {
    let names: Vec<String> = topics.iter().map(|(name, _)| options.topic(name)).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut asked = Vec::new();
    for found in broker.admin().describe_topics(&names)? {
        let Some(topic) = found else { return Ok(None) };
        asked.extend(
            (0..topic.partitions).map(|number| {
                (TopicPartition::new(topic.name.clone(), number), OffsetSpec::Latest)
            }),
        );
    }
    let ends = broker.admin().list_offsets(&asked)?;
    Ok(Some(ends.into_iter().map(|end| end.max(0) as u64).sum()))
}

/// Makes those of these topics that do not exist. They are never emptied: event times lie in the
/// past.
pub(crate) fn create_missing(
    broker: &dyn Broker,
    options: &Options,
    topics: &[Topic],
) -> Result<()> {
    let mut missing = Vec::new();
    for (name, partitions) in topics {
        let name = options.topic(name);
        if let [None] = broker.admin().describe_topics(&[&name])?[..] {
            let topic = NewTopic::new(name, *partitions);
            missing.push(topic.config("retention.ms", "-1").config("retention.bytes", "-1"));
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    Ok(broker.admin().create_topics(&missing)?)
}

/// Deletes these topics, as far as they exist, and makes them anew.
pub(crate) async fn recreate(
    broker: &dyn Broker,
    options: &Options,
    topics: &[Topic],
) -> Result<()> {
    let names: Vec<String> = topics.iter().map(|(name, _)| options.topic(name)).collect();
    delete(broker, &names).await?;
    create_missing(broker, options, topics)
}

/// Forgets an application: its internal topics and its group.
pub(crate) async fn forget(broker: &dyn Broker, application_id: &str) -> Result<()> {
    let own = format!("{application_id}-");
    let is_internal =
        |name: &str| name.starts_with(&own) && INTERNAL.iter().any(|ending| name.ends_with(ending));
    let topics = broker.admin().list_topics()?;
    let internal: Vec<String> =
        topics.iter().filter(|name| is_internal(name)).map(|name| name.to_string()).collect();
    delete(broker, &internal).await?;
    let groups = broker.group_admin();
    let mut pace = tokio::time::interval(PACE);
    for look in 0..LOOKS {
        if groups.describe_group(application_id)?.is_none() {
            return Ok(());
        }
        // Members may still be leaving.
        match groups.delete_group(application_id) {
            Err(error) if look + 1 == LOOKS => return Err(error.into()),
            _ => pace.tick().await,
        };
    }
    Err(format!("group {application_id} is still there after its deletion").into())
}

/// Deletes the topics that exist, and waits until the broker has forgotten them.
async fn delete(broker: &dyn Broker, names: &[String]) -> Result<()> {
    let admin = broker.admin();
    let present = || -> Result<Vec<&str>> {
        let asked: Vec<&str> = names.iter().map(String::as_str).collect();
        let found = admin.describe_topics(&asked)?;
        let present = asked.iter().zip(found).filter(|(_, found)| found.is_some());
        Ok(present.map(|(name, _)| *name).collect())
    };
    let before = present()?;
    if before.is_empty() {
        return Ok(());
    }
    admin.delete_topics(&before)?;
    let mut pace = tokio::time::interval(PACE);
    for _ in 0..LOOKS {
        pace.tick().await;
        if present()?.is_empty() {
            return Ok(());
        }
    }
    Err(format!("topics are still there after their deletion: {}", before.join(", ")).into())
}
