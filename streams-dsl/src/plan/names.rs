//! Kafka's names for generated nodes, stores and topics.

use std::sync::Arc;

/// Between the prefix of a generated store name and its number.
pub(super) const STATE_STORE: &str = "STATE-STORE-";

const REPARTITION: &str = "-repartition";
const DIGITS: usize = 10;

/// A generated name: the prefix and ten digits.
pub(super) fn numbered(prefix: &str, number: u32) -> Arc<str> {
    format!("{prefix}{number:0DIGITS$}").into()
}

/// The nodes and the topic of one repartitioning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RepartitionNames {
    pub(super) topic: Arc<str>,
    pub(super) filter: Arc<str>,
    pub(super) sink: Arc<str>,
    pub(super) source: Arc<str>,
}

impl RepartitionNames {
    /// Named after `prefix`: a given name or a generated one. The generated names of the nodes are
    /// drawn in either case, for the numbers behind them depend on it.
    pub(super) fn new(prefix: &str, mut generated: impl FnMut(&str) -> Arc<str>) -> Self {
        let topic = match prefix.ends_with(REPARTITION) {
            true => prefix.to_owned(),
            false => format!("{prefix}{REPARTITION}"),
        };
        let sink = generated("KSTREAM-SINK-");
        let filter = generated("KSTREAM-FILTER-");
        let source = generated("KSTREAM-SOURCE-");
        if is_generated_of_stream(prefix) {
            return Self { topic: topic.into(), filter, sink, source };
        }
        Self {
            filter: format!("{topic}-filter").into(),
            sink: format!("{topic}-sink").into(),
            source: format!("{topic}-source").into(),
            topic: topic.into(),
        }
    }
}

/// Java's `KSTREAM.*-[0-9]{10}`.
fn is_generated_of_stream(name: &str) -> bool {
    let Some((front, number)) = name.rsplit_once('-') else { return false };
    front.starts_with("KSTREAM")
        && number.len() == DIGITS
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(prefix: &str) -> RepartitionNames {
        let mut number = 3;
        RepartitionNames::new(prefix, |prefix| {
            number += 1;
            numbered(prefix, number)
        })
    }

    #[test]
    fn a_generated_prefix_leads_to_generated_nodes() {
        let names = names("KSTREAM-AGGREGATE-STATE-STORE-0000000001");
        assert_eq!(&*names.topic, "KSTREAM-AGGREGATE-STATE-STORE-0000000001-repartition");
        assert_eq!(&*names.sink, "KSTREAM-SINK-0000000004");
        assert_eq!(&*names.filter, "KSTREAM-FILTER-0000000005");
        assert_eq!(&*names.source, "KSTREAM-SOURCE-0000000006");
    }

    #[test]
    fn a_given_prefix_names_the_nodes_too() {
        for prefix in ["counts", "counts-repartition"] {
            let names = names(prefix);
            assert_eq!(&*names.topic, "counts-repartition");
            assert_eq!(&*names.sink, "counts-repartition-sink");
            assert_eq!(&*names.filter, "counts-repartition-filter");
            assert_eq!(&*names.source, "counts-repartition-source");
        }
    }

    #[test]
    fn only_ten_digits_of_a_stream_count_as_generated() {
        assert!(is_generated_of_stream("KSTREAM-KEY-SELECT-0000000002"));
        assert!(!is_generated_of_stream("KTABLE-SOURCE-0000000002"));
        assert!(!is_generated_of_stream("KSTREAM-MAP-12"));
        assert!(!is_generated_of_stream("KSTREAM"));
    }
}
