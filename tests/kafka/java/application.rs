//! A Java application in a process of its own.

use std::{
    env,
    fs::{self, File},
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        mpsc::{Receiver, channel},
    },
};

use super::world::{PATIENCE, World};

/// Runs until it is closed; killed when it is dropped.
pub(super) struct JavaApplication {
    process: Child,
    lines: Receiver<String>,
    /// What it has said so far.
    said: Vec<String>,
    /// `RESTORED <store> `
    restored: String,
    errors: PathBuf,
}

impl JavaApplication {
    /// Starts the application of `world` with an empty state folder.
    pub(super) fn start(world: &World) -> Self {
        let folder = world.folder("java");
        fs::create_dir_all(&folder).unwrap();
        let errors = folder.join("errors.log");
        let mut command = java();
        command
            .args(["-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"])
            .arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
            .arg("-cp")
            .arg(format!("{}:{}/*", classes().display(), jars().display()))
            .arg("Application")
            .args([&*world.bootstrap, &*world.application_id, world.app.name, &*world.prefix])
            .arg(folder.join("state"));
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&errors).unwrap())
            .spawn()
            .unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            // Until one of the two ends.
            for line in output.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let restored = format!("RESTORED {} ", world.app.store);
        Self { process, lines, said: Vec::new(), restored, errors }
    }

    /// Waits until it has said this.
    pub(super) fn wait_for(&mut self, line: &str) {
        while !self.said.iter().any(|said| said == line) {
            let Ok(said) = self.lines.recv_timeout(PATIENCE) else {
                let errors = fs::read_to_string(&self.errors).unwrap_or_default();
                panic!("Java did not say {line}, but {:#?}\n{errors}", self.said);
            };
            self.said.push(said);
        }
    }

    /// How many records it has restored into the store of the application.
    pub(super) fn restored(&mut self) -> u64 {
        self.said.extend(self.lines.try_iter());
        let counts = self.said.iter().filter_map(|line| line.strip_prefix(&self.restored));
        counts.map(|count| count.parse::<u64>().unwrap()).sum()
    }

    /// Closes it cleanly.
    pub(super) fn close(mut self) {
        drop(self.process.stdin.take());
        self.wait_for("CLOSED");
        let status = self.process.wait().unwrap();
        assert!(status.success(), "{status}");
    }
}

impl Drop for JavaApplication {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.process.kill().unwrap_or_default();
        self.process.wait().map(drop).unwrap_or_default();
    }
}

fn java() -> Command {
    let home = env::var_os("JAVA_HOME").map(|home| Path::new(&home).join("bin/java"));
    Command::new(home.filter(|java| java.is_file()).unwrap_or_else(|| "java".into()))
}

/// The folder that cargo builds into.
fn target() -> PathBuf {
    let test = env::current_exe().unwrap();
    test.ancestors().nth(3).unwrap().to_owned()
}

fn jars() -> PathBuf {
    let jars = target().join("kafka/lib");
    assert!(jars.is_dir(), "no jars in {}: `cargo xtask kafka start` fetches them", jars.display());
    jars
}

/// The compiled applications.
fn classes() -> &'static Path {
    static CLASSES: OnceLock<PathBuf> = OnceLock::new();
    CLASSES.get_or_init(|| {
        let classes = target().join("java");
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("kafka/java");
        let mut compiler = java();
        compiler.arg("-cp").arg(format!("{}/*", jars().display()));
        compiler.args(["-m", "jdk.compiler/com.sun.tools.javac.Main", "-d"]).arg(&classes);
        compiler.args(["Topologies.java", "Application.java"].map(|file| sources.join(file)));
        let status = compiler.status().unwrap();
        assert!(status.success(), "Java's compiler, of a JDK of release 17 or newer: {status}");
        classes
    })
}
