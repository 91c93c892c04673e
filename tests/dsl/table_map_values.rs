use streams_dsl::{KTable, Materialized, StreamsBuilder};

use crate::support::{run, run_cached};

fn numbers(builder: &StreamsBuilder) -> KTable<String, i64> {
    builder.table("in")
}

#[test]
fn values_are_mapped_and_deletions_pass() {
    let run = run(|builder| numbers(builder).map_values(|n| n * 10).to_stream().to("out"));
    run.put("a", 1, 1).put("a", None, 2);
    assert_eq!(run.out::<String, i64>(), "a=10@1 a=null@2");
}

#[test]
fn a_row_without_a_new_value_is_deleted() {
    let run = run(|builder| {
        let halved = |n: i64| (n % 2 == 0).then_some(n / 2);
        numbers(builder).filter_map_values(halved).to_stream().to("out");
    });
    run.put("a", 4, 1).put("a", 5, 2);
    assert_eq!(run.out::<String, i64>(), "a=2@1 a=null@2");
}

#[test]
fn a_name_keeps_the_mapped_table_in_a_store() {
    let run = run_cached(|builder| {
        let kept = Materialized::named("texts");
        let texts = numbers(builder).map_values_with(|key, n| format!("{key}{n}"), kept);
        texts.to_stream().to("out");
    });
    run.put("a", 1, 1).put("a", None, 2);
    assert_eq!(run.out::<String, String>(), "a=a1@1 a=null@2");
    assert_eq!(run.out_of::<String, String>("test-texts-changelog"), "a=a1@1 a=null@2");
}

#[test]
fn a_join_maps_what_it_looks_up() {
    let run = run(|builder| {
        let tens = numbers(builder).map_values(|n| n * 10);
        let joined = |left: i64, right: Option<&i64>| left + right.copied().unwrap_or(0);
        builder.stream::<String, i64>("stream").left_join(&tens, joined).to("out");
    });
    run.put("a", 2, 1).put_to("stream", "a", 1, 2).put_to("stream", "b", 1, 2);
    assert_eq!(run.out::<String, i64>(), "a=21@2 b=1@2");
}
