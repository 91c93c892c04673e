use streams_dsl::Materialized;

use crate::support::{run, topology};

#[test]
fn a_stream_becomes_a_table() {
    let run = run(|builder| {
        let table = builder.stream::<Option<String>, Option<i64>>("in").to_table();
        table.to_nullable_stream().to("out");
    });
    run.put("a", 1, 5).put("a", 2, 3).put("a", None, 4).put(None, 1, 5);
    assert_eq!(run.out::<String, i64>(), "a=1@5 a=2@3 a=null@4");
    assert_eq!(run.dropped(), 1);
    assert!(run.driver.produced_topics().is_empty(), "it is not kept");
}

#[test]
fn a_changed_key_is_repartitioned() {
    let run = run(|builder| {
        let stream = builder.stream::<String, i64>("in").select_key(|_, value| *value);
        stream.to_table_with(Materialized::named("table")).to_stream().to("out");
    });
    run.put("a", 1, 5);
    assert_eq!(run.out::<i64, i64>(), "1=1@5");
    let topic = "test-KSTREAM-TOTABLE-0000000002-repartition";
    assert_eq!(run.out_of::<i64, i64>(topic), "1=1@5");
    assert_eq!(run.out_of::<i64, i64>("test-table-changelog"), "1=1@5");
}

#[test]
fn the_name_of_the_node_is_that_of_the_repartition_topic() {
    let text = topology(|builder| {
        let stream = builder.stream::<String, i64>("in").select_key(|_, value| *value);
        stream.to_table_with(Materialized::new().processor("by-value"));
    })
    .describe()
    .to_string();
    assert!(text.contains("(topic: by-value-repartition)"), "{text}");
    assert!(text.contains("Processor: by-value (stores: [])"), "{text}");
}
