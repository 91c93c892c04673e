//! What users implement.

use state_stores::Timestamp;

use super::context::Context;
use crate::{error::Outcome, record::Record};

/// Type of what a terminal processor forwards: no value of it exists, so `forward` cannot be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nothing {}

/// Which time drives a punctuation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PunctuationKind {
    /// The task's stream time: fires as records arrive, and only then.
    StreamTime,
    /// The machine's clock: fires also when nothing arrives.
    WallClock,
}

/// Names one schedule of one task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScheduleId(pub(crate) u64);

/// A scheduled call, due now.
#[derive(Clone, Copy, Debug)]
pub struct Punctuation {
    /// What [`Context::schedule`] returned.
    pub schedule: ScheduleId,
    /// Which time drives it.
    pub kind: PunctuationKind,
    /// The stream time or the clock, not the time it was due.
    pub at: Timestamp,
}

/// A node of one's own: takes records one at a time, may keep state in stores, schedule
/// punctuations, and forward any number of records.
///
/// One processor is made for each task by its supplier, lives on the task's thread and need not be
/// `Send`. Processors are synchronous and run to completion.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a `Processor<{KIn}, {VIn}, {KOut}, {VOut}>`",
    label = "does not take `Record<{KIn}, {VIn}>`",
    note = "`process` takes a supplier: a closure that returns a new processor for each task"
)]
pub trait Processor<KIn, VIn, KOut = Nothing, VOut = Nothing>: 'static {
    /// Called once before the first record, when the stores are restored.
    ///
    /// # Errors
    /// An error ends the stream thread.
    fn init(&mut self, ctx: &mut Context<'_, KOut, VOut>) -> Outcome {
        let _ = ctx;
        Ok(())
    }

    /// Called for each record.
    ///
    /// # Errors
    /// Any error of user code; the processing handler decides whether the record is dropped or the
    /// stream thread ends.
    fn process(&mut self, record: Record<KIn, VIn>, ctx: &mut Context<'_, KOut, VOut>) -> Outcome;

    /// Called when a schedule made in `init` or `process` is due.
    ///
    /// # Errors
    /// As of [`Processor::process`].
    fn punctuate(&mut self, due: Punctuation, ctx: &mut Context<'_, KOut, VOut>) -> Outcome {
        let _ = (due, ctx);
        Ok(())
    }

    /// Called before each commit for the processor that owns a cached store: forwards what the
    /// cache holds back.
    ///
    /// # Errors
    /// As of [`Processor::process`].
    fn flush(&mut self, ctx: &mut Context<'_, KOut, VOut>) -> Outcome {
        let _ = ctx;
        Ok(())
    }

    /// Called once when the task closes, cleanly or not.
    fn close(&mut self) {}
}
