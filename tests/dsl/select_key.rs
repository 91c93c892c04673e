use crate::support::{run, run_resuming};

#[test]
fn select_key_keeps_value_and_timestamp() {
    let run = run(|builder| {
        builder
            .stream::<String, i64>("in")
            .select_key(|key, value| value + key.len() as i64)
            .to("out");
    });
    run.put("abc", 1, 5);
    assert_eq!(run.out::<i64, i64>(), "4=1@5");
}

#[test]
fn a_key_may_become_null_and_come_from_null() {
    let run = run(|builder| {
        let stream = builder.stream::<Option<String>, i64>("in");
        stream.select_key(|key, value| key.is_none().then_some(*value)).to("out");
    });
    run.put(None, 1, 1).put("a", 2, 2);
    assert_eq!(run.out::<i64, i64>(), "1=1@1 null=2@2");
}

#[test]
fn a_selector_that_fails_drops_its_record_if_the_handler_goes_on() {
    let run = run_resuming(|builder| {
        let stream = builder.stream::<String, String>("in");
        stream.try_select_key(|_, value| value.parse::<i64>()).to("out");
    });
    run.put_text("a", "x", 1).put_text("a", "1", 2);
    assert_eq!(run.out::<i64, String>(), "1=1@2");
    assert_eq!(run.dropped(), 1);
}
