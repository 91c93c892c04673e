//! What the group wants this member to own, as the coordinator says it and as it was handed out.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use streams_core::broker::{OwnedTasks, TaskAssignment, TaskId, TopicPartition, TopologySpec};

/// Active tasks with the partitions each reads.
type Inputs = BTreeMap<TaskId, Vec<TopicPartition>>;

/// The assignment of one membership.
#[derive(Debug)]
pub(super) struct Assignment {
    /// The topics that each sub-topology reads.
    sources: Vec<Vec<Arc<str>>>,
    /// What the coordinator said last; `None` before it said anything.
    assigned: Option<OwnedTasks>,
    /// An answer was lost, and an assignment perhaps with it: the coordinator says each once.
    is_doubtful: bool,
    /// The partitions of the assigned tasks; `None` until the topics are known.
    inputs: Option<Inputs>,
    /// What was handed out last, unless the member has lost it since.
    handed: Option<(Inputs, BTreeSet<TaskId>)>,
    /// Whether that is another than the assigned; polls are too frequent to compare each time.
    differs: bool,
}

impl Assignment {
    pub(super) fn new(topology: TopologySpec) -> Self {
        let subtopologies = topology.subtopologies.into_iter();
        let sources = subtopologies.map(|subtopology| {
            let internal = subtopology.repartition_source_topics.into_iter();
            subtopology.source_topics.into_iter().chain(internal.map(|topic| topic.name)).collect()
        });
        Self {
            sources: sources.collect(),
            assigned: None,
            is_doubtful: false,
            inputs: None,
            handed: None,
            differs: false,
        }
    }

    /// The membership is over, or another begins.
    pub(super) fn forget(&mut self) {
        (self.assigned, self.inputs, self.handed) = (None, None, None);
        self.is_doubtful = false;
        self.compare();
    }

    /// An answer was lost.
    pub(super) fn doubt(&mut self) {
        self.is_doubtful = true;
    }

    pub(super) fn is_doubtful(&self) -> bool {
        self.is_doubtful
    }

    /// The coordinator has said what to own.
    ///
    /// # Errors
    /// A task of a sub-topology that this application does not have.
    pub(super) fn assign(&mut self, tasks: OwnedTasks) -> Result<(), TaskId> {
        let known = |task: &&TaskId| self.sources.get(task.subtopology).is_none();
        if let Some(unknown) = tasks.active.iter().chain(&tasks.standby).find(known) {
            return Err(*unknown);
        }
        self.is_doubtful = false;
        self.assigned = Some(tasks);
        self.inputs = None;
        self.compare();
        Ok(())
    }

    /// The topics whose partitions have to be known before the assignment is handed out; none if
    /// nothing is assigned.
    pub(super) fn topics(&self) -> BTreeSet<Arc<str>> {
        let active = self.assigned.iter().flat_map(|tasks| &tasks.active);
        let numbers: BTreeSet<usize> = active.map(|task| task.subtopology).collect();
        numbers.into_iter().flat_map(|number| &self.sources[number]).cloned().collect()
    }

    /// Works out the partitions of the assigned tasks anew.
    ///
    /// # Errors
    /// A topic that is not known, or has too few partitions by what is known.
    pub(super) fn resolve(&mut self, count: &impl Fn(&str) -> Option<i32>) -> Result<(), Arc<str>> {
        let Some(assigned) = &self.assigned else { return Ok(()) };
        let mut inputs = Inputs::new();
        for task in &assigned.active {
            let mut partitions = Vec::new();
            for topic in &self.sources[task.subtopology] {
                let known = count(topic).ok_or_else(|| Arc::clone(topic))?;
                if task.partition < known {
                    partitions.push(TopicPartition::new(Arc::clone(topic), task.partition));
                }
            }
            if partitions.is_empty() {
                let topic = self.sources[task.subtopology].first();
                return Err(topic.cloned().unwrap_or_else(|| "".into()));
            }
            inputs.insert(*task, partitions);
        }
        self.inputs = Some(inputs);
        self.compare();
        Ok(())
    }

    /// The member owns this now. What differs from what was handed out is either an earlier state,
    /// or the member has lost tasks: then it is told once more.
    pub(super) fn owns(&mut self, owned: &OwnedTasks) {
        let has_other = self.handed.as_ref().is_some_and(|(active, standby)| {
            owned.standby != *standby || !owned.active.iter().eq(active.keys())
        });
        if has_other {
            self.handed = None;
            self.compare();
        }
    }

    fn compare(&mut self) {
        self.differs = match (&self.assigned, &self.inputs, &self.handed) {
            (Some(assigned), Some(inputs), Some((active, standby))) => {
                inputs != active || assigned.standby != *standby
            }
            (Some(_), Some(_), None) => true,
            (None, ..) | (_, None, _) => false,
        };
    }

    /// Whether [`hand_out`](Self::hand_out) has something.
    pub(super) fn is_news(&self, is_ready: bool) -> bool {
        // Before the group is ready nothing is assigned: no news, and not the end of joining.
        let is_first_of_nothing = || {
            self.handed.is_none()
                && self.assigned.as_ref().is_none_or(|tasks| *tasks == OwnedTasks::default())
        };
        self.differs && !self.is_doubtful && (is_ready || !is_first_of_nothing())
    }

    /// What to own from now on, if that is not what was handed out last.
    pub(super) fn hand_out(&mut self, epoch: i32, is_ready: bool) -> Option<TaskAssignment> {
        if !self.is_news(is_ready) {
            return None;
        }
        let (active, standby) = (self.inputs.clone()?, self.assigned.as_ref()?.standby.clone());
        self.handed = Some((active.clone(), standby.clone()));
        self.differs = false;
        Some(TaskAssignment { epoch, active, standby })
    }
}

#[cfg(test)]
mod tests {
    use streams_core::broker::{InternalTopicSpec, SubtopologySpec};

    use super::*;

    fn tasks(active: &[&str], standby: &[&str]) -> OwnedTasks {
        let ids = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        OwnedTasks { active: ids(active), standby: ids(standby) }
    }

    /// Sub-topology 0 reads `wide` and `narrow`, 1 reads `again`, which is internal.
    fn assignment() -> Assignment {
        let first = SubtopologySpec {
            source_topics: vec!["wide".into(), "narrow".into()],
            ..SubtopologySpec::default()
        };
        let second = SubtopologySpec {
            repartition_source_topics: vec![InternalTopicSpec::new("again")],
            ..SubtopologySpec::default()
        };
        Assignment::new(TopologySpec { epoch: 0, subtopologies: vec![first, second] })
    }

    fn counts(topic: &str) -> Option<i32> {
        match topic {
            "wide" => Some(4),
            "narrow" => Some(3),
            "again" => Some(2),
            _ => None,
        }
    }

    fn inputs(assignment: &TaskAssignment) -> Vec<String> {
        let rows = assignment.active.iter().map(|(task, partitions)| {
            let partitions: Vec<String> = partitions.iter().map(ToString::to_string).collect();
            format!("{task}: {}", partitions.join(" "))
        });
        rows.collect()
    }

    #[test]
    fn tasks_are_handed_out_once_with_the_partitions_they_read() {
        let mut own = assignment();
        own.assign(tasks(&["0_2", "0_3", "1_1"], &["0_0"])).unwrap();
        assert!(!own.is_news(true), "the topics are not known");
        let topics: Vec<_> = own.topics().into_iter().collect();
        assert_eq!(topics, ["again".into(), "narrow".into(), "wide".into()] as [Arc<str>; 3]);
        own.resolve(&counts).unwrap();
        let handed = own.hand_out(5, true).unwrap();
        assert_eq!(inputs(&handed), ["0_2: wide-2 narrow-2", "0_3: wide-3", "1_1: again-1"]);
        assert_eq!((handed.epoch, handed.tasks()), (5, tasks(&["0_2", "0_3", "1_1"], &["0_0"])));
        assert_eq!(own.hand_out(6, true), None);
    }

    #[test]
    fn a_topic_that_is_unknown_or_too_narrow_is_named() {
        let mut own = assignment();
        own.assign(tasks(&["0_1"], &[])).unwrap();
        let unknown = own.resolve(&|topic| (topic != "narrow").then_some(4));
        assert_eq!(unknown, Err("narrow".into()));
        own.assign(tasks(&["1_2"], &[])).unwrap();
        assert_eq!(own.resolve(&counts), Err("again".into()));
        assert!(!own.is_news(true));
    }

    #[test]
    fn a_task_of_an_unknown_subtopology_is_refused() {
        let mut own = assignment();
        assert_eq!(own.assign(tasks(&["0_0"], &["2_0"])), Err(TaskId::new(2, 0)));
        assert!(own.topics().is_empty());
    }

    #[test]
    fn a_source_that_grew_is_news_though_the_tasks_stay() {
        let mut own = assignment();
        own.assign(tasks(&["0_3"], &[])).unwrap();
        own.resolve(&counts).unwrap();
        assert_eq!(inputs(&own.hand_out(1, true).unwrap()), ["0_3: wide-3"]);
        own.resolve(&counts).unwrap();
        assert!(!own.is_news(true));
        own.resolve(&|_| Some(4)).unwrap();
        assert_eq!(inputs(&own.hand_out(2, true).unwrap()), ["0_3: wide-3 narrow-3"]);
    }

    #[test]
    fn nothing_is_news_only_when_the_group_is_ready_or_something_was_handed_out() {
        let mut own = assignment();
        own.assign(tasks(&[], &[])).unwrap();
        own.resolve(&counts).unwrap();
        assert_eq!(own.hand_out(1, false), None);
        assert!(own.hand_out(1, true).unwrap().active.is_empty());
        own.assign(tasks(&["1_0"], &[])).unwrap();
        own.resolve(&counts).unwrap();
        assert!(own.hand_out(2, false).is_some());
        own.assign(tasks(&[], &[])).unwrap();
        own.resolve(&counts).unwrap();
        assert!(own.hand_out(3, false).is_some(), "all tasks are taken away");
    }

    #[test]
    fn what_the_member_has_lost_is_handed_out_again() {
        let mut own = assignment();
        own.assign(tasks(&["1_0", "1_1"], &["0_0"])).unwrap();
        own.resolve(&counts).unwrap();
        let first = own.hand_out(4, true).unwrap();
        own.owns(&first.tasks());
        assert_eq!(own.hand_out(4, true), None);
        own.owns(&OwnedTasks::default());
        assert_eq!(own.hand_out(4, true), Some(first));
    }

    #[test]
    fn a_doubtful_assignment_waits() {
        let mut own = assignment();
        own.assign(tasks(&["1_0"], &[])).unwrap();
        own.resolve(&counts).unwrap();
        own.doubt();
        assert_eq!(own.hand_out(1, true), None);
        own.assign(tasks(&["1_1"], &[])).unwrap();
        own.resolve(&counts).unwrap();
        assert_eq!(inputs(&own.hand_out(1, true).unwrap()), ["1_1: again-1"]);
    }
}
