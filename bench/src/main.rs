//! `streams-bench`: what a record costs.
//!
//! ```text
//! streams-bench run     --workload W --bootstrap HOST:PORT [OPTION..]   measured; one line of JSON
//! streams-bench restore --workload W --bootstrap HOST:PORT [OPTION..]   run, delete the state, restore it
//! streams-bench app     --workload W --bootstrap HOST:PORT [OPTION..]   until SIGTERM; prints RUNNING
//! streams-bench load    --workload W --bootstrap HOST:PORT [--records N] [--force]
//! streams-bench prepare --workload W --bootstrap HOST:PORT [--inputs]   empty output topics
//! streams-bench verify  --workload W --bootstrap HOST:PORT [--records N]
//! streams-bench micro   [NAME..]
//! ```
//!
//! Options of `run`, `restore` and `app`: `--records N`, `--guarantee G`, `--threads T`,
//! `--cache BYTES`, `--commit-ms MS`, `--linger-ms MS`, `--compression none|lz4`,
//! `--topic-prefix P`, `--state-dir D`, `--app-id ID`, `--keep`, `--set key=value`, `--label L`,
//! `--broker-pids PID,..`, `--timeout S`. What is not told stays at the library's default.
//!
//! Without `--app-id` the application is one of this process alone: it begins at the start of its
//! input, and its group, internal topics and state are taken away at the end. With it the
//! application goes on where it stopped, and may have several processes.
//!
//! `micro` measures parts of one process: no broker, no threads, a discarding producer.

mod generator;
mod expectation;
mod workload;

mod options;
mod connect;
mod topics;
mod lag;

mod load;
mod verify;

mod process;
mod measure;
mod application;
mod copy;
mod run;
mod restore;
mod serve;

mod harness;
mod log;
mod micro;
#[cfg(test)]
mod tests;

use std::{error::Error, process::ExitCode};

use streams_dsl::core::with_causes;

use options::Options;

/// Any error ends the program with its text.
type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const COMMANDS: [&str; 6] = ["run", "restore", "app", "load", "prepare", "verify"];

fn usage() -> String {
    let (commands, parts) = (COMMANDS.join("|"), micro::names().join("|"));
    format!(
        "usage: streams-bench {commands} --workload W --bootstrap HOST:PORT [OPTION..]\n       \
         streams-bench micro [{parts}]"
    )
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("streams-bench: {}", with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

/// Runs a command; false if what it looked at is not as it has to be.
async fn dispatch(arguments: &[String]) -> Result<bool> {
    let Some((command, rest)) = arguments.split_first() else { return Err(usage().into()) };
    if command == "micro" {
        micro::run(rest);
        return Ok(true);
    }
    if !COMMANDS.contains(&command.as_str()) {
        return Err(format!("there is no command {command}\n{}", usage()).into());
    }
    let options = Options::parse(rest.iter().cloned())?;
    let broker = connect::connect(&options.bootstrap)?;
    let line = match command.as_str() {
        "run" => run::run(&broker, &options).await?,
        "restore" => restore::restore(&broker, &options, rest).await?,
        "load" => load::load(&*broker, &options).await?,
        "verify" => {
            let (ok, line) = verify::verify(&*broker, &options)?;
            println!("{line}");
            return Ok(ok);
        }
        "prepare" => {
            let outputs = [options.workload.output];
            topics::recreate(&*broker, &options, &outputs).await?;
            if options.inputs {
                topics::recreate(&*broker, &options, options.workload.inputs).await?;
            }
            return Ok(true);
        }
        _ => {
            serve::serve(&broker, &options).await?;
            return Ok(true);
        }
    };
    println!("{line}");
    Ok(true)
}
