//! Processors that cannot change the key, so that no repartitioning follows them.

use state_stores::{Data, Headers, StateStore, Timestamp};

use super::{
    api::{Processor, Punctuation, PunctuationKind, ScheduleId},
    context::Context,
};
use crate::{
    error::{Outcome, ProcessorError},
    record::{Record, RecordMetadata},
    topology::StoreHandle,
};

/// A record whose key stays what it is: there is no way to make one but from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FixedKeyRecord<K, V>(Record<K, V>);

impl<K, V> FixedKeyRecord<K, V> {
    /// The key.
    pub fn key(&self) -> &K {
        &self.0.key
    }

    /// The value.
    pub fn value(&self) -> &V {
        &self.0.value
    }

    /// Event time.
    pub fn timestamp(&self) -> Timestamp {
        self.0.timestamp
    }

    /// Headers.
    pub fn headers(&self) -> &Headers {
        &self.0.headers
    }

    /// The same record with another value.
    pub fn with_value<V2>(self, value: V2) -> FixedKeyRecord<K, V2> {
        FixedKeyRecord(self.0.with_value(value))
    }

    /// The same record with the value that `change` makes of it.
    pub fn map_value<V2>(self, change: impl FnOnce(V) -> V2) -> FixedKeyRecord<K, V2> {
        let Record { key, value, timestamp, headers } = self.0;
        FixedKeyRecord(Record { key, value: change(value), timestamp, headers })
    }

    /// The same record at another time.
    pub fn with_timestamp(self, timestamp: Timestamp) -> Self {
        Self(self.0.with_timestamp(timestamp))
    }

    /// The same record with other headers.
    pub fn with_headers(self, headers: Headers) -> Self {
        Self(self.0.with_headers(headers))
    }
}

/// What a fixed-key processor can do besides computing: as [`Context`], forwarding only records
/// that kept their key.
#[derive(Debug)]
pub struct FixedKeyContext<'a, 'b, K, VOut>(&'a mut Context<'b, K, VOut>);

impl<K: Data, VOut: Data> FixedKeyContext<'_, '_, K, VOut> {
    /// Forwards a record to all children.
    ///
    /// # Errors
    /// As [`Context::forward`].
    pub fn forward(&mut self, record: FixedKeyRecord<K, VOut>) -> Outcome {
        self.0.forward(record.0)
    }

    /// As [`Context::store`].
    ///
    /// # Errors
    /// As [`Context::store`].
    pub fn store<S: StateStore>(
        &mut self,
        handle: StoreHandle<S>,
    ) -> Result<&mut S, ProcessorError> {
        self.0.store(handle)
    }

    /// As [`Context::schedule`].
    ///
    /// # Errors
    /// As [`Context::schedule`].
    pub fn schedule(
        &mut self,
        interval: std::time::Duration,
        kind: PunctuationKind,
    ) -> Result<ScheduleId, ProcessorError> {
        self.0.schedule(interval, kind)
    }

    /// As [`Context::record_metadata`].
    pub fn record_metadata(&self) -> Option<RecordMetadata<'_>> {
        self.0.record_metadata()
    }

    /// As [`Context::stream_time`].
    pub fn stream_time(&self) -> Timestamp {
        self.0.stream_time()
    }

    /// As [`Context::wall_clock`].
    pub fn wall_clock(&self) -> Timestamp {
        self.0.wall_clock()
    }

    /// As [`Context::commit`].
    pub fn commit(&mut self) {
        self.0.commit();
    }
}

/// As [`Processor`], for a node that leaves the key alone.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a `FixedKeyProcessor<{K}, {VIn}, {VOut}>`",
    note = "`process_values` takes a supplier: a closure that returns a new processor for each task"
)]
pub trait FixedKeyProcessor<K, VIn, VOut>: 'static {
    /// Called once before the first record.
    ///
    /// # Errors
    /// An error ends the stream thread.
    fn init(&mut self, ctx: &mut FixedKeyContext<'_, '_, K, VOut>) -> Outcome {
        let _ = ctx;
        Ok(())
    }

    /// Called for each record.
    ///
    /// # Errors
    /// Any error of user code; the processing handler decides.
    fn process(
        &mut self,
        record: FixedKeyRecord<K, VIn>,
        ctx: &mut FixedKeyContext<'_, '_, K, VOut>,
    ) -> Outcome;

    /// Called when a schedule is due. There is no record, so nothing can be forwarded but what the
    /// processor kept.
    ///
    /// # Errors
    /// As of [`FixedKeyProcessor::process`].
    fn punctuate(
        &mut self,
        due: Punctuation,
        ctx: &mut FixedKeyContext<'_, '_, K, VOut>,
    ) -> Outcome {
        let _ = (due, ctx);
        Ok(())
    }

    /// Called once when the task closes.
    fn close(&mut self) {}
}

/// A fixed-key processor as an ordinary one.
pub(crate) struct FixedKey<P>(pub(crate) P);

impl<P, K: Data, VIn: Data, VOut: Data> Processor<K, VIn, K, VOut> for FixedKey<P>
where
    P: FixedKeyProcessor<K, VIn, VOut>,
{
    fn init(&mut self, ctx: &mut Context<'_, K, VOut>) -> Outcome {
        self.0.init(&mut FixedKeyContext(ctx))
    }

    fn process(&mut self, record: Record<K, VIn>, ctx: &mut Context<'_, K, VOut>) -> Outcome {
        self.0.process(FixedKeyRecord(record), &mut FixedKeyContext(ctx))
    }

    fn punctuate(&mut self, due: Punctuation, ctx: &mut Context<'_, K, VOut>) -> Outcome {
        self.0.punctuate(due, &mut FixedKeyContext(ctx))
    }

    fn close(&mut self) {
        self.0.close();
    }
}
