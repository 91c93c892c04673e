//! `cargo xtask kafka`: a real Apache Kafka on this machine, for tests, examples and benchmarks.
//!
//! Each node is a broker and a controller in one process that outlives the command. All of a
//! cluster lies in one folder: `<node>/server.properties`, `<node>/server.log`, `<node>/pid`,
//! `<node>/logs`.

mod cluster;
mod jars;
mod java;
mod node;
mod options;
mod probe;
mod properties;
mod secure;

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use self::{cluster::Cluster, java::Java, node::Node, options::Options};
use crate::{Outcome, cargo, system};

/// `cargo xtask kafka start|stop|status`.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let Some((action, rest)) = arguments.split_first() else {
        return Err("kafka what? start, stop or status".to_owned());
    };
    let options = Options::parse(rest, &home())?;
    match action.as_str() {
        "start" => start(&options),
        "stop" => stop(&options),
        "status" => status(&options),
        _ => Err(format!("kafka does not know {action}; it knows start, stop and status")),
    }
}

/// Where the jars and clusters lie that are not told where to.
fn home() -> PathBuf {
    cargo::target().join("kafka")
}

/// The last line on standard output is what clients connect to; all else goes to standard error.
fn start(options: &Options) -> Outcome {
    system::ensure(system::KAFKA)?;
    if options.secure {
        system::ensure(system::CERTIFICATES)?;
    }
    let java = Java::new(options.profile, &jars::ensure(&home())?);
    Cluster::prepare(options)?.start(options, &java)?;
    println!("{}", options.bootstrap());
    Ok(ExitCode::SUCCESS)
}

/// A secured node of its own for the tests, with short sessions; stopped when dropped.
pub(crate) struct TestBroker(Options);

impl TestBroker {
    /// Starts it on ports that are free, in a folder that is emptied before.
    pub(crate) fn start() -> Result<Self, String> {
        let dir = home().join("test");
        if let Some(cluster) = Cluster::find(&dir)? {
            cluster.stop()?;
        }
        if dir.exists() {
            fs::remove_dir_all(&dir).map_err(at(&dir))?;
        }
        let port = cluster::free_port()?.to_string();
        let dir = dir.to_string_lossy();
        let arguments = ["--port", &port, "--dir", &dir, "--profile", "test", "--secure"];
        let options = Options::parse(&arguments.map(str::to_owned), &home())?;
        start(&options)?;
        Ok(Self(options))
    }

    /// Where clients without TLS connect to.
    pub(crate) fn bootstrap(&self) -> String {
        self.0.bootstrap()
    }

    /// Where its certificates and logs lie.
    pub(crate) fn folder(&self) -> &Path {
        &self.0.dir
    }
}

impl Drop for TestBroker {
    fn drop(&mut self) {
        if let Err(error) = stop(&self.0) {
            eprintln!("xtask: {error}");
        }
    }
}

fn stop(options: &Options) -> Outcome {
    match Cluster::find(&options.dir)? {
        None => println!("{}", nothing_at(&options.dir)),
        Some(cluster) => cluster.stop()?.iter().for_each(|line| println!("{line}")),
    }
    Ok(ExitCode::SUCCESS)
}

/// Succeeds if all nodes answer.
fn status(options: &Options) -> Outcome {
    let nodes = cluster::nodes(&options.dir);
    if nodes.is_empty() {
        println!("{}", nothing_at(&options.dir));
        return Ok(ExitCode::FAILURE);
    }
    let mut all_up = true;
    for node in &nodes {
        let (is_up, state) = state(node);
        all_up &= is_up;
        println!("node {} {state}{}", node.id, addresses(node));
    }
    Ok(if all_up { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn state(node: &Node) -> (bool, String) {
    match (node.running(), node.ask()) {
        (Some(pid), Ok(_)) => (true, format!("up, process {pid}")),
        (Some(pid), Err(error)) => (false, format!("does not answer, process {pid}: {error}")),
        (None, _) => (false, "down".to_owned()),
    }
}

fn addresses(node: &Node) -> String {
    let properties = node.properties();
    let listeners = properties::listeners(&properties);
    listeners.iter().map(|(name, address)| format!(", {name} {address}")).collect()
}

fn nothing_at(folder: &Path) -> String {
    format!("no cluster was ever started in {}", folder.display())
}

/// Says where an error of the file system came up.
fn at(path: &Path) -> impl FnOnce(io::Error) -> String {
    move |error| format!("{}: {error}", path.display())
}
