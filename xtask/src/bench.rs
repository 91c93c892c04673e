//! `cargo xtask bench`: how fast it is.

use crate::{Outcome, cargo, system};

const WORKLOADS: &[&str] = &["micro"];

/// Builds the benchmarks and becomes them.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    if let Some(unknown) = arguments.iter().find(|name| !WORKLOADS.contains(&name.as_str())) {
        return Err(format!("there is no workload {unknown}; there is {}", WORKLOADS.join(", ")));
    }
    system::ensure_build()?;
    let mut command = cargo::cargo("run");
    command.args(["--release", "--package", "streams-bench", "--", "micro"]);
    cargo::become_command(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_workload_is_told_what_there_is() {
        let told = run(&["join".to_owned()]).unwrap_err();
        assert_eq!(told, "there is no workload join; there is micro");
    }
}
