use crate::support::{run, run_resuming};

#[test]
fn map_values_keeps_key_and_timestamp() {
    let run = run(|builder| {
        builder.stream::<String, i64>("in").map_values(|value| value.to_string() + "!").to("out");
    });
    run.put("a", 1, 5).put("b", 2, 4);
    assert_eq!(run.out::<String, String>(), "a=1!@5 b=2!@4");
}

#[test]
fn the_mapper_may_look_at_the_key() {
    let run = run(|builder| {
        let stream = builder.stream::<String, i64>("in");
        stream.map_values_with_key(|key, value| format!("{key}{value}")).to("out");
    });
    run.put("a", 1, 5);
    assert_eq!(run.out::<String, String>(), "a=a1@5");
}

#[test]
fn null_values_are_mapped() {
    let run = run(|builder| {
        let stream = builder.stream::<Option<String>, Option<i64>>("in");
        stream.map_values(|value| value.map_or(0, |value| value + 1)).to("out");
    });
    run.put("a", None, 1).put(None, 1, 2);
    assert_eq!(run.out::<String, i64>(), "a=0@1 null=2@2");
}

#[test]
fn a_mapper_that_fails_drops_its_record_if_the_handler_goes_on() {
    let run = run_resuming(|builder| {
        let stream = builder.stream::<String, String>("in");
        stream.try_map_values(|value| value.parse::<i64>()).to("out");
    });
    run.put_text("a", "", 1).put_text("a", "3", 2);
    assert_eq!(run.out::<String, i64>(), "a=3@2");
    assert_eq!(run.dropped(), 1);
}
