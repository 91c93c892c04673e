//! `cargo xtask demo`: README's first command.

use crate::{Outcome, cargo, system};

/// Builds the demo and becomes it; the arguments are the demo's own.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    system::ensure_build()?;
    if !cargo::target().join("release/demo").exists() {
        eprintln!("building; RocksDB is compiled from source once, which takes some minutes");
    }
    let mut command = cargo::cargo("run");
    command.args(["--release", "--quiet", "--package", "streams-examples", "--bin", "demo", "--"]);
    command.args(arguments);
    cargo::become_command(command)
}
