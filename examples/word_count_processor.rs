//! Word count without the DSL: a processor of one's own, its store, and a punctuation each second
//! that scans the store and forwards the counts.
//!
//! ```text
//! cargo run --release -p streams-examples --example word_count_processor
//! ```

use std::time::Duration;

use streams_dsl::{KeyValueStore, prelude::*};
use streams_examples::{Arguments, Place, Result, last_values};

type Counts = KeyValueStore<String, i64>;

/// One is made for each task; state that has to outlive it belongs in a store.
struct WordCount {
    counts: StoreHandle<Counts>,
}

impl Processor<Ignored, String, String, i64> for WordCount {
    fn init(&mut self, ctx: &mut Context<'_, String, i64>) -> Outcome {
        ctx.schedule(Duration::from_secs(1), PunctuationKind::WallClock)?;
        Ok(())
    }

    fn process(
        &mut self,
        record: Record<Ignored, String>,
        ctx: &mut Context<'_, String, i64>,
    ) -> Outcome {
        let counts = ctx.store(self.counts)?;
        for word in record.value.split_whitespace().map(str::to_lowercase) {
            let count = counts.get(&word)?.unwrap_or(0);
            counts.put(&word, Some(count + 1))?;
        }
        Ok(())
    }

    fn punctuate(&mut self, due: Punctuation, ctx: &mut Context<'_, String, i64>) -> Outcome {
        // A scan holds no borrow of the store: what is forwarded may change it meanwhile.
        let mut scan = ctx.store(self.counts)?.all()?;
        while let Some((word, count)) = scan.next(ctx.store(self.counts)?)? {
            ctx.forward(Record::new(word, count, due.at))?;
        }
        Ok(())
    }
}

fn topology(prefix: &str) -> Result<Topology> {
    let mut topology = TopologyBuilder::new();
    let counts = topology.add_state_store(Stores::key_value::<String, i64>("counts"));
    topology
        .add_source::<Ignored, String>("lines", &[&format!("{prefix}lines")])
        .add_processor("count", move || WordCount { counts }, &["lines"])
        .add_sink::<String, i64>("totals", &format!("{prefix}word-counts"), &["count"])
        .connect("count", counts);
    Ok(topology.build()?)
}

#[tokio::main]
async fn main() -> Result<()> {
    let place = Place::once("word-count-processor", &Arguments::read()?)?;
    let topology = topology(&place.prefix)?;
    let application = place.start(topology, &[("lines", 1), ("word-counts", 1)]).await?;
    let lines = ["All streams lead to Kafka", "Hello Kafka Streams"];
    for (time, line) in lines.into_iter().enumerate() {
        application.produce("lines", Ignored, line.to_owned(), time as i64)?;
    }
    println!("waiting for the next second");
    let mut counts: Vec<(String, i64)> = Vec::new();
    while counts.is_empty() {
        counts = application.results("word-counts").await?;
    }
    for (word, count) in last_values(counts) {
        println!("{word}\t{count}");
    }
    application.close().await?;
    Ok(())
}

#[test]
fn the_counts_are_forwarded_each_second_in_the_order_of_the_words() {
    let driver = streams_test::TopologyTestDriver::new(&topology("").unwrap()).unwrap();
    let lines = driver.input::<Ignored, String>("lines");
    let counts = driver.output::<String, i64>("word-counts");
    lines.pipe(Ignored, "b a B", 0).unwrap();
    driver.advance_wall_clock(Duration::from_millis(999)).unwrap();
    assert_eq!(counts.read().unwrap(), None, "the second is not over");
    driver.advance_wall_clock(Duration::from_millis(1)).unwrap();
    assert_eq!(counts.read_key_values().unwrap(), [("a".to_owned(), 1), ("b".to_owned(), 2)]);
    driver.advance_wall_clock(Duration::from_secs(1)).unwrap();
    assert_eq!(counts.read_key_values().unwrap().len(), 2, "again, though nothing arrived");
}
