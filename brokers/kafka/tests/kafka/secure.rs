//! TLS and SASL on every lane, and what is told of them when they fail.

use broker_kafka::KafkaBroker;
use streams_core::broker::Broker;

use crate::{
    app::{self, App},
    logs,
    support::{bootstrap, client, folder, shared, topic, until},
};

type Properties = Vec<(&'static str, String)>;

const LISTENERS: [&str; 4] = ["PLAINTEXT", "SSL", "SASL_SSL", "SASL_PLAINTEXT"];
const MECHANISMS: [&str; 3] = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"];

/// Where a listener of the Kafka of the tests is.
fn address(listener: &str) -> String {
    let properties = std::fs::read_to_string(folder().join("1/server.properties")).unwrap();
    let line = properties.lines().find_map(|line| line.strip_prefix("advertised.listeners="));
    let mut listeners = line.unwrap().split(',').filter_map(|it| it.split_once("://"));
    listeners.find(|(name, _)| *name == listener).unwrap().1.to_owned()
}

fn file(name: &str) -> String {
    folder().join(name).display().to_string()
}

fn properties(listener: &str) -> Properties {
    assert!(LISTENERS.contains(&listener));
    vec![
        ("bootstrap.servers", address(listener)),
        ("security.protocol", listener.to_owned()),
        ("ssl.ca.location", file("ca.pem")),
        ("bootstrap.deadline.ms", "3000".to_owned()),
    ]
}

pub(crate) fn sasl(listener: &str, mechanism: &str, user: &str, password: &str) -> Properties {
    let mut properties = properties(listener);
    properties.extend([
        ("sasl.mechanism", mechanism.to_owned()),
        ("sasl.username", user.to_owned()),
        ("sasl.password", password.to_owned()),
    ]);
    properties
}

fn connect(properties: &Properties) -> KafkaBroker {
    let properties: Vec<_> = properties.iter().map(|(key, value)| (*key, &**value)).collect();
    client(&properties)
}

/// Waits for one record.
pub(crate) fn is_copied(broker: &dyn Broker, output: &str) {
    until("a copy", || app::written(broker, output, 1).filter(|written| *written > 0));
    assert_eq!(app::values(broker, output), ["one"]);
}

/// Admin, producer, membership and fetcher, each over a connection of its own.
fn works(properties: &Properties) {
    let broker = connect(properties);
    let (input, output) = (topic(&broker, "in", 1), topic(&broker, "out", 1));
    app::write(&broker, &input, ["one".to_owned()]);
    let app = App::start(shared(&broker), app::copy(&input, &output));
    is_copied(&broker, &output);
    app.close();
}

#[test]
fn applications_run_over_tls() {
    works(&properties("SSL"));
    let mut mutual = properties("SSL");
    mutual.push(("ssl.certificate.location", file("client.pem")));
    mutual.push(("ssl.key.location", file("client.key")));
    works(&mutual);
}

#[test]
fn applications_run_over_sasl() {
    for listener in ["SASL_SSL", "SASL_PLAINTEXT"] {
        for mechanism in MECHANISMS {
            works(&sasl(listener, mechanism, "alice", "alice-secret"));
        }
    }
}

/// What an application and an admin are told.
fn fails(what: &str, properties: &Properties) -> [String; 2] {
    let broker = connect(properties);
    let told = App::start(shared(&broker), app::copy("in", "out")).ends();
    println!("{what}: {told}");
    let mut quick = properties.clone();
    quick.push(("default.api.timeout.ms", "2000".to_owned()));
    let error = connect(&quick).admin().list_topics().unwrap_err();
    let error = format!("{error:?} {error}");
    println!("{what}, admin: {error}");
    [told, error]
}

#[test]
fn a_wrong_password_is_told_without_showing_it() {
    logs::keep();
    let password = "canary-5e0f3c";
    for listener in ["SASL_SSL", "SASL_PLAINTEXT"] {
        for mechanism in MECHANISMS {
            let wrong = sasl(listener, mechanism, "alice", password);
            for told in fails(&format!("wrong password, {listener}, {mechanism}"), &wrong) {
                assert!(told.contains(&address(listener)), "{told}");
                assert!(told.to_lowercase().contains("authentication"), "{told}");
                assert!(!told.contains(password), "{told}");
            }
            let shown = format!("{:?}", connect(&wrong));
            assert!(shown.contains("alice") && !shown.contains(password), "{shown}");
        }
    }
    assert!(logs::contain(&["alice"]) || logs::contain(&["WARN"]), "nothing was logged");
    assert!(!logs::contain(&[password]), "the password was logged");
}

#[test]
fn an_authority_that_has_not_signed_is_told() {
    let mut wrong = properties("SSL");
    wrong.retain(|(key, _)| *key != "ssl.ca.location");
    wrong.push(("ssl.ca.location", file("client.pem")));
    for told in fails("wrong authority", &wrong) {
        assert!(told.contains(&address("SSL")), "{told}");
        assert!(told.to_lowercase().contains("certificate"), "{told}");
    }
}

#[test]
fn tls_at_one_end_alone_is_told() {
    let mut without = properties("SSL");
    without.retain(|(key, _)| *key != "security.protocol");
    for told in fails("TLS port without TLS", &without) {
        assert!(told.contains(&address("SSL")) && told.contains("security.protocol"), "{told}");
    }
    let mut with = properties("SSL");
    with[0].1 = bootstrap();
    for told in fails("plain port with TLS", &with) {
        assert!(told.contains(&bootstrap()) && told.contains("security.protocol"), "{told}");
    }
}
