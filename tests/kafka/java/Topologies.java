import java.time.Duration;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;

import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Joined;
import org.apache.kafka.streams.kstream.KGroupedStream;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.Repartitioned;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.ProcessorSupplier;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;
import org.apache.kafka.streams.state.WindowStore;

/** The applications, by name; each has a twin of the same name in Rust. */
final class Topologies {
    private static final Duration HOUR = Duration.ofHours(1);

    /** Describes a topology; may set what the application is configured with. */
    interface Description {
        Topology describe(Properties config);
    }

    /** What most applications are: a topology of the DSL without settings. */
    interface Dsl {
        void describe(StreamsBuilder builder);
    }

    static final Map<String, Description> BY_NAME = new LinkedHashMap<>();

    /** Stands before the names of topics, where applications are run: on topics of their own. */
    static String prefix = "";

    static {
        dsl("word_count", Topologies::wordCount);
        dsl("windowed_count", Topologies::windowedCount);
        dsl("orders", builder -> orders(builder, false));
        dsl("orders_through", builder -> orders(builder, true));
        dsl("windows", Topologies::windows);
        dsl("aggregations", Topologies::aggregations);
        dsl("shared_repartition", Topologies::sharedRepartition);
        dsl("tables", Topologies::tables);
        dsl("to_table", Topologies::toTable);
        dsl("stream_table_joins", Topologies::streamTableJoins);
        dsl("copartition_groups", Topologies::copartitionGroups);
        dsl("lone_copartition_groups", Topologies::loneCopartitionGroups);
        dsl("overlapping_copartition_groups", Topologies::overlappingCopartitionGroups);
        dsl("repartition_partitions", Topologies::repartitionPartitions);
        dsl("split_and_merge", Topologies::splitAndMerge);
        dsl("several_topics", Topologies::severalTopics);
        dsl("processors", Topologies::processors);
        dsl("shared_store", Topologies::sharedStore);
        dsl("many_subtopologies", Topologies::manySubtopologies);
        dsl("copy", builder -> builder.stream("in").to("out"));
        BY_NAME.put("changelog_configs", Topologies::changelogConfigs);
        BY_NAME.put("topic_configs", Topologies::topicConfigs);
        BY_NAME.put("read_only_store", config -> readOnlyStore());
    }

    private static void dsl(final String name, final Dsl dsl) {
        BY_NAME.put(name, config -> {
            final StreamsBuilder builder = new StreamsBuilder();
            dsl.describe(builder);
            return builder.build();
        });
    }

    private static void wordCount(final StreamsBuilder builder) {
        words(builder)
            .groupBy((key, word) -> word)
            .count(Materialized.as("counts"))
            .toStream()
            .to(prefix + "word-counts", Produced.with(Serdes.String(), Serdes.Long()));
    }

    private static void windowedCount(final StreamsBuilder builder) {
        words(builder)
            .groupBy((key, word) -> word)
            .windowedBy(TimeWindows.ofSizeAndGrace(HOUR, HOUR))
            .count(Materialized.as("hourly"))
            .toStream()
            .map((window, count) -> new KeyValue<>(
                window.key() + "@" + window.window().start(), count))
            .to(prefix + "hourly-counts", Produced.with(Serdes.String(), Serdes.Long()));
    }

    private static KStream<String, String> words(final StreamsBuilder builder) {
        final KStream<String, String> lines = builder.stream(prefix + "lines");
        return lines.flatMapValues(line -> Arrays.stream(line.split("\\s+"))
            .filter(word -> !word.isEmpty())
            .map(word -> word.toLowerCase(Locale.ROOT))
            .toList());
    }

    private static void orders(final StreamsBuilder builder, final boolean through) {
        final KTable<String, String> users = builder.table(prefix + "users");
        final KTable<String, String> items = builder.table(prefix + "items");
        KStream<String, String> byItem = builder.<String, String>stream(prefix + "orders")
            .join(users, (order, user) -> order + user)
            .selectKey((key, ordered) -> ordered);
        if (through) {
            byItem.to(prefix + "orderuser-repartition-by-item");
            byItem = builder.stream(prefix + "orderuser-repartition-by-item");
        } else {
            byItem = byItem.repartition(
                Repartitioned.<String, String>as("orderuser-by-item").withNumberOfPartitions(6));
        }
        byItem
            .join(items, (ordered, item) -> ordered + item)
            .filter((key, who) -> who != null)
            .groupBy((key, who) -> who)
            .windowedBy(TimeWindows.ofSizeAndGrace(HOUR, HOUR))
            .count(Materialized.as("purchases"))
            .toStream()
            .map((who, count) -> new KeyValue<>(who.key(), count))
            .to(prefix + "purchases-per-hour", Produced.with(Serdes.String(), Serdes.Long()));
    }

    /** Window stores: retention by size and grace, by option; on disk and in memory. */
    private static void windows(final StreamsBuilder builder) {
        final KGroupedStream<String, String> grouped =
            builder.<String, String>stream("in").groupByKey();
        grouped.windowedBy(TimeWindows.ofSizeWithNoGrace(Duration.ofMinutes(5))).count();
        grouped
            .windowedBy(TimeWindows.ofSizeAndGrace(Duration.ofMinutes(10), Duration.ofSeconds(30))
                .advanceBy(Duration.ofMinutes(2)))
            .reduce((a, b) -> a + b, Materialized
                .<String, String, WindowStore<Bytes, byte[]>>as("hopping")
                .withRetention(Duration.ofDays(3)));
        grouped
            .windowedBy(TimeWindows.ofSizeAndGrace(HOUR, Duration.ZERO))
            .aggregate(() -> 0L, (key, value, sum) -> sum + 1, Materialized
                .<String, Long>as(Stores.inMemoryWindowStore(
                    "aggregated", HOUR, HOUR, false))
                .withValueSerde(Serdes.Long()));
    }

    private static void aggregations(final StreamsBuilder builder) {
        final KStream<String, String> stream = builder.stream("in");
        final KGroupedStream<String, String> byKey = stream.groupByKey();
        byKey.count();
        byKey.reduce((a, b) -> a + b, Materialized.as("reduced"));
        stream
            .groupBy((key, value) -> value, Grouped.as("by-value"))
            .aggregate(() -> 0L, (key, value, sum) -> sum + 1,
                Materialized.<String, Long, KeyValueStore<Bytes, byte[]>>as("sums")
                    .withValueSerde(Serdes.Long()))
            .toStream()
            .to("sums", Produced.with(Serdes.String(), Serdes.Long()));
        stream
            .map((key, value) -> new KeyValue<>(value, key))
            .groupByKey()
            .reduce((a, b) -> b)
            .toStream()
            .to("last");
    }

    /** One grouping with a name, aggregated twice: one repartition topic. */
    private static void sharedRepartition(final StreamsBuilder builder) {
        final KGroupedStream<String, String> grouped = builder.<String, String>stream("in")
            .groupBy((key, value) -> value, Grouped.as("shared"));
        grouped.count(Materialized.as("counted"));
        grouped.reduce((a, b) -> a + b, Materialized.as("reduced"));
        final KGroupedStream<String, String> unnamed = builder.<String, String>stream("other")
            .selectKey((key, value) -> value)
            .groupByKey();
        unnamed.count();
        unnamed.reduce((a, b) -> a + b);
    }

    /** Tables: from a topic, derived, with stores of their own where they are named. */
    private static void tables(final StreamsBuilder builder) {
        final KTable<String, String> plain = builder.table("plain");
        plain.toStream().to("copied");
        final KTable<String, String> named = builder.table("named", Materialized.as("named-store"));
        named
            .filter((key, value) -> !value.isEmpty(), Materialized.as("not-empty"))
            .mapValues(value -> value + value, Materialized.as("doubled"))
            .filterNot((key, value) -> value.length() > 9)
            .toStream()
            .to("short");
    }

    private static void toTable(final StreamsBuilder builder) {
        builder.<String, String>stream("updates").toTable(Materialized.as("latest"));
        builder.<String, String>stream("events")
            .selectKey((key, value) -> value)
            .toTable(Materialized.as("by-value"))
            .toStream()
            .to("by-value");
        builder.<String, String>stream("renamed")
            .selectKey((key, value) -> value)
            .toTable(Named.as("anew"))
            .filter((key, value) -> true, Materialized.as("kept"));
    }

    private static void streamTableJoins(final StreamsBuilder builder) {
        final KTable<String, String> table = builder.table("table");
        final KStream<String, String> stream = builder.stream("in");
        stream.join(table, (value, row) -> value + row).to("inner");
        final KStream<String, String> byValue = stream.selectKey((key, value) -> value);
        byValue.leftJoin(table, (value, row) -> value, Joined.as("by-value")).to("left");
        byValue.join(table, (value, row) -> value).to("rekeyed");
    }

    /** Several groups in one sub-topology, with topics of both kinds. */
    private static void copartitionGroups(final StreamsBuilder builder) {
        final KTable<String, String> first = builder.table("table-of-the-first");
        final KTable<String, String> second = builder.table("a-second-table");
        final KTable<String, String> third = builder.table("m-third");
        final KStream<String, String> stream = builder.stream("requests");
        stream
            .join(first, (value, row) -> value + row)
            .join(second, (value, row) -> value + row)
            .to("answers");
        stream
            .selectKey((key, value) -> value)
            .repartition(Repartitioned.as("z-by-value"))
            .join(third, (value, row) -> value + row)
            .leftJoin(second, (value, row) -> value)
            .to("answers-by-value");
        stream
            .map((key, value) -> new KeyValue<>(value, key))
            .join(third, (value, row) -> value + row, Joined.as("by-other"))
            .to("answers-by-other");
        builder.<String, String>stream("lonely")
            .join(builder.<String, String>table("lonely-table"), (value, row) -> value)
            .to("lonely-answers");
    }

    /** Groups of one topic, and of what is left of a source that another one took over. */
    private static void loneCopartitionGroups(final StreamsBuilder builder) {
        final KStream<String, String> events = builder.stream("events");
        events.join(events.toTable(), (value, row) -> value).to("answers");
        builder.<String, String>stream("in").groupByKey().count();
        builder.<String, String>stream("in")
            .join(builder.<String, String>table("table"), (value, row) -> value)
            .to("joined");
    }

    /** Groups that share topics become one, whatever was said first. */
    private static void overlappingCopartitionGroups(final StreamsBuilder builder) {
        final KTable<String, String> left = builder.table("left");
        final KTable<String, String> right = builder.table("right");
        final KStream<String, String> one = builder.stream("one");
        final KStream<String, String> two = builder.stream("two");
        one.join(left, (value, row) -> value).to("one-left");
        two.join(right, (value, row) -> value).to("two-right");
        one.merge(two).join(right, (value, row) -> value).to("both-right");
        builder.<String, String>stream(List.of("x", "y", "z")).toTable(Materialized.as("xyz"));
    }

    private static void repartitionPartitions(final StreamsBuilder builder) {
        final KStream<String, String> stream = builder.stream("in");
        stream
            .repartition(Repartitioned.<String, String>as("twelve").withNumberOfPartitions(12))
            .mapValues(value -> value + "!")
            .repartition()
            .selectKey((key, value) -> value)
            .groupByKey(Grouped.as("last-hop"))
            .count()
            .toStream()
            .to("counts", Produced.with(Serdes.String(), Serdes.Long()));
        stream
            .repartition(Repartitioned.numberOfPartitions(3))
            .to("three");
    }

    private static void splitAndMerge(final StreamsBuilder builder) {
        final KStream<String, String> other = builder.stream("other");
        final Map<String, KStream<String, String>> branches = builder
            .<String, String>stream("in")
            .split(Named.as("by-"))
            .branch((key, value) -> value.startsWith("a"))
            .branch((key, value) -> value.startsWith("b"))
            .defaultBranch();
        branches.get("by-1").to("a");
        branches.get("by-2")
            .selectKey((key, value) -> value)
            .merge(other)
            .groupByKey()
            .count(Materialized.as("merged"));
        branches.get("by-0").merge(other.filter((key, value) -> true)).to("rest");
    }

    /** Sources of several topics, read by several streams. */
    private static void severalTopics(final StreamsBuilder builder) {
        final KStream<String, String> three = builder.stream(List.of("zebra", "ant", "monkey"));
        three.groupByKey().count(Materialized.as("animals"));
        builder.<String, String>stream(List.of("monkey", "zebra", "ant")).to("copied");
        builder.<String, String>stream("Upper").to("out");
        builder.<String, String>stream("lower-2").merge(builder.stream("lower-10")).to("out");
    }

    /** Processors with stores: custom changelog settings, no changelog, in memory, windows. */
    private static void processors(final StreamsBuilder builder) {
        builder.addStateStore(Stores.keyValueStoreBuilder(
            Stores.persistentKeyValueStore("plain"), Serdes.String(), Serdes.String()));
        builder.addStateStore(Stores.keyValueStoreBuilder(
                Stores.inMemoryKeyValueStore("configured"), Serdes.String(), Serdes.String())
            .withLoggingEnabled(Map.of("min.insync.replicas", "1", "segment.ms", "60000",
                "cleanup.policy", "compact,delete")));
        builder.addStateStore(Stores.timestampedKeyValueStoreBuilder(
                Stores.persistentTimestampedKeyValueStore("unlogged"),
                Serdes.String(), Serdes.String())
            .withLoggingDisabled());
        builder.addStateStore(Stores.windowStoreBuilder(
            Stores.persistentWindowStore(
                "recent", Duration.ofHours(5), Duration.ofMinutes(1), false),
            Serdes.String(), Serdes.String()));
        builder.addStateStore(Stores.timestampedWindowStoreBuilder(
            Stores.inMemoryWindowStore("ring", HOUR, Duration.ofMinutes(1), true),
            Serdes.String(), Serdes.String()));
        final KStream<String, String> processed = builder
            .<String, String>stream("in")
            .process(FORWARD, Named.as("all-of-them"),
                "ring", "recent", "unlogged", "configured", "plain");
        processed.groupByKey().count(Materialized.as("after"));
    }

    /** Two streams whose processors share a store are one sub-topology. */
    private static void sharedStore(final StreamsBuilder builder) {
        builder.addStateStore(Stores.keyValueStoreBuilder(
            Stores.persistentKeyValueStore("shared"), Serdes.String(), Serdes.String()));
        builder.<String, String>stream("writes").process(FORWARD, "shared");
        builder.<String, String>stream("apart").to("out");
        builder.<String, String>stream("reads").process(FORWARD, "shared").to("answers");
    }

    /** Twelve of them: what is ordered by text has 10 before 2. */
    private static void manySubtopologies(final StreamsBuilder builder) {
        KStream<String, String> stream = builder.stream("in");
        for (int hop = 0; hop < 11; hop++) {
            stream = stream.repartition(Repartitioned.as("hop-" + hop));
        }
        stream.groupByKey().count(Materialized.as("end"));
    }

    private static Topology changelogConfigs(final Properties config) {
        final StreamsBuilder builder = new StreamsBuilder();
        final KGroupedStream<String, String> grouped =
            builder.<String, String>stream("in").groupByKey();
        grouped.count(Materialized.<String, Long, KeyValueStore<Bytes, byte[]>>as("configured")
            .withLoggingEnabled(Map.of("segment.bytes", "1048576", "retention.ms", "1")));
        grouped.count(Materialized.<String, Long, KeyValueStore<Bytes, byte[]>>as("unlogged")
            .withLoggingDisabled());
        grouped
            .windowedBy(TimeWindows.ofSizeWithNoGrace(HOUR))
            .count(Materialized.<String, Long, WindowStore<Bytes, byte[]>>as("kept-long")
                .withLoggingEnabled(
                    Map.of("retention.ms", "86400000", "cleanup.policy", "delete")));
        return builder.build();
    }

    /** Settings of the application for all of its topics. */
    private static Topology topicConfigs(final Properties config) {
        config.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, "3");
        config.put(StreamsConfig.WINDOW_STORE_CHANGE_LOG_ADDITIONAL_RETENTION_MS_CONFIG, "1000");
        config.put("topic.retention.ms", "7200000");
        config.put("topic.min.insync.replicas", "2");
        config.put("topic.message.timestamp.type", "LogAppendTime");
        final StreamsBuilder builder = new StreamsBuilder();
        final KGroupedStream<String, String> grouped =
            builder.<String, String>stream("in").groupBy((key, value) -> value);
        grouped.count(Materialized.as("counts"));
        grouped
            .windowedBy(TimeWindows.ofSizeWithNoGrace(HOUR))
            .count(Materialized.as("hourly"));
        grouped
            .windowedBy(TimeWindows.ofSizeWithNoGrace(HOUR))
            .count(Materialized.<String, Long, WindowStore<Bytes, byte[]>>as("own")
                .withLoggingEnabled(Map.of("retention.ms", "5", "min.insync.replicas", "1")));
        return builder.build();
    }

    /** The processor API: a store that is restored from the topic it is read from. */
    private static Topology readOnlyStore() {
        final Serde<String> text = Serdes.String();
        final Topology topology = new Topology();
        topology.addReadOnlyStateStore(
            Stores.keyValueStoreBuilder(
                Stores.persistentKeyValueStore("mirror"), text, text).withLoggingDisabled(),
            "mirrored", text.deserializer(), text.deserializer(), "topic", "fill", FORGET);
        topology.addSource("in", text.deserializer(), text.deserializer(), "in");
        topology.addProcessor("look-up", FORWARD, "in");
        topology.connectProcessorAndStateStores("look-up", "mirror");
        topology.addSink("out", "out", text.serializer(), text.serializer(), "look-up");
        return topology;
    }

    private static final ProcessorSupplier<String, String, String, String> FORWARD =
        () -> new ContextualProcessor<>() {
            @Override
            public void process(final Record<String, String> record) {
                context().forward(record);
            }
        };

    private static final ProcessorSupplier<String, String, Void, Void> FORGET =
        () -> new ContextualProcessor<>() {
            @Override
            public void process(final Record<String, String> record) { }
        };

    private Topologies() { }
}
