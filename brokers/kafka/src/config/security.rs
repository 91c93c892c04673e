//! TLS and SASL settings, typed and by Kafka's keys.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use streams_core::broker::BrokerError;

use super::config_error;

/// Certificates for TLS, as PEM.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    pub(crate) ca: Option<Pem>,
    pub(crate) identity: Option<(Pem, Pem)>,
}

/// PEM text, or where it lies.
#[derive(Clone)]
pub(crate) enum Pem {
    File(PathBuf),
    Text(String),
}

/// Texts may hold private keys and are not shown.
impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Text(_) => f.write_str("[PEM]"),
        }
    }
}

impl Tls {
    /// TLS with the certificates of Mozilla's list as authorities.
    pub fn new() -> Self {
        Self::default()
    }

    /// The authorities that brokers' certificates are checked against, a PEM file
    /// (`ssl.ca.location`, or `ssl.truststore.location` with `ssl.truststore.type=PEM`).
    #[must_use]
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca = Some(Pem::File(path.into()));
        self
    }

    /// A client certificate with its private key, PEM files (`ssl.certificate.location` and
    /// `ssl.key.location`).
    #[must_use]
    pub fn identity_files(
        mut self,
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Self {
        self.identity = Some((Pem::File(certificate.into()), Pem::File(key.into())));
        self
    }
}

/// How a password is proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SaslMechanism {
    /// `PLAIN`: the password is sent; use it over TLS only.
    Plain,
    /// `SCRAM-SHA-256`.
    ScramSha256,
    /// `SCRAM-SHA-512`.
    ScramSha512,
}

/// A user with a password. `Debug` shows the user alone.
#[derive(Clone)]
pub struct Sasl {
    pub(crate) mechanism: SaslMechanism,
    pub(crate) username: String,
    pub(crate) password: String,
}

impl Sasl {
    /// A user who proves the password by `mechanism`.
    pub fn new(
        mechanism: SaslMechanism,
        username: impl Into<String>,
        password: impl Into<String>,
    ) -> Self {
        Self { mechanism, username: username.into(), password: password.into() }
    }
}

impl fmt::Debug for Sasl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sasl")
            .field("mechanism", &self.mechanism)
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

type Properties = BTreeMap<String, String>;

/// Reads `security.protocol` and what it needs.
pub(super) fn read(properties: &Properties) -> Result<(Option<Tls>, Option<Sasl>), BrokerError> {
    let protocol = properties.get("security.protocol").map_or("PLAINTEXT", |text| text.trim());
    let (tls, sasl) = match protocol.to_ascii_uppercase().as_str() {
        "PLAINTEXT" => (false, false),
        "SSL" => (true, false),
        "SASL_PLAINTEXT" => (false, true),
        "SASL_SSL" => (true, true),
        _ => {
            return Err(config_error(format!(
                "security.protocol is {protocol:?}: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL \
                 is expected"
            )));
        }
    };
    let tls = if tls { Some(read_tls(properties)?) } else { None };
    let sasl = if sasl { Some(read_sasl(properties)?) } else { None };
    Ok((tls, sasl))
}

fn read_tls(properties: &Properties) -> Result<Tls, BrokerError> {
    refuse_unserved(properties)?;
    let get = |key: &str| properties.get(key).filter(|text| !text.is_empty());
    let file = |key: &str| get(key).map(|path| Pem::File(path.into()));
    let text = |key: &str| get(key).map(|pem| Pem::Text(pem.clone()));
    let ca = file("ssl.ca.location")
        .or_else(|| file("ssl.truststore.location"))
        .or_else(|| text("ssl.truststore.certificates"));
    // A PEM key store is one file with both parts in it.
    let certificate = file("ssl.certificate.location")
        .or_else(|| text("ssl.keystore.certificate.chain"))
        .or_else(|| file("ssl.keystore.location"));
    let key = file("ssl.key.location")
        .or_else(|| text("ssl.keystore.key"))
        .or_else(|| file("ssl.keystore.location"));
    let identity = match (certificate, key) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        (Some(_), None) => return Err(half("ssl.certificate.location", "ssl.key.location")),
        (None, Some(_)) => return Err(half("ssl.key.location", "ssl.certificate.location")),
    };
    Ok(Tls { ca, identity })
}

fn half(there: &str, missing: &str) -> BrokerError {
    config_error(format!("{there} is set without {missing}: a client certificate needs both"))
}

/// Java's settings that would be passed over in silence otherwise.
fn refuse_unserved(properties: &Properties) -> Result<(), BrokerError> {
    for store in ["ssl.truststore.type", "ssl.keystore.type"] {
        let location = store.replace(".type", ".location");
        let kind = properties.get(store).map_or("JKS", |text| text.trim());
        if properties.contains_key(&location) && !kind.eq_ignore_ascii_case("PEM") {
            return Err(config_error(format!(
                "{location} is of type {kind}: convert it to PEM and set {store}=PEM"
            )));
        }
    }
    if properties.contains_key("ssl.key.password") {
        return Err(config_error(
            "ssl.key.password is set: store the private key without a password, readable by the \
             application alone",
        ));
    }
    let check = "ssl.endpoint.identification.algorithm";
    if let Some(text) = properties.get(check)
        && !text.trim().eq_ignore_ascii_case("https")
    {
        return Err(config_error(format!(
            "{check} is {text:?}: only https is served, host names are always checked"
        )));
    }
    Ok(())
}

fn read_sasl(properties: &Properties) -> Result<Sasl, BrokerError> {
    let mechanism = properties.get("sasl.mechanism").map_or("", |text| text.trim());
    let mechanism = match mechanism.to_ascii_uppercase().as_str() {
        "PLAIN" => SaslMechanism::Plain,
        "SCRAM-SHA-256" => SaslMechanism::ScramSha256,
        "SCRAM-SHA-512" => SaslMechanism::ScramSha512,
        _ => {
            return Err(config_error(format!(
                "sasl.mechanism is {mechanism:?}: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512 is expected"
            )));
        }
    };
    let jaas = properties.get("sasl.jaas.config").map(String::as_str).unwrap_or_default();
    let find = |key: &str, option: &str| {
        properties.get(key).cloned().or_else(|| jaas_option(jaas, option)).ok_or_else(|| {
            config_error(format!("{key} is missing, and sasl.jaas.config has no {option}"))
        })
    };
    let username = find("sasl.username", "username")?;
    Ok(Sasl { mechanism, username, password: find("sasl.password", "password")? })
}

/// `username="alice"` in a login module's configuration, quotes and escapes removed.
fn jaas_option(jaas: &str, option: &str) -> Option<String> {
    let mut rest = jaas;
    loop {
        let at = rest.find(option)?;
        let before = rest[..at].chars().next_back();
        let after = rest[at + option.len()..].trim_start();
        if before.is_none_or(char::is_whitespace)
            && let Some(value) = after.strip_prefix('=')
        {
            return Some(unquoted(value.trim_start()));
        }
        rest = &rest[at + option.len()..];
    }
}

fn unquoted(value: &str) -> String {
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
    let Some(quote) = quote else {
        return value.split([' ', ';', '\t', '\n']).next().unwrap_or_default().to_owned();
    };
    let mut text = String::new();
    let mut escaped = false;
    for c in value.chars().skip(1) {
        match c {
            _ if escaped => {
                text.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            c if c == quote => break,
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn properties(pairs: &[(&str, &str)]) -> Properties {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn error(pairs: &[(&str, &str)]) -> String {
        read(&properties(pairs)).unwrap_err().to_string()
    }

    #[test]
    fn a_password_is_read_from_javas_login_module() {
        let jaas = "org.apache.kafka.common.security.scram.ScramLoginModule required\n  \
                    username=\"alice\" password=\"a \\\"b\\\" ; c\";";
        let (tls, sasl) = read(&properties(&[
            ("security.protocol", "SASL_PLAINTEXT"),
            ("sasl.mechanism", "SCRAM-SHA-256"),
            ("sasl.jaas.config", jaas),
        ]))
        .unwrap();
        assert!(tls.is_none());
        let sasl = sasl.unwrap();
        assert_eq!((sasl.username.as_str(), sasl.password.as_str()), ("alice", "a \"b\" ; c"));
        assert_eq!(sasl.mechanism, SaslMechanism::ScramSha256);
    }

    #[test]
    fn secrets_are_not_shown() {
        let sasl = Sasl::new(SaslMechanism::Plain, "alice", "hush");
        assert_eq!(format!("{sasl:?}"), "Sasl { mechanism: Plain, username: \"alice\", .. }");
        let tls = Tls { ca: None, identity: Some((Pem::Text("c".into()), Pem::Text("k".into()))) };
        assert_eq!(format!("{tls:?}"), "Tls { ca: None, identity: Some(([PEM], [PEM])) }");
    }

    #[test]
    fn mistakes_are_named() {
        assert!(error(&[("security.protocol", "TLS")]).contains("\"TLS\": PLAINTEXT, SSL"));
        let sasl = ("security.protocol", "SASL_SSL");
        assert!(error(&[sasl]).starts_with("sasl.mechanism is \"\""));
        let no_user = error(&[sasl, ("sasl.mechanism", "PLAIN")]);
        assert!(no_user.starts_with("sasl.username is missing"), "{no_user}");
        let no_password = error(&[sasl, ("sasl.mechanism", "PLAIN"), ("sasl.username", "alice")]);
        assert!(no_password.starts_with("sasl.password is missing"), "{no_password}");
        let tls = ("security.protocol", "SSL");
        let jks = error(&[tls, ("ssl.truststore.location", "trust.jks")]);
        assert!(jks.contains("convert it to PEM"), "{jks}");
        let half = error(&[tls, ("ssl.key.location", "key.pem")]);
        assert!(half.starts_with("ssl.key.location is set without ssl.certificate"), "{half}");
        let unchecked = error(&[tls, ("ssl.endpoint.identification.algorithm", "")]);
        assert!(unchecked.contains("only https is served"), "{unchecked}");
    }

    #[test]
    fn one_pem_file_may_hold_certificate_and_key() {
        let (tls, _) = read(&properties(&[
            ("security.protocol", "SSL"),
            ("ssl.keystore.type", "PEM"),
            ("ssl.keystore.location", "client.pem"),
        ]))
        .unwrap();
        assert_eq!(format!("{:?}", tls.unwrap().identity), "Some((client.pem, client.pem))");
    }
}
