use streams_dsl::{Consumed, Materialized};

use crate::support::{run, run_cached, topology};

#[test]
fn a_table_that_is_not_kept_tells_every_record() {
    let run = run(|builder| builder.table::<String, i64>("in").to_stream().to("out"));
    run.put("a", 1, 5);
    assert_eq!(run.out::<String, i64>(), "a=1@5");
    assert!(run.driver.produced_topics().is_empty());
}

#[test]
fn null_keys_are_dropped_and_null_values_delete() {
    let run = run(|builder| {
        let options = Materialized::named("table");
        let table = builder.table_with::<Option<String>, Option<i64>, _, _, _>(
            "in",
            Consumed::new(),
            options,
        );
        table.to_nullable_stream().to("out");
    });
    run.put(None, 1, 1).put("a", 1, 2).put("a", None, 3).put("b", None, 4);
    assert_eq!(run.out::<String, i64>(), "a=1@2 a=null@3 b=null@4");
    assert_eq!(run.out_of::<String, i64>("test-table-changelog"), "a=1@2 a=null@3 b=null@4");
    assert_eq!(run.dropped(), 1);
}

#[test]
fn an_older_update_replaces_too() {
    let run = run(|builder| {
        let table = builder.table_with::<String, i64, _, _, _>(
            "in",
            Consumed::new(),
            Materialized::named("t"),
        );
        table.to_stream().to("out");
    });
    run.put("a", 1, 5).put("a", 2, 3);
    assert_eq!(run.out::<String, i64>(), "a=1@5 a=2@3");
}

#[test]
fn with_a_cache_updates_are_told_at_the_commit() {
    let run = run_cached(|builder| {
        let table = builder.table_with::<String, i64, _, _, _>(
            "in",
            Consumed::new(),
            Materialized::named("t"),
        );
        table.to_stream().to("out");
    });
    run.put("a", 1, 5).put("a", 2, 3);
    assert_eq!(run.out::<String, i64>(), "a=1@5 a=2@3");
}

#[test]
fn a_store_draws_its_number_before_the_nodes_whether_it_is_kept_or_not() {
    let unkept = topology(|builder| {
        builder.table::<String, i64>("in").to_stream().to("out");
    });
    assert!(unkept.store_names().is_empty());
    let text = unkept.describe().to_string();
    assert!(text.contains("Source: KSTREAM-SOURCE-0000000001 (topics: [in])"), "{text}");
    assert!(text.contains("KTABLE-SOURCE-0000000002 (stores: [])"), "{text}");

    let kept = topology(|builder| {
        let table = builder.table::<String, i64>("in");
        builder.stream::<String, i64>("s").join(&table, |a, b| a + b).to("out");
    });
    assert_eq!(&*kept.store_names()[0], "in-STATE-STORE-0000000000");
}

#[test]
fn a_name_is_that_of_the_table_and_its_source_is_named_after_it() {
    let text = topology(|builder| {
        let consumed = Consumed::named("prices");
        builder.table_with::<String, i64, _, _, _>("in", consumed, Materialized::new());
    })
    .describe()
    .to_string();
    assert!(text.contains("Source: prices-source (topics: [in])"), "{text}");
    assert!(text.contains("Processor: prices (stores: [])"), "{text}");
}
