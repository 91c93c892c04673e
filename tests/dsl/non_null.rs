use crate::support::run;

#[test]
fn null_keys_are_dropped_and_counted() {
    let run = run(|builder| {
        builder.stream::<Option<String>, i64>("in").non_null_keys().to("out");
    });
    run.put(None, 1, 1).put("a", 2, 2);
    assert_eq!(run.out::<String, i64>(), "a=2@2");
    assert_eq!(run.dropped(), 1);
}

#[test]
fn null_values_are_dropped_and_counted() {
    let run = run(|builder| {
        let stream = builder.stream::<String, Option<i64>>("in").non_null_values();
        stream.map_values(|value| value + 1).to("out");
    });
    run.put("a", None, 1).put("a", 2, 2);
    assert_eq!(run.out::<String, i64>(), "a=3@2");
    assert_eq!(run.dropped(), 1);
}

#[test]
fn the_partition_stays_the_same() {
    let run = run(|builder| {
        let stream = builder.stream::<Option<String>, i64>("in").non_null_keys();
        stream.group_by_key().count().to_stream().to("out");
    });
    run.put("a", 2, 2);
    assert_eq!(run.out::<String, i64>(), "a=1@2");
    assert!(!run.driver.produced_topics().iter().any(|topic| topic.contains("repartition")));
}
