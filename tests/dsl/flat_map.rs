use crate::support::{run, run_resuming};

#[test]
fn each_record_becomes_any_number_of_records_in_order() {
    let run = run(|builder| {
        let stream = builder.stream::<String, i64>("in");
        stream.flat_map(|key, value| (0..value).map(move |n| (n, key.clone()))).to("out");
    });
    run.put("a", 2, 5).put("b", 0, 6).put("c", 1, 7);
    assert_eq!(run.out::<i64, String>(), "0=a@5 1=a@5 0=c@7");
}

#[test]
fn nulls_reach_the_mapper() {
    let run = run(|builder| {
        let stream = builder.stream::<Option<String>, Option<i64>>("in");
        stream.flat_map(|key, value| [(value, key.clone()), (None, key)]).to("out");
    });
    run.put(None, 1, 1);
    assert_eq!(run.out::<i64, String>(), "1=null@1 null=null@1");
}

#[test]
fn a_mapper_that_fails_drops_its_record_if_the_handler_goes_on() {
    let run = run_resuming(|builder| {
        let stream = builder.stream::<String, String>("in");
        stream.try_flat_map(|key, value| value.parse::<i64>().map(|n| vec![(key, n); 2])).to("out");
    });
    run.put_text("a", "x", 1).put_text("a", "1", 2);
    assert_eq!(run.out::<String, i64>(), "a=1@2 a=1@2");
    assert_eq!(run.dropped(), 1);
}
