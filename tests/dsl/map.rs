use crate::support::{run, run_resuming};

#[test]
fn map_makes_key_and_value_anew() {
    let run = run(|builder| {
        let stream = builder.stream::<String, i64>("in");
        stream.map(|key, value| (value, key + "!")).to("out");
    });
    run.put("a", 7, 3);
    assert_eq!(run.out::<i64, String>(), "7=a!@3");
}

#[test]
fn null_keys_and_values_are_mapped() {
    let run = run(|builder| {
        let stream = builder.stream::<Option<String>, Option<i64>>("in");
        stream.map(|key, value| (value, key)).to("out");
    });
    run.put(None, 1, 1).put("a", None, 2).put(None, None, 3);
    assert_eq!(run.out::<i64, String>(), "1=null@1 null=a@2 null=null@3");
}

#[test]
fn a_mapper_that_fails_drops_its_record_if_the_handler_goes_on() {
    let run = run_resuming(|builder| {
        let stream = builder.stream::<String, String>("in");
        stream.try_map(|key, value| value.parse::<i64>().map(|number| (key, number))).to("out");
    });
    run.put_text("a", "x", 1).put_text("a", "12", 2);
    assert_eq!(run.out::<String, i64>(), "a=12@2");
    assert_eq!(run.dropped(), 1);
}
