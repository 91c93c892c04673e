import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;

import org.apache.kafka.common.message.ApiVersionsResponseData;
import org.apache.kafka.common.message.FindCoordinatorResponseData;
import org.apache.kafka.common.message.MetadataResponseData;
import org.apache.kafka.common.message.ResponseHeaderData;
import org.apache.kafka.common.message.StreamsGroupHeartbeatRequestData;
import org.apache.kafka.common.message.StreamsGroupHeartbeatRequestDataJsonConverter;
import org.apache.kafka.common.message.StreamsGroupHeartbeatResponseData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.requests.AbstractRequest;
import org.apache.kafka.common.requests.FindCoordinatorRequest;
import org.apache.kafka.common.requests.RequestHeader;
import org.apache.kafka.common.requests.StreamsGroupHeartbeatRequest;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.AppInfoParser;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;

/**
 * Records the topologies that Kafka Streams sends with its first heartbeat: runs each application
 * of {@link Topologies} against a broker that knows just enough to be sent it, and writes one file
 * each into the folder named by the argument.
 */
public final class Heartbeats {
    private static final short VERSION = 0;

    private final LinkedBlockingQueue<StreamsGroupHeartbeatRequestData> received =
        new LinkedBlockingQueue<>();
    private final Path state = Files.createTempDirectory("heartbeats");
    private final ServerSocket server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());

    private Heartbeats() throws IOException { }

    public static void main(final String[] arguments) throws Exception {
        final Path folder = Files.createDirectories(Path.of(arguments[0]));
        final Heartbeats broker = new Heartbeats();
        daemon(broker::accept);
        for (final var entry : Topologies.BY_NAME.entrySet()) {
            final Path file = folder.resolve(entry.getKey() + ".json");
            Files.writeString(file, broker.record(entry.getKey(), entry.getValue()) + "\n");
        }
        System.exit(0);
    }

    /** What is known of an application's topology, as text. */
    private String record(final String name, final Topologies.Description description)
            throws Exception {
        final Map<String, Object> settings = new TreeMap<>();
        final Properties own = new Properties();
        final Topology topology = description.describe(own);
        own.forEach((key, value) -> settings.put((String) key, value));
        final StreamsGroupHeartbeatRequestData heartbeat = heartbeat(name, topology, own);

        final ObjectMapper mapper = new ObjectMapper();
        final ObjectNode record = mapper.createObjectNode();
        record.put("recordedFrom", "Kafka Streams " + AppInfoParser.getVersion());
        record.put("applicationId", heartbeat.groupId());
        record.set("config", mapper.valueToTree(settings));
        record.set("topology", StreamsGroupHeartbeatRequestDataJsonConverter
            .write(heartbeat, VERSION).get("topology"));
        record.put("bytes", hex(heartbeat.topology()));
        return mapper.writerWithDefaultPrettyPrinter().writeValueAsString(record);
    }

    private StreamsGroupHeartbeatRequestData heartbeat(
            final String name, final Topology topology, final Properties own) throws Exception {
        final String applicationId = name.replace('_', '-');
        final Properties config = new Properties();
        config.put(StreamsConfig.APPLICATION_ID_CONFIG, applicationId);
        config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, "127.0.0.1:" + server.getLocalPort());
        config.put(StreamsConfig.GROUP_PROTOCOL_CONFIG, "streams");
        config.put(StreamsConfig.STATE_DIR_CONFIG, state.toString());
        config.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
        config.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
        config.put("enable.metrics.push", "false");
        config.putAll(own);
        final KafkaStreams streams = new KafkaStreams(topology, config);
        streams.setUncaughtExceptionHandler(
            error -> StreamThreadExceptionResponse.SHUTDOWN_CLIENT);
        streams.start();
        while (true) {
            final StreamsGroupHeartbeatRequestData heartbeat = received.poll(30, TimeUnit.SECONDS);
            if (heartbeat == null) {
                throw new IllegalStateException(name + " sent no heartbeat with a topology");
            }
            // The one before may have said a last word.
            if (heartbeat.groupId().equals(applicationId)) {
                streams.close(Duration.ZERO);
                return heartbeat;
            }
        }
    }

    private static String hex(final Message message) {
        final ByteBuffer bytes = MessageUtil.toByteBufferAccessor(message, VERSION).buffer();
        return HexFormat.of().formatHex(bytes.array(), bytes.position(), bytes.limit());
    }

    private void accept() throws IOException {
        while (true) {
            final Socket client = server.accept();
            daemon(() -> serve(client));
        }
    }

    private void serve(final Socket client) throws IOException {
        final DataInputStream in = new DataInputStream(client.getInputStream());
        final DataOutputStream out = new DataOutputStream(client.getOutputStream());
        while (true) {
            final ByteBuffer request = ByteBuffer.wrap(in.readNBytes(in.readInt()));
            final RequestHeader header = RequestHeader.parse(request);
            final AbstractRequest body = AbstractRequest.parseRequest(
                header.apiKey(), header.apiVersion(), new ByteBufferAccessor(request)).request;
            final ByteBuffer head = MessageUtil.toByteBufferAccessor(
                new ResponseHeaderData().setCorrelationId(header.correlationId()),
                header.apiKey().responseHeaderVersion(header.apiVersion())).buffer();
            final ByteBuffer answer =
                MessageUtil.toByteBufferAccessor(answer(body), header.apiVersion()).buffer();
            out.writeInt(head.remaining() + answer.remaining());
            out.write(head.array(), head.position(), head.remaining());
            out.write(answer.array(), answer.position(), answer.remaining());
            out.flush();
        }
    }

    private ApiMessage answer(final AbstractRequest request) {
        switch (request.apiKey()) {
            case API_VERSIONS:
                return apiVersions();
            case METADATA:
                return metadata();
            case FIND_COORDINATOR:
                return coordinator(((FindCoordinatorRequest) request).data().coordinatorKeys());
            case STREAMS_GROUP_HEARTBEAT:
                final var heartbeat = ((StreamsGroupHeartbeatRequest) request).data();
                if (heartbeat.topology() != null) {
                    received.add(heartbeat);
                }
                // Nothing more is wanted of this member.
                return new StreamsGroupHeartbeatResponseData()
                    .setErrorCode(Errors.GROUP_AUTHORIZATION_FAILED.code());
            default:
                throw new IllegalStateException("no answer to " + request);
        }
    }

    private static ApiMessage apiVersions() {
        final var versions = new ApiVersionsResponseData();
        for (final ApiKeys api : List.of(ApiKeys.API_VERSIONS, ApiKeys.METADATA,
                ApiKeys.FIND_COORDINATOR, ApiKeys.STREAMS_GROUP_HEARTBEAT)) {
            versions.apiKeys().add(new ApiVersionsResponseData.ApiVersion()
                .setApiKey(api.id)
                .setMinVersion(api.oldestVersion())
                .setMaxVersion(api.latestVersion()));
        }
        return versions;
    }

    private ApiMessage metadata() {
        final var metadata = new MetadataResponseData().setClusterId("recorder").setControllerId(1);
        metadata.brokers().add(new MetadataResponseData.MetadataResponseBroker()
            .setNodeId(1).setHost("127.0.0.1").setPort(server.getLocalPort()));
        return metadata;
    }

    private ApiMessage coordinator(final List<String> groups) {
        final var coordinators = new FindCoordinatorResponseData();
        for (final String group : groups) {
            coordinators.coordinators().add(new FindCoordinatorResponseData.Coordinator()
                .setKey(group).setNodeId(1).setHost("127.0.0.1").setPort(server.getLocalPort()));
        }
        return coordinators;
    }

    /** What runs beside and ends with the program, or when its connection does. */
    private interface Action {
        void run() throws IOException;
    }

    private static void daemon(final Action action) {
        final Thread thread = new Thread(() -> {
            try {
                action.run();
            } catch (final IOException closed) {
                // The client hung up.
            }
        });
        thread.setDaemon(true);
        thread.start();
    }
}
