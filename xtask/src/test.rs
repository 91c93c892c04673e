//! `cargo xtask test`: every test, part by part, with the seconds each took.

use std::{
    env,
    fmt::Write as _,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::{Duration, Instant},
};

use crate::{Outcome, cargo, kafka::TestBroker, system};

/// A part of the tests. A failing one fails the command; the others still run.
struct Part {
    name: &'static str,
    about: &'static str,
    run: fn() -> Result<(), String>,
}

/// Each part tests the whole workspace, also where a crate would do: so that all are built with
/// one set of features, and RocksDB once.
const PARTS: &[Part] = &[
    Part { name: "unit", about: "inside the crates", run: unit },
    Part { name: "integration", about: "tests/", run: integration },
    Part { name: "examples", about: "examples/", run: || test(&["--examples"]) },
    Part { name: "doc", about: "what the documentation shows", run: || test(&["--doc"]) },
    Part { name: "conformance", about: "recorded results of Kafka Streams", run: conformance },
    Part { name: "kafka", about: "a real Apache Kafka", run: real_kafka },
    Part { name: "pure", about: "no C++ without the feature rocksdb", run: pure_rust },
];

/// `cargo xtask test [PART..]`.
#[expect(clippy::disallowed_methods, reason = "a stopwatch for a human, in no stream's time")]
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let parts = chosen(arguments)?;
    system::ensure_build()?;
    let mut rows = Vec::new();
    for part in parts {
        println!("\n== {}: {}", part.name, part.about);
        let start = Instant::now();
        let result = (part.run)();
        if let Err(message) = &result {
            eprintln!("xtask: {}: {message}", part.name);
        }
        rows.push((part.name, result.is_ok(), start.elapsed()));
    }
    println!("\n{}", table(&rows));
    let failed = rows.iter().any(|(_, passed, _)| !passed);
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn chosen(arguments: &[String]) -> Result<Vec<&'static Part>, String> {
    if arguments.is_empty() {
        return Ok(PARTS.iter().collect());
    }
    let find = |name: &String| PARTS.iter().find(|part| part.name == name);
    let unknown = |name: &String| {
        let names: Vec<&str> = PARTS.iter().map(|part| part.name).collect();
        format!("there is no part {name}; there are {}", names.join(", "))
    };
    arguments.iter().map(|name| find(name).ok_or_else(|| unknown(name))).collect()
}

fn table(rows: &[(&str, bool, Duration)]) -> String {
    let mut text = format!("{:<14}{:<8}{:>8}", "part", "result", "seconds");
    let total: Duration = rows.iter().map(|(_, _, took)| *took).sum();
    let all_passed = rows.iter().all(|(_, passed, _)| *passed);
    for (name, passed, took) in rows.iter().copied().chain([("all", all_passed, total)]) {
        let result = if passed { "ok" } else { "FAILED" };
        // Writing to a string cannot fail.
        let _ = write!(text, "\n{name:<14}{result:<8}{:>8.1}", took.as_secs_f64());
    }
    text
}

fn test(targets: &[&str]) -> Result<(), String> {
    succeed(cargo_test().args(targets))
}

fn cargo_test() -> Command {
    let mut command = cargo::cargo("test");
    command.args(["--release", "--workspace", "--no-fail-fast"]);
    command
}

/// In the paths of the tests inside of crates that need a real Kafka.
const NEEDS_KAFKA: &str = "::real_";

fn unit() -> Result<(), String> {
    test(&["--lib", "--bins", "--", "--skip", NEEDS_KAFKA])
}

/// The integration tests that need nothing but this machine; those against a real Kafka are all
/// named `kafka`, in each package that has some.
const INTEGRATION: &[&str] = &["stores", "embedded", "dsl", "runtime", "tidy", "demo_promises"];

fn integration() -> Result<(), String> {
    let targets: Vec<&str> = INTEGRATION.iter().flat_map(|name| ["--test", *name]).collect();
    test(&targets)
}

/// Starts a Kafka for the tests that need one, and stops it behind them.
fn real_kafka() -> Result<(), String> {
    system::ensure(system::JAVA_COMPILER)?;
    let broker = TestBroker::start()?;
    let xtask = env::current_exe().map_err(|error| format!("this program is nowhere: {error}"))?;
    let run = |targets: &[&str]| {
        let mut command = cargo_test();
        command.args(targets).env("STREAMS_KAFKA", broker.bootstrap());
        command.env("STREAMS_KAFKA_DIR", broker.folder()).env("STREAMS_XTASK", &xtask);
        succeed(&mut command)
    };
    let inside = run(&["--lib", "--", NEEDS_KAFKA]);
    run(&["--test", "kafka"]).and(inside)
}

/// Runs the recorded scenarios and compares each result with Java's.
fn conformance() -> Result<(), String> {
    // Built beside a test of its package: alone it would be built with other features of the
    // crates below, and these once more.
    test(&["--test", "tidy", "--no-run"])?;
    let runner = cargo::target().join("release/conformance");
    let results = cargo::target().join("conformance");
    fs::create_dir_all(&results).map_err(|error| at(&results, &error))?;
    let mut different = Vec::new();
    for scenarios in recorded()? {
        let family = scenarios.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        println!("{family}:");
        let result = results.join(format!("{family}.jsonl"));
        let out = File::create(&result).map_err(|error| at(&result, &error))?;
        let ran = succeed(Command::new(&runner).arg("run").arg(&scenarios).stdout(out));
        let compared =
            || succeed(Command::new(&runner).arg("compare").arg(&scenarios).arg(&result));
        if ran.and_then(|()| compared()).is_err() {
            different.push(family);
        }
    }
    match different.as_slice() {
        [] => Ok(()),
        families => Err(format!("results differ from Kafka Streams': {}", families.join(", "))),
    }
}

/// The recorded scenarios with their results, one family a file, by name.
fn recorded() -> Result<Vec<PathBuf>, String> {
    let folder = cargo::root().join("tests/fixtures/conformance");
    let entries = fs::read_dir(&folder).map_err(|error| at(&folder, &error))?;
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
        .collect();
    files.sort();
    match files.is_empty() {
        true => Err(format!("no recorded scenarios in {}", folder.display())),
        false => Ok(files),
    }
}

/// What an application without RocksDB builds: no C++ compiler, no libclang.
fn pure_rust() -> Result<(), String> {
    let features = ["--package", "streams-dsl", "--no-default-features", "--features", "embedded"];
    let tree = cargo::cargo("tree").args(features).args(["--edges", "normal,build"]).output();
    let tree = tree.map_err(|error| format!("cargo tree does not run: {error}"))?;
    let tree = String::from_utf8_lossy(&tree.stdout).into_owned();
    if !tree.starts_with("streams-dsl") {
        return Err("cargo tree failed".to_owned());
    }
    if let Some(line) = tree.lines().find(|line| line.contains("-sys ") || line.contains(" cc v")) {
        return Err(format!("a crate that needs a C compiler is in the tree: {}", line.trim()));
    }
    succeed(cargo::cargo("check").arg("--release").args(features))
}

/// Runs a command with its output where ours goes.
fn succeed(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().display().to_string();
    let status = command.status().map_err(|error| format!("{name} does not start: {error}"))?;
    if status.success() {
        return Ok(());
    }
    let arguments: Vec<_> = command.get_args().map(|argument| argument.to_string_lossy()).collect();
    Err(format!("`{name} {}` failed: {status}", arguments.join(" ")))
}

fn at(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_part_is_told_what_there_is() {
        let told = chosen(&["unit".to_owned(), "units".to_owned()]).err().unwrap();
        assert!(told.starts_with("there is no part units; there are unit, integration"), "{told}");
        assert_eq!(chosen(&[]).unwrap().len(), PARTS.len());
    }

    #[test]
    fn the_table_shows_each_part_and_fails_as_a_whole() {
        let rows = [("unit", true, Duration::from_millis(1250)), ("doc", false, Duration::ZERO)];
        assert_eq!(
            table(&rows),
            "part          result   seconds\n\
             unit          ok           1.2\n\
             doc           FAILED       0.0\n\
             all           FAILED       1.2"
        );
    }
}
