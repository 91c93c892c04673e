//! Runs scenarios of the Kafka Streams oracle on the library's own test driver, and compares the
//! results with those of Java.
//!
//! ```text
//! conformance run FILE.jsonl.. [--stores memory|rocksdb] [--types dynamic]
//! conformance compare EXPECTED RESULTS
//! ```
//! `run` prints one result line for each scenario, in the oracle's format; a scenario that needs
//! what the library does not offer yet gives `{"name": .., "unsupported": "what"}`. Keys and values
//! are of one dynamic type that knows null; topologies of Rust's own types are what the tests of
//! the DSL are made of. `compare` prints each difference, counts, and exits with 1 if there is a
//! difference. `-` is the standard input.

mod refusal;
mod types;
mod value;
mod function;
mod flow;
mod processor;
mod scenario;
mod render;
mod run;
mod compare;
#[cfg(test)]
mod fixtures;

use crate::{
    run::Stores,
    scenario::{Scenario, read_values},
};
use std::{
    error::Error,
    io::{Write as _, stdout},
    process::ExitCode,
};

const USAGE: &str = "usage: conformance run FILE.. [--stores memory|rocksdb] \
                     [--types dynamic] | compare EXPECTED RESULTS";
const NO_STATIC_TYPES: &str = "--types static is not implemented: scenarios run with dynamic types \
                               only (--types dynamic, the default)";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match command(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("conformance: {error}");
            ExitCode::from(2)
        }
    }
}

fn command(arguments: &[String]) -> Result<ExitCode, Box<dyn Error>> {
    match arguments {
        [command, rest @ ..] if command == "run" => run_files(rest),
        [command, expected, results] if command == "compare" => compare_files(expected, results),
        _ => Err(USAGE.into()),
    }
}

fn run_files(arguments: &[String]) -> Result<ExitCode, Box<dyn Error>> {
    let mut stores = Stores::default();
    let mut files = Vec::new();
    let mut arguments = arguments.iter().map(String::as_str);
    while let Some(argument) = arguments.next() {
        match (argument, if argument.starts_with("--") { arguments.next() } else { None }) {
            ("--stores", Some("memory")) => stores = Stores::Memory,
            ("--stores", Some("rocksdb")) => stores = Stores::RocksDb,
            ("--types", Some("dynamic")) => {}
            ("--types", Some("static")) => return Err(NO_STATIC_TYPES.into()),
            (file, None) if !file.starts_with("--") => files.push(file),
            _ => return Err(USAGE.into()),
        }
    }
    if files.is_empty() {
        return Err(USAGE.into());
    }
    let mut out = stdout().lock();
    for file in files {
        for value in read_values(file).map_err(|error| format!("{file}: {error}"))? {
            let result = run::run(&Scenario::from_value(value), stores);
            writeln!(out, "{result}")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn compare_files(expected: &str, results: &str) -> Result<ExitCode, Box<dyn Error>> {
    let read = |file: &str| read_values(file).map_err(|error| format!("{file}: {error}"));
    let comparison = compare::compare(read(expected)?, read(results)?);
    print!("{}", comparison.report);
    println!(
        "{} equal, {} different, {} unsupported",
        comparison.equal, comparison.different, comparison.unsupported
    );
    Ok(if comparison.different == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(arguments: &[&str]) -> String {
        let arguments: Vec<_> = arguments.iter().map(ToString::to_string).collect();
        command(&arguments).unwrap_err().to_string()
    }

    #[test]
    fn static_types_are_refused_before_anything_runs() {
        let error = refused(&["run", "no-such-file.jsonl", "--types", "static"]);
        assert_eq!(error, NO_STATIC_TYPES);
        let error = refused(&["run", "no-such-file.jsonl", "--types", "dynamic"]);
        assert!(error.starts_with("no-such-file.jsonl: "), "{error}");
    }

    #[test]
    fn what_is_no_command_is_answered_by_the_usage() {
        let unknown = [&["run"][..], &["run", "--types", "other", "file"], &["walk"]];
        assert_eq!(unknown.map(refused), [USAGE; 3]);
    }
}
