use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use crate::support::{run, run_resuming};

#[test]
fn peek_sees_each_record_and_changes_none() {
    let sum = Arc::new(AtomicI64::new(0));
    let seen = Arc::clone(&sum);
    let run = run(|builder| {
        let stream = builder.stream::<Option<String>, Option<i64>>("in");
        stream
            .peek(move |_, value| _ = seen.fetch_add(value.unwrap_or(100), Ordering::Relaxed))
            .to("out");
    });
    run.put("a", 1, 5).put(None, 2, 4).put("b", None, 3);
    assert_eq!(run.out::<String, i64>(), "a=1@5 null=2@4 b=null@3");
    assert_eq!(sum.load(Ordering::Relaxed), 103);
}

#[test]
fn an_action_that_fails_drops_its_record_if_the_handler_goes_on() {
    let run = run_resuming(|builder| {
        let stream = builder.stream::<String, i64>("in");
        stream.try_peek(|_, value| if *value < 0 { Err("negative") } else { Ok(()) }).to("out");
    });
    run.put("a", -1, 1).put("a", 1, 2);
    assert_eq!(run.out::<String, i64>(), "a=1@2");
    assert_eq!(run.dropped(), 1);
}
