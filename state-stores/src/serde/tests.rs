use super::*;
use std::fmt::Debug;
use uuid::Uuid;

fn bytes<T: StreamData>(value: &T) -> Option<Vec<u8>> {
    let headers = Headers::new();
    let context = SerdeContext { topic: "t", headers: &headers };
    let mut out = Vec::new();
    let presence = serde_of::<T>().serialize(value, &context, &mut out).unwrap();
    (presence == Presence::Bytes).then_some(out)
}

fn read<T: StreamData>(bytes: Option<&[u8]>) -> Result<T, SerdeError> {
    let headers = Headers::new();
    let context = SerdeContext { topic: "t", headers: &headers };
    serde_of::<T>().deserialize(bytes.map(Payload::from), &context)
}

#[track_caller]
fn check<T: StreamData + PartialEq + Debug>(value: &T, expected: &[u8]) {
    assert_eq!(bytes(value).as_deref(), Some(expected));
    assert_eq!(serde_of::<T>().size_hint(value).unwrap_or(expected.len()), expected.len());
    assert_eq!(&read::<T>(Some(expected)).unwrap(), value);
    assert_eq!(read::<Option<T>>(None).unwrap(), None);
    let error = read::<T>(None).unwrap_err().to_string();
    assert!(error.contains("null"), "{error}");
}

#[test]
fn plain_types_have_kafkas_bytes() {
    check(&"h\u{e9}".to_owned(), b"h\xc3\xa9");
    check(&String::new(), b"");
    check(&-2_i64, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe]);
    check(&1_u64, &[0, 0, 0, 0, 0, 0, 0, 1]);
    check(&-2_i32, &[0xff, 0xff, 0xff, 0xfe]);
    check(&3_u32, &[0, 0, 0, 3]);
    check(&-2_i16, &[0xff, 0xfe]);
    check(&1.5_f64, &[0x3f, 0xf8, 0, 0, 0, 0, 0, 0]);
    check(&1.5_f32, &[0x3f, 0xc0, 0, 0]);
    check(&true, &[1]);
    check(&vec![1_u8, 2], &[1, 2]);
    check(&Bytes::from_static(&[1, 2]), &[1, 2]);
    let text = "67e55044-10b1-426f-9247-bb680e5fe0c8";
    check(&Uuid::parse_str(text).unwrap(), text.as_bytes());
}

#[test]
fn wrong_bytes_are_errors_that_keep_them_to_themselves() {
    let secret: &[u8] = b"secret\xff";
    let errors = [
        read::<String>(Some(secret)).unwrap_err(),
        read::<i64>(Some(secret)).unwrap_err(),
        read::<bool>(Some(b"s")).unwrap_err(),
        read::<Uuid>(Some(b"secret")).unwrap_err(),
        read::<Option<i32>>(Some(b"")).unwrap_err(),
        read::<crate::Windowed<String>>(Some(secret)).unwrap_err(),
    ];
    for error in errors {
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }
}

#[test]
fn null_and_ignored_write_no_bytes() {
    assert_eq!(bytes(&None::<String>), None);
    assert_eq!(bytes(&Ignored), None);
    assert_eq!(read::<Ignored>(Some(b"anything")).unwrap(), Ignored);
    assert!(serde_of::<Ignored>().is_null(&Ignored));
    assert!(
        serde_of::<Option<i64>>().is_null(&None) && !serde_of::<Option<i64>>().is_null(&Some(1))
    );
    assert_eq!((Option::<i64>::null(), Ignored::null()), (None, Ignored));
}

#[test]
fn a_payload_shares_the_memory_it_came_in_and_else_copies() {
    let owner = Bytes::from_static(b"0123456789");
    let shared = Payload::shared(&owner, &owner[2..5]);
    assert_eq!(shared.to_bytes().as_ptr(), owner[2..].as_ptr());
    assert_eq!(shared.part(1..2).unwrap().to_bytes().as_ptr(), owner[3..].as_ptr());
    assert!(shared.part(2..4).is_none());
    let elsewhere = b"345".to_vec();
    let copied = Payload::shared(&owner, &elsewhere).to_bytes();
    assert_eq!((&copied[..], copied.as_ptr() == elsewhere.as_ptr()), (&b"345"[..], false));
}

#[cfg(feature = "bincode")]
#[test]
fn bincode_reads_what_it_wrote_and_refuses_lengths_beyond_the_limit() {
    let value = Bincode(vec!["a".to_owned(), "b".to_owned()]);
    let written = bytes(&value).unwrap();
    assert_eq!(read::<Bincode<Vec<String>>>(Some(&written)).unwrap(), value);
    // A vector that says it has 2^60 entries.
    let claim = [&[253][..], &(1_u64 << 60).to_le_bytes()].concat();
    assert!(read::<Bincode<Vec<String>>>(Some(&claim)).is_err());
    let more = [&written[..], &[0]].concat();
    assert!(read::<Bincode<Vec<String>>>(Some(&more)).is_err());
}
