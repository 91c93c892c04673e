//! Operations on grouped streams, with and without windows.

use super::{
    Build,
    handle::{AnyGrouped, ByKey, DslKey, Handle, Windowing, misplaced},
    options::named,
};
use crate::{
    function::{Aggregator, Reducer},
    refusal::Refusal,
    run::{
        application::{Failure, Types},
        millis,
    },
    scenario::Op,
    types::Type,
    value::Dyn,
};
use streams_core::stores::Windowed;
use streams_dsl::{Counter, Hopping, KGroupedStream, Materialized, TimeWindowedKStream, Tumbling};

impl Counter for Dyn {
    fn zero() -> Self {
        Self::Long(0)
    }

    fn next(self) -> Self {
        Self::Long(self.number().wrapping_add(1))
    }
}

impl Build {
    pub(super) fn on_grouped<K: DslKey>(
        &mut self,
        name: &str,
        op: &Op,
        grouped: &KGroupedStream<K, Dyn>,
        (key, value): &Types,
    ) -> Result<(), Failure> {
        match name {
            "count" => {
                let table = if op.get("materialized").is_some() {
                    grouped.count_as_with(self.kept::<K>(op, key, &Type::Long)?)
                } else {
                    grouped.count_as_with(self.unsaid().processor(named(op)))
                };
                self.put(op, K::table(table), key, &Type::Long)?;
            }
            "reduce" => {
                let reducer = Reducer::parse(op.text("reducer")?, value)?;
                let table = grouped.reduce_with(
                    move |so_far: Dyn, value: Dyn| reducer.apply(&so_far, &value),
                    self.kept::<K>(op, key, value)?,
                );
                self.put(op, K::table(table), key, value)?;
            }
            "aggregate" => {
                let (initial, aggregator) = aggregation(op)?;
                let made = aggregator.ty();
                let table = grouped.aggregate_with(
                    move || initial.clone(),
                    move |key: &K, value: Dyn, so_far: Dyn| {
                        aggregator.apply(&key.to_dyn(), &value, &so_far)
                    },
                    self.kept::<K>(op, key, &made)?,
                );
                self.put(op, K::table(table), key, &made)?;
            }
            "cogroup" => return Err(Refusal::unsupported("op cogroup").into()),
            _ => return Err(misplaced(name, "a grouped stream").into()),
        }
        Ok(())
    }

    pub(super) fn windowed_by(
        &mut self,
        op: &Op,
        grouped: AnyGrouped,
        (key, value): &Types,
    ) -> Result<(), Refusal> {
        let kind = op.text("windows")?;
        let ByKey::Plain(grouped) = grouped else {
            return Err(Refusal::unsupported("windows over windowed keys"));
        };
        if kind != "time" {
            return Err(Refusal::unsupported(format!("windows {kind}")));
        }
        let size = millis(op, "sizeMs")?;
        let grace = op.get("graceMs").map(|_| millis(op, "graceMs")).transpose()?;
        let windowed = if op.get("advanceMs").is_some() {
            let windows = Hopping::of(size).advance_by(millis(op, "advanceMs")?);
            grouped.windowed_by(windows.grace(grace.unwrap_or_default()))
        } else {
            grouped.windowed_by(Tumbling::of(size).grace(grace.unwrap_or_default()))
        };
        let size = op.number("sizeMs")?;
        let windowing = Windowing {
            key: Type::time(key.clone(), size),
            retention: size.saturating_add(op.number_or("graceMs", 0)),
        };
        self.put(op, Handle::Windowed(windowed, windowing), key, value)
    }

    pub(super) fn on_windowed(
        &mut self,
        name: &str,
        op: &Op,
        (windowed, windowing): (&TimeWindowedKStream<Dyn, Dyn>, &Windowing),
        (key, value): &Types,
    ) -> Result<(), Failure> {
        let (table, made) = match name {
            "count" if op.get("materialized").is_some() => {
                let kept = self.kept_windows(op, key, &Type::Long, windowing)?;
                (windowed.count_as_with(kept), Type::Long)
            }
            "count" => (windowed.count_as_with(self.unsaid().processor(named(op))), Type::Long),
            "reduce" => {
                let reducer = Reducer::parse(op.text("reducer")?, value)?;
                let table = windowed.reduce_with(
                    move |so_far: Dyn, value: Dyn| reducer.apply(&so_far, &value),
                    self.kept_windows(op, key, value, windowing)?,
                );
                (table, value.clone())
            }
            "aggregate" => {
                let (initial, aggregator) = aggregation(op)?;
                let made = aggregator.ty();
                let table = windowed.aggregate_with(
                    move || initial.clone(),
                    move |key: &Dyn, value: Dyn, so_far: Dyn| {
                        aggregator.apply(key, &value, &so_far)
                    },
                    self.kept_windows(op, key, &made, windowing)?,
                );
                (table, made)
            }
            "emitStrategy" if op.text("emit")? == "onWindowUpdate" => {
                let handle = Handle::Windowed(windowed.clone(), windowing.clone());
                return Ok(self.put(op, handle, key, value)?);
            }
            "emitStrategy" => return Err(Refusal::unsupported("emit onWindowClose").into()),
            _ => return Err(misplaced(name, "a windowed stream").into()),
        };
        Ok(self.put(op, Windowed::<Dyn>::table(table), &windowing.key, &made)?)
    }

    /// What an aggregation without a word on its store has.
    pub(super) fn unsaid(&self) -> Materialized {
        Materialized::new()
    }
}

/// The initial value and the aggregator of an aggregation.
fn aggregation(op: &Op) -> Result<(Dyn, Aggregator), Refusal> {
    let aggregator = Aggregator::parse(op.text("agg")?)?;
    let initial = Dyn::from_json(op.get("init"), &aggregator.ty())?;
    Ok((initial, aggregator))
}
