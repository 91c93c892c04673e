//! What a processor does, read from `{"type": .., ..}`.

use crate::{
    function::{Expression, Predicate},
    refusal::Refusal,
    scenario::Op,
    types::Type,
};

/// A processor of the scenario language, type-checked.
#[derive(Clone, Debug)]
pub struct ProcessorSpec {
    /// What it does with a record.
    pub action: Action,
    /// The store it works on.
    pub store: Option<String>,
    /// When it is punctuated, scheduled in `init`.
    pub schedule: Option<Schedule>,
    /// The type of the keys it forwards.
    pub key: Type,
    /// The type of the values it forwards.
    pub value: Type,
}

/// A punctuation schedule; times in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The interval.
    pub every: i64,
    /// By stream time, or else by the wall clock.
    pub by_stream_time: bool,
    /// The first time, if the schedule has one.
    pub start: Option<i64>,
}

/// One way out of a `route` processor.
#[derive(Clone, Debug)]
pub struct Route {
    /// The name of the child.
    pub child: String,
    /// What it takes.
    pub pred: Predicate,
}

/// What a processor does. Where nothing else is said, key, timestamp and headers stay, and "with
/// key" means that a record with a null key is dropped silently.
#[derive(Clone, Debug)]
pub enum Action {
    /// Maps key and value.
    Map {
        /// The new key.
        key: Expression,
        /// The new value.
        value: Expression,
    },
    /// Forwards what satisfies the predicate.
    Filter(Predicate),
    /// Forwards nothing.
    Sink,
    /// With key: puts the value, a null deletes; forwards.
    Put,
    /// With key: if the key is not stored, stores the timestamp and forwards.
    Dedup,
    /// With key: stores and forwards the count so far.
    Count,
    /// Counts without forwarding; a punctuation forwards every count with its own time, and
    /// deletes the entry if told to.
    CountEmit {
        /// Delete what was forwarded.
        clear: bool,
    },
    /// With key: stores the timestamp, forwards; a punctuation deletes entries that are at least
    /// this old and forwards a null for each.
    TimeToLive(i64),
    /// Keeps the records and forwards them at a punctuation.
    Delay,
    /// Forwards at punctuations alone, at most so often.
    Tick {
        /// Cancels the schedule after so many punctuations.
        limit: Option<i64>,
    },
    /// Appends times and metadata to the value.
    Probe,
    /// Adds headers in order, then removes all of some names.
    Headers {
        /// Name and value.
        add: Vec<(String, String)>,
        /// Names.
        remove: Vec<String>,
    },
    /// Adds to the timestamp.
    Timestamp(i64),
    /// Forwards to each child whose predicate holds.
    Route(Vec<Route>),
    /// Forwards twice (fixed-key processors alone).
    Duplicate,
    /// With key: appends what is stored to the value.
    Lookup,
    /// With key: puts, and forwards what was stored before and after.
    TimestampedPut,
    /// With key and value: puts at the timestamp, forwards if there was no entry this near.
    WindowDedup(i64),
    /// With key: counts in a window of this size.
    WindowCount(i64),
}

impl ProcessorSpec {
    /// Reads a processor of records with the given types.
    pub fn parse(op: &Op, key: &Type, value: &Type) -> Result<Self, Refusal> {
        let text = || (key.clone(), Type::Text);
        let count = || (key.clone(), Type::Long);
        let same = || (key.clone(), value.clone());
        let kind = op.text("type")?;
        let (action, (out_key, out_value)) = match kind {
            "map" => {
                let new_key = Expression::parse(op.optional("key").unwrap_or("k"), key, value)?;
                let new_value = Expression::parse(op.optional("value").unwrap_or("v"), key, value)?;
                let types = (new_key.ty().clone(), new_value.ty().clone());
                (Action::Map { key: new_key, value: new_value }, types)
            }
            "filter" => (Action::Filter(Predicate::parse(op.text("pred")?, key, value)?), same()),
            "sink" => (Action::Sink, same()),
            "put" => (Action::Put, same()),
            "dedup" => (Action::Dedup, same()),
            "count" => (Action::Count, count()),
            "countEmit" => {
                (Action::CountEmit { clear: op.flag("clear").unwrap_or(false) }, count())
            }
            "ttl" => (Action::TimeToLive(op.number("ttlMs")?), same()),
            "delay" => (Action::Delay, same()),
            "tick" => {
                let limit = op.has("limit").then(|| op.number("limit")).transpose()?;
                (Action::Tick { limit }, (Type::Text, Type::Text))
            }
            "probe" => (Action::Probe, text()),
            "headers" => {
                let (add, remove) = (op.settings("add"), op.texts("remove"));
                (Action::Headers { add, remove }, same())
            }
            "ts" => (Action::Timestamp(op.number("delta")?), same()),
            "route" => (Action::Route(routes(op, key, value)?), same()),
            "lookup" => (Action::Lookup, text()),
            "timestampedPut" => (Action::TimestampedPut, text()),
            "windowDedup" => (Action::WindowDedup(op.number("windowMs")?), same()),
            "windowCount" => (Action::WindowCount(op.number("sizeMs")?), count()),
            "versioned" | "sessionCount" | "kvScan" | "windowScan" | "sessionScan" => {
                return Err(Refusal::unsupported(format!("processor {kind}")));
            }
            _ => return Err(Refusal::invalid(format!("unknown processor {kind}"))),
        };
        Ok(Self {
            action,
            store: op.optional("store").map(str::to_owned),
            schedule: schedule(op)?,
            key: out_key,
            value: out_value,
        })
    }

    /// Reads a fixed-key processor: fewer kinds, the key unchanged, never punctuated.
    pub fn parse_fixed(op: &Op, key: &Type, value: &Type) -> Result<Self, Refusal> {
        let spec = match op.text("type")? {
            "dup" => Self {
                action: Action::Duplicate,
                store: None,
                schedule: None,
                key: key.clone(),
                value: value.clone(),
            },
            "map" | "filter" | "headers" | "ts" | "count" | "probe" | "lookup" => {
                Self { schedule: None, ..Self::parse(op, key, value)? }
            }
            kind => return Err(Refusal::invalid(format!("unknown fixed-key processor {kind}"))),
        };
        Ok(spec)
    }
}

fn routes(op: &Op, key: &Type, value: &Type) -> Result<Vec<Route>, Refusal> {
    let route = |route: &Op| {
        let pred = Predicate::parse(route.text("pred")?, key, value)?;
        Ok(Route { child: route.text("child")?.to_owned(), pred })
    };
    op.objects("routes").iter().map(route).collect()
}

fn schedule(op: &Op) -> Result<Option<Schedule>, Refusal> {
    if !op.has("everyMs") {
        return Ok(None);
    }
    let by_stream_time = match op.optional("on").unwrap_or("stream") {
        "stream" => true,
        "wall" => false,
        on => return Err(Refusal::invalid(format!("on must be stream or wall, not {on}"))),
    };
    let start = op.has("startMs").then(|| op.number("startMs")).transpose()?;
    Ok(Some(Schedule { every: op.number("everyMs")?, by_stream_time, start }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(json: serde_json::Value) -> Result<ProcessorSpec, Refusal> {
        ProcessorSpec::parse(&Op::new(json), &Type::Text, &Type::Long)
    }

    #[test]
    fn the_types_of_the_result_follow_the_table() {
        for (kind, key, value) in [
            ("put", Type::Text, Type::Long),
            ("count", Type::Text, Type::Long),
            ("probe", Type::Text, Type::Text),
            ("tick", Type::Text, Type::Text),
            ("lookup", Type::Text, Type::Text),
        ] {
            let spec = parse(json!({"type": kind, "store": "s"})).unwrap();
            assert_eq!((spec.key, spec.value), (key, value), "{kind}");
        }
        let spec = parse(json!({"type": "map", "key": "v", "value": "k"})).unwrap();
        assert_eq!((spec.key, spec.value), (Type::Long, Type::Text));
    }

    #[test]
    fn any_processor_with_an_interval_is_scheduled() {
        let spec = parse(json!({"type": "put", "store": "s", "everyMs": 5, "on": "wall"})).unwrap();
        let expected = Schedule { every: 5, by_stream_time: false, start: None };
        assert_eq!(spec.schedule, Some(expected));
        assert_eq!(spec.store.as_deref(), Some("s"));
        assert!(parse(json!({"type": "put", "everyMs": 5, "on": "moon"})).is_err());
    }

    #[test]
    fn unknown_is_malformed_and_not_yet_there_is_unsupported() {
        assert!(matches!(parse(json!({"type": "zip"})), Err(Refusal::Invalid(_))));
        assert!(matches!(parse(json!({"type": "kvScan"})), Err(Refusal::Unsupported(_))));
        let fixed = |kind| {
            let op = Op::new(json!({"type": kind, "delta": 1}));
            ProcessorSpec::parse_fixed(&op, &Type::Text, &Type::Text)
        };
        assert!(fixed("dup").is_ok() && fixed("ts").is_ok() && fixed("route").is_err());
    }
}
