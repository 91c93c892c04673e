//! The states of an application instance.

use std::fmt;

/// The state of an instance.
///
/// ```text
///                 +--------------+
///        +--------+   CREATED    |
///        |        +------+-------+
///        |               v
///        |        +------+-------+        +-----------------+     +--------------+
///        +------->+ REBALANCING  +------->+  PENDING_ERROR  +---->+    ERROR     |
///        |        +---+------+---+        +--------+--------+     +--------------+
///        |            v      ^                     ^
///        |        +---+------+---+                 |
///        +--------+   RUNNING    +-----------------+
///        v        +--------------+
///  +-----+------------+        +---------------+
///  | PENDING_SHUTDOWN +------->+  NOT_RUNNING  |
///  +------------------+        +---------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum State {
    /// Made, and not started.
    Created,
    /// Threads join the group, tasks move or are restored.
    Rebalancing,
    /// All tasks of the instance run.
    Running,
    /// Threads commit and close.
    PendingShutdown,
    /// Closed.
    NotRunning,
    /// An error ended a thread; the others close.
    PendingError,
    /// Ended with an error.
    Error,
}

impl State {
    /// All states.
    pub const ALL: [Self; 7] = [
        Self::Created,
        Self::Rebalancing,
        Self::Running,
        Self::PendingShutdown,
        Self::NotRunning,
        Self::PendingError,
        Self::Error,
    ];

    /// Whether `next` may follow, as in Java's `KafkaStreams.State`.
    pub const fn may_become(self, next: Self) -> bool {
        use State::{
            Created, Error, NotRunning, PendingError, PendingShutdown, Rebalancing, Running,
        };
        match self {
            Created => matches!(next, Rebalancing | PendingShutdown),
            Rebalancing => matches!(next, Running | PendingShutdown | PendingError),
            Running => matches!(next, Rebalancing | Running | PendingShutdown | PendingError),
            PendingShutdown => matches!(next, NotRunning),
            PendingError => matches!(next, Error),
            NotRunning | Error => false,
        }
    }

    /// Whether threads work.
    pub const fn is_running_or_rebalancing(self) -> bool {
        matches!(self, Self::Running | Self::Rebalancing)
    }

    /// Whether nothing follows.
    pub const fn has_ended(self) -> bool {
        matches!(self, Self::NotRunning | Self::Error)
    }
}

/// Kafka's names: `RUNNING`.
impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Created => "CREATED",
            Self::Rebalancing => "REBALANCING",
            Self::Running => "RUNNING",
            Self::PendingShutdown => "PENDING_SHUTDOWN",
            Self::NotRunning => "NOT_RUNNING",
            Self::PendingError => "PENDING_ERROR",
            Self::Error => "ERROR",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::State;

    /// Java's table: `CREATED(1, 3)` and so on, by ordinal.
    #[test]
    fn every_pair_of_states_is_javas() {
        let java: [&[usize]; 7] = [&[1, 3], &[2, 3, 5], &[1, 2, 3, 5], &[4], &[], &[6], &[]];
        for (from, allowed) in State::ALL.into_iter().zip(java) {
            for (ordinal, next) in State::ALL.into_iter().enumerate() {
                assert_eq!(from.may_become(next), allowed.contains(&ordinal), "{from} -> {next}");
            }
        }
    }

    #[test]
    fn nothing_follows_the_ends() {
        for state in State::ALL {
            let ends = State::ALL.iter().all(|next| !state.may_become(*next));
            assert_eq!(state.has_ended(), ends);
        }
    }
}
