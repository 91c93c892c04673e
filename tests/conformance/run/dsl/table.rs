//! Operations on tables, and those that make or join one.

use super::{
    Build,
    handle::{DslKey, Handle, misplaced},
    options::{named, sure},
};
use crate::{
    flow::DynSerde,
    function::{Expression, Joiner, Predicate, Thrown},
    refusal::Refusal,
    run::application::{Failure, Types},
    scenario::Op,
    value::Dyn,
};
use std::convert::Infallible;
use streams_core::stores::Windowed;
use streams_dsl::{Joined, KStream, KTable, Materialized, SerdeFor, SerdeOver};

impl Build {
    pub(super) fn on_table<K: DslKey>(
        &mut self,
        name: &str,
        op: &Op,
        table: &KTable<K, Dyn>,
        types: &Types,
    ) -> Result<(), Failure> {
        match name {
            "toStream" => {
                let stream = table.to_nullable_stream_with(named(op));
                let Some(text) = op.optional("keyFn") else {
                    return Ok(self.put(op, K::stream(stream), &types.0, &types.1)?);
                };
                let selector = Expression::parse(text, &types.0, &types.1)?;
                if selector.ty().is_windowed() {
                    self.rekeyed::<K, Windowed<Dyn>>(op, &stream, selector, types)?;
                } else {
                    self.rekeyed::<K, Dyn>(op, &stream, selector, types)?;
                }
                Ok(())
            }
            "filter" | "filterNot" => {
                let filtered = if op.get("materialized").is_some() {
                    let kept = self.kept::<K>(op, &types.0, &types.1)?;
                    filter(table, op, name == "filterNot", types, kept)?
                } else {
                    let unsaid = self.unsaid().processor(named(op));
                    filter(table, op, name == "filterNot", types, unsaid)?
                };
                Ok(self.put(op, K::table(filtered), &types.0, &types.1)?)
            }
            "mapValues" => {
                let mapper = Expression::parse(op.text("fn")?, &types.0, &types.1)?;
                let made = mapper.ty().clone();
                let mapped = if op.get("materialized").is_some() {
                    map_values(table, mapper, self.kept::<K>(op, &types.0, &made)?)
                } else {
                    map_values(table, mapper, self.unsaid().processor(named(op)))
                };
                Ok(self.put(op, K::table(mapped), &types.0, &made)?)
            }
            "transformValues" | "suppress" | "groupBy" | "join" | "leftJoin" | "outerJoin" => {
                Err(Refusal::unsupported(format!("{name} on a table")).into())
            }
            _ => Err(misplaced(name, "a table").into()),
        }
    }

    /// The `keyFn` of `toStream`: selects keys under a generated name.
    fn rekeyed<K: DslKey, K2: DslKey>(
        &mut self,
        op: &Op,
        stream: &KStream<K, Dyn>,
        selector: Expression,
        (_, value): &Types,
    ) -> Result<(), Refusal> {
        let made = selector.ty().clone();
        let selected = if selector.can_throw() {
            stream.try_select_key(move |key: &K, value: &Dyn| {
                selector.eval(&key.to_dyn(), value).map(K2::from_dyn)
            })
        } else {
            stream.select_key(move |key: &K, value: &Dyn| {
                K2::from_dyn(sure(selector.eval(&key.to_dyn(), value)))
            })
        };
        self.put(op, K2::stream(selected), &made, value)
    }

    pub(super) fn make_table<K: DslKey>(
        &mut self,
        op: &Op,
        stream: &KStream<K, Dyn>,
        (key, value): &Types,
    ) -> Result<(), Refusal> {
        let table = stream.to_table_with(self.kept::<K>(op, key, value)?);
        self.put(op, K::table(table), key, value)
    }

    pub(super) fn join<K: DslKey>(
        &mut self,
        name: &str,
        op: &Op,
        stream: &KStream<K, Dyn>,
        (key, value): &Types,
    ) -> Result<(), Refusal> {
        let other = self.handle(op.text("with")?)?;
        let Handle::Table(_) = &other.handle else {
            return Err(Refusal::unsupported(format!("{name} of two streams")));
        };
        let table = K::as_table(&other.handle)
            .filter(|_| other.key == *key)
            .ok_or_else(|| Refusal::invalid("keys of different types"))?;
        if op.get("graceMs").is_some() {
            return Err(Refusal::unsupported("join with a grace period"));
        }
        let (joiner, made) = Joiner::parse(op.text("joiner")?, value, &other.value)?;
        let joined = Joined::with(K::serde_of(key), DynSerde::of(value)).name(named(op));
        let with_key = matches!(joiner, Joiner::ConcatKey);
        let out = match (name, with_key) {
            ("join", false) => stream.join_with(
                table,
                move |left: Dyn, right: &Dyn| joiner.apply(&Dyn::Null, &left, right),
                joined,
            ),
            ("join", true) => stream.try_join_with_key_with(
                table,
                move |key: &K, left: Dyn, right: &Dyn| {
                    Ok::<_, Infallible>(joiner.apply(&key.to_dyn(), &left, right))
                },
                joined,
            ),
            ("leftJoin", false) => stream.left_join_with(
                table,
                move |left: Dyn, right: Option<&Dyn>| {
                    joiner.apply(&Dyn::Null, &left, right.unwrap_or(&Dyn::Null))
                },
                joined,
            ),
            ("leftJoin", true) => stream.try_left_join_with_key_with(
                table,
                move |key: &K, left: Dyn, right: Option<&Dyn>| {
                    let right = right.unwrap_or(&Dyn::Null);
                    Ok::<_, Infallible>(joiner.apply(&key.to_dyn(), &left, right))
                },
                joined,
            ),
            _ => return Err(Refusal::invalid("no outer stream-table join")),
        };
        self.put(op, K::stream(out), key, &made)
    }
}

fn filter<K: DslKey, KS: SerdeOver<K>, VS: SerdeFor<Dyn>>(
    table: &KTable<K, Dyn>,
    op: &Op,
    negated: bool,
    (key, value): &Types,
    kept: Materialized<KS, VS>,
) -> Result<KTable<K, Dyn>, Refusal> {
    let pred = Predicate::parse(op.text("pred")?, key, value)?;
    let can_throw = pred.can_throw();
    let test = move |key: &K, value: &Dyn| pred.test(&key.to_dyn(), value);
    Ok(match (can_throw, negated) {
        (true, _) => {
            table.try_filter_with(move |key, value| test(key, value).map(|it| it != negated), kept)
        }
        (false, false) => table.filter_with(move |key, value| sure(test(key, value)), kept),
        (false, true) => table.filter_not_with(move |key, value| sure(test(key, value)), kept),
    })
}

/// A function may give null, which deletes the row: hence the filtering form.
fn map_values<K: DslKey, KS: SerdeOver<K>, VS: SerdeFor<Dyn>>(
    table: &KTable<K, Dyn>,
    mapper: Expression,
    kept: Materialized<KS, VS>,
) -> KTable<K, Dyn> {
    let can_throw = mapper.can_throw();
    let row = move |key: &K, value: Dyn| {
        let row = mapper.eval(&key.to_dyn(), &value)?;
        Ok::<_, Thrown>(Some(row).filter(|row| !row.is_null()))
    };
    if can_throw {
        table.try_filter_map_values_with(row, kept)
    } else {
        table.filter_map_values_with(move |key, value| sure(row(key, value)), kept)
    }
}
