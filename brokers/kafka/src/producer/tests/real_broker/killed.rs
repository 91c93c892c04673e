//! A broker that is killed while it is written to.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::Command,
};

use streams_core::{Clock, SystemClock};

use super::*;

/// How often the broker is killed.
const KILLS: usize = 2;

/// How many batches are acknowledged between two kills.
const BETWEEN: usize = 300;

/// A broker of the test's own.
struct OwnBroker {
    folder: PathBuf,
    port: u16,
}

impl OwnBroker {
    fn start() -> Self {
        let folder = std::env::temp_dir().join(unique_name());
        let broker = Self { folder, port: free_ports() };
        broker.start_again();
        broker
    }

    fn start_again(&self) {
        let (port, folder) = (self.port.to_string(), self.folder.display().to_string());
        kafka(&["start", "--profile", "test", "--port", &port, "--dir", &folder]);
    }

    fn bootstrap(&self) -> String {
        format!("{}:{}", Ipv4Addr::LOCALHOST, self.port)
    }

    fn kill(&self) {
        let pid = fs::read_to_string(self.folder.join("1/pid")).unwrap();
        let killed = Command::new("kill").args(["-9", pid.trim()]).status().unwrap();
        assert!(killed.success());
    }
}

impl Drop for OwnBroker {
    fn drop(&mut self) {
        kafka(&["stop", "--dir", &self.folder.display().to_string()]);
        fs::remove_dir_all(&self.folder).unwrap();
    }
}

/// `cargo xtask kafka`.
fn kafka(arguments: &[&str]) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    let done = command.args(["xtask", "kafka"]).args(arguments).current_dir(root).output().unwrap();
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
}

/// The first of two neighbors.
fn free_ports() -> u16 {
    for _ in 0..100 {
        let first = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = first.local_addr().unwrap().port();
        if port < 65_000 && TcpListener::bind((Ipv4Addr::LOCALHOST, port + 1)).is_ok() {
            return port;
        }
    }
    unreachable!("no two free ports")
}

/// A batch of records of this moment: of a producer whose last records are older than
/// `producer.id.expiration.ms`, a broker knows nothing after its start.
fn recent(values: &[&str]) -> BatchBuilder {
    let mut builder = BatchBuilder::new();
    for value in values {
        builder.append(SystemClock.now(), None, Some(value.as_bytes()), &[]).unwrap();
    }
    builder
}

#[test]
fn a_killed_broker_costs_no_record_and_doubles_none() {
    let broker = OwnBroker::start();
    let kafka = Kafka::at(&broker.bootstrap());
    let topic = kafka.topic(2, &[]);
    let to = [0, 1].map(|number| TopicPartition::new(topic.as_str(), number));
    let mut writer = kafka.writer(ProduceOptions::default());
    let mut sent = [const { Vec::<String>::new() }; 2];
    let mut kills = 0;
    let mut acknowledged = 0;
    while kills < KILLS || acknowledged < (KILLS + 1) * BETWEEN {
        for (place, to) in to.iter().enumerate() {
            let next = sent[place].len();
            let values: Vec<String> = (next..next + 20).map(|n| format!("{n:08}")).collect();
            let texts: Vec<&str> = values.iter().map(String::as_str).collect();
            writer.send(to, &mut recent(&texts));
            sent[place].extend(values);
        }
        writer.producer.poll(&mut writer.acks).unwrap();
        acknowledged = writer.acks.len();
        if kills < KILLS && acknowledged >= (kills + 1) * BETWEEN {
            kills += 1;
            broker.kill();
            // The producer tries by itself meanwhile.
            broker.start_again();
        }
        if writer.producer.in_flight() > 100 {
            writer.wait();
        }
    }
    let acks = writer.acks();
    for (place, to) in to.iter().enumerate() {
        assert_eq!(log::read(&kafka, to), sent[place], "{to}");
    }
    let mut written = [0_i64; 2];
    for ack in acks {
        let base = &mut written[ack.partition.partition as usize];
        assert_eq!(ack.result.unwrap(), *base, "{}", ack.partition);
        *base += 20;
    }
}
