use streams_dsl::{Consumed, KTable, Materialized, StreamsBuilder};

use crate::support::{run, run_resuming};

fn numbers(builder: &StreamsBuilder) -> KTable<String, i64> {
    builder.table("in")
}

fn kept_numbers(builder: &StreamsBuilder) -> KTable<String, i64> {
    builder.table_with("in", Consumed::new(), Materialized::named("numbers"))
}

#[test]
fn a_row_that_is_refused_is_deleted() {
    let run = run(|builder| numbers(builder).filter(|_, n| n % 2 == 0).to_stream().to("out"));
    run.put("a", 2, 1).put("a", 3, 2).put("a", 4, 3).put("a", None, 4);
    assert_eq!(run.out::<String, i64>(), "a=2@1 a=null@2 a=4@3 a=null@4");
}

#[test]
fn a_table_that_is_not_kept_deletes_what_was_absent_too() {
    let run = run(|builder| numbers(builder).filter(|_, n| *n > 5).to_stream().to("out"));
    run.put("a", 1, 1);
    assert_eq!(run.out::<String, i64>(), "a=null@1");
}

#[test]
fn a_table_that_is_kept_knows_what_was_absent() {
    let run = run(|builder| kept_numbers(builder).filter(|_, n| *n > 5).to_stream().to("out"));
    run.put("a", 1, 1).put("a", 7, 2).put("a", 2, 3).put("a", 3, 4);
    assert_eq!(run.out::<String, i64>(), "a=7@2 a=null@3");
}

#[test]
fn a_name_keeps_the_filtered_table_in_a_store() {
    let run = run(|builder| {
        let even = Materialized::named("even");
        numbers(builder).filter_with(|_, n| n % 2 == 0, even).to_stream().to("out");
    });
    run.put("a", 2, 1).put("b", 3, 2).put("a", 5, 3);
    assert_eq!(run.out_of::<String, i64>("test-even-changelog"), "a=2@1 b=null@2 a=null@3");
    assert_eq!(run.out::<String, i64>(), "a=2@1 b=null@2 a=null@3");
}

#[test]
fn a_join_looks_through_the_filter_into_the_table_before() {
    let run = run(|builder| {
        let large = numbers(builder).filter_not(|_, n| *n < 10);
        let joined = |left: i64, right: &i64| left + right;
        builder.stream::<String, i64>("stream").join(&large, joined).to("out");
    });
    run.put("a", 20, 1).put("b", 3, 1).put_to("stream", "a", 1, 2).put_to("stream", "b", 1, 2);
    assert_eq!(run.out::<String, i64>(), "a=21@2");
}

#[test]
fn an_error_drops_the_change() {
    let run = run_resuming(|builder| {
        let checked = |_: &String, n: &i64| if *n < 0 { Err("negative") } else { Ok(true) };
        numbers(builder).try_filter(checked).to_stream().to("out");
    });
    run.put("a", -1, 1).put("a", 1, 2);
    assert_eq!(run.out::<String, i64>(), "a=1@2");
    assert_eq!(run.dropped(), 1);
}
