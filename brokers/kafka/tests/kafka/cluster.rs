//! Clusters of a test's own, to be stopped and killed.

use std::{
    fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::support::{bootstrap, unique, until, variable};

/// The machine has room for one of them at a time.
static ONE: Mutex<()> = Mutex::new(());

/// Stopped, and its folder deleted, when dropped.
pub(crate) struct Cluster {
    brokers: u16,
    port: u16,
    dir: PathBuf,
    settings: Vec<String>,
    _one: MutexGuard<'static, ()>,
}

impl Cluster {
    /// Starts 1 or 3 brokers; `settings` says more of server.properties, given the cluster's port.
    pub(crate) fn start(brokers: u16, settings: impl FnOnce(u16) -> Vec<String>) -> Self {
        let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let port = Self::port();
        let dir = std::env::temp_dir().join(unique("streams-kafka"));
        let cluster = Self { brokers, port, dir, settings: settings(port), _one: one };
        cluster.start_again();
        cluster
    }

    /// The ports from the shared Kafka's on are the tests': 20 for each cluster.
    fn port() -> u16 {
        let shared = bootstrap();
        let shared: u16 = shared.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap();
        shared + 20
    }

    /// Starts the brokers that do not run.
    pub(crate) fn start_again(&self) {
        let brokers = self.brokers.to_string();
        let mut arguments = vec!["start", "--profile", "test", "--brokers", &brokers];
        arguments.extend(self.settings.iter().flat_map(|setting| ["--set", setting]));
        self.xtask(&arguments);
    }

    /// Stops all brokers cleanly.
    pub(crate) fn stop(&self) {
        self.xtask(&["stop"]);
    }

    /// Kills one broker, from 1, as a crash would.
    pub(crate) fn kill(&self, broker: u16) {
        let pid = fs::read_to_string(self.dir.join(format!("{broker}/pid"))).unwrap();
        let pid = pid.trim();
        let kill = format!("kill -9 {pid}");
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        let process = Path::new("/proc").join(pid).join("cmdline");
        let is_gone = || fs::read(&process).map_or(true, |line| line.is_empty());
        until("the end of a killed broker", || is_gone().then_some(()));
    }

    pub(crate) fn bootstrap(&self) -> String {
        let address = |broker| format!("{}:{}", Ipv4Addr::LOCALHOST, self.port + 2 * broker);
        (0..self.brokers).map(address).collect::<Vec<_>>().join(",")
    }

    /// Where a broker, from 1, keeps the segments of a partition.
    pub(crate) fn segments(&self, broker: u16, topic: &str, partition: i32) -> PathBuf {
        self.dir.join(format!("{broker}/logs/{topic}-{partition}"))
    }

    fn xtask(&self, arguments: &[&str]) {
        let Output { status, stdout, stderr } = self.run(arguments);
        let told = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(status.success(), "xtask {arguments:?}: {}{}", told(&stdout), told(&stderr));
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut xtask = Command::new(variable("STREAMS_XTASK"));
        xtask.arg("kafka").args(arguments);
        xtask.args(["--port", &self.port.to_string(), "--dir"]).arg(&self.dir).output().unwrap()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let stopped = self.run(&["stop"]);
        // What a failed test leaves behind is worth a look.
        if stopped.status.success() && !std::thread::panicking() {
            fs::remove_dir_all(&self.dir).unwrap_or_default();
        }
    }
}
