//! What was measured, and the numbers taken from it.

use super::{json::Value, side::Side};

/// One result line.
#[derive(Debug)]
pub(super) struct Sample {
    pub(super) workload: &'static str,
    pub(super) codec: String,
    pub(super) side: Side,
    /// As it was printed.
    pub(super) text: String,
    line: Value,
}

impl Sample {
    /// The line `text` of a run.
    pub(super) fn new(
        (workload, codec): (&'static str, &str),
        side: Side,
        text: String,
    ) -> Result<Self, String> {
        let line = Value::parse(&text).ok_or_else(|| format!("not JSON: {text}"))?;
        Ok(Self { workload, codec: codec.to_owned(), side, text, line })
    }

    /// How many records of a latency had no output in time, if there are any.
    pub(super) fn unanswered(&self) -> Option<f64> {
        self.line.number("missing").filter(|missing| *missing > 0.0)
    }
}

/// All result lines of a command.
#[derive(Debug, Default)]
pub(super) struct Results {
    pub(super) samples: Vec<Sample>,
}

impl Results {
    /// Workloads with their codecs, in the order in which they were measured.
    pub(super) fn tests(&self) -> Vec<(&'static str, &str)> {
        let mut tests = Vec::new();
        for sample in &self.samples {
            let test = (sample.workload, sample.codec.as_str());
            if !tests.contains(&test) {
                tests.push(test);
            }
        }
        tests
    }

    /// Lines of one side in one test that are of this mode (`run`, `restore`, `latency`).
    pub(super) fn of(
        &self,
        (workload, codec): (&'static str, &str),
        side: Side,
        mode: &str,
    ) -> Vec<&Value> {
        let fits = |sample: &&Sample| {
            (sample.workload, sample.codec.as_str(), sample.side) == (workload, codec, side)
                && sample.line.text("mode") == Some(mode)
        };
        self.samples.iter().filter(fits).map(|sample| &sample.line).collect()
    }
}

/// The median of what `read` finds in these lines; `None` if it finds nothing.
pub(super) fn median(lines: &[&Value], read: impl Fn(&Value) -> Option<f64>) -> Option<f64> {
    let mut found: Vec<f64> = lines.iter().filter_map(|line| read(line)).collect();
    found.sort_by(f64::total_cmp);
    let middle = found.len().checked_sub(1)? / 2;
    let other = found.len() / 2;
    Some(f64::midpoint(found[middle], found[other]))
}

/// CPU seconds of Java's stream and producer threads for each record, in microseconds.
pub(super) fn working_threads(line: &Value) -> Option<f64> {
    let threads = line.get("cpu_by_thread")?;
    let seconds = threads.number("stream")? + threads.number("producer-io").unwrap_or(0.0);
    Some(seconds * 1e6 / line.number("records")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_that_of_what_is_there() {
        let lines: Vec<Value> = ["{\"a\":3}", "{\"b\":1}", "{\"a\":1}", "{\"a\":10}"]
            .iter()
            .map(|line| Value::parse(line).unwrap())
            .collect();
        let lines: Vec<&Value> = lines.iter().collect();
        assert_eq!(median(&lines, |line| line.number("a")), Some(3.0));
        assert_eq!(median(&lines[2..], |line| line.number("a")), Some(5.5));
        assert_eq!(median(&lines, |line| line.number("c")), None);
    }

    #[test]
    fn records_without_an_answer_are_noticed() {
        let missing = |line: &str| {
            Sample::new(("wordcount", "none"), Side::Ours, line.to_owned()).unwrap().unanswered()
        };
        assert_eq!(missing(r#"{"mode":"latency","missing":3}"#), Some(3.0));
        assert_eq!(missing(r#"{"mode":"latency","missing":0}"#), None);
        assert_eq!(missing(r#"{"mode":"run"}"#), None);
    }

    #[test]
    fn compilers_and_collectors_are_no_working_threads() {
        let line =
            r#"{"records":1000000,"cpu_by_thread":{"stream":2.5,"producer-io":0.5,"jit":5}}"#;
        let per_record = working_threads(&Value::parse(line).unwrap());
        assert_eq!(per_record, Some(3.0));
    }
}
