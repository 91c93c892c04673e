import java.util.Properties;

import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.StateRestoreListener;

/**
 * Runs one of the {@link Topologies} on a real Kafka until its standard input ends, then closes
 * cleanly. Says on standard output what a test waits for, a line each: {@code RESTORED store n} for
 * a restored store of a partition, {@code STATE name} for each state of the instance, {@code
 * CLOSED} at the end.
 *
 * <p>Arguments: the bootstrap address, the application id, the name of the topology, what stands
 * before the names of its topics, the state folder, then {@code key=value} for further settings.
 */
public final class Application {
    public static void main(final String[] arguments) throws Exception {
        final Properties config = new Properties();
        config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, arguments[0]);
        config.put(StreamsConfig.APPLICATION_ID_CONFIG, arguments[1]);
        config.put(StreamsConfig.STATE_DIR_CONFIG, arguments[4]);
        config.put(StreamsConfig.GROUP_PROTOCOL_CONFIG, "streams");
        config.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, "100");
        config.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
        config.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
        config.put(ConsumerConfig.METADATA_MAX_AGE_CONFIG, "500");
        Topologies.prefix = arguments[3];
        final Topology topology = Topologies.BY_NAME.get(arguments[2]).describe(config);
        for (int at = 5; at < arguments.length; at++) {
            final String[] setting = arguments[at].split("=", 2);
            config.put(setting[0], setting[1]);
        }

        final KafkaStreams streams = new KafkaStreams(topology, config);
        streams.setStateListener((state, before) -> say("STATE " + state));
        streams.setGlobalStateRestoreListener(new Restored());
        streams.start();
        while (System.in.read() >= 0) {
            // Only the end counts.
        }
        streams.close();
        say("CLOSED");
        System.exit(0);
    }

    private static synchronized void say(final String line) {
        System.out.println(line);
        System.out.flush();
    }

    private static final class Restored implements StateRestoreListener {
        @Override
        public void onRestoreStart(final TopicPartition partition, final String store,
                                   final long begin, final long end) { }

        @Override
        public void onBatchRestored(final TopicPartition partition, final String store,
                                    final long offset, final long count) { }

        @Override
        public void onRestoreEnd(final TopicPartition partition, final String store,
                                 final long count) {
            say("RESTORED " + store + " " + count);
        }
    }

    private Application() { }
}
