//! What a client is told: where the cluster is, and how to speak to it.

mod security;

use std::{collections::BTreeMap, fmt, time::Duration};

use streams_core::broker::{BrokerError, BrokerErrorKind};

pub(crate) use security::Pem;
pub use security::{Sasl, SaslMechanism, Tls};

/// How to reach a cluster. Defaults are those of Kafka's clients.
///
/// # Example: TLS with a password
/// ```
/// use broker_kafka::KafkaConfig;
///
/// let config = KafkaConfig::from_properties([
///     ("bootstrap.servers", "kafka-1:9093,kafka-2:9093"),
///     ("security.protocol", "SASL_SSL"),
///     ("sasl.mechanism", "SCRAM-SHA-512"),
///     ("sasl.username", "orders"),
///     ("sasl.password", "secret"),
///     ("ssl.ca.location", "/etc/kafka/ca.pem"),
/// ])?;
/// assert!(!format!("{config:?}").contains("secret"));
/// # Ok::<(), streams_core::broker::BrokerError>(())
/// ```
#[derive(Clone)]
pub struct KafkaConfig {
    pub(crate) bootstrap: Vec<String>,
    pub(crate) tls: Option<Tls>,
    pub(crate) sasl: Option<Sasl>,
    pub(crate) request_timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) api_timeout: Duration,
    pub(crate) metadata_max_age: Duration,
    pub(crate) fetch_wait: Duration,
    pub(crate) deadline: Option<Duration>,
}

impl KafkaConfig {
    /// A cluster that is found through one of these addresses, `host:port,host:port`
    /// (`bootstrap.servers`), without TLS and SASL.
    ///
    /// # Errors
    /// No address, or one that is not `host:port`; the error names it.
    pub fn new(bootstrap_servers: &str) -> Result<Self, BrokerError> {
        Ok(Self {
            bootstrap: addresses(bootstrap_servers)?,
            tls: None,
            sasl: None,
            request_timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            api_timeout: Duration::from_secs(60),
            metadata_max_age: Duration::from_secs(300),
            fetch_wait: Duration::from_millis(500),
            deadline: None,
        })
    }

    /// Reads Kafka's dotted keys: `bootstrap.servers`, `security.protocol`, `sasl.mechanism`,
    /// `sasl.username`, `sasl.password` or Java's `sasl.jaas.config`, `ssl.ca.location`,
    /// `ssl.certificate.location`, `ssl.key.location` or Java's PEM stores
    /// (`ssl.truststore.type=PEM`), `ssl.endpoint.identification.algorithm`, and the time-outs.
    /// Keys of other parts of a client are passed over, so that all properties of an application
    /// may be given.
    ///
    /// # Errors
    /// A missing or wrong value; the error names the key, never a secret.
    pub fn from_properties<K, V>(
        properties: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self, BrokerError>
    where
        K: Into<String>,
        V: Into<String>,
    {
        let properties: BTreeMap<String, String> =
            properties.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        let Some(bootstrap) = properties.get("bootstrap.servers") else {
            return Err(config_error(
                "bootstrap.servers is missing: it says where the cluster is, as host:port",
            ));
        };
        let mut config = Self::new(bootstrap)?;
        (config.tls, config.sasl) = security::read(&properties)?;
        for (key, target) in [
            ("request.timeout.ms", &mut config.request_timeout),
            ("socket.connection.setup.timeout.ms", &mut config.connect_timeout),
            ("default.api.timeout.ms", &mut config.api_timeout),
            ("metadata.max.age.ms", &mut config.metadata_max_age),
            ("fetch.max.wait.ms", &mut config.fetch_wait),
        ] {
            if let Some(duration) = milliseconds(&properties, key)? {
                *target = duration;
            }
        }
        config.deadline = milliseconds(&properties, "bootstrap.deadline.ms")?.or(config.deadline);
        Ok(config)
    }

    /// Speaks TLS (`security.protocol` `SSL`, or `SASL_SSL` with [`sasl`](Self::sasl)).
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Authenticates by SASL (`security.protocol` `SASL_PLAINTEXT`, or `SASL_SSL` with
    /// [`tls`](Self::tls)).
    #[must_use]
    pub fn sasl(mut self, sasl: Sasl) -> Self {
        self.sasl = Some(sasl);
        self
    }

    /// How long one request waits for its response (`request.timeout.ms`; 30 s).
    #[must_use]
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// How long a call of an admin tries (`default.api.timeout.ms`; 60 s).
    #[must_use]
    pub fn api_timeout(mut self, timeout: Duration) -> Self {
        self.api_timeout = timeout;
        self
    }

    /// How long a broker may hold a fetch when there is nothing new (`fetch.max.wait.ms`; 500 ms).
    #[must_use]
    pub fn fetch_wait(mut self, wait: Duration) -> Self {
        self.fetch_wait = wait;
        self
    }

    /// How long an application tries to reach the cluster before it stops with an error
    /// (`bootstrap.deadline.ms`, a key of this library's own; by default for ever, as Java's).
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// The bootstrap addresses as they were given.
    pub(crate) fn bootstrap_servers(&self) -> String {
        self.bootstrap.join(",")
    }
}

/// Shows no secrets.
impl fmt::Debug for KafkaConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaConfig")
            .field("bootstrap", &self.bootstrap)
            .field("tls", &self.tls)
            .field("sasl", &self.sasl)
            .finish_non_exhaustive()
    }
}

pub(crate) fn config_error(context: impl Into<String>) -> BrokerError {
    BrokerError::new(BrokerErrorKind::InvalidRequest, context.into())
}

fn milliseconds(
    properties: &BTreeMap<String, String>,
    key: &str,
) -> Result<Option<Duration>, BrokerError> {
    let Some(text) = properties.get(key) else { return Ok(None) };
    match text.trim().parse::<u64>() {
        Ok(ms) if ms > 0 => Ok(Some(Duration::from_millis(ms))),
        _ => Err(config_error(format!(
            "{key} is {text:?}: a number of milliseconds, 1 or more, is expected"
        ))),
    }
}

/// Each `host:port` of a list.
fn addresses(list: &str) -> Result<Vec<String>, BrokerError> {
    let addresses: Vec<String> =
        list.split(',').map(str::trim).filter(|one| !one.is_empty()).map(str::to_owned).collect();
    if addresses.is_empty() {
        return Err(config_error(
            "bootstrap.servers is empty: it says where the cluster is, as host:port",
        ));
    }
    for address in &addresses {
        let parts = address.rsplit_once(':');
        let fits = parts.is_some_and(|(host, port)| {
            let plain = !host.is_empty() && !host.contains(['/', ' ', '@']);
            let bracketed = host.starts_with('[') && host.ends_with(']');
            plain && (bracketed || !host.contains(':')) && port.parse::<u16>().is_ok_and(|p| p > 0)
        });
        if !fits {
            return Err(config_error(format!(
                "bootstrap.servers has {address:?}, which is not host:port \
                 with a port between 1 and 65535"
            )));
        }
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_from_a_list() {
        let config = KafkaConfig::new(" kafka-1:9092, [::1]:9093 ,").unwrap();
        assert_eq!(config.bootstrap, ["kafka-1:9092", "[::1]:9093"]);
    }

    #[test]
    fn what_is_no_address_is_named() {
        for wrong in ["kafka", "kafka:", ":9092", "kafka:0", "kafka:70000", "http://kafka:9092"] {
            let refused = KafkaConfig::new(&format!("good:1,{wrong}")).unwrap_err();
            assert!(refused.to_string().contains(&format!("{wrong:?}")), "{refused}");
        }
        let refused = KafkaConfig::new(" , ").unwrap_err();
        assert!(refused.to_string().starts_with("bootstrap.servers is empty"), "{refused}");
    }

    #[test]
    fn times_are_read_and_refused_by_name() {
        let all = [("bootstrap.servers", "a:1"), ("request.timeout.ms", "1500")];
        let config = KafkaConfig::from_properties(all).unwrap();
        assert_eq!(config.request_timeout, Duration::from_millis(1500));
        let wrong = [("bootstrap.servers", "a:1"), ("fetch.max.wait.ms", "soon")];
        let refused = KafkaConfig::from_properties(wrong).unwrap_err();
        assert!(refused.to_string().starts_with("fetch.max.wait.ms is \"soon\""), "{refused}");
    }

    #[test]
    fn other_keys_are_passed_over() {
        let all = [("bootstrap.servers", "a:1"), ("application.id", "orders")];
        assert!(KafkaConfig::from_properties(all).is_ok());
        let missing = KafkaConfig::from_properties([("application.id", "orders")]).unwrap_err();
        assert!(missing.to_string().starts_with("bootstrap.servers is missing"), "{missing}");
    }
}
