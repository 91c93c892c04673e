use streams_core::stores::KeyValueStore;
use streams_dsl::{
    Context, FixedKeyContext, FixedKeyProcessor, FixedKeyRecord, Outcome, Processed, Processor,
    Record, StoreHandle, Stores,
};

use crate::support::{mistake, run};

/// Counts in a store of its own, under its own key.
struct Count(StoreHandle<KeyValueStore<String, i64>>);

impl Processor<String, i64, i64, String> for Count {
    fn process(
        &mut self,
        record: Record<String, i64>,
        ctx: &mut Context<'_, i64, String>,
    ) -> Outcome {
        let store = ctx.store(self.0)?;
        let count = store.get(&record.key)?.unwrap_or(0) + 1;
        store.put(&record.key, Some(count))?;
        ctx.forward(Record::new(count, record.key, record.timestamp))
    }
}

impl FixedKeyProcessor<String, i64, i64> for Count {
    fn process(
        &mut self,
        record: FixedKeyRecord<String, i64>,
        ctx: &mut FixedKeyContext<'_, '_, String, i64>,
    ) -> Outcome {
        let store = ctx.store(self.0)?;
        let count = store.get(record.key())?.unwrap_or(0) + 1;
        store.put(record.key(), Some(count))?;
        ctx.forward(record.with_value(count))
    }
}

/// Swallows everything.
struct Swallow;

impl Processor<String, i64> for Swallow {
    fn process(
        &mut self,
        _: Record<String, i64>,
        _: &mut Context<'_, streams_dsl::Nothing, streams_dsl::Nothing>,
    ) -> Outcome {
        Ok(())
    }
}

#[test]
fn a_processor_keeps_state_and_forwards_what_it_likes() {
    let run = run(|builder| {
        let store = builder.add_state_store(Stores::key_value("counts").in_memory());
        let stream = builder.stream::<String, i64>("in");
        stream.process_with(move || Count(store), Processed::new().store(store)).to("out");
        stream.process(|| Swallow);
    });
    run.put("a", 9, 1).put("b", 9, 2).put("a", 9, 3);
    assert_eq!(run.out::<i64, String>(), "1=a@1 1=b@2 2=a@3");
}

#[test]
fn a_fixed_key_processor_leaves_the_partition_alone() {
    let run = run(|builder| {
        let store = builder.add_state_store(Stores::key_value("counts").in_memory());
        let stream = builder.stream::<String, i64>("in");
        let counted = stream
            .process_values_with(move || Count(store), Processed::named("count").store(store));
        counted.group_by_key().reduce(|a, b| a + b).to_stream().to("out");
    });
    run.put("a", 9, 1).put("a", 9, 3);
    assert_eq!(run.out::<String, i64>(), "a=1@1 a=3@3");
    assert!(!run.driver.produced_topics().iter().any(|topic| topic.contains("repartition")));
}

#[test]
fn two_processors_share_a_store() {
    let run = run(|builder| {
        let store = builder.add_state_store(Stores::key_value("counts").in_memory());
        for topic in ["in", "other"] {
            let stream = builder.stream::<String, i64>(topic);
            let processed = Processed::new().stores([store.index()]);
            stream.process_values_with(move || Count(store), processed).to("out");
        }
    });
    run.put("a", 9, 1).put_to("other", "a", 9, 2);
    assert_eq!(run.out::<String, i64>(), "a=1@1 a=2@2");
}

#[test]
fn a_name_used_twice_is_a_mistake() {
    let text = mistake(|builder| {
        let stream = builder.stream::<String, i64>("in");
        stream.process_with(|| Swallow, Processed::named("twice"));
        stream.process_with(|| Swallow, Processed::named("twice"));
    });
    assert_eq!(text, "two nodes are named twice; give one of them another name");
}
