use streams_core::{
    ConsumerRecord,
    stores::{
        I64Serde, Payload, Presence, SerdeContext, SerdeError, StringSerde, Timestamp,
        TimestampedKeyValueStore,
    },
};
use streams_dsl::{Consumed, Grouped, Joined, Materialized, Produced, Repartitioned, Serde};

use crate::support::{run, topology};

/// Text in upper case on the wire.
struct Shouted;

impl Serde<String> for Shouted {
    fn serialize(
        &self,
        value: &String,
        to: &SerdeContext<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Presence, SerdeError> {
        StringSerde.serialize(&value.to_uppercase(), to, out)
    }

    fn deserialize(
        &self,
        bytes: Option<Payload<'_>>,
        from: &SerdeContext<'_>,
    ) -> Result<String, SerdeError> {
        StringSerde.deserialize(bytes, from).map(|text| text.to_lowercase())
    }
}

#[test]
fn a_said_serde_is_inherited_down_to_the_changelog() {
    let run = run(|builder| {
        let consumed = Consumed::new().key_serde(Shouted);
        let stream = builder.stream_with::<String, i64, _, _, _>("in", consumed);
        let counts = stream
            .filter(|key, _| key == "a")
            .map_values(|value| value + 1)
            .group_by_key()
            .count_with(Materialized::named("counts"));
        counts.to_stream().to("out");
    });
    run.put("A", 1, 1);
    assert_eq!(run.out_of::<String, i64>("test-counts-changelog"), "A=1@1");
    assert_eq!(run.out::<String, i64>(), "A=1@1");
}

#[test]
fn a_serde_said_later_outranks_the_inherited_one() {
    let run = run(|builder| {
        let consumed = Consumed::with(Shouted, I64Serde);
        let stream = builder.stream_with::<String, i64, _, _, _>("in", consumed);
        stream.to_with("out", Produced::new().key_serde(StringSerde));
    });
    run.put("A", 1, 1);
    assert_eq!(run.out::<String, i64>(), "a=1@1");
}

#[test]
fn a_repartition_topic_has_the_serdes_of_the_grouping() {
    let run = run(|builder| {
        let stream = builder.stream::<String, i64>("in");
        let grouped = Grouped::named("g").key_serde(Shouted);
        stream.group_by_with(|key, _| key.clone(), grouped).count().to_stream().to("out");
    });
    run.put("a", 1, 1);
    assert_eq!(run.out_of::<String, i64>("test-g-repartition"), "A=1@1");
    assert_eq!(run.out::<String, i64>(), "A=1@1");
}

#[test]
fn a_join_repartitions_with_its_own_serdes() {
    let run = run(|builder| {
        let table = builder.table::<String, i64>("table");
        let stream = builder.stream::<String, i64>("in").select_key(|key, _| key.clone());
        let joined = Joined::named("j").key_serde(Shouted).value_serde(I64Serde);
        stream.left_join_with(&table, |value, _| value, joined).to("out");
        let again = Repartitioned::with(Shouted, I64Serde).name("r");
        stream.repartition_with(again).for_each(|_, _| ());
    });
    run.put("a", 1, 1);
    assert_eq!(run.out_of::<String, i64>("test-j-repartition"), "A=1@1");
    assert_eq!(run.out_of::<String, i64>("test-r-repartition"), "A=1@1");
}

#[test]
fn timestamps_can_be_extracted_from_values() {
    let run = run(|builder| {
        let extractor = |record: &ConsumerRecord<'_, String, i64>, _: Timestamp| {
            Timestamp::from_millis(*record.value)
        };
        let consumed = Consumed::new().timestamp_extractor(extractor);
        builder.stream_with("in", consumed).to("out");
    });
    run.put("a", 42, 1);
    assert_eq!(run.out::<String, i64>(), "a=42@42");
}

#[test]
fn a_store_can_be_unlogged() {
    let run = run(|builder| {
        let grouped = builder.stream::<String, i64>("in").group_by_key();
        grouped.count_with(Materialized::named("counts").logging(false)).to_stream().to("out");
    });
    run.put("a", 42, 1);
    assert_eq!(run.out::<String, i64>(), "a=1@1");
    assert!(run.driver.produced_topics().is_empty());
}

#[test]
fn stores_of_aggregations_can_be_read_by_name() {
    let topology = topology(|builder| {
        let grouped = builder.stream::<String, i64>("in").group_by_key();
        grouped.count_with(Materialized::named("counts"));
    });
    let driver = streams_test::TopologyTestDriver::new(&topology).unwrap();
    driver.input::<String, i64>("in").pipe("a", 5, 1).unwrap();
    let counts = driver.with_store_named("counts", |_, store| {
        let store = store.as_any_mut().downcast_mut::<TimestampedKeyValueStore<String, i64>>();
        store.unwrap().get(&"a".to_owned()).unwrap().map(|found| found.value)
    });
    assert_eq!(counts, [Some(1)]);
}
