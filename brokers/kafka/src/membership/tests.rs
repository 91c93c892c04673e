//! The member as a whole: against a scripted cluster, and against a real one.

mod cluster;
mod driver;
mod lossy;
mod real_broker;
mod real_faults;

use std::time::Duration;

use streams_core::broker::{
    GroupEvent, GroupOptions, GroupStatus, GroupStatusCode, Membership, OwnedTasks,
    SubtopologySpec, TaskAssignment, TopologySpec, WakeUp,
};
use streams_core::{Clock, SystemClock};

use super::KafkaMembership;
use crate::client::Client;

/// How often a test looks for what it waits for, and how long each time.
const TRIES: usize = 300;
const WAIT: Duration = Duration::from_millis(100);

/// A stream thread that carries out assignments when told to.
#[derive(Debug)]
struct Member {
    membership: KafkaMembership,
    wake: WakeUp,
    owned: OwnedTasks,
}

impl Member {
    fn start(client: &Client, options: GroupOptions, topology: &TopologySpec) -> Self {
        let wake = WakeUp::new();
        let membership = KafkaMembership::start(client, options, topology.clone(), wake.clone());
        Self { membership: membership.unwrap(), wake, owned: OwnedTasks::default() }
    }

    fn poll(&mut self) -> Option<GroupEvent> {
        self.membership.poll(&self.owned, SystemClock.now()).unwrap()
    }

    fn event(&mut self) -> GroupEvent {
        for _ in 0..TRIES {
            if let Some(event) = self.poll() {
                return event;
            }
            self.wake.wait(WAIT);
        }
        panic!("no event came")
    }

    /// The error that ends the membership.
    fn error(&mut self) -> streams_core::broker::BrokerError {
        for _ in 0..TRIES {
            if let Err(error) = self.membership.poll(&self.owned, SystemClock.now()) {
                return error;
            }
            self.wake.wait(WAIT);
        }
        panic!("no error came")
    }

    /// The next assignment; statuses are passed over.
    fn assignment(&mut self) -> TaskAssignment {
        loop {
            match self.event() {
                GroupEvent::Assignment(assignment) => return assignment,
                GroupEvent::Status(_) => {}
                other => panic!("{other:?} in place of an assignment"),
            }
        }
    }

    /// The next status; assignments are carried out.
    fn status(&mut self) -> Vec<GroupStatus> {
        loop {
            match self.event() {
                GroupEvent::Status(status) => return status,
                GroupEvent::Assignment(assignment) => self.owned = assignment.tasks(),
                other => panic!("{other:?} in place of a status"),
            }
        }
    }

    /// Carries out assignments until it owns so many active tasks.
    fn settle(&mut self, count: usize) {
        while self.owned.active.len() != count {
            self.owned = self.assignment().tasks();
        }
        // Perhaps that the group is ready now.
        let event = self.poll();
        assert!(matches!(event, None | Some(GroupEvent::Status(_))), "{event:?}");
    }

    fn epoch(&self) -> i32 {
        self.membership.group_metadata().member_epoch
    }
}

fn reading(topics: &[&str]) -> TopologySpec {
    let subtopology = SubtopologySpec {
        source_topics: topics.iter().map(|topic| (*topic).into()).collect(),
        ..SubtopologySpec::default()
    };
    TopologySpec { epoch: 0, subtopologies: vec![subtopology] }
}
