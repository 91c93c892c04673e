use streams_dsl::Joined;

use crate::support::{run, run_cached, run_resuming, topology};

#[test]
fn a_record_is_joined_with_the_row_of_this_moment() {
    let run = run(|builder| {
        let table = builder.table::<String, i64>("table");
        let stream = builder.stream::<String, i64>("in");
        stream.join(&table, |value, row| value * 100 + row).to("out");
    });
    run.put("a", 1, 1).put_to("table", "a", 7, 2).put("a", 2, 3).put_to("table", "a", 8, 9);
    run.put("a", 3, 4).put("b", 4, 5);
    assert_eq!(run.out::<String, i64>(), "a=207@3 a=308@4");
    assert_eq!(run.dropped(), 0);
}

#[test]
fn a_left_join_answers_every_record() {
    let run = run(|builder| {
        let table = builder.table::<Option<String>, Option<i64>>("table");
        let stream = builder.stream::<Option<String>, Option<i64>>("in");
        let joined = stream.left_join(&table, |value, row| (value, row.copied().flatten()));
        joined.map_values(|(value, row)| format!("{value:?}+{row:?}")).to("out");
    });
    run.put_to("table", "a", 7, 0).put("a", 1, 1).put("b", 2, 2).put_to("table", "a", None, 3);
    run.put("a", 3, 4);
    let out = run.out::<String, String>();
    assert_eq!(out, "a=Some(1)+Some(7)@1 b=Some(2)+None@2 a=Some(3)+None@4");
}

#[test]
fn null_keys_and_values_follow_the_kind_of_join() {
    let run = run(|builder| {
        let table = builder.table::<Option<String>, i64>("table");
        let stream = builder.stream::<Option<String>, Option<i64>>("in");
        stream.join(&table, |value, _| value).to("inner");
        stream.left_join(&table, |value, row| value.filter(|_| row.is_none())).to("left");
    });
    run.put_to("table", "a", 7, 0);
    run.put(None, 1, 1).put("a", None, 2).put(None, None, 3);
    assert_eq!(run.out_of::<String, i64>("inner"), "");
    assert_eq!(run.out_of::<String, i64>("left"), "null=1@1");
    assert_eq!(run.dropped(), 5);
}

#[test]
fn the_row_is_seen_before_the_cache_tells_it() {
    let run = run_cached(|builder| {
        let counts = builder.stream::<String, i64>("in").group_by_key().count();
        let stream = builder.stream::<String, i64>("in");
        stream.join(&counts, |_, count| *count).to("out");
    });
    run.put("a", 1, 1).put("a", 1, 2);
    assert_eq!(run.out::<String, i64>(), "a=1@1 a=2@2");
}

#[test]
fn the_joiner_may_look_at_the_key_and_fail() {
    let run = run_resuming(|builder| {
        let table = builder.table::<String, i64>("table");
        let stream = builder.stream::<String, i64>("in");
        stream.join_with_key(&table, |key, a, b| format!("{key}{a}{b}")).to("keyed");
        stream.left_join_with_key(&table, |key, a, b| format!("{key}{a}{b:?}")).to("left");
        stream.try_join(&table, |a, b| a.checked_div(*b).ok_or("division by zero")).to("out");
    });
    run.put_to("table", "a", 0, 0).put("a", 4, 1).put_to("table", "a", 2, 2).put("a", 4, 3);
    assert_eq!(run.out_of::<String, String>("keyed"), "a=a40@1 a=a42@3");
    assert_eq!(run.out_of::<String, String>("left"), "a=a4Some(0)@1 a=a4Some(2)@3");
    assert_eq!(run.out::<String, i64>(), "a=2@3");
    assert_eq!(run.dropped(), 1);
}

#[test]
fn a_changed_key_is_repartitioned_once_for_unnamed_joins() {
    let text = topology(|builder| {
        let table = builder.table::<i64, i64>("table");
        let stream = builder.stream::<String, i64>("in").select_key(|_, value| *value);
        stream.join(&table, |a, b| a + b).to("one");
        stream.left_join(&table, |a, b| a + b.copied().unwrap_or(0)).to("two");
        stream.join_with(&table, |a, b| a + b, Joined::named("third")).to("three");
    })
    .describe()
    .to_string();
    let sinks: Vec<&str> =
        text.lines().filter(|line| line.contains("Sink") && line.contains("repartition")).collect();
    let unnamed = "KSTREAM-KEY-SELECT-0000000004-repartition";
    assert_eq!(sinks.len(), 2, "{text}");
    assert!(sinks.iter().any(|line| line.contains(unnamed)), "{text}");
    assert!(sinks.iter().any(|line| line.contains("third-repartition)")), "{text}");
}
