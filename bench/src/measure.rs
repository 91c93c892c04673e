//! What a run costs: readings of clock, CPU and memory at its turning points, and the line made of
//! them.

use std::{collections::BTreeMap, time::Instant};

use serde_json::{Value, json};

use crate::{harness::now, options::Options, process};

/// The moment and the CPU seconds that this process has used so far.
#[derive(Clone, Copy)]
struct Reading {
    at: Instant,
    cpu: f64,
}

impl Reading {
    fn take() -> Self {
        Self { at: now(), cpu: process::cpu_seconds("self") }
    }

    fn seconds_since(self, earlier: Self) -> f64 {
        self.at.duration_since(earlier.at).as_secs_f64()
    }
}

/// The application got to `RUNNING`.
struct Running {
    at: Reading,
    age_ms: Option<i64>,
    rss_mb: Option<f64>,
}

/// How many records were processed at a moment.
#[derive(Clone, Copy)]
struct Progress {
    at: Reading,
    processed: u64,
}

/// Everything is processed, nothing is closed.
struct Drained {
    at: Reading,
    rss_mb: Option<f64>,
    cpu_by_thread: BTreeMap<&'static str, f64>,
}

/// Measures a run. Each turning point is told to it as it is reached.
pub(crate) struct Meter {
    began: Reading,
    broker_cpu: f64,
    running: Option<Running>,
    first: Option<Progress>,
    half: Option<Progress>,
    last: Option<Progress>,
    drained: Option<Drained>,
}

impl Meter {
    /// The run begins.
    pub(crate) fn start(options: &Options) -> Self {
        Self {
            began: Reading::take(),
            broker_cpu: process::cpu_seconds_of_all(&options.broker_pids),
            running: None,
            first: None,
            half: None,
            last: None,
            drained: None,
        }
    }

    /// All tasks run; later calls change nothing.
    pub(crate) fn running(&mut self) {
        self.running.get_or_insert_with(|| Running {
            at: Reading::take(),
            age_ms: process::age_ms(),
            rss_mb: process::memory_mb("VmRSS"),
        });
    }

    /// So many records are processed, of about so many.
    pub(crate) fn progress(&mut self, processed: u64, goal: u64) {
        if self.last.map_or(0, |last| last.processed) == processed {
            return;
        }
        let progress = Progress { at: Reading::take(), processed };
        self.first.get_or_insert(progress);
        if processed >= goal / 2 {
            self.half.get_or_insert(progress);
        }
        self.last = Some(progress);
    }

    /// Nothing is left to process.
    pub(crate) fn drained(&mut self) {
        self.drained = Some(Drained {
            at: Reading::take(),
            rss_mb: process::memory_mb("VmRSS"),
            cpu_by_thread: process::cpu_by_thread(),
        });
    }

    /// The run is closed: the line of a run over `records` of input.
    pub(crate) fn closed(self, options: &Options, records: u64) -> Value {
        let closed = Reading::take();
        let first = self.first.map_or(self.began, |first| first.at);
        let last = self.last.unwrap_or(Progress { at: first, processed: 0 });
        let drained = self.drained.as_ref().map_or(closed, |drained| drained.at);
        let half = self.half.unwrap_or(last);
        let (wall, cpu) = (last.at.seconds_since(first), closed.cpu - self.began.cpu);
        let late = last.processed - half.processed;
        let mut line = heading(options, "run");
        extend(
            &mut line,
            json!({
                "records": records,
                "processed": last.processed,
                "wall_s": rounded(wall, 3),
                "wall_closed_s": rounded(closed.seconds_since(first), 3),
                "cpu_s": rounded(cpu, 3),
                "cpu_process_s": rounded(closed.cpu, 3),
                "cpu_close_s": rounded(closed.cpu - drained.cpu, 3),
                "records_per_s": rounded(records as f64 / wall, 0),
                "cpu_us_per_record": rounded(cpu * 1e6 / records as f64, 3),
                "cpu_us_per_processed": rounded(cpu * 1e6 / last.processed as f64, 3),
                "late_cpu_us_per_processed":
                    rounded((drained.cpu - half.at.cpu) * 1e6 / late as f64, 3),
                "late_processed_per_s": rounded(late as f64 / last.at.seconds_since(half.at), 0),
            }),
        );
        extend(&mut line, self.machine(options, closed));
        line
    }

    /// The restored application is closed: the line of a restore of so many records.
    pub(crate) fn restored(self, options: &Options, records: u64) -> Value {
        let closed = Reading::take();
        let running = self.running.as_ref().map_or(closed, |running| running.at);
        let first = self.first.map_or(self.began, |first| first.at);
        let (wall, cpu) = (running.seconds_since(first), running.cpu - self.began.cpu);
        let mut line = heading(options, "restore");
        extend(
            &mut line,
            json!({
                "restored_records": records,
                "wall_s": rounded(wall, 3),
                "start_to_running_s": rounded(running.seconds_since(self.began), 3),
                "cpu_s": rounded(cpu, 3),
                "records_per_s": rounded(records as f64 / wall, 0),
                "cpu_us_per_record": rounded(cpu * 1e6 / records as f64, 3),
            }),
        );
        extend(&mut line, self.machine(options, closed));
        // The process is older than the restore: it had the stores filled before.
        line["startup_ms"] = Value::Null;
        line
    }

    /// What lines of all kinds end with.
    fn machine(self, options: &Options, closed: Reading) -> Value {
        let broker_cpu = process::cpu_seconds_of_all(&options.broker_pids) - self.broker_cpu;
        let is_known = !options.broker_pids.is_empty();
        let running = self.running.as_ref();
        let to_running = running.map(|running| running.at.seconds_since(self.began) * 1000.0);
        let drained = self.drained.as_ref();
        let closing = drained.map(|drained| closed.seconds_since(drained.at) * 1000.0);
        let threads = self.drained.as_ref().map(|drained| &drained.cpu_by_thread);
        let threads =
            threads.into_iter().flatten().map(|(kind, seconds)| (*kind, rounded(*seconds, 3)));
        json!({
            // What is handed to the broker first is not looked at: asking would cost CPU time.
            "first_output_ms": null,
            "startup_ms": running.and_then(|running| running.age_ms),
            "start_to_running_ms": to_running.map(|ms| rounded(ms, 0)),
            "close_ms": closing.map(|ms| rounded(ms, 0)),
            "rss_running_mb": running.and_then(|running| running.rss_mb).map(|mb| rounded(mb, 1)),
            "rss_end_mb": drained.and_then(|drained| drained.rss_mb).map(|mb| rounded(mb, 1)),
            "rss_max_mb": process::memory_mb("VmHWM").map(|mb| rounded(mb, 1)),
            "broker_cpu_s": is_known.then(|| rounded(broker_cpu, 2)),
            "cpu_by_thread": threads.collect::<BTreeMap<_, _>>(),
        })
    }
}

/// What was run, and how.
fn heading(options: &Options, mode: &str) -> Value {
    let told = |key| options.setting(key).unwrap_or("default");
    json!({
        "impl": "rust",
        "mode": mode,
        "workload": options.workload.name,
        "guarantee": options.setting("processing.guarantee").unwrap_or("at_least_once"),
        "threads": options.setting("num.stream.threads").map_or(Some(1), |text| text.parse().ok()),
        "protocol": "streams",
        "cache": told("statestore.cache.max.bytes"),
        "commit_ms": told("commit.interval.ms"),
        "compression": options.setting("producer.compression.type").unwrap_or("none"),
        "label": options.label,
    })
}

/// A number with as many digits as are meant; null where it is none.
fn rounded(number: f64, digits: i32) -> Value {
    let scale = 10_f64.powi(digits);
    let rounded = (number * scale).round() / scale;
    match digits {
        0 if rounded.is_finite() => json!(rounded as i64),
        _ => json!(rounded),
    }
}

fn extend(line: &mut Value, fields: Value) {
    if let (Some(line), Value::Object(mut fields)) = (line.as_object_mut(), fields) {
        line.append(&mut fields);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> Options {
        let line = "--workload wordcount --bootstrap a:1 --cache 0";
        Options::parse(line.split(' ').map(str::to_owned)).unwrap()
    }

    #[test]
    fn a_run_is_told_by_its_turning_points() {
        let options = options();
        let mut meter = Meter::start(&options);
        meter.running();
        meter.progress(1, 12);
        meter.progress(7, 12);
        meter.progress(12, 12);
        meter.drained();
        let line = meter.closed(&options, 2);
        assert_eq!(
            (&line["impl"], &line["cache"], &line["threads"]),
            (&"rust".into(), &"0".into(), &1.into())
        );
        assert_eq!((&line["records"], &line["processed"]), (&2.into(), &12.into()));
        assert!(line["startup_ms"].is_i64() && line["rss_max_mb"].is_f64(), "{line}");
        assert!(line["cpu_by_thread"].is_object() && line["close_ms"].is_i64(), "{line}");
    }

    #[test]
    fn what_was_not_reached_is_null() {
        let options = options();
        let line = Meter::start(&options).closed(&options, 0);
        assert!(line["startup_ms"].is_null() && line["cpu_us_per_record"].is_null(), "{line}");
        assert_eq!(line["processed"], 0);
    }

    #[test]
    fn numbers_are_rounded_as_they_are_meant() {
        assert_eq!(rounded(1234.5678, 2).to_string(), "1234.57");
        assert_eq!(rounded(1234.5678, 0).to_string(), "1235");
        assert_eq!(rounded(f64::NAN, 0), Value::Null);
    }
}
