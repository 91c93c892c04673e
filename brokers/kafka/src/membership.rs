//! A stream thread's membership in a streams group (KIP-1071).
//!
//! [`state`] is the protocol; [`driver`] sends what it says, in the background: the stream thread
//! may be busy with records for as long as `max.poll.interval.ms` between two polls.

mod assignment;
mod commits;
mod difference;
mod driver;
mod farewell;
mod queries;
mod refusal;
mod schedule;
mod state;
mod statuses;
mod topology;
#[cfg(test)]
pub(crate) mod fake;

use std::{sync::Arc, time::Duration};

use streams_core::{
    SystemClock,
    broker::{
        BrokerError, BrokerErrorKind, CommitTicket, CommittedOffset, GroupEvent, GroupMetadata,
        GroupOptions, Membership, OwnedTasks, TopicPartition, TopologySpec, WakeUp,
    },
    stores::Timestamp,
};

use self::{
    driver::{Driver, Shared},
    state::{Identity, State},
    topology::topology_of,
};
use crate::{
    client::Client, coordinator::Coordinator, protocol::streams_group_heartbeat::Introduction,
};

/// How long [`KafkaMembership::leave`] waits until the group knows. Longer would keep a close
/// waiting for a cluster that is away; not at all would let the process end before the request is
/// sent, and the group wait for the session time-out.
const LEAVE_WAIT: Duration = Duration::from_secs(2);

/// A member of a streams group.
///
/// Its heartbeats go out from the network's thread, at the group's interval, and at once when the
/// tasks it owns change. A member that is dropped leaves its group.
#[derive(Debug)]
pub(crate) struct KafkaMembership {
    shared: Arc<Shared>,
    options: GroupOptions,
    /// Keeps the network's thread alive.
    _client: Client,
}

impl KafkaMembership {
    /// A member that joins with its first poll.
    ///
    /// # Errors
    /// [`InvalidRequest`](BrokerErrorKind::InvalidRequest): what streams groups do not serve, by
    /// name: static membership, patterns of topics.
    pub(crate) fn start(
        client: &Client,
        options: GroupOptions,
        topology: TopologySpec,
        wake: WakeUp,
    ) -> Result<Self, BrokerError> {
        check(&options)?;
        let identity = Arc::new(identity(client, &options, &topology)?);
        tell_group_configs(&options);
        let state = State::new(Arc::clone(&identity), topology, options.heartbeat_interval);
        let shared = Arc::new(Shared::new(state, wake, Arc::new(SystemClock)));
        // Nobody finds a client without a name in a broker's metrics.
        let client_id =
            if options.client_id.is_empty() { &options.group_id } else { &options.client_id };
        let lane = client.transport.lane(client_id);
        let driver = Driver {
            shared: Arc::clone(&shared),
            transport: Arc::clone(&client.transport),
            coordinator: Coordinator::new(lane, Arc::clone(&identity.group_id)),
            group_id: Arc::clone(&identity.group_id),
            member_id: Arc::clone(&identity.member_id),
            api_timeout: client.config.api_timeout,
        };
        client.network().spawn(driver.run());
        Ok(Self { shared, options, _client: client.clone() })
    }
}

impl Membership for KafkaMembership {
    /// The heartbeats are paced by the network's thread: `now` is not needed.
    fn poll(
        &mut self,
        owned: &OwnedTasks,
        _now: Timestamp,
    ) -> Result<Option<GroupEvent>, BrokerError> {
        let now = self.shared.now();
        let mut state = self.shared.state();
        let polled = state.poll(owned, now)?;
        // After a fence the next poll joins.
        let has_more = polled.event == Some(GroupEvent::Fenced)
            || (polled.event.is_some() && state.has_news());
        drop(state);
        if polled.is_urgent {
            self.shared.bells.heartbeat.notify_one();
        }
        if has_more {
            self.shared.wake.wake();
        }
        Ok(polled.event)
    }

    fn commit_offsets(
        &mut self,
        offsets: &[(TopicPartition, CommittedOffset)],
    ) -> Result<CommitTicket, BrokerError> {
        let mut state = self.shared.state();
        if state.epoch().is_none() {
            return Err(state.fenced());
        }
        let incarnation = state.incarnation();
        let ticket = state.commits.begin(incarnation, offsets);
        drop(state);
        if offsets.is_empty() {
            self.shared.wake.wake();
        } else {
            self.shared.bells.commit.notify_one();
        }
        Ok(ticket)
    }

    fn poll_commit(&mut self, ticket: CommitTicket) -> Option<Result<(), BrokerError>> {
        self.shared.state().poll_commit(ticket)
    }

    fn committed(
        &mut self,
        partitions: &[TopicPartition],
    ) -> Result<Option<Vec<Option<CommittedOffset>>>, BrokerError> {
        if partitions.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let mut state = self.shared.state();
        if state.epoch().is_none() {
            return Err(state.fenced());
        }
        let incarnation = state.incarnation();
        let answer = state.queries.ask(incarnation, partitions);
        drop(state);
        self.shared.bells.query.notify_one();
        answer.transpose()
    }

    fn shut_down_application(&mut self) {
        self.shared.state().shut_down_application(self.shared.now());
        self.shared.bells.heartbeat.notify_one();
    }

    /// Waits up to two seconds until the group knows: the process may end right after.
    fn leave(&mut self) -> Result<(), BrokerError> {
        let mut state = self.shared.state();
        if !state.leave(self.shared.now()) {
            return Ok(());
        }
        self.shared.bells.heartbeat.notify_one();
        let is_pending = |state: &mut State| state.farewell().is_none();
        let waited = self.shared.farewell.wait_timeout_while(state, LEAVE_WAIT, is_pending);
        let (state, _) = waited.unwrap_or_else(std::sync::PoisonError::into_inner);
        match state.farewell() {
            Some(Ok(())) => Ok(()),
            Some(Err(failure)) => Err(failure.error()),
            None => Err(BrokerError::new(
                BrokerErrorKind::TimedOut,
                format!(
                    "group {} did not hear within {} ms that member {} leaves: it waits for the \
                     session time-out",
                    self.options.group_id,
                    LEAVE_WAIT.as_millis(),
                    self.options.member_id
                ),
            )),
        }
    }

    fn group_metadata(&self) -> GroupMetadata {
        GroupMetadata {
            group_id: self.options.group_id.clone(),
            member_id: self.options.member_id.clone(),
            member_epoch: self.shared.state().epoch().unwrap_or(-1),
            instance_id: None,
        }
    }
}

/// Leaves without waiting.
impl Drop for KafkaMembership {
    fn drop(&mut self) {
        self.shared.state().close(self.shared.now());
        self.shared.bells.heartbeat.notify_one();
        self.shared.bells.closing.notify_one();
    }
}

/// # Errors
/// What streams groups of Kafka 4.3 do not serve, and what they refuse to see empty.
fn check(options: &GroupOptions) -> Result<(), BrokerError> {
    if let Some(instance_id) = &options.instance_id {
        return Err(BrokerError::invalid_request(format!(
            "group.instance.id is {instance_id}: streams groups of Apache Kafka 4.3 have no static \
             members, leave it out"
        )));
    }
    for (name, value) in [
        ("application.id", Some(&options.group_id)),
        ("the member's id", Some(&options.member_id)),
        ("client.rack", options.rack.as_ref()),
    ] {
        if value.is_some_and(String::is_empty) {
            return Err(BrokerError::invalid_request(format!("{name} is empty")));
        }
    }
    Ok(())
}

fn identity(
    client: &Client,
    options: &GroupOptions,
    topology: &TopologySpec,
) -> Result<Identity, BrokerError> {
    let introduction = Introduction {
        rack_id: options.rack.clone(),
        topology: topology_of(topology)?,
        process_id: options.process_id.clone(),
        user_endpoint: options.user_endpoint.clone(),
        client_tags: options.client_tags.clone(),
    };
    Ok(Identity {
        group_id: options.group_id.as_str().into(),
        member_id: options.member_id.as_str().into(),
        introduction: Arc::new(introduction),
        rebalance_timeout: options.rebalance_timeout,
        deadline: client.config.deadline,
        bootstrap_servers: client.config.bootstrap_servers(),
    })
}

/// Some settings are the group's, and kept by the cluster: an application cannot set them, and is
/// not to believe that it has.
fn tell_group_configs(options: &GroupOptions) {
    let defaults = GroupOptions::new("", "", "");
    let group = &*options.group_id;
    let told = |setting: &str, value: u128| {
        tracing::warn!(
            "a streams group keeps its own {setting}: to have {value}, run kafka-configs.sh --alter \
             --entity-type groups --entity-name {group} --add-config {setting}={value}"
        );
    };
    if options.standby_replicas != defaults.standby_replicas {
        told("streams.num.standby.replicas", options.standby_replicas as u128);
    }
    if options.session_timeout != defaults.session_timeout {
        told("streams.session.timeout.ms", options.session_timeout.as_millis());
    }
    if options.heartbeat_interval != defaults.heartbeat_interval {
        told("streams.heartbeat.interval.ms", options.heartbeat_interval.as_millis());
    }
}

#[cfg(test)]
mod tests;
