use streams_core::OffsetReset;
use streams_dsl::{Consumed, Named, Processed, SourceTopics};

use streams_test::DriverOptions;

use crate::support::{mistake, run_with, topology};

#[test]
fn an_empty_topology_reads_nothing() {
    assert!(mistake(|_| ()).contains("reads no topic"));
}

#[test]
fn a_name_has_the_characters_of_a_topic() {
    let text = mistake(|builder| {
        builder.stream::<String, i64>("in").filter_with(|_, _| true, Named::new("a b"));
    });
    assert!(text.contains("\"a b\""), "{text}");
}

#[test]
fn streams_of_one_topic_share_a_source() {
    let topology = topology(|builder| {
        builder.stream::<String, i64>(["b", "a"]).to("one");
        builder.stream::<String, i64>(["a", "b"]).to("two");
    });
    let text = topology.describe().to_string();
    assert_eq!(text.matches("Source:").count(), 1, "{text}");
    assert!(text.contains("KSTREAM-SINK-0000000001, KSTREAM-SINK-0000000003"), "{text}");
}

#[test]
fn streams_of_one_pattern_share_a_source() {
    // The driver knows by the partitions which topics there are.
    let run = run_with(DriverOptions::new().partitions("in", 1), |builder| {
        builder.stream::<String, i64>(SourceTopics::pattern("i.")).to("one");
        builder.stream::<String, i64>(SourceTopics::pattern("i.")).to("two");
    });
    run.put("a", 1, 1);
    assert_eq!(run.out_of::<String, i64>("one"), "a=1@1");
    assert_eq!(run.out_of::<String, i64>("two"), "a=1@1");
}

#[test]
fn topics_that_overlap_in_part_are_a_mistake() {
    let text = mistake(|builder| {
        builder.stream::<String, i64>("a").to("one");
        builder.stream::<String, i64>(["a", "b"]).to("two");
    });
    assert!(text.contains("topic a is read by source"), "{text}");
}

#[test]
fn one_source_has_one_type() {
    let text = mistake(|builder| {
        builder.stream::<String, i64>("in").to("one");
        builder.stream::<String, String>("in").to("two");
    });
    assert!(text.contains("forwards Record<String, i64> but its child"), "{text}");
}

#[test]
fn one_source_begins_at_one_place() {
    let text = mistake(|builder| {
        builder.stream::<String, i64>("in").to("one");
        let latest = Consumed::named("second").offset_reset(OffsetReset::Latest);
        builder.stream_with::<String, i64, _, _, _>("in", latest).to("two");
    });
    assert!(text.starts_with("second: it reads the topics of KSTREAM-SOURCE-0000000000"), "{text}");
}

#[test]
fn a_store_of_another_builder_is_unknown() {
    let store = {
        let other = streams_dsl::StreamsBuilder::new();
        other.add_state_store(streams_dsl::Stores::key_value::<String, i64>("counts"));
        other.add_state_store(streams_dsl::Stores::key_value::<String, i64>("more"))
    };
    struct Nothing;
    impl streams_dsl::Processor<String, i64> for Nothing {
        fn process(
            &mut self,
            _: streams_dsl::Record<String, i64>,
            _: &mut streams_dsl::Context<'_, streams_dsl::Nothing, streams_dsl::Nothing>,
        ) -> streams_dsl::Outcome {
            Ok(())
        }
    }
    let text = mistake(|builder| {
        let stream = builder.stream::<String, i64>("in");
        stream.process_with(|| Nothing, Processed::named("node").store(store));
    });
    assert!(text.contains("node node uses store number 1, which was not added"), "{text}");
}

#[test]
fn a_plan_can_be_continued_node_by_node() {
    let builder = streams_dsl::StreamsBuilder::new();
    let name = builder.stream::<String, i64>("in").filter(|_, _| true).name().to_owned();
    let mut topology = builder.into_topology_builder();
    topology.add_sink::<String, i64>("sink", "out", &[&name]);
    assert!(topology.build().unwrap().describe().to_string().contains("Sink: sink (topic: out)"));
}
