//! One broker that is cut off, killed, too old, and whose disk goes bad.

use std::{
    fs,
    net::{Ipv4Addr, TcpStream},
    sync::Arc,
    thread,
};

use streams_core::{
    Stopwatch,
    broker::{Broker, NewTopic},
};

use crate::{
    app::{self, App, Feed, RECORDS},
    cluster::Cluster,
    logs,
    proxy::Proxy,
    support::{client, topic, unique, until},
};

const PARTITIONS: i32 = 4;
const CUTS: usize = 60;

/// The cluster takes a while to start: all that needs one of its own goes on in one test.
#[test]
fn a_broker_fails_in_many_ways() {
    logs::keep();
    let mut bad_line = None;
    let cluster = Cluster::start(1, |port| {
        let behind = port + 5;
        let proxy = bad_line.insert(Proxy::start(behind, CUTS));
        with_a_second_listener(port, behind, proxy.port())
    });
    let proxy = bad_line.unwrap();
    let direct: Arc<dyn Broker> = Arc::new(client(&[("bootstrap.servers", &cluster.bootstrap())]));
    connections_are_cut_in_the_middle_of_a_frame(&direct, &proxy);
    the_broker_is_killed_and_comes_back(&cluster, &direct);
    the_broker_is_too_old(&direct, &proxy);
    a_batch_is_damaged_on_disk(&cluster, &direct);
}

/// A listener that clients are told to reach through a proxy.
fn with_a_second_listener(port: u16, behind: u16, proxy: u16) -> Vec<String> {
    let address = |name, port| format!("{name}://{}:{port}", Ipv4Addr::LOCALHOST);
    let (usual, controller) = (address("PLAINTEXT", port), address("CONTROLLER", port + 1));
    let protocols = ["CONTROLLER", "PLAINTEXT", "BEHIND"].map(|name| format!("{name}:PLAINTEXT"));
    vec![
        format!("listeners={usual},{},{controller}", address("BEHIND", behind)),
        format!("advertised.listeners={usual},{}", address("BEHIND", proxy)),
        format!("listener.security.protocol.map={}", protocols.join(",")),
    ]
}

fn behind(proxy: &Proxy) -> Arc<dyn Broker> {
    let address = format!("{}:{}", Ipv4Addr::LOCALHOST, proxy.port());
    Arc::new(client(&[("bootstrap.servers", &address)]))
}

fn connections_are_cut_in_the_middle_of_a_frame(direct: &Arc<dyn Broker>, proxy: &Proxy) {
    let (input, output) = (topic(&**direct, "in", PARTITIONS), topic(&**direct, "out", PARTITIONS));
    let app = App::start(behind(proxy), app::copy(&input, &output));
    let feed = Feed::start(Arc::clone(direct), &input);
    feed.go_on();
    until("the copy", || {
        let written = app::written(&**direct, &output, PARTITIONS)?;
        (written >= RECORDS as i64).then_some(())
    });
    println!("{} of {CUTS} connections were cut", CUTS - proxy.left());
    assert!(proxy.left() <= CUTS / 2, "{} cuts are left", proxy.left());
    app.close();
    feed.assert_copied(&output);
}

fn the_broker_is_killed_and_comes_back(cluster: &Cluster, direct: &Arc<dyn Broker>) {
    let (input, output) = (topic(&**direct, "in", PARTITIONS), topic(&**direct, "out", PARTITIONS));
    let app = App::start(Arc::clone(direct), app::copy(&input, &output));
    let feed = Feed::start(Arc::clone(direct), &input);
    let written = |broker: &dyn Broker| app::written(broker, &output, PARTITIONS);
    until("a quarter of the copy", || {
        written(&**direct).filter(|written| *written >= RECORDS as i64 / 4)
    });
    cluster.kill(1);
    feed.go_on();
    thread::scope(|scope| {
        scope.spawn(|| cluster.start_again());
        let (host, port) = cluster.bootstrap().split_once(':').map(own).unwrap();
        let port: u16 = port.parse().unwrap();
        until("a port", || TcpStream::connect((&*host, port)).ok());
        let since = Stopwatch::start();
        let fresh = client(&[("bootstrap.servers", &cluster.bootstrap())]);
        let before = until("an answer", || written(&fresh));
        let answered = since.elapsed();
        // On a fast machine all may be copied by the time of the first answer.
        let is_progress = |now: &i64| *now > before || *now >= RECORDS as i64;
        until("progress", || written(&fresh).filter(is_progress));
        let resumed = since.elapsed();
        println!("after the port opened: an answer in {answered:?}, progress in {resumed:?}");
    });
    until("the copy", || written(&**direct).filter(|written| *written >= RECORDS as i64));
    app.close();
    feed.assert_copied(&output);
}

fn own((one, other): (&str, &str)) -> (String, String) {
    (one.to_owned(), other.to_owned())
}

fn the_broker_is_too_old(direct: &Arc<dyn Broker>, proxy: &Proxy) {
    let (input, output) = (topic(&**direct, "in", 1), topic(&**direct, "out", 1));
    proxy.hide_streams_groups();
    let app = App::start(behind(proxy), app::copy(&input, &output));
    let told = app.ends();
    println!("too old: {told}");
    let needs = "streams groups need Apache Kafka 4.2 or newer";
    assert!(told.contains(needs) && told.contains(&proxy.port().to_string()), "{told}");
}

fn a_batch_is_damaged_on_disk(cluster: &Cluster, direct: &Arc<dyn Broker>) {
    let (input, output) = (unique("in"), topic(&**direct, "out", 1));
    direct.admin().create_topics(&[NewTopic::new(&*input, 1)]).unwrap();
    app::write(&**direct, &input, ["one", "two", "three"].map(str::to_owned));
    app::write(&**direct, &input, ["four".to_owned()]);
    cluster.stop();
    // Brokers check neither what they read after a clean stop nor what they send.
    let segment = cluster.segments(1, &input, 0).join("00000000000000000000.log");
    let mut bytes = fs::read(&segment).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&segment, bytes).unwrap();
    cluster.start_again();
    let app = App::start(Arc::clone(direct), app::copy(&input, &output));
    let told = app.ends();
    println!("damaged: {told}");
    assert!(told.contains(&format!("{input}-0")) && told.contains("offset 3"), "{told}");
    assert!(told.contains("checksum mismatch"), "{told}");
    let copied = app::values(&**direct, &output);
    assert!(["one", "three", "two"].starts_with(&copied.iter().map(|v| &**v).collect::<Vec<_>>()));
}
