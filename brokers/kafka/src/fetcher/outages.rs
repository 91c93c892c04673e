//! Tells of what cannot be reached: when it begins, every few seconds while it lasts, when it ends.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use crate::outage::Outage;

/// What cannot be reached.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// No node says who leads.
    Cluster,
    Node(i32),
    Topic(Arc<str>),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster => f.write_str("the cluster"),
            Self::Node(node) => write!(f, "node {node}"),
            Self::Topic(topic) => write!(f, "topic {topic}"),
        }
    }
}

/// The outages of one fetcher.
#[derive(Debug)]
pub(super) struct Outages {
    client_id: String,
    by_place: BTreeMap<Place, Outage>,
}

impl Outages {
    pub(super) fn new(client_id: &str) -> Self {
        Self { client_id: client_id.to_owned(), by_place: BTreeMap::new() }
    }

    /// A try to read from `place` has failed. Tells so, unless it did lately; true if that was said
    /// now.
    pub(super) fn failed(&mut self, place: Place, now: Duration, error: &dyn fmt::Display) -> bool {
        // Where the whole cluster is away, its nodes need no lines of their own.
        if matches!(place, Place::Node(_)) && self.by_place.contains_key(&Place::Cluster) {
            return false;
        }
        let mut outage = self.by_place.remove(&place).unwrap_or_default();
        let is_told = outage.is_to_be_told(now);
        if is_told {
            tracing::warn!(
                client = %self.client_id,
                "{place} cannot be read from at the moment, trying again: {error}"
            );
        }
        self.by_place.insert(place, outage);
        is_told
    }

    /// Tells that `place` is back, if it was out; true if that was said.
    pub(super) fn end(&mut self, place: &Place) -> bool {
        if self.by_place.remove(place).is_none() {
            return false;
        }
        tracing::info!(client = %self.client_id, "{place} is read from again");
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_told_at_once_then_rarely_and_its_end_once() {
        let mut outages = Outages::new("app-consumer");
        let ms = Duration::from_millis;
        assert!(outages.failed(Place::Node(1), ms(0), &"connection refused"));
        assert!(!outages.failed(Place::Node(1), ms(4_999), &"connection refused"));
        assert!(outages.failed(Place::Node(1), ms(5_000), &"connection refused"));
        assert!(outages.end(&Place::Node(1)));
        assert!(!outages.end(&Place::Node(1)));
        assert!(outages.failed(Place::Node(1), ms(5_001), &"connection refused"), "a new one");
    }

    #[test]
    fn each_place_is_told_by_itself() {
        let mut outages = Outages::new("app-consumer");
        assert!(outages.failed(Place::Node(1), Duration::ZERO, &"away"));
        assert!(outages.failed(Place::Node(2), Duration::ZERO, &"away"));
        assert!(outages.failed(Place::Topic("orders".into()), Duration::ZERO, &"no leader"));
        assert!(!outages.end(&Place::Topic("payments".into())));
    }

    #[test]
    fn an_outage_of_the_cluster_stands_for_its_nodes() {
        let mut outages = Outages::new("app-consumer");
        assert!(outages.failed(Place::Cluster, Duration::ZERO, &"away"));
        assert!(!outages.failed(Place::Node(1), Duration::ZERO, &"away"));
        assert!(outages.end(&Place::Cluster));
        assert!(outages.failed(Place::Node(1), Duration::ZERO, &"away"));
    }
}
