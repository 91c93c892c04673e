//! Descriptions recorded from Kafka Streams 4.3.1: names, numbers and sub-topologies are part of the
//! contract with applications that are replaced, for topics and stores are named by them.

use streams_dsl::{Grouped, Joined, Materialized};

use crate::support::topology;

const WORD_COUNT: &str = concat!(
    "Topologies:\n",
    "   Sub-topology: 0\n",
    "    Source: KSTREAM-SOURCE-0000000000 (topics: [in])\n",
    "      --> KSTREAM-FLATMAPVALUES-0000000001\n",
    "    Processor: KSTREAM-FLATMAPVALUES-0000000001 (stores: [])\n",
    "      --> KSTREAM-KEY-SELECT-0000000002\n",
    "      <-- KSTREAM-SOURCE-0000000000\n",
    "    Processor: KSTREAM-KEY-SELECT-0000000002 (stores: [])\n",
    "      --> counts-repartition-filter\n",
    "      <-- KSTREAM-FLATMAPVALUES-0000000001\n",
    "    Processor: counts-repartition-filter (stores: [])\n",
    "      --> counts-repartition-sink\n",
    "      <-- KSTREAM-KEY-SELECT-0000000002\n",
    "    Sink: counts-repartition-sink (topic: counts-repartition)\n",
    "      <-- counts-repartition-filter\n",
    "\n",
    "  Sub-topology: 1\n",
    "    Source: counts-repartition-source (topics: [counts-repartition])\n",
    "      --> KSTREAM-AGGREGATE-0000000003\n",
    "    Processor: KSTREAM-AGGREGATE-0000000003 (stores: [counts])\n",
    "      --> KTABLE-TOSTREAM-0000000007\n",
    "      <-- counts-repartition-source\n",
    "    Processor: KTABLE-TOSTREAM-0000000007 (stores: [])\n",
    "      --> KSTREAM-SINK-0000000008\n",
    "      <-- KSTREAM-AGGREGATE-0000000003\n",
    "    Sink: KSTREAM-SINK-0000000008 (topic: out)\n",
    "      <-- KTABLE-TOSTREAM-0000000007\n",
    "\n",
);

const STREAM_TABLE_JOIN: &str = concat!(
    "Topologies:\n",
    "   Sub-topology: 0\n",
    "    Source: KSTREAM-SOURCE-0000000003 (topics: [in])\n",
    "      --> KSTREAM-KEY-SELECT-0000000006, KSTREAM-JOIN-0000000004\n",
    "    Processor: KSTREAM-KEY-SELECT-0000000006 (stores: [])\n",
    "      --> by-prefix-repartition-filter\n",
    "      <-- KSTREAM-SOURCE-0000000003\n",
    "    Source: by-prefix-repartition-source (topics: [by-prefix-repartition])\n",
    "      --> by-prefix\n",
    "    Processor: KSTREAM-JOIN-0000000004 (stores: [table-STATE-STORE-0000000000])\n",
    "      --> KSTREAM-SINK-0000000005\n",
    "      <-- KSTREAM-SOURCE-0000000003\n",
    "    Source: KSTREAM-SOURCE-0000000001 (topics: [table])\n",
    "      --> KTABLE-SOURCE-0000000002\n",
    "    Processor: by-prefix (stores: [table-STATE-STORE-0000000000])\n",
    "      --> KSTREAM-SINK-0000000011\n",
    "      <-- by-prefix-repartition-source\n",
    "    Processor: by-prefix-repartition-filter (stores: [])\n",
    "      --> by-prefix-repartition-sink\n",
    "      <-- KSTREAM-KEY-SELECT-0000000006\n",
    "    Sink: KSTREAM-SINK-0000000005 (topic: inner)\n",
    "      <-- KSTREAM-JOIN-0000000004\n",
    "    Sink: KSTREAM-SINK-0000000011 (topic: left)\n",
    "      <-- by-prefix\n",
    "    Processor: KTABLE-SOURCE-0000000002 (stores: [table-STATE-STORE-0000000000])\n",
    "      --> none\n",
    "      <-- KSTREAM-SOURCE-0000000001\n",
    "    Sink: by-prefix-repartition-sink (topic: by-prefix-repartition)\n",
    "      <-- by-prefix-repartition-filter\n",
    "\n",
);

#[test]
fn word_count_is_described_as_in_java() {
    let topology = topology(|builder| {
        builder
            .stream::<String, String>("in")
            .flat_map_values(|line| line.split(' ').map(str::to_lowercase).collect::<Vec<_>>())
            .group_by(|_, word| word.clone())
            .count_with(Materialized::named("counts"))
            .to_stream()
            .to("out");
    });
    assert_eq!(topology.describe().to_string(), WORD_COUNT);
}

#[test]
fn joins_of_stream_and_table_are_described_as_in_java() {
    let topology = topology(|builder| {
        let table = builder.table::<String, String>("table");
        let stream = builder.stream::<String, String>("in");
        stream.join_with_key(&table, |key, value, row| format!("{key}{value}{row}")).to("inner");
        let by_prefix = stream.select_key(|_, value| value.chars().take(1).collect::<String>());
        by_prefix.left_join_with(&table, |value, _| value, Joined::named("by-prefix")).to("left");
    });
    assert_eq!(topology.describe().to_string(), STREAM_TABLE_JOIN);
}

#[test]
fn a_given_name_draws_the_number_of_the_generated_one() {
    let text = |named: Option<&str>| {
        let topology = topology(|builder| {
            let stream = builder.stream::<String, i64>("in");
            let grouped = Grouped::new().name(named);
            let counts = stream
                .filter_with(|_, _| true, named.map(|name| [name, "-filter"].concat()).as_deref())
                .group_by_with(|_, value| *value, grouped)
                .count();
            counts.to_stream().to("out");
        });
        topology.describe().to_string()
    };
    for text in [text(None), text(Some("given"))] {
        assert!(text.contains("KSTREAM-AGGREGATE-STATE-STORE-0000000003"), "{text}");
        assert!(text.contains("KSTREAM-SINK-0000000009 (topic: out)"), "{text}");
    }
}
