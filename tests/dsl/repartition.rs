use streams_dsl::{Partitions, Repartitioned};

use crate::support::{mistake, run};

#[test]
fn records_pass_through_an_internal_topic() {
    let run = run(|builder| {
        builder.stream::<String, i64>("in").repartition().to("out");
    });
    run.put("a", 1, 5).put("b", 2, 4);
    assert_eq!(run.out::<String, i64>(), "a=1@5 b=2@4");
    let topic = "test-KSTREAM-REPARTITION-0000000001-repartition";
    assert_eq!(run.out_of::<String, i64>(topic), "a=1@5 b=2@4");
}

#[test]
fn null_keys_vanish_uncounted() {
    let run = run(|builder| {
        let stream = builder.stream::<Option<String>, Option<i64>>("in");
        stream.repartition().to("out");
    });
    run.put(None, 1, 1).put("a", None, 2);
    assert_eq!(run.out::<String, i64>(), "a=null@2");
    assert_eq!(run.dropped(), 0);
}

#[test]
fn null_keys_stay_where_a_left_join_takes_them() {
    let run = run(|builder| {
        let table = builder.table::<Option<String>, i64>("table");
        let stream = builder.stream::<Option<String>, i64>("in").repartition();
        stream.left_join(&table, |value, row| row.map_or(value, |row| value + row)).to("out");
    });
    run.put(None, 1, 1);
    assert_eq!(run.out::<String, i64>(), "null=1@1");
}

#[test]
fn name_partitions_and_partitioner_can_be_chosen() {
    let run = run(|builder| {
        let to_last = |_: &str, _: &String, _: &i64, count: i32| Partitions::One(count - 1);
        let options = Repartitioned::named("by-hand").partitions(3).partitioner(to_last);
        builder.stream::<String, i64>("in").repartition_with(options).to("out");
    });
    run.put("a", 1, 5);
    let sent = run.driver.take_sent("test-by-hand-repartition");
    assert_eq!(sent.iter().map(|sent| sent.partition).collect::<Vec<_>>(), [2]);
    assert_eq!(run.out::<String, i64>(), "a=1@5");
}

#[test]
fn a_topic_without_partitions_is_a_mistake() {
    let text = mistake(|builder| {
        let options = Repartitioned::named("none").partitions(0);
        builder.stream::<String, i64>("in").repartition_with(options).to("out");
    });
    assert_eq!(text, "none: a topic has at least one partition");
}
