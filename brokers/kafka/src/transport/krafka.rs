//! The transport over krafka's connections: sockets, TLS, SASL, API versions and metadata are its
//! own; its record-level clients are not used.
//!
//! Everything that is outside of krafka's semantic versioning is named in this file alone.

use std::{
    fmt,
    sync::{
        Arc, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use futures::{FutureExt, future::BoxFuture};
use krafka::{
    __private::{
        metadata::{BrokerInfo, ClusterMetadata},
        network::{BrokerConnection, ConnectionConfig, ConnectionPool},
        protocol::ApiKey,
    },
    admin::AdminClient,
    auth::{AuthConfig, TlsConfig},
    error::{KrafkaError, ProtocolErrorKind},
};
use streams_core::broker::{BrokerError, TopicPartition};
use tokio::sync::OnceCell;

use super::{Api, Lane, Leader, Node, Request, Transport, TransportError, TransportErrorKind};
use crate::{
    config::{KafkaConfig, SaslMechanism, Tls, config_error},
    protocol::ErrorCode,
};

/// How many requests a connection may have in flight; more wait. A lane has a few: a request of a
/// producer carries the batches of many partitions.
const IN_FLIGHT_MAX: usize = 8;

/// The least time between two requests for metadata. Its default, 100 ms, was most of the time it
/// took to start: who asks too often is held back by the fetcher's, producer's or member's own pauses.
const METADATA_PAUSE: Duration = Duration::from_millis(5);

/// The most, after failures.
const METADATA_PAUSE_MAX: Duration = Duration::from_millis(400);

/// A cluster, reached through krafka.
#[derive(Clone)]
pub(crate) struct KrafkaTransport(Arc<Shared>);

struct Shared {
    config: KafkaConfig,
    auth: Option<AuthConfig>,
    client_id: String,
    metadata: OnceCell<Arc<ClusterMetadata>>,
    admin: OnceCell<krafka::Kafka>,
}

impl KrafkaTransport {
    /// A transport that connects with its first request.
    ///
    /// # Errors
    /// Certificates that cannot be read, naming the setting.
    pub(crate) fn new(config: KafkaConfig, client_id: &str) -> Result<Self, BrokerError> {
        let auth = auth_config(&config)?;
        Ok(Self(Arc::new(Shared {
            config,
            auth,
            client_id: client_id.to_owned(),
            metadata: OnceCell::new(),
            admin: OnceCell::new(),
        })))
    }

    /// krafka's admin client, on connections of its own.
    pub(crate) async fn admin(&self) -> Result<AdminClient, TransportError> {
        let shared = &self.0;
        let connect = || async {
            let config = &shared.config;
            let mut builder = krafka::Kafka::builder(config.bootstrap_servers())
                .client_id(format!("{}-admin", shared.client_id))
                .request_timeout(config.request_timeout)
                .connect_timeout(config.connect_timeout.min(config.request_timeout))
                .metadata_topic_cache_ttl(None);
            if let Some(auth) = &shared.auth {
                builder = builder.security(auth.clone());
            }
            builder.connect().await
        };
        let connected = shared.admin.get_or_try_init(connect).await.map(krafka::Kafka::admin);
        connected.map_err(|error| {
            from_krafka(&format!("the cluster at {}", shared.config.bootstrap_servers()), error)
        })
    }
}

impl fmt::Debug for KrafkaTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KrafkaTransport").field("config", &self.0.config).finish_non_exhaustive()
    }
}

impl Shared {
    async fn pool(&self, client_id: &str) -> Result<Arc<ConnectionPool>, KrafkaError> {
        let timeout = self.config.request_timeout;
        let mut builder = ConnectionConfig::builder()
            .client_id(client_id)
            .request_timeout(timeout)
            .connect_timeout(self.config.connect_timeout.min(timeout))
            .max_in_flight_requests(IN_FLIGHT_MAX);
        if let Some(auth) = &self.auth {
            builder = builder.auth(auth.clone());
        }
        let mut config = builder.build()?;
        config.init_tls().await?;
        Ok(ConnectionPool::start(config))
    }

    async fn metadata(&self) -> Result<&Arc<ClusterMetadata>, TransportError> {
        let open = || async {
            let pool = self.pool(&self.client_id).await?;
            let max_age = self.config.metadata_max_age;
            let metadata = ClusterMetadata::new(self.config.bootstrap.clone(), pool, max_age)
                .with_topic_cache_ttl_disabled()
                .with_retry_backoff(METADATA_PAUSE)
                .with_retry_backoff_max(METADATA_PAUSE_MAX);
            let metadata = Arc::new(metadata);
            tokio::spawn(keep_fresh(Arc::downgrade(&metadata), max_age));
            Ok(metadata)
        };
        let opened = self.metadata.get_or_try_init(open).await;
        opened.map_err(|error| from_krafka("the cluster's metadata", error))
    }

    /// Asks for the topics anew; for the nodes alone if there are none.
    async fn refresh(&self, topics: &[Arc<str>]) -> Result<(), TransportError> {
        let names: Vec<&str> = topics.iter().map(AsRef::as_ref).collect();
        let refreshed = self.metadata().await?.force_refresh(Some(&names)).await;
        refreshed.map_err(|error| {
            from_krafka(&format!("the cluster at {}", self.config.bootstrap_servers()), error)
        })
    }

    async fn address(&self, node: i32) -> Result<String, TransportError> {
        let metadata = self.metadata().await?;
        if metadata.broker(node).is_none() {
            self.refresh(&[]).await?;
        }
        let known = metadata.broker(node).map(|broker| broker.address().to_owned());
        known.ok_or_else(|| {
            let context = format!("the cluster has no node {node} at the moment");
            TransportError::new(TransportErrorKind::Network, context)
        })
    }
}

/// Keeps partition counts up to date: nobody else asks for the topics of a quiet application.
async fn keep_fresh(metadata: Weak<ClusterMetadata>, max_age: Duration) {
    loop {
        tokio::time::sleep(max_age).await;
        let Some(metadata) = metadata.upgrade() else { return };
        let topics: Vec<String> =
            metadata.topics_arc().iter().map(|topic| topic.name.clone()).collect();
        let names: Vec<&str> = topics.iter().map(String::as_str).collect();
        if let Err(error) = metadata.force_refresh(Some(&names)).await {
            tracing::debug!(%error, "the cluster's metadata could not be renewed");
        }
    }
}

impl Transport for KrafkaTransport {
    fn lane(&self, client_id: &str) -> Arc<dyn Lane> {
        let shared = Arc::clone(&self.0);
        let inner = KrafkaLane {
            shared,
            client_id: client_id.to_owned(),
            pool: OnceCell::new(),
            turn: AtomicUsize::new(0),
        };
        Arc::new(LaneHandle(Arc::new(inner)))
    }

    fn partition_count(&self, topic: &str) -> Option<i32> {
        let count = self.0.metadata.get()?.partition_count(topic)?;
        i32::try_from(count).ok().filter(|count| *count > 0)
    }

    fn leader(&self, partition: &TopicPartition) -> Option<Leader> {
        let topic = self.0.metadata.get()?.topic_arc(&partition.topic)?;
        let node = topic.leader(partition.partition)?;
        Some(Leader { node, epoch: topic.leader_epoch(partition.partition).unwrap_or(-1) })
    }

    fn topic_error(&self, topic: &str) -> Option<ErrorCode> {
        let code = self.0.metadata.get()?.topic_error(topic)?;
        Some(ErrorCode(code.to_i16()))
    }

    fn refresh(&self, topics: Vec<Arc<str>>) -> BoxFuture<'static, Result<(), TransportError>> {
        let shared = Arc::clone(&self.0);
        async move { shared.refresh(&topics).await }.boxed()
    }
}

#[derive(Debug)]
struct LaneHandle(Arc<KrafkaLane>);

struct KrafkaLane {
    shared: Arc<Shared>,
    client_id: String,
    pool: OnceCell<Arc<ConnectionPool>>,
    /// Which node is asked first where any will do: moves on when one does not answer.
    turn: AtomicUsize,
}

impl fmt::Debug for KrafkaLane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KrafkaLane").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

impl Lane for LaneHandle {
    fn send(
        &self,
        node: Node,
        request: Request,
    ) -> BoxFuture<'static, Result<Bytes, TransportError>> {
        let lane = Arc::clone(&self.0);
        async move { lane.send(node, request).await }.boxed()
    }
}

impl KrafkaLane {
    async fn send(&self, node: Node, request: Request) -> Result<Bytes, TransportError> {
        let connected = match node {
            Node::Id(id) => self.connect(id).await,
            Node::Any => self.connect_any().await,
        };
        let connection = connected.map_err(TransportError::not_sent)?;
        let (api, version) = (api_key(request.api), request.version);
        let address = connection.address().to_owned();
        if !connection.get_api_version(api).is_some_and(|range| range.supports(version)) {
            return Err(unsupported(&address, request.api, version).not_sent());
        }
        let timeout = self.shared.config.request_timeout + request.wait;
        let body = |to: &mut BytesMut| {
            (request.body)(to);
            Ok(())
        };
        let sent = if request.is_answered {
            connection.send_request_with_timeout(api, version, timeout, body).await
        } else {
            connection.send_fire_and_forget(api, version, body).await.map(|()| Bytes::new())
        };
        sent.map_err(|error| from_krafka(&format!("{:?} at {address}", request.api), error))
    }

    async fn pool(&self) -> Result<&Arc<ConnectionPool>, TransportError> {
        let opened = self.pool.get_or_try_init(|| self.shared.pool(&self.client_id)).await;
        opened.map_err(|error| from_krafka("the connections", error))
    }

    async fn connect(&self, node: i32) -> Result<Arc<BrokerConnection>, TransportError> {
        let address = self.shared.address(node).await?;
        let connected = self.pool().await?.get_connection_by_id(node, &address).await;
        connected.map_err(|error| from_krafka(&format!("node {node} at {address}"), error))
    }

    async fn connect_any(&self) -> Result<Arc<BrokerConnection>, TransportError> {
        let metadata = self.shared.metadata().await?;
        if metadata.brokers().is_empty() {
            self.shared.refresh(&[]).await?;
        }
        let mut nodes: Vec<i32> = metadata.brokers().iter().map(BrokerInfo::id).collect();
        nodes.sort_unstable();
        let mut failed = TransportError::new(
            TransportErrorKind::Network,
            format!("the cluster at {} has no nodes", self.shared.config.bootstrap_servers()),
        );
        for _ in 0..nodes.len() {
            let turn = self.turn.load(Ordering::Relaxed);
            match self.connect(nodes[turn % nodes.len()]).await {
                Ok(connection) => return Ok(connection),
                Err(error) if error.is_retriable() => failed = error,
                Err(error) => return Err(error),
            }
            self.turn.fetch_add(1, Ordering::Relaxed);
        }
        Err(failed)
    }
}

fn api_key(api: Api) -> ApiKey {
    ApiKey::from_i16(api as i16)
}

fn unsupported(address: &str, api: Api, version: i16) -> TransportError {
    let needs = match api {
        Api::StreamsGroupHeartbeat => "streams groups need Apache Kafka 4.2 or newer",
        _ => "Apache Kafka 4.2 or newer is needed",
    };
    let context =
        format!("the broker at {address} does not serve {api:?} version {version}: {needs}");
    TransportError::new(TransportErrorKind::Unsupported, context)
}

/// krafka's errors name neither what was tried nor what to do.
pub(crate) fn from_krafka(what: &str, error: KrafkaError) -> TransportError {
    use TransportErrorKind as Kind;
    let (kind, told) = match cause_of(&error) {
        // A broker that goes down does that too, but the other reason lasts.
        KrafkaError::Network(io) if io.to_string().ends_with("tls handshake eof") => (
            Kind::Network,
            "closed the connection instead of speaking TLS: check the port, and whether its \
             listener speaks TLS (security.protocol)",
        ),
        KrafkaError::Network(_) => (Kind::Network, "cannot be reached"),
        KrafkaError::Timeout { .. } => (Kind::TimedOut, "did not answer in time"),
        KrafkaError::Auth { .. } => (
            Kind::Security,
            "refused the connection's security: compare security.protocol, ssl.* and sasl.* with \
             the listener's",
        ),
        KrafkaError::Protocol { kind: ProtocolErrorKind::TruncatedFrame, .. } => {
            (Kind::Network, "cut its answer short")
        }
        KrafkaError::Protocol { .. } => (
            Kind::Protocol,
            "does not speak Kafka's protocol: check the port, and whether the listener wants TLS \
             (security.protocol)",
        ),
        KrafkaError::Broker { code, .. } => {
            let code = ErrorCode(code.to_i16());
            let kind = if code.is_retriable() { Kind::Network } else { Kind::Protocol };
            return TransportError::new(kind, format!("{what}: {code}"));
        }
        KrafkaError::Config { .. } => (Kind::Config, "cannot be used with these settings"),
        _ => (Kind::Network, "failed"),
    };
    let mut told = TransportError::new(kind, format!("{what} {told}"));
    told.source = Some(Arc::new(error));
    told
}

/// What keeps a cluster from being reached, where krafka tried several addresses.
fn cause_of(error: &KrafkaError) -> &KrafkaError {
    let KrafkaError::Network(io) = error else { return error };
    let cause = io.get_ref().and_then(|tried| std::error::Error::source(tried));
    cause.and_then(|cause| cause.downcast_ref()).map_or(error, cause_of)
}

fn auth_config(config: &KafkaConfig) -> Result<Option<AuthConfig>, BrokerError> {
    let sasl = config.sasl.as_ref().map(|sasl| {
        let (user, password) = (sasl.username.clone(), sasl.password.clone());
        match sasl.mechanism {
            SaslMechanism::Plain => AuthConfig::sasl_plain(user, password),
            SaslMechanism::ScramSha256 => AuthConfig::sasl_scram_sha256(user, password),
            SaslMechanism::ScramSha512 => AuthConfig::sasl_scram_sha512(user, password),
        }
    });
    let tls = config.tls.as_ref().map(tls_config).transpose()?;
    Ok(match (sasl, tls) {
        (None, None) => None,
        (Some(sasl), None) => Some(sasl),
        (None, Some(tls)) => Some(AuthConfig::ssl(tls)),
        (Some(sasl), Some(tls)) => Some(sasl.with_tls(tls)),
    })
}

/// Reads the PEM files once, so that a wrong path is told at once and by name.
fn tls_config(tls: &Tls) -> Result<TlsConfig, BrokerError> {
    let mut config = TlsConfig::new();
    if let Some(ca) = &tls.ca {
        config = config.with_ca_cert_pem(ca.read("the certificate authorities")?);
    }
    if let Some((certificate, key)) = &tls.identity {
        let certificate = certificate.read("the client certificate")?;
        config = config.with_client_cert_pem(certificate, key.read("the client's private key")?);
    }
    Ok(config)
}

impl crate::config::Pem {
    fn read(&self, what: &str) -> Result<Vec<u8>, BrokerError> {
        match self {
            Self::Text(text) => Ok(text.clone().into_bytes()),
            Self::File(path) => std::fs::read(path).map_err(|error| {
                config_error(format!("{} cannot be read as {what}", path.display()))
                    .with_source(error)
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{error::Error, io};

    use super::*;

    /// What krafka says when no address of several would do.
    #[derive(Debug)]
    struct Tried(KrafkaError);

    impl fmt::Display for Tried {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("no address would do")
        }
    }

    impl Error for Tried {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    fn told(cause: KrafkaError) -> TransportError {
        from_krafka("the cluster", KrafkaError::network(io::Error::other(Tried(cause))))
    }

    #[test]
    fn what_keeps_from_the_last_address_decides() {
        let kind = ProtocolErrorKind::InvalidLength;
        let http = told(KrafkaError::Protocol { kind, message: "1213486160 bytes".to_owned() });
        assert_eq!(http.kind, TransportErrorKind::Protocol);
        assert!(http.context.contains("does not speak Kafka's protocol"), "{http}");
        let away = told(KrafkaError::network(io::Error::other("connection refused")));
        assert_eq!(away.kind, TransportErrorKind::Network);
        assert_eq!(away.context, "the cluster cannot be reached");
    }

    #[test]
    fn a_handshake_that_is_not_answered_may_mean_that_there_is_no_tls() {
        let eof = io::Error::new(io::ErrorKind::UnexpectedEof, "tls handshake eof");
        let told = told(KrafkaError::network(eof));
        assert!(told.is_retriable());
        assert!(told.context.contains("security.protocol"), "{told}");
    }
}
