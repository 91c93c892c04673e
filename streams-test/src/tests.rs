//! The low-level API on the driver.

use std::{sync::Arc, time::Duration};

use streams_core::{
    Context, ErrorKind, Handlers, LogAndContinue, Outcome, Processor, Punctuation, PunctuationKind,
    Record, StoreHandle, Topology, TopologyBuilder, TopologyError,
    stores::{KeyValueStore, Stores, Timestamp},
};

use crate::{DriverOptions, TopologyTestDriver};

mod spans;

type Counts = KeyValueStore<String, i64>;

/// Counts words and forwards all counts each second of stream time.
struct WordCount {
    counts: StoreHandle<Counts>,
}

impl Processor<String, String, String, i64> for WordCount {
    fn init(&mut self, ctx: &mut Context<'_, String, i64>) -> Outcome {
        ctx.schedule(Duration::from_secs(1), PunctuationKind::StreamTime)?;
        Ok(())
    }

    fn process(
        &mut self,
        record: Record<String, String>,
        ctx: &mut Context<'_, String, i64>,
    ) -> Outcome {
        for word in record.value.split_whitespace() {
            if word == "bad" {
                return Err("a bad word".into());
            }
            assert!(word != "panic", "as told");
            let counts = ctx.store(self.counts)?;
            let count = counts.get(&word.to_owned())?.unwrap_or(0);
            counts.put(&word.to_owned(), Some(count + 1))?;
        }
        Ok(())
    }

    fn punctuate(&mut self, due: Punctuation, ctx: &mut Context<'_, String, i64>) -> Outcome {
        let mut scan = ctx.store(self.counts)?.all()?;
        while let Some((word, count)) = scan.next(ctx.store(self.counts)?)? {
            ctx.forward(Record::new(word, count, due.at))?;
        }
        Ok(())
    }
}

fn word_count() -> (Topology, StoreHandle<Counts>) {
    let mut builder = TopologyBuilder::new();
    let counts = builder.add_state_store(Stores::key_value::<String, i64>("counts"));
    builder
        .add_source::<String, String>("lines", &["in"])
        .add_processor("count", move || WordCount { counts }, &["lines"])
        .add_sink::<String, i64>("totals", "out", &["count"])
        .connect("count", counts);
    (builder.build().unwrap(), counts)
}

#[test]
fn a_punctuation_scans_its_store_and_forwards_each_entry() {
    let (topology, counts) = word_count();
    let driver = TopologyTestDriver::new(&topology).unwrap();
    let lines = driver.input::<String, String>("in");
    let totals = driver.output::<String, i64>("out");
    lines.pipe("k", "b a b", 5).unwrap();
    assert_eq!(totals.read_key_values().unwrap(), [("a".to_owned(), 1), ("b".to_owned(), 2)]);
    lines.pipe("k", "a", 999).unwrap();
    assert_eq!(totals.read().unwrap(), None, "the next second has not begun");
    lines.pipe("k", "c", 1_000).unwrap();
    let read = totals.read_all().unwrap();
    assert_eq!(read.len(), 3);
    assert!(read.iter().all(|record| record.timestamp.as_millis() == 1_000));
    let kept = driver.with_store(counts, |_, store| store.get(&"a".to_owned()).unwrap()).unwrap();
    assert_eq!(kept, [Some(2)]);
}

#[test]
fn an_error_of_user_code_names_task_node_and_record() {
    let (topology, _) = word_count();
    let driver = TopologyTestDriver::new(&topology).unwrap();
    let error = driver.input::<String, String>("in").pipe("k", "bad", 5).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Processing);
    assert_eq!(
        error.report(),
        "task 0_0, node count: processing of the record of in-0 at offset 0 failed: a bad word"
    );
}

#[test]
fn a_handler_that_resumes_drops_the_record_and_counts_it() {
    let (topology, counts) = word_count();
    let handlers = Handlers { processing: Arc::new(LogAndContinue), ..Handlers::default() };
    let options = DriverOptions::new().handlers(handlers);
    let driver = TopologyTestDriver::with(&topology, &options).unwrap();
    let lines = driver.input::<String, String>("in");
    lines.pipe("k", "bad", 5).unwrap();
    lines.pipe("k", "good", 6).unwrap();
    assert_eq!(driver.dropped_records(), 1);
    let kept =
        driver.with_store(counts, |_, store| store.get(&"good".to_owned()).unwrap()).unwrap();
    assert_eq!(kept, [Some(1)]);
}

#[test]
fn a_panic_of_user_code_is_an_error_with_the_nodes_name() {
    let (topology, _) = word_count();
    let driver = TopologyTestDriver::new(&topology).unwrap();
    let error = driver.input::<String, String>("in").pipe("k", "panic", 5).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Panic);
    assert_eq!(error.node(), Some("count"));
    assert!(error.to_string().contains("as told"), "{error}");
}

#[test]
fn types_that_do_not_fit_name_both_nodes() {
    let mut builder = TopologyBuilder::new();
    builder.add_source::<String, i64>("numbers", &["in"]).add_sink::<String, String>(
        "texts",
        "out",
        &["numbers"],
    );
    let error = builder.build().unwrap_err();
    assert!(matches!(error, TopologyError::TypeMismatch { .. }));
    assert_eq!(
        error.to_string(),
        "node numbers forwards Record<String, i64> but its child texts takes Record<String, String>"
    );
}

#[test]
fn two_nodes_or_stores_of_one_name_are_refused() {
    let mut builder = TopologyBuilder::new();
    builder.add_source::<String, i64>("a", &["in"]).add_source::<String, i64>("a", &["in-2"]);
    assert!(
        matches!(builder.build().unwrap_err(), TopologyError::DuplicateNode(name) if name == "a")
    );
    let mut builder = TopologyBuilder::new();
    builder.add_source::<String, i64>("a", &["in"]);
    builder.add_state_store(Stores::key_value::<String, i64>("s"));
    builder.add_state_store(Stores::key_value::<String, i64>("s"));
    assert!(
        matches!(builder.build().unwrap_err(), TopologyError::DuplicateStore(name) if name == "s")
    );
}

#[test]
fn a_task_reads_the_lowest_timestamp_first_over_its_partitions() {
    let mut builder = TopologyBuilder::new();
    builder
        .add_source::<String, i64>("a", &["a"])
        .add_source::<String, i64>("b", &["b"])
        .add_step(
            "both",
            |k: String, v: i64, ctx: &mut Context<'_, String, i64>| ctx.pass(k, v),
            &["a", "b"],
        )
        .add_sink::<String, i64>("sink", "out", &["both"]);
    let topology = builder.build().unwrap();
    assert_eq!(topology.subtopology_count(), 1);
    let both = |driver: &TopologyTestDriver| {
        driver.input::<String, i64>("b").pipe("k", 2, 20).unwrap();
        driver.input::<String, i64>("a").pipe("k", 1, 10).unwrap();
        let read = driver.output::<String, i64>("out").read_key_values().unwrap();
        read.into_iter().map(|(_, value)| value).collect::<Vec<_>>()
    };
    let driver = TopologyTestDriver::new(&topology).unwrap();
    assert_eq!(both(&driver), [2, 1], "each pipe works until nothing is left");

    let options = DriverOptions::new().max_task_idle_ms(1_000);
    let driver = TopologyTestDriver::with(&topology, &options).unwrap();
    assert_eq!(both(&driver), [1], "the first record waits for the other partition");
    driver.advance_wall_clock(Duration::from_secs(1)).unwrap();
    assert_eq!(driver.output::<String, i64>("out").read_key_values().unwrap(), [("k".into(), 2)]);
}

#[test]
fn records_pass_through_repartition_topics_to_the_task_of_their_key() {
    let mut builder = TopologyBuilder::new();
    builder
        .add_source::<String, i64>("a", &["in"])
        .add_internal_topic("by-key-repartition", None)
        .add_sink::<String, i64>("write", "by-key-repartition", &["a"])
        .add_source::<String, i64>("read", &["by-key-repartition"])
        .add_sink::<String, i64>("sink", "out", &["read"]);
    let topology = builder.build().unwrap();
    assert_eq!(topology.subtopology_count(), 2);
    let options = DriverOptions::new().application_id("app").partitions("in", 3);
    let driver = TopologyTestDriver::with(&topology, &options).unwrap();
    let input = driver.input::<String, i64>("in");
    for key in ["a", "b", "c", "d"] {
        input.pipe(key, 1, 10).unwrap();
    }
    let through = driver.take_sent("app-by-key-repartition");
    let mut partitions: Vec<i32> = through.iter().map(|record| record.partition).collect();
    partitions.sort_unstable();
    partitions.dedup();
    assert!(partitions.len() > 1, "keys spread over {partitions:?}");
    assert_eq!(driver.output::<String, i64>("out").read_all().unwrap().len(), 4);
}

#[test]
fn a_record_without_a_valid_timestamp_names_its_offset() {
    let (topology, _) = word_count();
    let driver = TopologyTestDriver::new(&topology).unwrap();
    let lines = driver.input::<String, String>("in");
    let record = Record::new("k".to_owned(), "a".to_owned(), Timestamp::from_millis(-5));
    let error = lines.pipe_record(&record).unwrap_err();
    assert!(error.report().contains("in-0 at offset 0 has the negative timestamp -5"), "{error:?}");
}
