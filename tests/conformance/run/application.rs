//! A scenario's topology, built, and what its topics hold.

use super::{config::Config, dsl, papi};
use crate::{
    refusal::Refusal,
    scenario::{Op, Scenario},
    types::Type,
};
use std::collections::BTreeMap;
use streams_core::{Topology, TopologyError};

/// Key and value type of a topic or a node.
pub type Types = (Type, Type);

/// A topology and the types of its topics.
#[derive(Debug)]
pub struct Application {
    /// What is run.
    pub topology: Topology,
    /// What is in the topics.
    pub topics: TopicTypes,
}

/// Why there is no application.
#[derive(Debug)]
pub enum Failure {
    /// The scenario is malformed or needs what the library does not offer.
    Refused(Refusal),
    /// The library refused the topology.
    Build(TopologyError),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<TopologyError> for Failure {
    fn from(error: TopologyError) -> Self {
        Self::Build(error)
    }
}

impl Application {
    /// Builds the topology of a scenario.
    pub fn build(scenario: &Scenario, config: &Config) -> Result<Self, Failure> {
        let is_low_level = |op: &Op| op.text("op").map(papi::has_op);
        let low_level =
            scenario.topology.iter().map(is_low_level).collect::<Result<Vec<_>, _>>()?;
        match (low_level.contains(&true), low_level.contains(&false)) {
            (true, false) => papi::build(&scenario.topology, config),
            (true, true) => {
                Err(Refusal::unsupported("nodes added to a topology that the DSL built").into())
            }
            (false, _) => dsl::build(&scenario.topology, config),
        }
    }
}

/// The declared types of topics.
#[derive(Debug, Default)]
pub struct TopicTypes {
    inputs: BTreeMap<String, Types>,
    /// By what the topics begin with.
    patterns: Vec<(String, Types)>,
    outputs: BTreeMap<String, Types>,
    dynamic: Option<Types>,
}

impl TopicTypes {
    /// Notes what a source reads: its `topic`, `topics` or `pattern`.
    pub fn source(&mut self, op: &Op, types: &Types) -> Result<(), Refusal> {
        if let Some(pattern) = op.optional("pattern") {
            let prefix = pattern
                .strip_suffix(".*")
                .ok_or_else(|| Refusal::unsupported(format!("pattern {pattern}")))?;
            self.patterns.push((prefix.to_owned(), types.clone()));
        }
        for topic in op.texts("topics").into_iter().chain(op.optional("topic").map(str::to_owned)) {
            self.inputs.insert(topic, types.clone());
        }
        Ok(())
    }

    /// Notes what a sink writes.
    pub fn sink(&mut self, topic: &str, types: &Types) {
        self.outputs.insert(topic.to_owned(), types.clone());
    }

    /// Notes what a sink writes that chooses its topics.
    pub fn dynamic_sink(&mut self, types: &Types) -> Result<(), Refusal> {
        if self.dynamic.as_ref().is_some_and(|other| other != types) {
            return Err(Refusal::invalid("two dynamic sinks with different types"));
        }
        self.dynamic = Some(types.clone());
        Ok(())
    }

    /// The types of an input topic, texts if nothing reads it.
    pub fn input(&self, topic: &str) -> Types {
        let by_pattern =
            || self.patterns.iter().find(|(prefix, _)| topic.starts_with(prefix)).map(|(_, it)| it);
        let types = self.inputs.get(topic).or_else(by_pattern);
        types.cloned().unwrap_or((Type::Text, Type::Text))
    }

    /// The types of an output topic, if a sink declares them.
    pub fn output(&self, topic: &str) -> Option<&Types> {
        self.outputs.get(topic).or(self.dynamic.as_ref())
    }
}
