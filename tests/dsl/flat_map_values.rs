use crate::support::{run, run_resuming};

#[test]
fn all_values_have_the_key_and_time_of_their_record() {
    let run = run(|builder| {
        let stream = builder.stream::<String, i64>("in");
        stream.flat_map_values(|value| 0..value).to("out");
    });
    run.put("a", 3, 5).put("b", 0, 6).put("c", 1, 4);
    assert_eq!(run.out::<String, i64>(), "a=0@5 a=1@5 a=2@5 c=0@4");
}

#[test]
fn the_emitter_takes_values_that_borrow_nothing() {
    let run = run(|builder| {
        let stream = builder.stream::<String, String>("in");
        stream
            .flat_map_values_into(|line, words| {
                words.extend(line.split_whitespace().map(str::to_lowercase));
                words.emit(line.len().to_string());
            })
            .to("out");
    });
    run.put_text("k", "Hello  World", 2).put_text("k", "", 3);
    assert_eq!(run.out::<String, String>(), "k=hello@2 k=world@2 k=12@2 k=0@3");
}

#[test]
fn the_mapper_may_look_at_the_key() {
    let run = run(|builder| {
        let stream = builder.stream::<String, i64>("in");
        stream.flat_map_values_with_key(|key, value| [format!("{key}{value}")]).to("out");
    });
    run.put("a", 1, 1);
    assert_eq!(run.out::<String, String>(), "a=a1@1");
}

#[test]
fn null_values_reach_the_mapper() {
    let run = run(|builder| {
        let stream = builder.stream::<Option<String>, Option<i64>>("in");
        stream.flat_map_values(|value| [value, None]).to("out");
    });
    run.put(None, None, 1).put("a", 2, 2);
    assert_eq!(run.out::<String, i64>(), "null=null@1 null=null@1 a=2@2 a=null@2");
}

#[test]
fn a_mapper_that_fails_drops_its_record_if_the_handler_goes_on() {
    let run = run_resuming(|builder| {
        let stream = builder.stream::<String, String>("in");
        stream.try_flat_map_values(|value| value.parse::<i64>().map(|n| [n, n])).to("out");
    });
    run.put_text("a", "x", 1).put_text("a", "1", 2);
    assert_eq!(run.out::<String, i64>(), "a=1@2 a=1@2");
    assert_eq!(run.dropped(), 1);
}

#[test]
fn an_error_below_an_emitter_ends_the_record() {
    let run = run_resuming(|builder| {
        let stream = builder.stream::<String, i64>("in");
        let values = stream.flat_map_values_into(|value, out| out.extend([*value, value + 1]));
        values.try_map_values(|value| if value == 1 { Err("one") } else { Ok(value) }).to("out");
    });
    run.put("a", 1, 1);
    assert_eq!(run.out::<String, i64>(), "a=2@1");
    assert_eq!(run.dropped(), 1);
}
