//! Operations that read topics.

use super::{Build, handle::DslKey, options::named};
use crate::{
    flow::{DynSerde, Extractor},
    refusal::Refusal,
    run::{
        application::{Failure, Types},
        papi::{offset_reset, source_topics},
    },
    scenario::Op,
    types::Type,
    value::Dyn,
};
use streams_core::stores::Windowed;
use streams_dsl::{Consumed, Said};

/// How a topic of such keys is read.
type ConsumedBy<K> = Consumed<Said<<K as crate::flow::Key>::Serde>, Said<DynSerde>, Extractor>;

impl Build {
    pub(super) fn stream(&mut self, op: &Op) -> Result<(), Failure> {
        let types = self.source(op)?;
        if types.0.is_windowed() {
            Ok(self.stream_of::<Windowed<Dyn>>(op, &types)?)
        } else {
            Ok(self.stream_of::<Dyn>(op, &types)?)
        }
    }

    pub(super) fn table(&mut self, op: &Op) -> Result<(), Failure> {
        let types = self.source(op)?;
        if types.0.is_windowed() {
            Ok(self.table_of::<Windowed<Dyn>>(op, &types)?)
        } else {
            Ok(self.table_of::<Dyn>(op, &types)?)
        }
    }

    /// The types that a source declares.
    fn source(&mut self, op: &Op) -> Result<Types, Refusal> {
        let types = (Type::parse(op.text("key")?)?, Type::parse(op.text("value")?)?);
        self.topics.source(op, &types)?;
        Ok(types)
    }

    fn stream_of<K: DslKey>(&mut self, op: &Op, types: &Types) -> Result<(), Refusal> {
        let consumed = self.consumed::<K>(op, types)?;
        let stream = self.builder.stream_with::<K, Dyn, _, _, _>(source_topics(op)?, consumed);
        self.put(op, K::stream(stream), &types.0, &types.1)
    }

    fn table_of<K: DslKey>(&mut self, op: &Op, types: &Types) -> Result<(), Refusal> {
        let consumed = self.consumed::<K>(op, types)?;
        let materialized = self.materialized(self.unsaid(), op)?;
        let table = self.builder.table_with(op.text("topic")?, consumed, materialized);
        self.put(op, K::table(table), &types.0, &types.1)
    }

    fn consumed<K: DslKey>(&self, op: &Op, (key, value): &Types) -> Result<ConsumedBy<K>, Refusal> {
        let extractor = match op.optional("extractor") {
            Some(name) => Extractor::parse(name)?,
            None => self.extractor,
        };
        let consumed = Consumed::with(K::serde_of(key), DynSerde::of(value))
            .name(named(op))
            .timestamp_extractor(extractor);
        Ok(match offset_reset(op)? {
            Some(reset) => consumed.offset_reset(reset),
            None => consumed,
        })
    }
}
