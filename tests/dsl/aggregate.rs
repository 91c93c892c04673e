use std::sync::Arc;

use streams_core::{Handlers, LogAndContinue};
use streams_dsl::Materialized;
use streams_test::DriverOptions;

use crate::support::{run, run_resuming, run_with};

#[test]
fn the_aggregator_builds_on_what_there_is() {
    let run = run(|builder| {
        let stream = builder.stream::<String, i64>("in");
        let texts = stream
            .group_by_key()
            .aggregate(|| "=".to_owned(), |key, value, so_far| format!("{so_far}{key}{value}"));
        texts.to_stream().to("out");
    });
    run.put("a", 1, 5).put("a", 2, 3).put("b", 3, 1);
    assert_eq!(run.out::<String, String>(), "a==a1@5 a==a1a2@5 b==b3@1");
}

#[test]
fn null_keys_and_values_are_dropped_and_counted() {
    let run = run(|builder| {
        let stream = builder.stream::<Option<String>, Option<i64>>("in");
        let sums = stream.group_by_key().aggregate(|| 0, |_, value, sum| sum + value.unwrap_or(99));
        sums.to_stream().to("out");
    });
    run.put(None, 1, 1).put("a", None, 2).put("a", 3, 3);
    assert_eq!(run.out::<String, i64>(), "a=3@3");
    assert_eq!(run.dropped(), 2);
}

#[test]
fn a_null_aggregate_deletes_and_the_next_record_begins_anew() {
    let run = run(|builder| {
        let stream = builder.stream::<String, i64>("in");
        let sums = stream.group_by_key().aggregate(
            || Some(100),
            |_, value, sum: Option<i64>| (value != 0).then(|| sum.unwrap_or(0) + value),
        );
        sums.to_nullable_stream().to("out");
    });
    run.put("a", 5, 5).put("a", 0, 3).put("a", 0, 7).put("a", 7, 4);
    assert_eq!(run.out::<String, i64>(), "a=105@5 a=null@5 a=null@7 a=107@4");
}

#[test]
fn an_error_leaves_the_aggregate_so_far_with_a_cache_too() {
    let handlers = Handlers { processing: Arc::new(LogAndContinue), ..Handlers::default() };
    for cache in [0, 1 << 20] {
        let options = DriverOptions::new().handlers(handlers.clone()).cache_max_bytes(cache);
        let run = run_with(options, |builder| {
            let stream = builder.stream::<String, i64>("in");
            let sums = stream.group_by_key().try_aggregate_with(
                || 0,
                |_, value, sum: i64| if value < 0 { Err("negative") } else { Ok(sum + value) },
                Materialized::named("sums"),
            );
            sums.to_stream().to("out");
        });
        run.put("a", 5, 5).put("a", -1, 6).put("b", -1, 6).put("a", 2, 7).put("b", 1, 8);
        assert_eq!(run.out::<String, i64>(), "a=5@5 a=7@7 b=1@8");
        assert_eq!(run.dropped(), 2);
    }
}

#[test]
fn an_initializer_is_asked_for_each_new_key() {
    let run = run_resuming(|builder| {
        let stream = builder.stream::<String, i64>("in");
        let grouped = stream.group_by_key();
        grouped.try_aggregate(|| 10, |_, v, sum: i64| Ok::<_, &str>(sum + v)).to_stream().to("out");
    });
    run.put("a", 1, 1).put("b", 2, 2).put("a", 3, 3);
    assert_eq!(run.out::<String, i64>(), "a=11@1 b=12@2 a=14@3");
}
