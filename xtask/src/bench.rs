//! `cargo xtask bench`: what a record costs, here and with Kafka Streams for Java.
//!
//! Both sides run on one broker, one after the other and in turns, and what each wrote is verified
//! after each run. A mark that is missed is told, and is no failure; an output that is wrong is.

mod broker;
mod json;
mod options;
mod results;
mod side;
mod table;

use std::{fs, path::Path, process::ExitCode};

use self::{
    broker::Broker,
    options::{Options, WITH_LATENCY},
    results::{Results, Sample},
    side::{Job, Programs, Rate, Side, is_restored},
};
use crate::{Outcome, cargo, system};

/// How many times each side runs unless told otherwise; medians are told.
const PAIRS: u32 = 3;
const LATENCY_PAIRS: u32 = 5;

/// Records a second at which latency is measured.
const RATES: [u32; 2] = [1_000, 5_000];

/// `cargo xtask bench`.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    if arguments.first().is_some_and(|first| first == "micro") {
        return micro(&arguments[1..]);
    }
    let options = Options::parse(arguments)?;
    system::ensure_build()?;
    system::ensure(system::KAFKA)?;
    build()?;
    let folder = cargo::target().join("bench");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let broker = Broker::find_or_start(&options)?;
    let programs = Programs {
        ours: cargo::target().join("release/streams-bench"),
        peer: options.peer.clone(),
        folder: folder.clone(),
        broker: &broker,
    };
    programs.build_peer()?;

    let mut bench =
        Bench { options: &options, programs, results: Results::default(), failures: Vec::new() };
    bench.measure_all();
    println!("\n{}", table::table(&bench.results));
    keep(&folder.join("results.jsonl"), &bench.results)?;
    for failure in &bench.failures {
        println!("FAILED {failure}");
    }
    Ok(if bench.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Builds the benchmarks and becomes the ones inside one process.
fn micro(arguments: &[String]) -> Outcome {
    system::ensure_build()?;
    let mut command = cargo::cargo("run");
    command.args(["--release", "--package", "streams-bench", "--", "micro"]).args(arguments);
    cargo::become_command(command)
}

fn build() -> Result<(), String> {
    let mut command = cargo::cargo("build");
    command.args(["--release", "--package", "streams-bench"]);
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("streams-bench is not built: {status}")),
        Err(error) => Err(format!("cargo does not run: {error}")),
    }
}

/// A command under way.
struct Bench<'a> {
    options: &'a Options,
    programs: Programs<'a>,
    results: Results,
    /// Runs that failed, and outputs that were wrong.
    failures: Vec<String>,
}

impl Bench<'_> {
    fn measure_all(&mut self) {
        let options = self.options;
        for workload in options.workloads.iter().copied() {
            for codec in &options.codecs {
                let job = Job { workload, records: options.records, codec };
                if options.throughput {
                    self.throughput(&job);
                }
                if options.latency && WITH_LATENCY.contains(&workload) {
                    self.latency(&job);
                }
            }
        }
    }

    fn throughput(&mut self, job: &Job<'_>) {
        if let Err(error) = self.programs.load(job) {
            self.fail(error);
            return;
        }
        let mut sides = vec![Side::Ours];
        sides.extend(self.options.peer.as_ref().map(|_| Side::Java));
        sides.extend((job.workload == "passthrough").then_some(Side::Floor));
        let pairs = self.options.pairs.unwrap_or(PAIRS);
        for pair in 1..=pairs {
            for side in &sides {
                let name = side.name();
                eprintln!("== {} {}, {pair} of {pairs}: {name}", job.workload, job.codec);
                let ran = self.programs.run(*side, job);
                let verified = ran.and_then(|lines| {
                    self.programs.verify(*side, job)?;
                    Ok(lines)
                });
                self.take(*side, job, verified, if is_restored(job.workload) { 2 } else { 1 });
            }
            // Who is first has the quieter or the warmer machine: they take turns.
            sides.reverse();
        }
    }

    fn latency(&mut self, job: &Job<'_>) {
        let pairs = self.options.pairs.unwrap_or(LATENCY_PAIRS);
        for rate in RATES {
            let mut sides = [Side::Ours, Side::Java];
            for pair in 1..=pairs {
                for side in sides {
                    let name = side.name();
                    let (workload, codec) = (job.workload, job.codec);
                    eprintln!("== {workload} {codec} at {rate}/s, {pair} of {pairs}: {name}");
                    let rate = Rate { rate, seconds: self.options.seconds };
                    let measured = self.programs.latency(side, job, rate);
                    self.take(side, job, measured, 1);
                }
                sides.reverse();
            }
        }
    }

    /// Keeps the `wanted` lines of a run, or why there are none.
    fn take(
        &mut self,
        side: Side,
        job: &Job<'_>,
        lines: Result<Vec<String>, String>,
        wanted: usize,
    ) {
        let (test, name) = ((job.workload, job.codec), side.name());
        let samples = lines.and_then(|lines| {
            let found = lines.len();
            if found != wanted {
                let what = format!("{}, {name}: {found} result lines, not {wanted}", job.workload);
                return Err(what);
            }
            lines.into_iter().map(|text| Sample::new(test, side, text)).collect()
        });
        match samples {
            Ok(samples) => self.keep(name, samples),
            Err(error) => self.fail(error),
        }
    }

    fn keep(&mut self, name: &str, samples: Vec<Sample>) {
        for sample in samples {
            if let Some(missing) = sample.unanswered() {
                self.fail(format!("{}, {name}: {missing} records got no answer", sample.workload));
            }
            self.results.samples.push(sample);
        }
    }

    fn fail(&mut self, error: String) {
        eprintln!("xtask: {error}");
        self.failures.push(error);
    }
}

/// Writes what was measured, line by line.
fn keep(path: &Path, results: &Results) -> Result<(), String> {
    let lines: String = results.samples.iter().map(|sample| sample.text.clone() + "\n").collect();
    fs::write(path, lines).map_err(|error| format!("{}: {error}", path.display()))?;
    println!("each run: {}", path.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_workload_is_told_what_there_is() {
        let told = run(&["join".to_owned()]).unwrap_err();
        assert!(
            told.starts_with("there is no workload join; there are micro, passthrough"),
            "{told}"
        );
    }
}
