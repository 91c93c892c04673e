use crate::support::{run, run_cached, run_resuming};

#[test]
fn the_first_value_is_taken_as_it_is() {
    let run = run(|builder| {
        let stream = builder.stream::<String, i64>("in");
        stream.group_by_key().reduce(|so_far, value| so_far * 10 + value).to_stream().to("out");
    });
    run.put("a", 1, 5).put("a", 2, 3).put("b", 3, 1).put("a", 4, 6);
    assert_eq!(run.out::<String, i64>(), "a=1@5 a=12@5 b=3@1 a=124@6");
}

#[test]
fn null_keys_and_values_are_dropped_and_counted() {
    let run = run(|builder| {
        let stream = builder.stream::<Option<String>, Option<i64>>("in");
        let last = stream.group_by_key().reduce(|_, value| value);
        last.to_nullable_stream().to("out");
    });
    run.put(None, 1, 1).put("a", None, 2).put("a", 3, 3);
    assert_eq!(run.out::<String, i64>(), "a=3@3");
    assert_eq!(run.dropped(), 2);
}

#[test]
fn a_null_result_deletes_and_the_next_value_begins_anew() {
    let run = run(|builder| {
        let stream = builder.stream::<String, Option<i64>>("in");
        let sum = stream.group_by_key().reduce(|so_far, value| {
            let sum = so_far? + value?;
            (sum != 0).then_some(sum)
        });
        sum.to_nullable_stream().to("out");
    });
    run.put("a", 5, 5).put("a", -5, 3).put("a", 7, 4);
    assert_eq!(run.out::<String, i64>(), "a=5@5 a=null@5 a=7@4");
}

#[test]
fn an_error_leaves_the_value_so_far() {
    for run in [run_resuming as fn(_) -> _, run_cached] {
        let run = run(|builder: &streams_dsl::StreamsBuilder| {
            let stream = builder.stream::<String, i64>("in").filter(|_, value| *value >= 0);
            let sum = stream
                .group_by_key()
                .try_reduce(|a, b| a.checked_add(b).ok_or("the sum is too large"));
            sum.to_stream().to("out");
        });
        run.put("a", 1, 1).put("a", 2, 2);
        assert_eq!(run.out::<String, i64>(), "a=1@1 a=3@2");
    }
    let run = run_resuming(|builder| {
        let stream = builder.stream::<String, i64>("in");
        let sum = stream.group_by_key().try_reduce(|a, b| a.checked_add(b).ok_or("too large"));
        sum.to_stream().to("out");
    });
    run.put("a", 1, 1).put("a", i64::MAX, 2).put("a", 2, 3);
    assert_eq!(run.out::<String, i64>(), "a=1@1 a=3@3");
    assert_eq!(run.dropped(), 1);
}
