//! Applications that exist in Java too, each under its name: their twins are in
//! tests/kafka/java/Topologies.java.

use std::{collections::BTreeMap, time::Duration};

use streams_core::{SourceOptions, stores::Stores};
use streams_dsl::{
    Branched, Context, Grouped, Hopping, Ignored, Joined, KGroupedStream, KStream, KTable,
    Materialized, Named, Outcome, Processed, Processor, Record, Repartitioned, StreamsBuilder,
    Topology, TopologyBuilder, Tumbling, Windowed,
};

/// Describes a topology.
pub type Describe = fn() -> Topology;

type Texts = KStream<String, String>;
type Table = KTable<String, String>;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// All of them by name.
pub const BY_NAME: [(&str, Describe); 23] = [
    ("word_count", || word_count("")),
    ("windowed_count", || windowed_count("")),
    ("orders", || orders("")),
    ("orders_through", || orders_through("")),
    ("windows", || dsl(windows)),
    ("aggregations", || dsl(aggregations)),
    ("shared_repartition", || dsl(shared_repartition)),
    ("tables", || dsl(tables)),
    ("to_table", || dsl(to_table)),
    ("stream_table_joins", || dsl(stream_table_joins)),
    ("copartition_groups", || dsl(copartition_groups)),
    ("lone_copartition_groups", || dsl(lone_copartition_groups)),
    ("overlapping_copartition_groups", || dsl(overlapping_copartition_groups)),
    ("repartition_partitions", || dsl(repartition_partitions)),
    ("split_and_merge", || dsl(split_and_merge)),
    ("several_topics", || dsl(several_topics)),
    ("processors", || dsl(processors)),
    ("shared_store", || dsl(shared_store)),
    ("many_subtopologies", || dsl(many_subtopologies)),
    ("copy", || dsl(|builder| texts(builder, "in").to("out"))),
    ("changelog_configs", || dsl(changelog_configs)),
    ("topic_configs", || dsl(topic_configs)),
    ("read_only_store", read_only_store),
];

/// Counts the words of the lines in topic `lines` into `word-counts`; `prefix` stands before the
/// names of both, as in the following ones.
pub fn word_count(prefix: &str) -> Topology {
    dsl(|builder| {
        let counts = words(builder, prefix).count_with(Materialized::named("counts"));
        counts.to_stream().to(&format!("{prefix}word-counts"));
    })
}

/// Counts the words of each hour into `hourly-counts`, keyed by word and start of the hour; an hour
/// takes late records for another one.
pub fn windowed_count(prefix: &str) -> Topology {
    dsl(|builder| {
        words(builder, prefix)
            .windowed_by(Tumbling::of(HOUR).grace(HOUR))
            .count_with(Materialized::named("hourly"))
            .to_stream()
            .map(|word: Windowed<String>, count| {
                (format!("{}@{}", word.key, word.start().as_millis()), count)
            })
            .to(&format!("{prefix}hourly-counts"));
    })
}

/// Orders, joined with users and items, which have six partitions.
pub fn orders(prefix: &str) -> Topology {
    dsl(|builder| {
        let (items, by_item) = ordered_by_users(builder, prefix);
        let repartitioned = Repartitioned::named("orderuser-by-item").partitions(6);
        purchases(&by_item.repartition_with(repartitioned), &items, prefix);
    })
}

/// The same through a topic that is not the application's own.
pub fn orders_through(prefix: &str) -> Topology {
    dsl(|builder| {
        let (items, by_item) = ordered_by_users(builder, prefix);
        let topic = format!("{prefix}orderuser-repartition-by-item");
        purchases(&by_item.through(&topic), &items, prefix);
    })
}

fn dsl(describe: impl FnOnce(&StreamsBuilder)) -> Topology {
    let builder = StreamsBuilder::new();
    describe(&builder);
    builder.build().unwrap()
}

fn texts(builder: &StreamsBuilder, topic: &str) -> Texts {
    builder.stream(topic)
}

#[expect(clippy::ptr_arg, reason = "select_key hands over what the stream holds")]
fn value(_: &String, value: &String) -> String {
    value.clone()
}

fn concat(a: String, b: String) -> String {
    a + &b
}

fn swap(key: String, value: String) -> (String, String) {
    (value, key)
}

fn configs(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn words(builder: &StreamsBuilder, prefix: &str) -> KGroupedStream<String, String> {
    let lines = builder.stream::<Ignored, String>(&*format!("{prefix}lines"));
    lines
        .flat_map_values(|line| line.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>())
        .group_by(|_, word| word.clone())
}

/// The items, and the orders of known users by item.
fn ordered_by_users(builder: &StreamsBuilder, prefix: &str) -> (Table, Texts) {
    let users: Table = builder.table(&format!("{prefix}users"));
    let items = builder.table(&format!("{prefix}items"));
    let by_item = texts(builder, &format!("{prefix}orders"))
        .join(&users, |order, user| order + user)
        .select_key(value);
    (items, by_item)
}

fn purchases(by_item: &Texts, items: &Table, prefix: &str) {
    by_item
        .join(items, |ordered, item| Some(ordered + item))
        .non_null_values()
        .group_by(|_, who: &String| who.clone())
        .windowed_by(Tumbling::of(HOUR).grace(HOUR))
        .count_with(Materialized::named("purchases"))
        .to_stream()
        .map(|who: Windowed<String>, count| (who.key, count))
        .to(&format!("{prefix}purchases-per-hour"));
}

fn windows(builder: &StreamsBuilder) {
    let grouped = texts(builder, "in").group_by_key();
    grouped.windowed_by(Tumbling::of(5 * MINUTE)).count();
    grouped
        .windowed_by(Hopping::of(10 * MINUTE).advance_by(2 * MINUTE).grace(Duration::from_secs(30)))
        .reduce_with(concat, Materialized::named("hopping").retention(72 * HOUR));
    grouped.windowed_by(Tumbling::of(HOUR)).aggregate_with(
        || 0,
        |_, _, sum: i64| sum + 1,
        Materialized::named("aggregated").in_memory().retention(HOUR),
    );
}

fn aggregations(builder: &StreamsBuilder) {
    let stream = texts(builder, "in");
    let by_key = stream.group_by_key();
    by_key.count();
    by_key.reduce_with(concat, Materialized::named("reduced"));
    stream
        .group_by_with(value, Grouped::named("by-value"))
        .aggregate_with(|| 0, |_, _, sum: i64| sum + 1, Materialized::named("sums"))
        .to_stream()
        .to("sums");
    stream.map(swap).group_by_key().reduce(|_, b| b).to_stream().to("last");
}

fn shared_repartition(builder: &StreamsBuilder) {
    let grouped = texts(builder, "in").group_by_with(value, Grouped::named("shared"));
    grouped.count_with(Materialized::named("counted"));
    grouped.reduce_with(concat, Materialized::named("reduced"));
    let unnamed = texts(builder, "other").select_key(value).group_by_key();
    unnamed.count();
    unnamed.reduce(concat);
}

fn tables(builder: &StreamsBuilder) {
    builder.table::<String, String>("plain").to_stream().to("copied");
    let named = builder.table_with::<String, String, _, _, _>(
        "named",
        streams_dsl::Consumed::new(),
        Materialized::named("named-store"),
    );
    named
        .filter_with(|_, value| !value.is_empty(), Materialized::named("not-empty"))
        .map_values_with(|_, value| value.repeat(2), Materialized::named("doubled"))
        .filter_not(|_, value: &String| value.len() > 9)
        .to_stream()
        .to("short");
}

fn to_table(builder: &StreamsBuilder) {
    texts(builder, "updates").to_table_with(Materialized::named("latest"));
    texts(builder, "events")
        .select_key(value)
        .to_table_with(Materialized::named("by-value"))
        .to_stream()
        .to("by-value");
    texts(builder, "renamed")
        .select_key(value)
        .to_table_with(Materialized::new().processor("anew"))
        .filter_with(|_, _| true, Materialized::named("kept"));
}

fn stream_table_joins(builder: &StreamsBuilder) {
    let table: Table = builder.table("table");
    let stream = texts(builder, "in");
    stream.join(&table, |value, row| value + row).to("inner");
    let by_value = stream.select_key(value);
    by_value.left_join_with(&table, |value, _| value, Joined::named("by-value")).to("left");
    by_value.join(&table, |value, _| value).to("rekeyed");
}

fn copartition_groups(builder: &StreamsBuilder) {
    let first: Table = builder.table("table-of-the-first");
    let second: Table = builder.table("a-second-table");
    let third: Table = builder.table("m-third");
    let stream = texts(builder, "requests");
    stream
        .join(&first, |value, row| value + row)
        .join(&second, |value, row| value + row)
        .to("answers");
    stream
        .select_key(value)
        .repartition_with(Repartitioned::named("z-by-value"))
        .join(&third, |value, row| value + row)
        .left_join(&second, |value, _| value)
        .to("answers-by-value");
    stream
        .map(swap)
        .join_with(&third, |value, row| value + row, Joined::named("by-other"))
        .to("answers-by-other");
    let (lonely, table): (_, Table) = (texts(builder, "lonely"), builder.table("lonely-table"));
    lonely.join(&table, |value, _| value).to("lonely-answers");
}

fn lone_copartition_groups(builder: &StreamsBuilder) {
    let events = texts(builder, "events");
    events.join(&events.to_table(), |value, _| value).to("answers");
    texts(builder, "in").group_by_key().count();
    let (again, table): (_, Table) = (texts(builder, "in"), builder.table("table"));
    again.join(&table, |value, _| value).to("joined");
}

fn overlapping_copartition_groups(builder: &StreamsBuilder) {
    let left: Table = builder.table("left");
    let right: Table = builder.table("right");
    let one = texts(builder, "one");
    let two = texts(builder, "two");
    one.join(&left, |value, _| value).to("one-left");
    two.join(&right, |value, _| value).to("two-right");
    one.merge(&two).join(&right, |value, _| value).to("both-right");
    let three: Texts = builder.stream(["x", "y", "z"]);
    three.to_table_with(Materialized::named("xyz"));
}

fn repartition_partitions(builder: &StreamsBuilder) {
    let stream = texts(builder, "in");
    stream
        .repartition_with(Repartitioned::named("twelve").partitions(12))
        .map_values(|value| value + "!")
        .repartition()
        .select_key(value)
        .group_by_key_with(Grouped::named("last-hop"))
        .count()
        .to_stream()
        .to("counts");
    stream.repartition_with(Repartitioned::new().partitions(3)).to("three");
}

fn split_and_merge(builder: &StreamsBuilder) {
    let other = texts(builder, "other");
    let branches = texts(builder, "in")
        .split_many_with(Named::new("by-"))
        .branch(|_, value| value.starts_with('a'))
        .branch(|_, value| value.starts_with('b'))
        .default_branch_with(Branched::numbered());
    let branch = |name: &str| branches.get(name).unwrap();
    branch("by-1").to("a");
    branch("by-2")
        .select_key(value)
        .merge(&other)
        .group_by_key()
        .count_with(Materialized::named("merged"));
    branch("by-0").merge(&other.filter(|_, _| true)).to("rest");
}

fn several_topics(builder: &StreamsBuilder) {
    let three: Texts = builder.stream(["zebra", "ant", "monkey"]);
    three.group_by_key().count_with(Materialized::named("animals"));
    builder.stream::<String, String>(["monkey", "zebra", "ant"]).to("copied");
    texts(builder, "Upper").to("out");
    texts(builder, "lower-2").merge(&texts(builder, "lower-10")).to("out");
}

/// Forwards what comes.
struct Forward;

impl Processor<String, String, String, String> for Forward {
    fn process(
        &mut self,
        record: Record<String, String>,
        ctx: &mut Context<'_, String, String>,
    ) -> Outcome {
        ctx.forward(record)
    }
}

fn processors(builder: &StreamsBuilder) {
    let stores = [
        builder.add_state_store(Stores::key_value::<String, String>("plain")).index(),
        builder
            .add_state_store(
                Stores::key_value::<String, String>("configured").in_memory().logging_config(
                    configs(&[
                        ("min.insync.replicas", "1"),
                        ("segment.ms", "60000"),
                        ("cleanup.policy", "compact,delete"),
                    ]),
                ),
            )
            .index(),
        builder
            .add_state_store(
                Stores::timestamped_key_value::<String, String>("unlogged").logging(false),
            )
            .index(),
        builder
            .add_state_store(Stores::window::<String, String>("recent", 5 * HOUR, MINUTE))
            .index(),
        builder
            .add_state_store(
                Stores::timestamped_window::<String, String>("ring", HOUR, MINUTE)
                    .in_memory()
                    .retain_duplicates(true),
            )
            .index(),
    ];
    let all = Processed::named("all-of-them").stores(stores.into_iter().rev());
    let processed: Texts = texts(builder, "in").process_with(|| Forward, all);
    processed.group_by_key().count_with(Materialized::named("after"));
}

fn shared_store(builder: &StreamsBuilder) {
    let shared = builder.add_state_store(Stores::key_value::<String, String>("shared"));
    let forward = |topic: &str| -> Texts {
        texts(builder, topic).process_with(|| Forward, Processed::new().store(shared))
    };
    forward("writes");
    texts(builder, "apart").to("out");
    forward("reads").to("answers");
}

fn many_subtopologies(builder: &StreamsBuilder) {
    let mut stream = texts(builder, "in");
    for hop in 0..11 {
        stream = stream.repartition_with(Repartitioned::named(&format!("hop-{hop}")));
    }
    stream.group_by_key().count_with(Materialized::named("end"));
}

fn changelog_configs(builder: &StreamsBuilder) {
    let grouped = texts(builder, "in").group_by_key();
    let configured = configs(&[("segment.bytes", "1048576"), ("retention.ms", "1")]);
    grouped.count_with(Materialized::named("configured").logging_config(configured));
    grouped.count_with(Materialized::named("unlogged").logging(false));
    let kept_long = configs(&[("retention.ms", "86400000"), ("cleanup.policy", "delete")]);
    grouped
        .windowed_by(Tumbling::of(HOUR))
        .count_with(Materialized::named("kept-long").logging_config(kept_long));
}

fn topic_configs(builder: &StreamsBuilder) {
    let grouped = texts(builder, "in").group_by(value);
    grouped.count_with(Materialized::named("counts"));
    grouped.windowed_by(Tumbling::of(HOUR)).count_with(Materialized::named("hourly"));
    let own = configs(&[("retention.ms", "5"), ("min.insync.replicas", "1")]);
    grouped
        .windowed_by(Tumbling::of(HOUR))
        .count_with(Materialized::named("own").logging_config(own));
}

fn read_only_store() -> Topology {
    let mut builder = TopologyBuilder::new();
    let mirror = builder.add_state_store(Stores::key_value::<String, String>("mirror"));
    builder.use_source_as_changelog(mirror, "topic");
    builder
        .add_source_with("mirrored", "topic".into(), SourceOptions::<String, String>::default())
        .add_processor("fill", || Forward, &["mirrored"])
        .connect("fill", mirror)
        .add_source::<String, String>("in", &["in"])
        .add_processor("look-up", || Forward, &["in"])
        .connect("look-up", mirror)
        .add_sink::<String, String>("out", "out", &["look-up"]);
    builder.build().unwrap()
}
