use std::time::Duration;

use streams_dsl::{Hopping, Materialized, Tumbling, Windowed};

use crate::support::{mistake, run, run_cached};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

type InWindow = Windowed<String>;

#[test]
fn each_window_counts_for_itself() {
    let run = run(|builder| {
        let grouped = builder.stream::<String, i64>("in").group_by_key();
        grouped.windowed_by(Tumbling::of(ms(10)).grace(ms(100))).count().to_stream().to("out");
    });
    run.put("a", 1, 0).put("a", 1, 9).put("a", 1, 10).put("b", 1, 11).put("a", 1, 5);
    assert_eq!(run.out::<InWindow, i64>(), "a[0=1@0 a[0=2@9 a[10=1@10 b[10=1@11 a[0=3@9");
}

#[test]
fn a_record_updates_its_hopping_windows_by_their_starts() {
    let run = run(|builder| {
        let grouped = builder.stream::<String, i64>("in").group_by_key();
        let windows = Hopping::of(ms(10)).advance_by(ms(5));
        grouped.windowed_by(windows).count().to_stream().to("out");
    });
    run.put("a", 1, 12).put("a", 1, 15);
    assert_eq!(run.out::<InWindow, i64>(), "a[5=1@12 a[10=1@12 a[10=2@15 a[15=1@15");
}

#[test]
fn a_late_record_is_dropped_from_each_closed_window_and_counted() {
    let run = run(|builder| {
        let grouped = builder.stream::<String, i64>("in").group_by_key();
        let windows = Hopping::of(ms(10)).advance_by(ms(5)).grace(ms(5));
        grouped.windowed_by(windows).count().to_stream().to("out");
    });
    run.put("a", 1, 20);
    run.out::<InWindow, i64>();
    // [0, 10) closed at 15, [5, 15) closes at 20.
    run.put("a", 1, 8);
    assert_eq!(run.out::<InWindow, i64>(), "");
    assert_eq!(run.dropped(), 2);
    // [10, 20) takes records until 24.
    run.put("a", 1, 12);
    assert_eq!(run.out::<InWindow, i64>(), "a[10=1@12");
    assert_eq!(run.dropped(), 3);
}

#[test]
fn stream_time_is_what_the_aggregation_itself_has_seen() {
    let run = run(|builder| {
        let stream = builder.stream::<String, i64>("in");
        stream.for_each(|_, _| ());
        let grouped = stream.filter(|_, value| *value > 0).group_by_key();
        grouped.windowed_by(Tumbling::of(ms(10))).count().to_stream().to("out");
    });
    run.put("a", 0, 1000).put("a", 1, 5);
    assert_eq!(run.out::<InWindow, i64>(), "a[0=1@5");
    assert_eq!(run.dropped(), 0);
}

#[test]
fn null_keys_are_dropped_and_null_values_count() {
    let run = run(|builder| {
        let grouped = builder.stream::<Option<String>, Option<i64>>("in").group_by_key();
        let counts = grouped.windowed_by(Tumbling::of(ms(10))).count();
        counts.to_stream().select_key(|key, _| key.key.clone()).to("out");
    });
    run.put(None, 1, 1).put("a", None, 2);
    assert_eq!(run.out::<String, i64>(), "a=1@2");
    assert_eq!(run.dropped(), 1);
}

#[test]
fn with_a_cache_each_window_is_told_once_for_a_record() {
    let run = run_cached(|builder| {
        let stream = builder.stream::<String, i64>("in").flat_map_values(|value| 0..value);
        let windows = Tumbling::of(ms(10));
        stream.group_by_key().windowed_by(windows).count().to_stream().to("out");
    });
    run.put("a", 3, 5).put("a", 2, 12);
    assert_eq!(run.out::<InWindow, i64>(), "a[0=3@5 a[10=2@12");
}

#[test]
fn the_changelog_keeps_windows_for_the_retention() {
    let run = run(|builder| {
        let grouped = builder.stream::<String, i64>("in").group_by_key();
        let windows = grouped.windowed_by(Tumbling::of(ms(10)));
        windows.count_with(Materialized::named("counts").retention(ms(1000)));
    });
    run.put("a", 1, 5);
    let sent = run.driver.take_sent("test-counts-changelog");
    assert_eq!(sent[0].key.as_deref().unwrap(), b"a\0\0\0\0\0\0\0\0\0\0\0\0");
}

#[test]
fn wrong_arithmetic_is_a_mistake() {
    let advance = mistake(|builder| {
        let grouped = builder.stream::<String, i64>("in").group_by_key();
        grouped.windowed_by(Hopping::of(ms(10)).advance_by(ms(11))).count();
    });
    assert!(
        advance
            .starts_with("KSTREAM-AGGREGATE-0000000002: windows of 10 ms cannot advance by 11 ms"),
        "{advance}"
    );
    let retention = mistake(|builder| {
        let grouped = builder.stream::<String, i64>("in").group_by_key();
        let windows = grouped.windowed_by(Tumbling::of(ms(10)).grace(ms(5)));
        windows.count_with(Materialized::named("counts").retention(ms(14)));
    });
    assert!(retention.contains("retain 15 ms at least"), "{retention}");
}
