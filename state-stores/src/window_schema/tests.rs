use super::*;

/// The segments that Kafka Streams 4.3.1 makes.
#[test]
fn segments_are_javas() {
    let all: serde_json::Value =
        serde_json::from_str(include_str!("../../tests/fixtures/bytes.json")).unwrap();
    for vector in all["segments"].as_array().unwrap() {
        let number = |name: &str| vector[name].as_i64().unwrap();
        let schema = WindowSchema::new(true, number("retentionMs"), false);
        let interval_ms = number("segmentIntervalMs");
        assert_eq!(schema.layout, Layout::BySegment { interval_ms }, "{vector}");
        assert_eq!(schema.leading(number("ts")), number("segmentId"), "{vector}");
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
