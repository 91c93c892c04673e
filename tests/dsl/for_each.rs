use std::sync::{Arc, Mutex};

use crate::support::{run, run_resuming};

#[test]
fn for_each_takes_every_record_in_order() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&seen);
    let run = run(|builder| {
        let stream = builder.stream::<Option<String>, Option<i64>>("in");
        stream.for_each(move |key, value| sink.lock().unwrap().push((key, value)));
    });
    run.put("a", 1, 5).put(None, None, 4);
    assert_eq!(*seen.lock().unwrap(), [(Some("a".to_owned()), Some(1)), (None, None)]);
}

#[test]
fn an_action_that_fails_counts_its_record_as_dropped_if_the_handler_goes_on() {
    let run = run_resuming(|builder| {
        builder.stream::<String, i64>("in").try_for_each(|_, _| Err::<(), _>("no"));
    });
    run.put("a", 1, 1).put("b", 1, 2);
    assert_eq!(run.dropped(), 2);
}
