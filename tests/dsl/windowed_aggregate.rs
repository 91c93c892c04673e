use std::time::Duration;

use streams_dsl::{Tumbling, Windowed};

use crate::support::{run, run_resuming};

type InWindow = Windowed<String>;

#[test]
fn each_window_aggregates_for_itself() {
    let run = run(|builder| {
        let grouped = builder.stream::<String, i64>("in").group_by_key();
        let windows = Tumbling::of(Duration::from_millis(10)).grace(Duration::from_millis(100));
        let texts = grouped
            .windowed_by(windows)
            .aggregate(String::new, |key, value, so_far| format!("{so_far}{key}{value}"));
        texts.to_stream().to("out");
    });
    run.put("a", 1, 5).put("a", 2, 12).put("a", 3, 2);
    assert_eq!(run.out::<InWindow, String>(), "a[0=a1@5 a[10=a2@12 a[0=a1a3@5");
}

#[test]
fn null_values_reach_the_aggregator_and_null_keys_do_not() {
    let run = run(|builder| {
        let grouped = builder.stream::<Option<String>, Option<i64>>("in").group_by_key();
        let windows = grouped.windowed_by(Tumbling::of(Duration::from_millis(10)));
        let sums = windows.aggregate(|| 0, |_, value, sum| sum + value.unwrap_or(100));
        sums.to_stream().select_key(|key, _| key.key.clone()).to("out");
    });
    run.put("a", None, 1).put("a", 1, 2).put(None, 1, 3);
    assert_eq!(run.out::<String, i64>(), "a=100@1 a=101@2");
    assert_eq!(run.dropped(), 1);
}

#[test]
fn a_late_record_is_dropped_and_counted() {
    let run = run(|builder| {
        let grouped = builder.stream::<String, i64>("in").group_by_key();
        let windows = grouped.windowed_by(Tumbling::of(Duration::from_millis(10)));
        windows.aggregate(|| 0, |_, value, sum| sum + value).to_stream().to("out");
    });
    run.put("a", 1, 10).put("a", 1, 9).put("a", 4, 11);
    assert_eq!(run.out::<InWindow, i64>(), "a[10=1@10 a[10=5@11");
    assert_eq!(run.dropped(), 1);
}

#[test]
fn an_error_drops_its_record_if_the_handler_goes_on() {
    let run = run_resuming(|builder| {
        let grouped = builder.stream::<String, i64>("in").group_by_key();
        let windows = grouped.windowed_by(Tumbling::of(Duration::from_millis(10)));
        let sums = windows
            .try_aggregate(|| 0, |_, v, sum| if v < 0 { Err("negative") } else { Ok(sum + v) });
        sums.to_stream().to("out");
    });
    run.put("a", 1, 1).put("a", -1, 2).put("a", 2, 3);
    assert_eq!(run.out::<InWindow, i64>(), "a[0=1@1 a[0=3@3");
    assert_eq!(run.dropped(), 1);
}
