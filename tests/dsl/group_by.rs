use streams_dsl::Grouped;

use crate::support::{run, run_resuming, topology};

#[test]
fn a_key_that_did_not_change_needs_no_repartitioning() {
    let run = run(|builder| {
        builder.stream::<String, i64>("in").group_by_key().count().to_stream().to("out");
    });
    run.put("a", 1, 5).put("a", 2, 4);
    assert_eq!(run.out::<String, i64>(), "a=1@5 a=2@5");
    assert_eq!(run.driver.produced_topics().len(), 1, "the changelog alone");
}

#[test]
fn a_new_key_is_repartitioned_and_nulls_vanish_uncounted() {
    let run = run(|builder| {
        let stream = builder.stream::<String, i64>("in");
        let grouped = stream.group_by(|_, value| (*value > 0).then_some(value % 2));
        grouped.count().to_stream().to("out");
    });
    run.put("a", 1, 5).put("b", 3, 4).put("c", 2, 3).put("d", -1, 2);
    assert_eq!(run.out::<i64, i64>(), "1=1@5 1=2@5 0=1@3");
    assert_eq!(run.dropped(), 0);
}

#[test]
fn a_named_grouping_is_repartitioned_once() {
    let text = topology(|builder| {
        let stream = builder.stream::<String, i64>("in");
        let grouped = stream.group_by_with(|_, value| *value, Grouped::named("by-value"));
        grouped.count();
        grouped.reduce(|a, b| a + b);
    })
    .describe()
    .to_string();
    assert_eq!(text.matches("(topic: by-value-repartition)").count(), 1, "{text}");
}

#[test]
fn an_unnamed_grouping_is_repartitioned_for_each_aggregation() {
    let text = topology(|builder| {
        let grouped = builder.stream::<String, i64>("in").group_by(|_, value| *value);
        grouped.count();
        grouped.reduce(|a, b| a + b);
    })
    .describe()
    .to_string();
    assert_eq!(text.matches("-repartition)\n").count(), 2, "{text}");
}

#[test]
fn a_selector_that_fails_drops_its_record_if_the_handler_goes_on() {
    let run = run_resuming(|builder| {
        let stream = builder.stream::<String, String>("in");
        let grouped = stream.try_group_by(|_, value| value.parse::<i64>());
        grouped.count().to_stream().to("out");
    });
    run.put_text("a", "x", 1).put_text("a", "1", 2);
    assert_eq!(run.out::<i64, i64>(), "1=1@2");
    assert_eq!(run.dropped(), 1);
}
