//! Compares an output topic with what it has to hold.

use std::time::Duration;

use serde_json::{Value, json};
use streams_dsl::{
    Broker,
    client::{ReadOptions, RecordReader},
    core::broker::Isolation,
};

use crate::{Result, expectation::Expectation, options::Options};

/// How long a reader waits for the next record before it gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// Reads the committed records of the output; tells whether all is as it has to be, and the line
/// that says so.
pub(crate) fn verify(broker: &dyn Broker, options: &Options) -> Result<(bool, Value)> {
    let workload = options.workload;
    let wanted = (workload.expect)(options.records);
    let mut found = wanted.empty();
    let topic = options.topic(workload.output.0);
    let all = ReadOptions::all().isolation(Isolation::ReadCommitted);
    let mut reader = RecordReader::topic(broker, &topic, &all)?;
    let mut read = 0_u64;
    while let Some(record) = reader.next_blocking(PATIENCE)? {
        read += 1;
        found.add(record.key.as_deref().unwrap_or_default(), record.value.as_deref());
    }
    if !reader.is_at_end() {
        return Err(format!("topic {topic} gave nothing for a minute, after {read} records").into());
    }
    let ok = wanted.count() == found.count() && wanted.hash() == found.hash();
    let mut line = json!({
        "workload": workload.name,
        "records": options.records,
        "ok": ok,
        "mode": if matches!(wanted, Expectation::Stream { .. }) { "stream" } else { "table" },
        "output_records": read,
        "expected_count": wanted.count(),
        "actual_count": found.count(),
        "expected_hash": format!("{:x}", wanted.hash()),
        "actual_hash": format!("{:x}", found.hash()),
        "expected_sum": wanted.sum(),
        "actual_sum": found.sum(),
    });
    if let (false, Some(fields)) = (ok, line.as_object_mut()) {
        fields.append(&mut wanted.difference(&found));
    }
    Ok((ok, line))
}
