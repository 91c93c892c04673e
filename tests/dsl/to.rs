use streams_dsl::{Partitions, Produced};

use crate::support::{run, run_with, topology};
use streams_core::stores::StringSerde;
use streams_test::DriverOptions;

#[test]
fn to_writes_nulls_too() {
    let run = run(|builder| builder.stream::<Option<String>, Option<i64>>("in").to("out"));
    run.put("a", 1, 5).put(None, 2, 4).put("b", None, 3).put(None, None, 0);
    assert_eq!(run.out::<String, i64>(), "a=1@5 null=2@4 b=null@3 null=null@0");
}

#[test]
fn a_topic_can_be_chosen_for_each_record() {
    let run = run(|builder| {
        let stream = builder.stream::<String, i64>("in");
        stream.to_topic_by(|key, _, context| {
            format!("{key}-{}-{}", context.timestamp, context.metadata.unwrap().topic)
        });
    });
    run.put("a", 1, 5).put("b", 2, 4);
    assert_eq!(run.out_of::<String, i64>("a-5-in"), "a=1@5");
    assert_eq!(run.out_of::<String, i64>("b-4-in"), "b=2@4");
}

#[test]
fn the_label_of_a_chosen_topic_stands_in_descriptions() {
    let text = topology(|builder| {
        let stream = builder.stream::<String, i64>("in");
        stream.to_topic_by_with(|key, _, _| key.clone(), Produced::named("sink").label("by key"));
    });
    assert!(text.describe().to_string().contains("Sink: sink (extractor class: by key)"));
}

#[test]
fn a_partitioner_chooses_one_several_or_no_partition() {
    let run = run_with(DriverOptions::new().partitions("out", 4), |builder| {
        let by_value = |_: &str, _: &String, value: &i64, count: i32| match value {
            0 => Partitions::Many(vec![]),
            1 => Partitions::One(count - 1),
            _ => Partitions::Many(vec![0, 2]),
        };
        builder.stream::<String, i64>("in").to_with("out", Produced::new().partitioner(by_value));
    });
    run.put("a", 0, 1).put("a", 1, 2).put("a", 2, 3);
    let partitions: Vec<i32> =
        run.driver.take_sent("out").iter().map(|sent| sent.partition).collect();
    assert_eq!(partitions, [3, 0, 2]);
    assert_eq!(run.dropped(), 1);
}

#[test]
fn a_type_without_a_serde_can_be_written_with_one() {
    #[derive(Clone)]
    struct Plain;
    struct Anything;
    impl streams_dsl::Serde<Plain> for Anything {
        fn serialize(
            &self,
            _: &Plain,
            to: &streams_core::stores::SerdeContext<'_>,
            out: &mut Vec<u8>,
        ) -> Result<streams_core::stores::Presence, streams_core::stores::SerdeError> {
            StringSerde.serialize(&"plain".to_owned(), to, out)
        }

        fn deserialize(
            &self,
            _: Option<streams_core::stores::Payload<'_>>,
            _: &streams_core::stores::SerdeContext<'_>,
        ) -> Result<Plain, streams_core::stores::SerdeError> {
            Ok(Plain)
        }
    }
    let run = run(|builder| {
        let stream = builder.stream::<String, i64>("in").map_values(|_| Plain);
        stream.to_with("out", Produced::new().value_serde(Anything));
    });
    run.put("a", 1, 5);
    assert_eq!(run.out::<String, String>(), "a=plain@5");
}
