use super::*;
use serde_json::Value;
use std::ops::Bound;

/// What was recorded of Kafka Streams 4.3.1.
fn vectors(name: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("../../tests/fixtures/bytes.json")).unwrap();
    all[name].as_array().unwrap().clone()
}

fn unhex(text: &Value) -> Vec<u8> {
    let digits = text.as_str().unwrap().as_bytes().chunks(2);
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.map(byte).collect()
}

#[test]
fn segments_are_javas() {
    for vector in vectors("segments") {
        let number = |name: &str| vector[name].as_i64().unwrap();
        let schema = WindowSchema::new(true, number("retentionMs"), false);
        let interval_ms = number("segmentIntervalMs");
        assert_eq!(schema.layout, Layout::BySegment { interval_ms }, "{vector}");
        assert_eq!(schema.leading(number("ts")), number("segmentId"), "{vector}");
    }
}

/// Within a segment a scan reads from and to the very keys that Java's does.
#[test]
fn scanned_ranges_are_javas() {
    let schema = WindowSchema::new(true, 100_000, false);
    let local = |start: i64, rest: Vec<u8>| {
        Bound::Included([&leading_bytes(schema.leading(start))[..], &rest].concat())
    };
    for vector in vectors("windowKeyRange") {
        let (key, time) = (unhex(&vector["key"]), vector["time"].as_i64().unwrap());
        let range = |keys, from| {
            let range = WindowFilter::new(schema, keys, Starts { from, to: time }).range();
            (range.from, range.to)
        };
        let (from, to) = range(Keys::One(key.clone()), time);
        assert_eq!(from, local(time, unhex(&vector["lowerRangeFixedSize"])), "{vector}");
        assert_eq!(to, local(time, unhex(&vector["upperRangeFixedSize"])), "{vector}");

        // Java's lower end is the first entry that the key could have; ours is the key
        // alone, and no entry lies between the two.
        assert_eq!(unhex(&vector["lowerRange"]), [&key[..], &[0; 12]].concat(), "{vector}");
        let (from, to) = range(Keys::Range(Some(key.clone()), Some(key.clone())), 0);
        assert_eq!(from, local(0, key), "{vector}");
        assert_eq!(to, local(time, unhex(&vector["upperRange"])), "{vector}");
    }
}

#[test]
fn local_keys_come_apart_as_they_were_made() {
    for persistent in [true, false] {
        for duplicates in [true, false] {
            let schema = WindowSchema::new(persistent, 100, duplicates);
            for start in [-5, 0, 59_999, 60_000, i64::MAX] {
                let mut local = Vec::new();
                let seq = if duplicates { 7 } else { 0 };
                let key = |out: &mut Vec<u8>| {
                    out.extend_from_slice(b"key");
                    Ok::<_, ()>(())
                };
                schema.encode(start, seq, &mut local, key).unwrap();
                assert_eq!(schema.decode(&local), Some(LocalKey { key: b"key", start, seq }));
                assert_eq!(schema.decode(&local[..7]), None);
            }
        }
    }
}

#[test]
fn leading_numbers_sort_as_numbers() {
    let numbers = [i64::MIN, -1, 0, 1, i64::MAX];
    assert!(numbers.map(leading_bytes).is_sorted());
    assert_eq!(numbers.map(|number| leading_number(leading_bytes(number))), numbers);
}

#[test]
fn sequence_numbers_begin_anew_after_31_bits() {
    assert_eq!(next_seq(0), 1);
    assert_eq!(next_seq(0x7fff_ffff), 0);
}
