//! Results as JSON, in the oracle's format.

use crate::{
    types::Type,
    value::{Dyn, hex},
};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A record that the application sent, as bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The key, `None` for null.
    pub key: Option<Vec<u8>>,
    /// The value, `None` for null.
    pub value: Option<Vec<u8>>,
    /// Milliseconds, `None` where the broker sets it.
    pub timestamp: Option<i64>,
    /// Names and values, in order.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

/// The records of some topics, rendered, by topic and in order.
#[derive(Debug, Default)]
pub struct Topics(BTreeMap<String, Vec<Value>>);

impl Topics {
    /// Adds a record to its topic.
    pub fn push(&mut self, topic: &str, record: Value) {
        self.0.entry(topic.to_owned()).or_default().push(record);
    }

    /// The whole as an object, sorted by topic.
    pub fn into_json(self) -> Value {
        self.0.into_iter().map(|(topic, records)| (topic, Value::from(records))).collect()
    }
}

/// Headers of dead letters whose text is Java's own.
const REDACTED: [&str; 3] =
    ["__streams.errors.exception", "__streams.errors.message", "__streams.errors.stacktrace"];

/// A record of a topic that is not internal; without types, or when it does not decode as them,
/// it shows its bytes.
pub fn output(sent: &Sent, types: Option<&(Type, Type)>, step: i64) -> Value {
    let decoded = types.and_then(|(key, value)| {
        let key = (key, Dyn::decode(sent.key.as_deref(), key).ok()?);
        Some((key, Dyn::decode(sent.value.as_deref(), value).ok()?))
    });
    let mut members = Map::new();
    if let Some(((ty, key), value)) = decoded {
        members.insert("key".to_owned(), key.to_json());
        members.insert("value".to_owned(), value.to_json());
        if ty.is_windowed() {
            members.insert("keyHex".to_owned(), hex(sent.key.as_deref()));
        }
    } else {
        insert_bytes(&mut members, sent);
    }
    finish(members, sent, step, |value| Value::from(String::from_utf8_lossy(value)))
}

/// A record of a changelog or a repartition topic.
pub fn internal(sent: &Sent, step: i64) -> Value {
    let mut members = Map::new();
    insert_bytes(&mut members, sent);
    finish(members, sent, step, |value| hex(Some(value)))
}

/// Headers as a list of pairs; `text` makes the value of one.
pub fn headers(
    headers: &[(String, Option<Vec<u8>>)],
    text: impl Fn(&[u8]) -> Value,
) -> Option<Value> {
    if headers.is_empty() {
        return None;
    }
    let pair = |(name, value): &(String, Option<Vec<u8>>)| match value {
        Some(_) if REDACTED.contains(&name.as_str()) => json!([name, "*"]),
        Some(value) => json!([name, text(value)]),
        None => json!([name, null]),
    };
    Some(headers.iter().map(pair).collect())
}

fn insert_bytes(members: &mut Map<String, Value>, sent: &Sent) {
    members.insert("keyHex".to_owned(), hex(sent.key.as_deref()));
    members.insert("valueHex".to_owned(), hex(sent.value.as_deref()));
}

fn finish(
    mut members: Map<String, Value>,
    sent: &Sent,
    step: i64,
    text: impl Fn(&[u8]) -> Value,
) -> Value {
    members.insert("ts".to_owned(), sent.timestamp.into());
    if let Some(headers) = headers(&sent.headers, text) {
        members.insert("headers".to_owned(), headers);
    }
    members.insert("step".to_owned(), step.into());
    Value::Object(members)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(key: Option<&[u8]>, value: Option<&[u8]>) -> Sent {
        Sent {
            key: key.map(<[u8]>::to_vec),
            value: value.map(<[u8]>::to_vec),
            timestamp: Some(5),
            headers: Vec::new(),
        }
    }

    #[test]
    fn an_output_is_decoded_as_its_types() {
        let types = (Type::Text, Type::Long);
        assert_eq!(
            output(&sent(Some(b"a"), Some(&3_i64.to_be_bytes())), Some(&types), 2),
            json!({"key": "a", "value": 3, "ts": 5, "step": 2})
        );
        assert_eq!(
            output(&sent(None, Some(b"x")), Some(&types), 2),
            json!({"keyHex": null, "valueHex": "78", "ts": 5, "step": 2})
        );
    }

    #[test]
    fn a_windowed_key_also_shows_its_bytes() {
        let types = (Type::time(Type::Text, 10), Type::Text);
        let key = Dyn::windowed("a".into(), 0, 10).encode(&types.0);
        assert_eq!(
            output(&sent(key.as_deref(), None), Some(&types), 0),
            json!({"key": {"k": "a", "start": 0, "end": 10}, "value": null,
                   "keyHex": "610000000000000000", "ts": 5, "step": 0})
        );
    }

    #[test]
    fn headers_show_as_text_in_outputs_and_as_hex_in_internal_topics() {
        let mut record = sent(None, None);
        record.timestamp = None;
        record.headers = vec![
            ("h".to_owned(), Some(b"v".to_vec())),
            ("n".to_owned(), None),
            ("__streams.errors.message".to_owned(), Some(b"java".to_vec())),
        ];
        let expected = json!([["h", "v"], ["n", null], ["__streams.errors.message", "*"]]);
        assert_eq!(output(&record, None, 0)["headers"], expected);
        assert_eq!(internal(&record, 0)["headers"][0], json!(["h", "76"]));
        assert_eq!(internal(&record, 0)["ts"], Value::Null);
    }
}
