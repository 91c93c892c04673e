use std::time::Duration;

use streams_dsl::{Hopping, Tumbling, Windowed};

use crate::support::{run, run_resuming};

type InWindow = Windowed<String>;

#[test]
fn each_window_reduces_for_itself() {
    let run = run(|builder| {
        let grouped = builder.stream::<String, i64>("in").group_by_key();
        let windows = Tumbling::of(Duration::from_millis(10)).grace(Duration::from_millis(100));
        grouped.windowed_by(windows).reduce(|a, b| a * 10 + b).to_stream().to("out");
    });
    run.put("a", 1, 5).put("a", 2, 12).put("a", 3, 2);
    assert_eq!(run.out::<InWindow, i64>(), "a[0=1@5 a[10=2@12 a[0=13@5");
}

#[test]
fn null_values_reach_the_reducer_and_a_null_result_deletes() {
    let run = run(|builder| {
        let grouped = builder.stream::<Option<String>, Option<i64>>("in").group_by_key();
        let windows = grouped.windowed_by(Tumbling::of(Duration::from_millis(10)));
        let sums = windows.reduce(|a, b| Some(a? + b?));
        sums.to_nullable_stream().select_key(|key, _| key.key.clone()).to("out");
    });
    run.put("a", None, 1).put("a", 1, 2).put("a", None, 3).put("a", 5, 4).put(None, 1, 5);
    assert_eq!(run.out::<String, i64>(), "a=null@1 a=1@2 a=null@3 a=5@4");
    assert_eq!(run.dropped(), 1);
}

#[test]
fn a_late_record_is_dropped_and_counted() {
    let run = run(|builder| {
        let grouped = builder.stream::<String, i64>("in").group_by_key();
        let windows = Hopping::of(Duration::from_millis(10));
        grouped.windowed_by(windows).reduce(|a, b| a + b).to_stream().to("out");
    });
    run.put("a", 1, 10).put("a", 1, 9);
    assert_eq!(run.out::<InWindow, i64>(), "a[10=1@10");
    assert_eq!(run.dropped(), 1);
}

#[test]
fn an_error_drops_its_record_if_the_handler_goes_on() {
    let run = run_resuming(|builder| {
        let grouped = builder.stream::<String, i64>("in").group_by_key();
        let windows = grouped.windowed_by(Tumbling::of(Duration::from_millis(10)));
        windows.try_reduce(|a, b| a.checked_add(b).ok_or("too large")).to_stream().to("out");
    });
    run.put("a", 1, 1).put("a", i64::MAX, 2).put("a", 2, 3);
    assert_eq!(run.out::<InWindow, i64>(), "a[0=1@1 a[0=3@3");
    assert_eq!(run.dropped(), 1);
}
