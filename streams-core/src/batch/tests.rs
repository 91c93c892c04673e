//! The codec as a whole: what is built is read back, and what is broken is refused by name.

use bytes::{Bytes, BytesMut};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const CODECS: [Compression; 5] = [
    Compression::None,
    Compression::Gzip,
    Compression::Snappy,
    Compression::Lz4,
    Compression::Zstd,
];

#[derive(Debug, Clone, PartialEq, Eq)]
struct Owned {
    timestamp: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<u8>,
}

fn record(timestamp: i64, key: Option<&[u8]>, value: Option<&[u8]>) -> Owned {
    let (key, value) = (key.map(<[u8]>::to_vec), value.map(<[u8]>::to_vec));
    Owned { timestamp, key, value, headers: vec![0] }
}

fn build(records: &[Owned], options: &SealOptions) -> Bytes {
    let mut builder = BatchBuilder::new();
    for r in records {
        let timestamp = Timestamp::from_millis(r.timestamp);
        builder.append(timestamp, r.key.as_deref(), r.value.as_deref(), &r.headers).unwrap();
    }
    builder.seal(options)
}

fn read(batch: &RecordBatch) -> Result<Vec<(i64, Owned)>, BatchError> {
    let decoded = batch.decode(&DecodeOptions::default())?;
    decoded
        .records()
        .map(|r| {
            let r = r?;
            let owned = Owned {
                timestamp: r.timestamp.as_millis(),
                key: r.key.map(<[u8]>::to_vec),
                value: r.value.map(<[u8]>::to_vec),
                headers: r.headers.to_vec(),
            };
            Ok((r.offset, owned))
        })
        .collect()
}

fn some_records() -> Vec<Owned> {
    let mut records = vec![
        record(1_000, Some(b"key"), Some(b"value")),
        record(999, None, Some(b"")),
        record(5_000_000_000_000, Some(b""), None),
        record(-1, None, None),
    ];
    // One header: name "h", value "x".
    records[1].headers = vec![2, 2, b'h', 2, b'x'];
    records.extend((0..500).map(|i| record(i, Some(&[7; 9]), Some(&[i as u8; 200]))));
    records
}

fn with_compression(compression: Compression) -> SealOptions {
    SealOptions { compression, ..SealOptions::default() }
}

#[test]
fn records_are_read_back_under_every_compression() {
    for codec in CODECS {
        let batch = RecordBatch::parse(build(&some_records(), &with_compression(codec))).unwrap();
        assert_eq!(batch.compression().unwrap(), codec);
        let (offsets, records): (Vec<_>, Vec<_>) = read(&batch).unwrap().into_iter().unzip();
        assert_eq!(records, some_records(), "{codec}");
        assert_eq!(offsets, (0..504).collect::<Vec<i64>>());
    }
}

#[test]
fn the_bytes_are_those_of_the_format() {
    let mut r = record(100, Some(b"k"), Some(b"v"));
    r.headers = vec![2, 2, b'h', 1];
    let options = SealOptions {
        producer_id: 9,
        producer_epoch: 3,
        base_sequence: 17,
        transactional: true,
        leader_epoch: 5,
        ..SealOptions::default()
    };
    let bytes = build(&[r], &options);
    let mut expected = vec![0; 8]; // base offset
    expected.extend([0, 0, 0, 49 + 12, 0, 0, 0, 5, 2]); // length, leader epoch, magic
    expected.extend(&bytes[17..21]); // CRC, compared below
    expected.extend([0, 0x10, 0, 0, 0, 0]); // attributes, last offset delta
    expected.extend([0, 0, 0, 0, 0, 0, 0, 100].repeat(2)); // base and max timestamp
    expected.extend([0, 0, 0, 0, 0, 0, 0, 9, 0, 3, 0, 0, 0, 17, 0, 0, 0, 1]);
    expected.extend([22, 0, 0, 0, 2, b'k', 2, b'v', 2, 2, b'h', 1]); // the record
    assert_eq!(bytes[..], expected[..]);
    let batch = RecordBatch::parse(bytes).unwrap();
    assert!(batch.check().is_ok());
    assert!(batch.is_transactional() && !batch.is_control() && !batch.is_log_append_time());
    assert_eq!((batch.producer_id(), batch.producer_epoch(), batch.base_sequence()), (9, 3, 17));
    assert_eq!(batch.leader_epoch(), 5);
}

#[test]
fn a_builder_is_used_again_after_a_seal() {
    let mut builder = BatchBuilder::new();
    assert!(builder.seal(&SealOptions::default()).is_empty());
    for codec in CODECS {
        builder.append(Timestamp::from_millis(7), Some(b"a"), None, &[]).unwrap();
        assert_eq!(builder.record_count(), 1);
        let size = builder.estimated_size();
        let bytes = builder.seal(&with_compression(codec));
        assert_eq!((builder.record_count(), builder.estimated_size()), (0, 0));
        if codec == Compression::None {
            assert_eq!(bytes.len(), size);
        }
        let records = read(&RecordBatch::parse(bytes).unwrap()).unwrap();
        assert_eq!(records, [(0, record(7, Some(b"a"), None))]);
    }
}

const STAMP: ProducerStamp = ProducerStamp { producer_id: 9, producer_epoch: 3, base_sequence: 17 };

fn take(records: &[Owned], options: &SealOptions) -> UnstampedBatch {
    let mut builder = BatchBuilder::new();
    for r in records {
        let timestamp = Timestamp::from_millis(r.timestamp);
        builder.append(timestamp, r.key.as_deref(), r.value.as_deref(), &r.headers).unwrap();
    }
    builder.take(options, Vec::new()).unwrap()
}

fn stamped(batch: &UnstampedBatch) -> RecordBatch {
    // Behind other bytes, as in a request.
    let mut request = BytesMut::from(&b"before"[..]);
    batch.write(&STAMP, &mut request);
    RecordBatch::parse(request.freeze().slice(6..)).unwrap()
}

#[test]
fn a_batch_stamped_late_is_the_same_as_one_sealed_with_the_stamp() {
    for codec in CODECS {
        for transactional in [false, true] {
            let late = SealOptions { transactional, ..with_compression(codec) };
            let early = SealOptions {
                producer_id: STAMP.producer_id,
                producer_epoch: STAMP.producer_epoch,
                base_sequence: STAMP.base_sequence,
                ..late
            };
            let batch = take(&some_records(), &late);
            assert_eq!(stamped(&batch).bytes(), &build(&some_records(), &early), "{codec}");
            assert_eq!((batch.record_count(), batch.size()), (504, stamped(&batch).size()));
        }
    }
}

#[test]
fn a_builder_goes_on_with_the_memory_it_is_given() {
    let mut builder = BatchBuilder::new();
    assert!(builder.take(&SealOptions::default(), Vec::new()).is_none());
    for codec in CODECS {
        builder.append(Timestamp::from_millis(7), Some(b"a"), None, &[]).unwrap();
        let batch = builder.take(&with_compression(codec), b"used before".to_vec()).unwrap();
        assert_eq!((builder.record_count(), builder.estimated_size()), (0, 0));
        assert_eq!(read(&stamped(&batch)).unwrap(), [(0, record(7, Some(b"a"), None))]);
        assert!(batch.into_buffer().capacity() >= BATCH_OVERHEAD);
    }
}

#[test]
fn halves_hold_the_records_of_the_whole_in_order() {
    for codec in CODECS {
        let options = SealOptions { transactional: true, ..with_compression(codec) };
        for count in [2, 3, 504] {
            let whole = take(&some_records()[..count], &options);
            let halves = whole.split().unwrap().unwrap();
            let counts = halves.each_ref().map(UnstampedBatch::record_count);
            assert_eq!(counts, [count as i32 / 2, (count as i32 + 1) / 2]);
            let mut records = Vec::new();
            for half in halves.each_ref().map(stamped) {
                assert_eq!((half.compression().unwrap(), half.is_transactional()), (codec, true));
                records.extend(read(&half).unwrap().into_iter().map(|(_, record)| record));
            }
            assert_eq!(records, some_records()[..count], "{codec}");
        }
    }
}

#[test]
fn one_record_is_not_split() {
    assert!(take(&some_records()[..1], &SealOptions::default()).split().unwrap().is_none());
}

#[test]
fn sequence_numbers_begin_again_after_the_last() {
    let at = |base_sequence| ProducerStamp { base_sequence, ..STAMP };
    assert_eq!(at(17).next_sequence(3), 20);
    assert_eq!(at(i32::MAX - 1).next_sequence(1), i32::MAX);
    assert_eq!(at(i32::MAX - 1).next_sequence(2), 0);
    assert_eq!(at(i32::MAX).next_sequence(5), 4);
}

#[test]
fn the_log_places_and_stamps_a_batch_as_it_appends_it() {
    let mut builder = BatchBuilder::new();
    for timestamp in [50, 10] {
        builder.append(Timestamp::from_millis(timestamp), None, Some(b"v"), &[]).unwrap();
    }
    let mut sealed = builder.seal_in_place(&SealOptions::default()).unwrap();
    assert_eq!((sealed.offset_count(), sealed.max_timestamp().as_millis()), (2, 50));
    sealed.place(1_000, 4);
    let placed = RecordBatch::parse(Bytes::copy_from_slice(sealed.bytes())).unwrap();
    assert_eq!(
        (placed.base_offset(), placed.last_offset(), placed.leader_epoch()),
        (1_000, 1_001, 4)
    );
    assert!(placed.check().is_ok());
    sealed.stamp(Timestamp::from_millis(77));
    let stamped = RecordBatch::parse(Bytes::copy_from_slice(sealed.bytes())).unwrap();
    assert!(stamped.is_log_append_time());
    let times: Vec<_> = read(&stamped).unwrap().iter().map(|(_, r)| r.timestamp).collect();
    assert_eq!(times, [77, 77]);
}

#[test]
fn a_reader_positioned_within_a_batch_begins_there() {
    let batch = RecordBatch::parse(build(&some_records(), &SealOptions::default())).unwrap();
    let decoded = batch.decode(&DecodeOptions::default()).unwrap();
    for (wanted, found) in
        [(-5, Some(0)), (0, Some(0)), (3, Some(3)), (503, Some(503)), (504, None)]
    {
        let position = decoded.position_of(wanted).unwrap();
        let record = decoded.record_at(position).unwrap();
        assert_eq!(record.map(|(record, _)| record.offset), found);
        assert_eq!(decoded.remaining(position), found.map_or(0, |found| 504 - found as usize));
    }
}

#[test]
fn shared_parts_of_a_record_are_not_copied() {
    let batch = RecordBatch::parse(build(&some_records(), &SealOptions::default())).unwrap();
    let decoded = batch.decode(&DecodeOptions::default()).unwrap();
    let value = decoded.records().next().unwrap().unwrap().value.unwrap();
    let shared = decoded.share(value);
    assert_eq!(shared.as_ptr(), value.as_ptr());
    assert_eq!(decoded.share(b"elsewhere"), &b"elsewhere"[..]);
}

#[test]
fn batches_are_walked_up_to_a_torn_one() {
    let one = build(&some_records()[..3], &SealOptions::default());
    let mut log = BytesMut::new();
    log.extend_from_slice(&one);
    log.extend_from_slice(&one);
    for kept in 0..one.len() {
        let mut torn = log.clone();
        torn.extend_from_slice(&one[..kept]);
        let mut batches = RecordBatches::new(torn.freeze());
        assert_eq!(batches.by_ref().filter(Result::is_ok).count(), 2);
        assert_eq!((batches.torn_bytes(), batches.position()), (kept, 2 * one.len()));
    }
}

#[test]
fn an_error_ends_the_walk() {
    let one = build(&some_records()[..3], &SealOptions::default());
    let mut log = [one.clone(), one].concat();
    log[16] = 1;
    let mut batches = RecordBatches::new(log.into());
    let error = batches.next().unwrap().unwrap_err();
    assert!(matches!(error.kind(), BatchErrorKind::Magic(1)));
    assert!(batches.next().is_none());
}

#[test]
fn what_is_wrong_is_named() {
    let good = build(&some_records()[..3], &SealOptions::default());
    let said = |at: usize, byte: u8| {
        let mut bad = good.to_vec();
        bad[at] = byte;
        let text = match RecordBatch::parse(bad.into()) {
            Ok(batch) => read(&batch).unwrap_err().to_string(),
            Err(error) => error.to_string(),
        };
        text.strip_prefix("record batch at offset 0: ").map(str::to_owned).unwrap_or(text)
    };
    assert_eq!(said(16, 0), "message format 0 is not supported, only format 2 is");
    assert!(said(8, 0xff).starts_with("its batch length cannot be -"));
    assert!(said(11, good[11] + 1).ends_with(&format!("{} found", good.len())));
    assert_eq!(said(23, 0x80), "its last offset delta cannot be -2147483646");
    assert_eq!(said(60, 4), "its record count cannot be 4");
    assert!(said(70, 0xee).starts_with("checksum mismatch"));
    assert_eq!(
        said(0, 0x80),
        "record batch at offset -9223372036854775808: its base offset cannot be -9223372036854775808"
    );
}

#[test]
fn limits_are_kept() {
    for codec in CODECS {
        let batch = RecordBatch::parse(build(&some_records(), &with_compression(codec))).unwrap();
        let small = DecodeOptions { max_decompressed_bytes: 1_000, ..DecodeOptions::default() };
        let decoded = batch.decode(&small);
        match codec {
            Compression::None => assert!(decoded.is_ok(), "nothing to decompress"),
            _ => assert!(matches!(
                decoded.unwrap_err().kind(),
                BatchErrorKind::TooLarge { limit: 1_000 }
            )),
        }
        let few = DecodeOptions { max_records: 503, ..DecodeOptions::default() };
        let error = batch.decode(&few).unwrap_err();
        assert!(error.to_string().ends_with("it holds 504 records, allowed are 503"), "{error}");
    }
}

#[test]
fn raw_snappy_is_read() {
    let plain = build(&some_records(), &SealOptions::default());
    let records = snap::raw::Encoder::new().compress_vec(&plain[BATCH_OVERHEAD..]).unwrap();
    let mut bytes = [&plain[..BATCH_OVERHEAD], &records].concat();
    let length = (bytes.len() - 12) as i32;
    bytes[8..12].copy_from_slice(&length.to_be_bytes());
    bytes[22] = 2;
    builder::put_checksum(&mut bytes);
    assert_eq!(read(&RecordBatch::parse(bytes.into()).unwrap()).unwrap().len(), 504);
}

fn any_part() -> impl Strategy<Value = Option<Vec<u8>>> {
    proptest::option::of(vec(any::<u8>(), 0..200))
}

fn any_record() -> impl Strategy<Value = Owned> {
    (any::<i64>(), any_part(), any_part()).prop_map(|(timestamp, key, value)| Owned {
        timestamp,
        key,
        value,
        headers: vec![0],
    })
}

fn any_codec() -> impl Strategy<Value = Compression> {
    (0_u8..5).prop_map(|code| Compression::from_code(code).unwrap())
}

proptest! {
    #[test]
    fn any_records_are_read_back(records in vec(any_record(), 1..40), codec in any_codec()) {
        let batch = RecordBatch::parse(build(&records, &with_compression(codec))).unwrap();
        let found: Vec<_> = read(&batch).unwrap().into_iter().map(|(_, r)| r).collect();
        prop_assert_eq!(found, records);
    }

    #[test]
    fn any_damage_is_an_error_and_not_a_panic(
        records in vec(any_record(), 1..20),
        codec in any_codec(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        kept in any::<prop::sample::Index>(),
        cut in any::<bool>(),
    ) {
        let good = build(&records, &with_compression(codec));
        let mut bad = good.to_vec();
        for (place, byte) in damage {
            bad[place.index(good.len())] = byte;
        }
        if cut {
            bad.truncate(kept.index(good.len()));
        }
        let unchanged = bad == good;
        let outside_the_checksum = bad.len() == good.len() && bad[16..] == good[16..];
        for batch in RecordBatches::new(Bytes::from(bad)).flatten() {
            prop_assert!(read(&batch).is_err() || unchanged || outside_the_checksum);
            // Without the checksum the parser itself has to hold.
            let options = DecodeOptions {
                check_crc: false, max_decompressed_bytes: 1 << 20, ..DecodeOptions::default()
            };
            if let Ok(decoded) = batch.decode(&options) {
                prop_assert!(decoded.records().count() <= batch.record_count() as usize + 1);
            }
        }
    }

    #[test]
    fn any_bytes_are_no_panic(bytes in vec(any::<u8>(), 0..300)) {
        prop_assert!(RecordBatches::new(bytes.clone().into()).count() <= 300 / 61);
        prop_assert!(RecordBatch::parse(bytes.into()).is_err());
    }
}
