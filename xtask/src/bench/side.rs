//! The two sides: the programs that load, run, restore and verify, and what they print.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::broker::Broker;

/// Who was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// This library.
    Ours,
    /// Kafka Streams for Java.
    Java,
    /// Fetching, decoding, encoding and producing alone, on this library's codec.
    Floor,
}

impl Side {
    /// How it is called in what people read.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Java => "Java",
            Self::Floor => "bare loop",
        }
    }
}

/// One workload as it is to be run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Job<'a> {
    pub(super) workload: &'static str,
    pub(super) records: Option<u64>,
    pub(super) codec: &'a str,
}

/// How a latency is measured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    /// Records a second.
    pub(super) rate: u32,
    pub(super) seconds: u64,
}

/// The programs, and the broker they are to use.
pub(super) struct Programs<'a> {
    /// `streams-bench`, built.
    pub(super) ours: PathBuf,
    /// The folder of the Java side.
    pub(super) peer: Option<PathBuf>,
    /// Where state and what else runs need may lie.
    pub(super) folder: PathBuf,
    pub(super) broker: &'a Broker,
}

impl Programs<'_> {
    /// Builds the Java side and makes sure it runs.
    pub(super) fn build_peer(&self) -> Result<(), String> {
        let Some(peer) = &self.peer else { return Ok(()) };
        let mut command = Command::new(peer.join("peer"));
        lines(self.environment(&mut command).arg("build")).map(drop)
    }

    /// Fills the input topics, unless they are filled. The Java side does it, if it takes part, so
    /// that what we verify is not what we made.
    pub(super) fn load(&self, job: &Job<'_>) -> Result<(), String> {
        let mut command = match &self.peer {
            Some(peer) => self.java(peer, "load", job),
            None => self.ours("load", job.workload, job),
        };
        lines(&mut command).map(drop)
    }

    /// Runs `job` on one side with fresh output topics; its result lines: one, or with
    /// [`is_restored`] one of the run and one of the restore.
    pub(super) fn run(&self, side: Side, job: &Job<'_>) -> Result<Vec<String>, String> {
        let action = if is_restored(job.workload) { "restore" } else { "run" };
        let mut command = match (side, &self.peer) {
            (Side::Java, Some(peer)) => {
                let mut command = self.java(peer, action, job);
                command.args(["--protocol", "streams"]);
                command.args(["--set", &format!("producer.compression.type={}", job.codec)]);
                command
            }
            (Side::Java, None) => return Err("the Java side does not take part".to_owned()),
            (Side::Ours | Side::Floor, _) => {
                let workload = if side == Side::Floor { "loop" } else { job.workload };
                lines(&mut self.ours("prepare", workload, job))?;
                let mut command = self.ours(action, workload, job);
                command.args(["--compression", job.codec, "--broker-pids", &self.broker.pids]);
                command.arg("--state-dir").arg(self.folder.join("state"));
                command
            }
        };
        lines(&mut command)
    }

    /// Whether the output is what the input demands.
    pub(super) fn verify(&self, side: Side, job: &Job<'_>) -> Result<(), String> {
        let mut command = match (&self.peer, side) {
            (Some(peer), Side::Ours | Side::Java) => self.java(peer, "verify", job),
            (_, Side::Floor) => self.ours("verify", "loop", job),
            (None, _) => self.ours("verify", job.workload, job),
        };
        lines(&mut command).map(drop)
    }

    /// Measures latency: the Java side's driver, with either side's application, without linger
    /// and cache.
    pub(super) fn latency(
        &self,
        side: Side,
        job: &Job<'_>,
        rate: Rate,
    ) -> Result<Vec<String>, String> {
        let peer = self.peer.as_deref().ok_or("the driver is the Java side's")?;
        let mut command = Command::new(peer.join("peer"));
        self.environment(&mut command);
        command.args(["latency", "--workload", job.workload, "--rate", &rate.rate.to_string()]);
        let seconds = rate.seconds.to_string();
        command.args(["--seconds", &seconds, "--warmup", &seconds, "--driver-linger-ms", "1"]);
        let settings = ["--linger-ms", "0", "--cache", "0"];
        command.args(settings).args(["--protocol", "streams"]);
        if side == Side::Java {
            command.args(["--set", &format!("producer.compression.type={}", job.codec)]);
        } else {
            let mut app = self.app(job);
            for setting in settings {
                app += &format!(" {setting}");
            }
            command.args(["--impl", "rust", "--app-cmd", &app]);
        }
        lines(&mut command)
    }

    /// The line that starts our application, for a shell.
    fn app(&self, job: &Job<'_>) -> String {
        let quoted = |path: &Path| format!("'{}'", path.display());
        format!(
            "{} app --workload {} --bootstrap {} --topic-prefix rate- --compression {} --state-dir {}",
            quoted(&self.ours),
            job.workload,
            self.broker.bootstrap,
            job.codec,
            quoted(&self.folder.join("state")),
        )
    }

    fn ours(&self, action: &str, workload: &str, job: &Job<'_>) -> Command {
        let mut command = Command::new(&self.ours);
        command.args([action, "--workload", workload, "--bootstrap", &self.broker.bootstrap]);
        add_records(&mut command, job);
        command
    }

    fn java(&self, peer: &Path, action: &str, job: &Job<'_>) -> Command {
        let mut command = Command::new(peer.join("peer"));
        self.environment(&mut command);
        command.args([action, "--workload", job.workload]);
        add_records(&mut command, job);
        command
    }

    fn environment<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command.env("PEER_BOOTSTRAP", &self.broker.bootstrap);
        command.env("PEER_BROKER_PIDS", &self.broker.pids);
        command.env("PEER_WORK", self.folder.join("peer"))
    }
}

/// Whether a workload is one whose stores are restored too.
pub(super) fn is_restored(workload: &str) -> bool {
    workload == "kvtable"
}

fn add_records(command: &mut Command, job: &Job<'_>) {
    if let Some(records) = job.records {
        command.args(["--records", &records.to_string()]);
    }
}

/// Runs a program to its end; the JSON lines it printed. What it says besides goes where ours does.
fn lines(command: &mut Command) -> Result<Vec<String>, String> {
    let output = command.stderr(Stdio::inherit()).output();
    let name = command.get_program().display().to_string();
    let output = output.map_err(|error| format!("{name} does not run: {error}"))?;
    let told = String::from_utf8_lossy(&output.stdout);
    let json = told.lines().filter(|line| line.starts_with('{')).map(str::to_owned);
    let json: Vec<String> = json.collect();
    json.iter().for_each(|line| eprintln!("{line}"));
    if output.status.success() {
        return Ok(json);
    }
    let arguments: Vec<_> = command.get_args().map(|argument| argument.to_string_lossy()).collect();
    Err(format!("`{name} {}` failed: {}", arguments.join(" "), output.status))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(line: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", line]);
        command
    }

    #[test]
    fn lines_that_are_json_are_results() {
        let told = lines(&mut shell("echo RUNNING; echo '{\"a\":1}'; echo '{}'")).unwrap();
        assert_eq!(told, ["{\"a\":1}", "{}"]);
    }

    #[test]
    fn a_program_that_fails_is_told_with_its_line() {
        let told = lines(&mut shell("exit 3")).unwrap_err();
        assert_eq!(told, "`sh -c exit 3` failed: exit status: 3");
    }
}
