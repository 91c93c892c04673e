use streams_dsl::StreamsBuilder;

use crate::support::{mistake, run};

#[test]
fn merge_passes_the_records_of_both() {
    let run = run(|builder| {
        let left = builder.stream::<Option<String>, Option<i64>>("in");
        left.merge(&builder.stream("other")).to("out");
    });
    run.put("a", 1, 5).put_to("other", None, 2, 4).put("b", None, 3);
    assert_eq!(run.out::<String, i64>(), "a=1@5 null=2@4 b=null@3");
}

#[test]
fn a_stream_merged_with_itself_passes_each_record_once() {
    let run = run(|builder| {
        let stream = builder.stream::<String, i64>("in");
        stream.merge(&stream).to("out");
    });
    run.put("a", 1, 5);
    assert_eq!(run.out::<String, i64>(), "a=1@5");
}

#[test]
fn a_key_that_changed_on_one_side_changed() {
    let run = run(|builder| {
        let left = builder.stream::<String, i64>("in");
        let right = builder.stream::<String, i64>("other").select_key(|key, _| key.clone());
        left.merge(&right).group_by_key().count().to_stream().to("out");
    });
    run.put("a", 1, 5).put_to("other", "a", 2, 4);
    assert_eq!(run.out::<String, i64>(), "a=1@5 a=2@5");
    assert!(run.driver.produced_topics().iter().any(|topic| topic.ends_with("-repartition")));
}

#[test]
fn streams_of_two_builders_cannot_be_merged() {
    let other = StreamsBuilder::new();
    let text = mistake(|builder| {
        builder.stream::<String, i64>("in").merge(&other.stream("other")).to("out");
    });
    assert!(text.contains("KSTREAM-MERGE-0000000001: it merges streams of two builders"), "{text}");
}
