use crate::support::{run, topology};

#[test]
fn deletions_are_none() {
    let run = run(|builder| {
        let changes = builder.table::<String, Option<i64>>("in").to_stream();
        changes.map_values(|value| value.flatten().unwrap_or(-1)).to("out");
    });
    run.put("a", 1, 5).put("a", None, 4);
    assert_eq!(run.out::<String, i64>(), "a=1@5 a=-1@4");
}

#[test]
fn a_nullable_type_takes_deletions_as_its_null() {
    let run = run(|builder| {
        let changes = builder.table::<String, Option<i64>>("in").to_nullable_stream_with("changes");
        changes.filter(|_, value| value.is_none()).to("out");
    });
    run.put("a", 1, 5).put("a", None, 4);
    assert_eq!(run.out::<String, i64>(), "a=null@4");
}

#[test]
fn the_key_is_that_of_the_table() {
    let topology = topology(|builder| {
        let changes = builder.table::<String, i64>("in").to_stream();
        changes.non_null_values().group_by_key().count();
    });
    assert!(!topology.describe().to_string().contains("repartition"));
}
