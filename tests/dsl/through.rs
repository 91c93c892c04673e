use streams_dsl::Produced;

use crate::support::{run, topology};

#[test]
fn records_pass_through_a_topic_of_the_users_own() {
    let run = run(|builder| {
        let stream = builder.stream::<Option<String>, Option<i64>>("in");
        stream.through("between").to("out");
    });
    run.put("a", 1, 5).put(None, None, 4);
    assert_eq!(run.out_of::<String, i64>("between"), "a=1@5 null=null@4");
    assert_eq!(run.out::<String, i64>(), "a=1@5 null=null@4");
}

#[test]
fn behind_it_the_stream_is_partitioned_by_its_key() {
    let run = run(|builder| {
        let stream = builder.stream::<String, i64>("in").select_key(|key, _| key.clone());
        stream.through("between").group_by_key().count().to_stream().to("out");
    });
    run.put("a", 1, 5);
    assert_eq!(run.out::<String, i64>(), "a=1@5");
    assert!(!run.driver.produced_topics().iter().any(|topic| topic.contains("repartition")));
}

#[test]
fn it_is_a_sink_and_a_source() {
    let text = topology(|builder| {
        let stream = builder.stream::<String, i64>("in");
        stream.through_with("between", Produced::named("writer")).for_each(|_, _| ());
    })
    .describe()
    .to_string();
    assert!(text.contains("Sink: writer (topic: between)"), "{text}");
    assert!(text.contains("Source: KSTREAM-SOURCE-0000000002 (topics: [between])"), "{text}");
}
