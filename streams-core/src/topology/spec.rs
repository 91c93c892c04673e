//! The topics a topology reads, writes and owns, as the group coordinator is told of them.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use state_stores::{ChangelogRestore, StoreKind, StoreSpec};

use super::{
    Parts, Subtopology, Topology,
    checks::whole_name,
    copartition,
    node::{MakeStore, NodeKind, SinkTopic, SourceTopics, StoreDefinition, with_application},
};
use crate::broker::{CopartitionGroup, InternalTopicSpec, SubtopologySpec, TopologySpec};

/// What the application's configuration says of internal topics.
#[derive(Clone, Debug)]
pub struct InternalTopicConfigs {
    /// `replication.factor`; `None` takes the broker's default.
    pub replication_factor: Option<i16>,
    /// `windowstore.changelog.additional.retention.ms`: how much longer than its store the
    /// changelog of a windowed store keeps records.
    pub window_changelog_additional_retention: Duration,
    /// `topic.*`: settings of every internal topic.
    pub overrides: BTreeMap<String, String>,
}

impl Default for InternalTopicConfigs {
    fn default() -> Self {
        Self {
            replication_factor: None,
            window_changelog_additional_retention: Duration::from_secs(24 * 60 * 60),
            overrides: BTreeMap::new(),
        }
    }
}

/// Why an internal topic exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InternalTopicKind {
    /// Carries records from one sub-topology to the next, partitioned by a new key.
    Repartition,
    /// Carries the updates of a store.
    Changelog,
    /// A source topic that a store is restored from.
    SourceAsChangelog,
}

impl Topology {
    /// What the coordinator needs to know to create topics and assign tasks.
    pub fn spec(&self, application_id: &str, configs: &InternalTopicConfigs) -> TopologySpec {
        let parts = &*self.parts;
        let copartition_groups =
            copartition::groups(parts, |topic| full_name(parts, topic, application_id));
        let namer = Namer { parts, application_id, configs, copartition_groups };
        let subtopologies = self.parts.subtopologies.iter();
        TopologySpec {
            epoch: 0,
            subtopologies: subtopologies
                .map(|subtopology| namer.subtopology(subtopology))
                .collect(),
        }
    }

    /// Full name of the changelog of each store that has one, by store index.
    pub(crate) fn changelog_of(&self, store: usize, application_id: &str) -> Option<Arc<str>> {
        let store = self.parts.stores.get(store)?.as_ref()?;
        changelog_topic(store, application_id)
    }

    /// The reset policy of the source that reads `topic`, named in full, if it has its own.
    pub(crate) fn reset_of(
        &self,
        subtopology: usize,
        topic: &str,
        application_id: &str,
    ) -> Option<super::OffsetReset> {
        let node = self.source_of(&[subtopology], topic, application_id)?;
        match &self.parts.nodes[node].kind {
            NodeKind::Source { reset, .. } => *reset,
            NodeKind::Processor | NodeKind::Sink { .. } => None,
        }
    }

    /// The source node that reads `topic`, named in full, in a sub-topology.
    pub(crate) fn source_of(
        &self,
        subtopologies: &[usize],
        topic: &str,
        application_id: &str,
    ) -> Option<usize> {
        let nodes = subtopologies.iter().flat_map(|at| &self.parts.subtopologies[*at].nodes);
        nodes.copied().find(|node| match &self.parts.nodes[*node].kind {
            NodeKind::Source { topics: SourceTopics::Named(topics), .. } => {
                topics.iter().any(|own| *full_name(&self.parts, own, application_id) == *topic)
            }
            NodeKind::Source { topics: SourceTopics::Pattern(pattern), .. } => {
                whole_name(pattern).is_ok_and(|pattern| pattern.is_match(topic))
            }
            NodeKind::Processor | NodeKind::Sink { .. } => false,
        })
    }
}

/// Full name of `topic`: internal ones begin with the application id.
fn full_name(parts: &Parts, topic: &Arc<str>, application_id: &str) -> Arc<str> {
    if parts.internal_topics.iter().any(|internal| internal.name == *topic) {
        with_application(application_id, topic)
    } else {
        Arc::clone(topic)
    }
}

fn changelog_topic(store: &StoreDefinition, application_id: &str) -> Option<Arc<str>> {
    match &store.source_changelog {
        Some(topic) => Some(Arc::clone(topic)),
        None if store.spec.logging.is_some() => {
            Some(with_application(application_id, &format!("{}-changelog", store.name)))
        }
        None => None,
    }
}

/// Names topics in full, and says things in the order in which Kafka Streams says them: brokers
/// compare topologies, order included.
struct Namer<'a> {
    parts: &'a Parts,
    application_id: &'a str,
    configs: &'a InternalTopicConfigs,
    copartition_groups: Vec<Vec<Arc<str>>>,
}

impl Namer<'_> {
    fn subtopology(&self, subtopology: &Subtopology) -> SubtopologySpec {
        let mut spec = SubtopologySpec::default();
        for node in &subtopology.nodes {
            match &self.parts.nodes[*node].kind {
                NodeKind::Source { topics: SourceTopics::Named(topics), .. } => {
                    topics.iter().for_each(|topic| self.source_topic(topic, &mut spec));
                }
                NodeKind::Source { topics: SourceTopics::Pattern(pattern), .. } => {
                    spec.source_topic_patterns.push(Arc::clone(pattern));
                }
                NodeKind::Sink { topic: SinkTopic::Fixed(topic) } if self.is_internal(topic) => {
                    spec.repartition_sink_topics.push(with_application(self.application_id, topic));
                }
                NodeKind::Sink { .. } | NodeKind::Processor => {}
            }
        }
        let stores = subtopology.stores.iter().filter_map(|at| self.parts.stores[*at].as_ref());
        spec.changelog_topics = stores.filter_map(|store| self.changelog(store)).collect();
        sort(&mut spec.source_topics, |topic| topic);
        sort(&mut spec.source_topic_patterns, |pattern| pattern);
        sort(&mut spec.repartition_sink_topics, |topic| topic);
        sort(&mut spec.repartition_source_topics, |topic| &topic.name);
        sort(&mut spec.changelog_topics, |topic| &topic.name);
        spec.copartition_groups = self.copartition_groups(&spec);
        spec
    }

    fn source_topic(&self, topic: &Arc<str>, spec: &mut SubtopologySpec) {
        let internal = self.parts.internal_topics.iter().find(|other| other.name == *topic);
        let Some(internal) = internal else {
            spec.source_topics.push(Arc::clone(topic));
            return;
        };
        let mut configs = BTreeMap::from([
            ("cleanup.policy".to_owned(), "delete".to_owned()),
            ("message.timestamp.type".to_owned(), "CreateTime".to_owned()),
            (RETENTION.to_owned(), "-1".to_owned()),
            ("segment.bytes".to_owned(), "52428800".to_owned()),
        ]);
        configs.extend(self.configs.overrides.clone());
        spec.repartition_source_topics.push(InternalTopicSpec {
            name: with_application(self.application_id, &internal.name),
            partitions: internal.partitions,
            replication_factor: self.configs.replication_factor,
            configs,
        });
    }

    /// The topic that a store is restored from, if any. A source topic that serves as one is said
    /// with the settings of a changelog, though it exists and keeps its own.
    fn changelog(&self, store: &StoreDefinition) -> Option<InternalTopicSpec> {
        let own = store.spec.logging.clone().filter(|_| store.source_changelog.is_none());
        Some(InternalTopicSpec {
            name: changelog_topic(store, self.application_id)?,
            partitions: None,
            replication_factor: self.configs.replication_factor,
            configs: self.changelog_configs(store.spec.kind, own.unwrap_or_default()),
        })
    }

    /// What the store says of its changelog goes before what the application says of all topics,
    /// and that before the defaults; but for the retention of windows, which is the store's own.
    fn changelog_configs(
        &self,
        kind: StoreKind,
        own: BTreeMap<String, String>,
    ) -> BTreeMap<String, String> {
        let (cleanup, retention) = match kind {
            StoreKind::Window { retention_ms, .. } | StoreKind::Session { retention_ms } => {
                let extra = self.configs.window_changelog_additional_retention.as_millis();
                let extra = i64::try_from(extra).unwrap_or(i64::MAX);
                ("compact,delete", Some(retention_ms.saturating_add(extra)))
            }
            // Key-value stores, and kinds to come: only the last value of a key counts.
            _ => ("compact", None),
        };
        let mut configs = BTreeMap::from([
            ("cleanup.policy".to_owned(), cleanup.to_owned()),
            ("message.timestamp.type".to_owned(), "CreateTime".to_owned()),
        ]);
        configs.extend(self.configs.overrides.clone());
        configs.extend(retention.map(|retention| (RETENTION.to_owned(), retention.to_string())));
        configs.extend(own);
        configs
    }

    /// The groups whose topics are all read here.
    fn copartition_groups(&self, spec: &SubtopologySpec) -> Vec<CopartitionGroup> {
        let is_repartition =
            |name: &Arc<str>| spec.repartition_source_topics.iter().any(|it| it.name == *name);
        let is_read = |name: &Arc<str>| {
            spec.source_topics.contains(name)
                || spec.source_topic_patterns.contains(name)
                || is_repartition(name)
        };
        let groups = self.copartition_groups.iter();
        groups
            .filter(|topics| topics.iter().all(is_read))
            .map(|topics| CopartitionGroup {
                source_topics: shared(topics, &spec.source_topics),
                source_topic_patterns: shared(topics, &spec.source_topic_patterns),
                repartition_source_topics: {
                    topics.iter().filter(|name| is_repartition(name)).cloned().collect()
                },
            })
            .collect()
    }

    fn is_internal(&self, topic: &Arc<str>) -> bool {
        self.parts.internal_topics.iter().any(|internal| internal.name == *topic)
    }
}

const RETENTION: &str = "retention.ms";

/// Sorts by name and leaves out what is there twice.
fn sort<T>(topics: &mut Vec<T>, name: impl Fn(&T) -> &Arc<str>) {
    topics.sort_by(|a, b| name(a).cmp(name(b)));
    topics.dedup_by(|a, b| name(a) == name(b));
}

fn shared(named: &[Arc<str>], own: &[Arc<str>]) -> Vec<Arc<str>> {
    named.iter().filter(|name| own.contains(name)).cloned().collect()
}

/// A store of a task about to be made.
pub struct TaskStore<'a> {
    /// Place in the topology.
    pub index: usize,
    /// Its options.
    pub spec: &'a StoreSpec,
    /// Topic it is restored from, if any.
    pub changelog: Option<Arc<str>>,
    /// Whether its updates are to be appended to that topic: not if a source topic serves.
    pub is_logged: bool,
    /// Topic that its serdes see.
    pub serde_topic: Arc<str>,
    /// Makes it.
    pub build: &'a MakeStore,
    /// Turns records of its changelog into its local form.
    pub restore: &'a Arc<dyn ChangelogRestore>,
}

impl std::fmt::Debug for TaskStore<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TaskStore").field("spec", &self.spec).finish_non_exhaustive()
    }
}

impl Topology {
    /// The stores of these sub-topologies, in the order in which their nodes use them.
    pub fn stores_of(&self, subtopologies: &[usize], application_id: &str) -> Vec<TaskStore<'_>> {
        let indices = subtopologies.iter().flat_map(|at| &self.parts.subtopologies[*at].stores);
        indices
            .filter_map(|index| {
                let store = self.parts.stores[*index].as_ref()?;
                let own = with_application(application_id, &format!("{}-changelog", store.name));
                Some(TaskStore {
                    index: *index,
                    spec: &store.spec,
                    changelog: changelog_topic(store, application_id),
                    is_logged: store.spec.logging.is_some() && store.source_changelog.is_none(),
                    serde_topic: own,
                    build: &store.make,
                    restore: &store.restore,
                })
            })
            .collect()
    }

    /// The topics that each sub-topology reads, in the order of its sources; patterns pick from
    /// `existing`.
    pub fn source_topics<'a>(
        &self,
        application_id: &str,
        existing: &(impl Iterator<Item = &'a Arc<str>> + Clone),
    ) -> Vec<Vec<Arc<str>>> {
        let subtopologies = self.parts.subtopologies.iter();
        subtopologies
            .map(|subtopology| {
                let nodes = subtopology.nodes.iter().map(|node| &self.parts.nodes[*node].kind);
                nodes
                    .flat_map(|kind| match kind {
                        NodeKind::Source { topics: SourceTopics::Named(topics), .. } => topics
                            .iter()
                            .map(|topic| full_name(&self.parts, topic, application_id))
                            .collect(),
                        NodeKind::Source { topics: SourceTopics::Pattern(pattern), .. } => {
                            matching(pattern, existing.clone())
                        }
                        NodeKind::Processor | NodeKind::Sink { .. } => Vec::new(),
                    })
                    .collect()
            })
            .collect()
    }
}

fn matching<'a>(pattern: &str, topics: impl Iterator<Item = &'a Arc<str>>) -> Vec<Arc<str>> {
    let Ok(pattern) = whole_name(pattern) else { return Vec::new() };
    topics.filter(|topic| pattern.is_match(topic)).cloned().collect()
}
