//! Addresses behind which there is no Kafka, or one that is spoken to wrongly.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener},
    thread,
};

use broker_kafka::KafkaConfig;
use streams_core::broker::Broker;

use crate::{
    app::{self, App},
    logs,
    support::{client, shared, until},
};

#[test]
fn addresses_that_are_none_are_named() {
    for (address, told) in [
        ("", "bootstrap.servers"),
        ("localhost", "localhost"),
        ("localhost:", "localhost:"),
        ("localhost:0", "localhost:0"),
        ("localhost:65536", "localhost:65536"),
        ("localhost:x", "localhost:x"),
        (":9092", ":9092"),
    ] {
        let error = KafkaConfig::new(address).map(|_| ()).unwrap_err().to_string();
        println!("{address:?}: {error}");
        assert!(error.contains(told), "{address:?}: {error}");
    }
}

/// A port that nobody listens at.
fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

#[test]
fn an_application_waits_for_its_brokers_as_long_as_it_is_told_to() {
    logs::keep();
    let address = format!("{}:{}", Ipv4Addr::LOCALHOST, free_port());
    let patient = client(&[("bootstrap.servers", &address)]);
    let patient = App::start(shared(&patient), app::copy("in", "out"));
    let servers = format!("servers={address:?}");
    let warned = || logs::contain(&["WARN", &servers, "the group's coordinator does not answer"]);
    until("a warning", || warned().then_some(()));
    let deadline = ("bootstrap.deadline.ms", "1500");
    let broker = client(&[("bootstrap.servers", &address), deadline]);
    let told = App::start(shared(&broker), app::copy("in", "out")).ends();
    println!("unreachable: {told}");
    assert!(told.contains(&address) && told.contains("1500 ms (bootstrap.deadline.ms)"), "{told}");
    assert!(told.contains("refused"), "{told}");
    patient.close();
    let broker = client(&[("bootstrap.servers", &address), ("default.api.timeout.ms", "500")]);
    let told = broker.admin().list_topics().unwrap_err();
    println!("unreachable admin: {told:?}");
}

#[test]
fn a_server_of_something_else_is_no_kafka() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            // It reads a line and answers what it makes of it.
            if matches!(client.read(&mut [0; 64]), Ok(1..)) {
                client.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap_or_default();
            }
        }
    });
    let broker = client(&[("bootstrap.servers", &address), ("bootstrap.deadline.ms", "1500")]);
    let told = App::start(shared(&broker), app::copy("in", "out")).ends();
    println!("http: {told}");
    assert!(told.contains(&address), "{told}");
}
