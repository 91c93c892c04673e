//! The table: both sides, their ratio, and the marks they are held to.

use std::fmt::Write as _;

use super::{
    json::Value,
    results::{Results, median, working_threads},
    side::Side,
};

/// What a number is held to.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mark {
    /// Ours is at most this part of theirs.
    Part(f64),
    /// Ours is at least this many times theirs.
    Times(f64),
    /// Ours is at most this many times theirs.
    AtMostTimes(f64),
    /// Ours is at most this, in its unit.
    AtMost(f64, &'static str),
}

impl Mark {
    fn is_met(self, ours: f64, theirs: Option<f64>) -> Option<bool> {
        Some(match self {
            Self::Part(part) => ours * part <= theirs?,
            Self::Times(times) => ours >= theirs? * times,
            Self::AtMostTimes(times) => ours <= theirs? * times,
            Self::AtMost(most, _) => ours <= most,
        })
    }

    fn text(self) -> String {
        match self {
            Self::Part(part) => format!("<= 1/{part}"),
            Self::Times(times) => format!(">= {times}x"),
            Self::AtMostTimes(times) => format!("<= {times}x"),
            Self::AtMost(most, unit) => format!("<= {most} {unit}"),
        }
    }
}

/// Marks of a workload's run: CPU against the whole Java process, CPU against its stream and
/// producer threads, resident memory in MB.
const MARKS: &[(&str, f64, f64, f64)] = &[
    ("passthrough", 10.0, 5.0, 40.0),
    ("wordcount", 8.0, 4.0, 90.0),
    ("windowcount", 8.0, 4.0, 90.0),
    ("orders", 8.0, 4.0, 90.0),
];

/// From the start of the process to `RUNNING`, against Java's.
const START: Mark = Mark::Part(4.0);
/// Against fetching, decoding, encoding and producing alone.
const FLOOR: Mark = Mark::AtMostTimes(3.0);
/// Records restored for a CPU second, against Java's.
const RESTORE: Mark = Mark::Times(8.0);
/// The median latency at 1,000 records a second through two hops.
const TWO_HOPS: Mark = Mark::AtMost(5.0, "ms");

/// A line of the table.
#[derive(Debug)]
struct Row {
    what: String,
    ours: Option<f64>,
    theirs: Option<f64>,
    mark: Option<Mark>,
}

/// All that was measured, for people to read.
pub(super) fn table(results: &Results) -> String {
    let mut text = line(["workload", "codec", "what", "ours", "theirs", "ratio", "mark", ""]);
    for test in results.tests() {
        for row in rows(results, test) {
            let shown = |number: Option<f64>| number.map_or("-".to_owned(), digits);
            let ratio = row.ours.zip(row.theirs).map(|(ours, theirs)| ratio(ours / theirs));
            let met = row.mark.and_then(|mark| mark.is_met(row.ours?, row.theirs));
            text += &line([
                test.0,
                test.1,
                &row.what,
                &shown(row.ours),
                &shown(row.theirs),
                &ratio.unwrap_or_else(|| "-".to_owned()),
                &row.mark.map(Mark::text).unwrap_or_default(),
                match met {
                    Some(true) => "met",
                    Some(false) => "missed",
                    None => "",
                },
            ]);
        }
    }
    text
}

fn rows(results: &Results, test: (&'static str, &str)) -> Vec<Row> {
    let mut rows = Vec::new();
    let lines = |side, mode| results.of(test, side, mode);
    let (ours, java) = (lines(Side::Ours, "run"), lines(Side::Java, "run"));
    if !ours.is_empty() {
        rows.extend(run_rows(test.0, &ours, &java));
    }
    let floor = lines(Side::Floor, "run");
    if !floor.is_empty() {
        let cpu = |lines: &[&Value]| median(lines, cpu_per_record);
        let what = "CPU us/record, theirs: a bare loop of our codec".to_owned();
        rows.push(Row { what, ours: cpu(&ours), theirs: cpu(&floor), mark: Some(FLOOR) });
    }
    let (ours, java) = (lines(Side::Ours, "restore"), lines(Side::Java, "restore"));
    if !ours.is_empty() {
        rows.extend(restore_rows(&ours, &java));
    }
    let (ours, java) = (lines(Side::Ours, "latency"), lines(Side::Java, "latency"));
    for rate in rates(&ours) {
        rows.extend(latency_rows(test.0, rate, &ours, &java));
    }
    rows
}

fn run_rows(workload: &str, ours: &[&Value], java: &[&Value]) -> Vec<Row> {
    let marks = MARKS.iter().find(|(name, ..)| *name == workload);
    let row = |what: &str, field: &'static str, mark: Option<Mark>| {
        let read = |line: &Value| line.number(field);
        Row { what: what.to_owned(), ours: median(ours, read), theirs: median(java, read), mark }
    };
    let memory = |megabytes| Mark::AtMost(megabytes, "MB");
    let against_working_threads = Row {
        what: "CPU us/record, theirs: stream and producer threads".to_owned(),
        ours: median(ours, cpu_per_record),
        theirs: median(java, working_threads),
        mark: marks.map(|marks| Mark::Part(marks.2)),
    };
    let mut rows =
        vec![row("CPU us/record", "cpu_us_per_record", marks.map(|marks| Mark::Part(marks.1)))];
    rows.extend(against_working_threads.theirs.is_some().then_some(against_working_threads));
    rows.extend([
        row("resident memory at most, MB", "rss_max_mb", marks.map(|marks| memory(marks.3))),
        row("process start to RUNNING, ms", "startup_ms", Some(START)),
        row("records/s", "records_per_s", None),
    ]);
    rows
}

fn restore_rows(ours: &[&Value], java: &[&Value]) -> [Row; 3] {
    let per_second = |line: &Value| line.number("cpu_us_per_record").map(|micros| 1e6 / micros);
    let row = |what: &str, read: &dyn Fn(&Value) -> Option<f64>, mark| Row {
        what: what.to_owned(),
        ours: median(ours, read),
        theirs: median(java, read),
        mark,
    };
    [
        row("restore, records per CPU second", &per_second, Some(RESTORE)),
        row("restore, records/s", &|line| line.number("records_per_s"), None),
        row("restore, resident memory at most, MB", &|line| line.number("rss_max_mb"), None),
    ]
}

fn latency_rows(workload: &str, rate: f64, ours: &[&Value], java: &[&Value]) -> Vec<Row> {
    let row = |what: &str, field: &'static str, mark: Option<Mark>| {
        let at_rate =
            |line: &Value| line.number(field).filter(|_| line.number("rate") == Some(rate));
        let (ours, theirs) = (median(ours, at_rate), median(java, at_rate));
        Row { what: format!("{what} at {rate}/s"), ours, theirs, mark }
    };
    let is_marked = workload == "wordcount" && (rate - 1_000.0).abs() < 0.5;
    vec![
        row("latency p50, ms,", "p50_ms", is_marked.then_some(TWO_HOPS)),
        row("latency p99, ms,", "p99_ms", None),
        row("CPU us/record", "app_cpu_us_per_record", None),
        row("resident memory, MB,", "app_rss_mb", None),
    ]
}

/// The rates measured, each once.
fn rates(lines: &[&Value]) -> Vec<f64> {
    let mut rates: Vec<f64> = lines.iter().filter_map(|line| line.number("rate")).collect();
    rates.sort_by(f64::total_cmp);
    rates.dedup();
    rates
}

fn cpu_per_record(line: &Value) -> Option<f64> {
    line.number("cpu_us_per_record")
}

fn line([workload, codec, what, ours, theirs, ratio, mark, result]: [&str; 8]) -> String {
    let mut text = format!("{workload:<12}{codec:<6}{what:<52}{ours:>10}{theirs:>10}{ratio:>9}");
    // Writing to a string cannot fail.
    let _ = write!(text, "  {mark:<9} {result}");
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// Three digits, or all before the point.
fn digits(number: f64) -> String {
    match number.abs() {
        large if large >= 100.0 => format!("{number:.0}"),
        middle if middle >= 10.0 => format!("{number:.1}"),
        _ => format!("{number:.2}"),
    }
}

/// What ours is of theirs.
fn ratio(ratio: f64) -> String {
    match ratio {
        part if part < 1.0 => format!("1/{:.1}", 1.0 / part),
        times => format!("{times:.1}x"),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::results::Sample, *};

    fn sample(workload: &'static str, side: Side, line: &str) -> Sample {
        Sample::new((workload, "lz4"), side, line.to_owned()).unwrap()
    }

    const OURS: &str = r#"{"mode":"run","records":1000000,"cpu_us_per_record":0.5,"rss_max_mb":41,
        "startup_ms":300,"records_per_s":1000000}"#;
    const JAVA: &str = r#"{"mode":"run","records":1000000,"cpu_us_per_record":6,"rss_max_mb":700,
        "startup_ms":6000,"records_per_s":250000,"cpu_by_thread":{"stream":2,"producer-io":0.4}}"#;

    #[test]
    fn marks_are_met_or_missed() {
        let samples = vec![
            sample("passthrough", Side::Ours, OURS),
            sample("passthrough", Side::Java, JAVA),
            sample("passthrough", Side::Floor, r#"{"mode":"run","cpu_us_per_record":0.2}"#),
        ];
        let table = table(&Results { samples });
        let lines: Vec<String> = table
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(
            lines,
            [
                "workload codec what ours theirs ratio mark",
                "passthrough lz4 CPU us/record 0.50 6.00 1/12.0 <= 1/10 met",
                "passthrough lz4 CPU us/record, theirs: stream and producer threads 0.50 2.40 1/4.8 <= 1/5 missed",
                "passthrough lz4 resident memory at most, MB 41.0 700 1/17.1 <= 40 MB missed",
                "passthrough lz4 process start to RUNNING, ms 300 6000 1/20.0 <= 1/4 met",
                "passthrough lz4 records/s 1000000 250000 4.0x",
                "passthrough lz4 CPU us/record, theirs: a bare loop of our codec 0.50 0.20 2.5x <= 3x met",
            ]
        );
    }

    #[test]
    fn without_the_other_side_only_what_stands_alone_is_judged() {
        let samples = vec![sample("wordcount", Side::Ours, OURS)];
        let table = table(&Results { samples });
        assert_eq!(
            (table.matches(" met").count(), table.matches("missed").count()),
            (1, 0),
            "{table}"
        );
    }

    #[test]
    fn restores_and_latencies_have_rows_of_their_own() {
        let restore = |micros| format!(r#"{{"mode":"restore","cpu_us_per_record":{micros}}}"#);
        let latency = |rate, p50| format!(r#"{{"mode":"latency","rate":{rate},"p50_ms":{p50}}}"#);
        let samples = vec![
            sample("kvtable", Side::Ours, &restore(0.5)),
            sample("kvtable", Side::Java, &restore(5.0)),
            sample("wordcount", Side::Ours, &latency(1000, 4)),
            sample("wordcount", Side::Java, &latency(1000, 30)),
            sample("wordcount", Side::Ours, &latency(5000, 9)),
        ];
        let table = table(&Results { samples });
        let find = |what: &str| table.lines().find(|line| line.contains(what)).unwrap().to_owned();
        assert!(find("restore, records per CPU second").contains(">= 8x     met"), "{table}");
        assert!(find("p50, ms, at 1000/s").ends_with("<= 5 ms   met"), "{table}");
        assert!(!find("p50, ms, at 5000/s").contains("met"), "{table}");
    }
}
