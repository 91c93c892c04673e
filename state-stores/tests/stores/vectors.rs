//! Byte vectors recorded from Kafka Streams 4.3.1.

use crate::{Log, at, env, memory};
use bytes::Bytes;
use serde_json::Value;
use state_stores::{
    Headers, Payload, Serde, SerdeContext, SessionWindowedSerde, StateStore, StoreId, Stores,
    ValueAndTimestamp, Window, Windowed, WindowedSerde, WriteBatch, serde_of,
};
use std::time::Duration;

fn vectors(name: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("../fixtures/bytes.json")).unwrap();
    all[name].as_array().unwrap().clone()
}

fn unhex(text: &Value) -> Vec<u8> {
    let text = text.as_str().unwrap();
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

fn number(vector: &Value, name: &str) -> i64 {
    vector[name].as_i64().unwrap()
}

fn context(headers: &Headers) -> SerdeContext<'_> {
    SerdeContext { topic: "t", headers }
}

#[test]
fn windowed_keys_on_topics() {
    let serde = WindowedSerde::new(serde_of::<Bytes>(), 10);
    let headers = Headers::new();
    let mut seen = 0;
    for vector in vectors("windowKey").iter().filter(|vector| vector.get("topic").is_some()) {
        let (bytes, start) = (unhex(&vector["topic"]), at(number(vector, "start")));
        let key = Windowed::new(Bytes::from(unhex(&vector["key"])), Window::of_size(start, 10));
        let mut out = Vec::new();
        serde.serialize(&key, &context(&headers), &mut out).unwrap();
        assert_eq!(out, bytes);
        let read = serde.deserialize(Some(Payload::from(&bytes[..])), &context(&headers)).unwrap();
        assert_eq!(read, key);
        seen += 1;
    }
    assert!(seen > 5);
}

#[test]
fn session_keys_on_topics() {
    let serde = SessionWindowedSerde::new(serde_of::<Bytes>());
    let headers = Headers::new();
    for vector in vectors("sessionKey") {
        let window =
            Window { start: at(number(&vector, "start")), end: at(number(&vector, "end")) };
        let key = Windowed::new(Bytes::from(unhex(&vector["key"])), window);
        let mut out = Vec::new();
        serde.serialize(&key, &context(&headers), &mut out).unwrap();
        assert_eq!(out, unhex(&vector["topic"]));
        let read = serde.deserialize(Some(Payload::from(&out[..])), &context(&headers)).unwrap();
        assert_eq!(read, key);
    }
}

#[test]
fn windowed_keys_in_changelogs() {
    for vector in vectors("windowKey") {
        let log = Log::default();
        let second = Duration::from_secs(1);
        let builder = Stores::window::<Bytes, Bytes>("w", second, second).retain_duplicates(true);
        let mut store = builder.build(env(&memory(), &log, 0)).unwrap();
        let (key, start) = (Bytes::from(unhex(&vector["key"])), at(number(&vector, "start")));
        store.put(&key, Some(Bytes::new()), start).unwrap();
        let mut logged = log.take().remove(0).0;
        // The first duplicate is number 1.
        let seq = logged.split_off(logged.len() - 4);
        assert_eq!(seq, [0, 0, 0, 1]);
        logged.extend((number(&vector, "seq") as i32).to_be_bytes());
        assert_eq!(logged, unhex(&vector["store"]));
    }
}

#[test]
fn values_with_timestamps_in_stores() {
    for vector in vectors("valueAndTimestamp") {
        let backend = memory();
        let builder = Stores::timestamped_key_value::<Bytes, Bytes>("s");
        let mut store = builder.build(env(&backend, &Log::default(), 0)).unwrap();
        let value =
            ValueAndTimestamp::new(Bytes::from(unhex(&vector["value"])), at(number(&vector, "ts")));
        store.put(&Bytes::from_static(b"k"), Some(value)).unwrap();
        let mut batch = WriteBatch::default();
        store.seal(&mut batch);
        backend.write(&mut batch).unwrap();
        let local = backend.get(StoreId(0), b"k").unwrap().unwrap();
        assert_eq!(local[..], unhex(&vector["bytes"]));
    }
}

#[test]
fn windows_overlap() {
    let all: Value = serde_json::from_str(include_str!("../fixtures/bytes.json")).unwrap();
    let window = |text: &Value| {
        let (start, end) = text.as_str().unwrap().split_once('-').unwrap();
        Window { start: at(start.parse().unwrap()), end: at(end.parse().unwrap()) }
    };
    for kind in ["time", "session"] {
        for vector in all["windowOverlap"][kind].as_array().unwrap() {
            let (a, b) = (window(&vector["a"]), window(&vector["b"]));
            let found = if kind == "time" { a.overlaps(&b) } else { a.overlaps_as_session(&b) };
            assert_eq!(found, vector["overlap"].as_bool().unwrap(), "{vector}");
        }
    }
}
