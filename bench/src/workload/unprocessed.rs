//! The floor of passthrough: its records, fetched, decoded, encoded and produced as they are.

use super::{Volume, Work, Workload, passthrough};
use crate::{Result, expectation::Expectation};

/// Each record goes to the partition of its key, untouched.
pub(super) const WORKLOAD: Workload = Workload {
    name: "loop",
    inputs: &[("pt-in", 4)],
    output: ("pt-out", 4),
    records: 2_000_000,
    generate: passthrough::generate,
    volume: |records| Volume { input: records, processed: records },
    expect,
    work: Work::Copy,
};

fn expect(records: u64) -> Expectation {
    let mut expected = Expectation::stream();
    let all: Result<()> = passthrough::generate(records, &mut |input| {
        expected.add(input.key.unwrap_or_default(), Some(input.value));
        Ok(())
    });
    debug_assert!(all.is_ok(), "the sink refuses nothing");
    expected
}
