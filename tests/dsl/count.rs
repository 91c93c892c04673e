use streams_dsl::Materialized;

use crate::support::{run, run_cached, topology};

#[test]
fn count_tells_each_update_with_the_greatest_timestamp() {
    let run = run(|builder| {
        builder.stream::<String, i64>("in").group_by_key().count().to_stream().to("out");
    });
    run.put("a", 7, 5).put("b", 7, 1).put("a", 7, 3).put("a", 7, 9);
    assert_eq!(run.out::<String, i64>(), "a=1@5 b=1@1 a=2@5 a=3@9");
}

#[test]
fn null_keys_and_values_are_dropped_and_counted() {
    let run = run(|builder| {
        let stream = builder.stream::<Option<String>, Option<i64>>("in");
        stream.group_by_key().count().to_stream().to("out");
    });
    run.put(None, 1, 1).put("a", None, 2).put(None, None, 3).put("a", 1, 4);
    assert_eq!(run.out::<String, i64>(), "a=1@4");
    assert_eq!(run.dropped(), 3);
}

#[test]
fn any_counter_counts() {
    let run = run(|builder| {
        let grouped = builder.stream::<String, i64>("in").group_by_key();
        grouped.count_as::<i32>().to_stream().to("small");
        grouped.count_as::<Option<i64>>().to_nullable_stream().to("nullable");
    });
    run.put("a", 7, 5).put("a", 7, 6);
    assert_eq!(run.out_of::<String, i32>("small"), "a=1@5 a=2@6");
    assert_eq!(run.out_of::<String, i64>("nullable"), "a=1@5 a=2@6");
}

#[test]
fn with_a_cache_the_updates_of_one_record_are_told_as_one() {
    let run = run_cached(|builder| {
        let stream = builder.stream::<String, i64>("in").flat_map_values(|value| 0..value);
        stream.group_by_key().count().to_stream().to("out");
    });
    run.put("a", 3, 5).put("a", 2, 4);
    assert_eq!(run.out::<String, i64>(), "a=3@5 a=5@5");
}

#[test]
fn caching_can_be_turned_off_for_one_store() {
    let run = run_cached(|builder| {
        let stream = builder.stream::<String, i64>("in").flat_map_values(|value| 0..value);
        let uncached = Materialized::named("counts").caching(false);
        stream.group_by_key().count_with(uncached).to_stream().to("out");
    });
    run.put("a", 2, 5);
    assert_eq!(run.out::<String, i64>(), "a=1@5 a=2@5");
}

#[test]
fn what_the_cache_tells_has_the_timestamp_of_the_entry() {
    let run = run_cached(|builder| {
        let stream = builder.stream::<String, i64>("in");
        let counted = stream.flat_map(|key, value| [(key, value), ("all".to_owned(), value)]);
        counted.group_by_key().count().to_stream().to("out");
    });
    run.put("a", 1, 9).put("b", 1, 4);
    assert_eq!(run.out::<String, i64>(), "a=1@9 all=1@9 b=1@4 all=2@9");
}

#[test]
fn the_changelog_has_the_counts() {
    let run = run(|builder| {
        let grouped = builder.stream::<String, i64>("in").group_by_key();
        grouped.count_with(Materialized::named("counts"));
    });
    run.put("a", 7, 5).put("a", 7, 3);
    assert_eq!(run.out_of::<String, i64>("test-counts-changelog"), "a=1@5 a=2@5");
}

#[test]
fn an_unnamed_store_that_is_described_burns_a_number_more() {
    let name = |materialized| {
        let topology = topology(|builder| {
            let grouped = builder.stream::<String, i64>("in").group_by_key();
            grouped.count_with(materialized);
        });
        topology.store_names()[0].to_string()
    };
    let prefix = "KSTREAM-AGGREGATE-STATE-STORE-000000000";
    assert_eq!(name(Materialized::new()), format!("{prefix}1"));
    assert_eq!(name(Materialized::new().processor("counter")), format!("{prefix}1"));
    assert_eq!(name(Materialized::new().caching(false)), format!("{prefix}2"));
    assert_eq!(name(Materialized::named("counts")), "counts");
}
