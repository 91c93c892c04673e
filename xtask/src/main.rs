//! The developer's commands: `cargo xtask demo`, `cargo xtask test`, `cargo xtask kafka`,
//! `cargo xtask bench`.
//!
//! Plain standard library, so that they work on a machine that has a Rust toolchain and nothing
//! else; what the build needs besides is [`system`]'s concern.

mod system;
mod cargo;
mod demo;
mod test;
mod kafka;
mod bench;

use std::{env, process::ExitCode};

/// What a command comes back with: success, a failure that was reported already, or one to report.
type Outcome = Result<ExitCode, String>;

/// A command of `cargo xtask`.
struct Command {
    name: &'static str,
    arguments: &'static str,
    about: &'static str,
    run: fn(&[String]) -> Outcome,
}

const COMMANDS: &[Command] = &[
    Command {
        name: "demo",
        arguments: "[--input FILE..] [--output COUNTS.tsv] [--fresh]",
        about: "counts the words of texts; a second run goes on where the first stopped",
        run: demo::run,
    },
    Command {
        name: "test",
        arguments: "[PART..]",
        about: "runs all tests, or the parts named, and prints the seconds of each",
        run: test::run,
    },
    Command {
        name: "kafka",
        arguments: "start|stop|status [--brokers 1|3] [--port P] [--dir D] [--profile test] \
                    [--secure] [--set KEY=VALUE]..",
        about: "a real Apache Kafka for tests, examples and benchmarks; start prints its address",
        run: kafka::run,
    },
    Command {
        name: "bench",
        arguments: "[WORKLOAD..] [--peer java [--peer-dir DIR]] [--latency|--latency-only] \
                    [--records N] [--pairs N] [--codecs none,lz4] [--seconds S] \
                    [--bootstrap HOST:PORT|--port P]\n  cargo xtask bench micro [NAME..]",
        about: "what a record costs on a real Kafka, beside Kafka Streams for Java; or inside one \
                process",
        run: bench::run,
    },
    Command {
        name: "system",
        arguments: "",
        about: "checks what the build needs of the machine, and installs it when run as root",
        run: system::run,
    },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(code) => code,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> Outcome {
    let Some((name, rest)) = arguments.split_first() else {
        return Err(format!("which command?\n{}", usage()));
    };
    if ["help", "--help", "-h"].contains(&name.as_str()) {
        println!("{}", usage());
        return Ok(ExitCode::SUCCESS);
    }
    match COMMANDS.iter().find(|command| command.name == name) {
        Some(command) => (command.run)(rest),
        None => Err(format!("there is no command {name}\n{}", usage())),
    }
}

fn usage() -> String {
    let mut text = "commands:".to_owned();
    for Command { name, arguments, about, .. } in COMMANDS {
        text += &format!("\n  cargo xtask {name} {arguments}\n      {about}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_command_is_told_what_there_is() {
        let told = dispatch(&["soak".to_owned()]).unwrap_err();
        assert!(told.starts_with("there is no command soak\n"), "{told}");
        assert!(COMMANDS.iter().all(|command| told.contains(command.name)), "{told}");
    }

    #[test]
    fn no_command_is_a_mistake_that_lists_them() {
        assert!(dispatch(&[]).unwrap_err().contains("cargo xtask test [PART..]"));
    }
}
