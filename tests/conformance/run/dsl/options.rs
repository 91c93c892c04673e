//! Options of the DSL as scenarios say them.

use super::{
    Build,
    handle::{DslKey, Windowing},
};
use crate::{
    flow::{DynSerde, Key},
    function::Thrown,
    refusal::Refusal,
    run::millis,
    scenario::Op,
    types::Type,
    value::Dyn,
};
use streams_dsl::{Materialized, Named, Said};

/// How a table of such keys is kept.
pub type MaterializedBy<K> = Materialized<Said<<K as Key>::Serde>, Said<DynSerde>>;

/// The name of a node, generated if the scenario gives none.
pub fn named(op: &Op) -> Named {
    op.optional("name").into()
}

/// The value of an expression that cannot throw.
pub fn sure<T: Default>(outcome: Result<T, Thrown>) -> T {
    // Expressions that can throw go through the fallible form of the operator.
    outcome.unwrap_or_default()
}

impl Build {
    /// How an operation keeps its table, with its serdes; generated where the scenario says
    /// nothing.
    pub(super) fn kept<K: DslKey>(
        &self,
        op: &Op,
        key: &Type,
        value: &Type,
    ) -> Result<MaterializedBy<K>, Refusal> {
        let serdes = Materialized::with(K::serde_of(key), DynSerde::of(value));
        self.materialized(serdes.processor(named(op)), op)
    }

    /// As [`kept`](Self::kept), for the table of a windowed aggregation.
    pub(super) fn kept_windows(
        &self,
        op: &Op,
        key: &Type,
        value: &Type,
        windowing: &Windowing,
    ) -> Result<MaterializedBy<Dyn>, Refusal> {
        let kept = self.kept::<Dyn>(op, key, value)?;
        let said = op.object("materialized");
        let Some(said) = said.filter(|it| it.get("supplier").is_some()) else { return Ok(kept) };
        if said.flag("logging") == Some(false) {
            return Ok(kept);
        }
        // Java's suppliers have a retention of their own, which the changelog does not follow.
        let retention = windowing.retention.saturating_add(self.additional_retention);
        let least = ("retention.ms".to_owned(), retention.to_string());
        let settings = [least].into_iter().chain(said.settings("logConfig"));
        Ok(kept.logging_config(settings.collect()))
    }

    /// The options of an operation's member `materialized`, if it has one.
    pub(super) fn materialized<KS, VS>(
        &self,
        to: Materialized<KS, VS>,
        op: &Op,
    ) -> Result<Materialized<KS, VS>, Refusal> {
        let mut to = to;
        let Some(said) = op.object("materialized") else { return Ok(to) };
        if let Some(name) = said.optional("name") {
            to = to.name(name);
        }
        to = match (said.optional("supplier"), said.optional("storeType")) {
            (Some("inMemory"), _) | (None, Some("inMemory")) => to.in_memory(),
            (Some("persistent"), _) | (None, Some("rocksDB")) => to.persistent(),
            (None, None) => to,
            (Some(supplier), _) => {
                return Err(Refusal::unsupported(format!("supplier {supplier}")));
            }
            (None, Some(other)) => return Err(Refusal::invalid(format!("storeType {other}"))),
        };
        if said.get("retentionMs").is_some() {
            to = to.retention(millis(&said, "retentionMs")?);
        }
        if let Some(caching) = said.flag("caching") {
            to = to.caching(caching);
        }
        Ok(match said.flag("logging") {
            Some(true) => to.logging_config(said.settings("logConfig").into_iter().collect()),
            Some(false) => to.logging(false),
            None => to,
        })
    }
}
