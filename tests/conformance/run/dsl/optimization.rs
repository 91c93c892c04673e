//! Whether `topology.optimization` would change a topology. The library draws no optimized plans
//! yet, and most scenarios that ask for them leave nothing to optimize.

use crate::{refusal::Refusal, run::config::Config, scenario::Op};
use std::collections::BTreeMap;

/// Refuses scenarios whose topology an optimization that they ask for would change.
pub fn check(ops: &[Op], config: &Config) -> Result<(), Refusal> {
    if config.reuse_source_topics && ops.iter().any(|op| op.optional("op") == Some("table")) {
        return Err(Refusal::unsupported("optimization reuse.ktable.source.topics"));
    }
    if config.merge_repartition_topics && repartitions(ops) {
        return Err(Refusal::unsupported("optimization merge.repartition.topics"));
    }
    Ok(())
}

/// Whether an operation needs a repartition topic.
fn repartitions(ops: &[Op]) -> bool {
    let mut rekeyed: BTreeMap<String, bool> = BTreeMap::new();
    for op in ops {
        let is_rekeyed = |member: &str| {
            op.optional(member).and_then(|from| rekeyed.get(from)).copied().unwrap_or(false)
        };
        let before = is_rekeyed("from");
        let after = match op.optional("op").unwrap_or_default() {
            "map" | "selectKey" | "flatMap" | "process" | "groupBy" => true,
            "merge" => before || is_rekeyed("with"),
            "toStream" => op.has("keyFn"),
            "repartition" => false,
            "toTable" | "count" | "reduce" | "aggregate" | "join" | "leftJoin" | "outerJoin"
            | "cogroup" => {
                if before || is_rekeyed("with") {
                    return true;
                }
                false
            }
            _ => before,
        };
        let (branches, default) = (op.objects("branches"), op.object("default"));
        let made = branches.iter().chain(&default).chain([op]);
        for id in made.filter_map(|made| made.optional("id")) {
            rekeyed.insert(id.to_owned(), after);
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_a_changed_key_before_an_aggregation_repartitions() {
        let ops = |second: &str| {
            [
                json!({"op": "stream", "id": "s"}),
                json!({"op": second, "from": "s", "id": "m"}),
                json!({"op": "split", "from": "m", "branches": [{"id": "b"}]}),
                json!({"op": "groupByKey", "from": "b", "id": "g"}),
                json!({"op": "count", "from": "g", "id": "t"}),
            ]
            .map(Op::new)
        };
        assert!(repartitions(&ops("map")));
        assert!(!repartitions(&ops("mapValues")));
    }
}
