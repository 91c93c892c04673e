//! The broker that both sides are measured on.

use std::{
    env, fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use super::options::Options;
use crate::cargo;

/// A broker that answers. One that was started for the benchmark is stopped when dropped; its data
/// stay, so that inputs are loaded once.
pub(super) struct Broker {
    /// Where clients connect to.
    pub(super) bootstrap: String,
    /// Its processes, separated by commas, as far as they are known.
    pub(super) pids: String,
    started: Option<PathBuf>,
}

impl Broker {
    /// The one named by the options, or one of the benchmark's own.
    pub(super) fn find_or_start(options: &Options) -> Result<Self, String> {
        if let Some(bootstrap) = &options.bootstrap {
            let bootstrap = bootstrap.clone();
            return Ok(Self { bootstrap, pids: String::new(), started: None });
        }
        let folder = cargo::target().join("bench/kafka");
        let is_up = kafka("status", &folder).stdout(Stdio::null()).status();
        let is_up = is_up.is_ok_and(|status| status.success());
        let mut start = kafka("start", &folder);
        let output = start
            .args(["--port", &options.port.to_string()])
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| format!("kafka does not start: {error}"))?;
        let told = String::from_utf8_lossy(&output.stdout);
        let bootstrap = told.lines().last().filter(|_| output.status.success());
        let bootstrap = bootstrap.ok_or("the broker does not start, see above")?.to_owned();
        let pid = fs::read_to_string(folder.join("1/pid")).unwrap_or_default();
        let started = (!is_up).then_some(folder);
        Ok(Self { bootstrap, pids: pid.trim().to_owned(), started })
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let Some(folder) = &self.started else { return };
        let stopped = kafka("stop", folder).stdout(Stdio::null()).status();
        if !stopped.is_ok_and(|status| status.success()) {
            eprintln!("xtask: the broker in {} did not stop", folder.display());
        }
    }
}

/// `cargo xtask kafka`, run by this very program.
fn kafka(action: &str, folder: &std::path::Path) -> Command {
    let mut command = Command::new(env::current_exe().unwrap_or_else(|_| "xtask".into()));
    command.args(["kafka", action, "--dir"]).arg(folder);
    command
}
