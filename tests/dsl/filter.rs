use crate::support::{run, run_resuming};

#[test]
fn filter_keeps_what_the_predicate_accepts() {
    let run = run(|builder| {
        builder.stream::<String, i64>("in").filter(|_, value| value % 2 == 0).to("out");
    });
    run.put("a", 1, 5).put("b", 2, 4).put("c", 4, 9);
    assert_eq!(run.out::<String, i64>(), "b=2@4 c=4@9");
    assert_eq!(run.dropped(), 0);
}

#[test]
fn filter_not_keeps_what_the_predicate_refuses() {
    let run = run(|builder| {
        builder.stream::<String, i64>("in").filter_not(|key, _| key == "a").to("out");
    });
    run.put("a", 1, 5).put("b", 2, 4);
    assert_eq!(run.out::<String, i64>(), "b=2@4");
}

#[test]
fn the_predicate_sees_nulls_where_the_types_have_them() {
    let run = run(|builder| {
        let stream = builder.stream::<Option<String>, Option<i64>>("in");
        stream.filter(|key, value| key.is_none() != value.is_none()).to("out");
    });
    run.put(None, None, 1).put(None, 1, 2).put("a", None, 3).put("a", 1, 4);
    assert_eq!(run.out::<String, i64>(), "null=1@2 a=null@3");
}

#[test]
fn a_predicate_that_fails_drops_its_record_if_the_handler_goes_on() {
    let run = run_resuming(|builder| {
        let stream = builder.stream::<String, i64>("in");
        stream.try_filter(|_, value| if *value < 0 { Err("negative") } else { Ok(true) }).to("out");
        stream.try_filter_not(|_, _| Ok::<_, &str>(true)).to("nothing");
    });
    run.put("a", -1, 1).put("a", 1, 2);
    assert_eq!(run.out::<String, i64>(), "a=1@2");
    assert_eq!(run.out_of::<String, i64>("nothing"), "");
    assert_eq!(run.dropped(), 1);
}
