use crate::{Log, at, env, memory, text};
use proptest::prelude::*;
use state_stores::{
    Headers, KeyValueStore, Presence, StateStore, StoreEnv, Stores, TimestampedKeyValueStore,
    ValueAndTimestamp, WriteBatch,
};
use std::collections::BTreeMap;
use std::sync::Arc;

type Plain = KeyValueStore<String, String>;
type Timestamped = TimestampedKeyValueStore<String, i64>;

fn plain() -> Plain {
    Stores::key_value("names").build(StoreEnv::detached(1)).unwrap()
}

fn pair(value: i64, time: i64) -> Option<ValueAndTimestamp<i64>> {
    Some(ValueAndTimestamp::new(value, at(time)))
}

#[test]
fn put_get_delete_tell_what_was_there() {
    let mut store = plain();
    let key = text("k");
    assert_eq!(store.put_if_absent(&key, Some(text("1"))).unwrap(), None);
    assert_eq!(store.put_if_absent(&key, Some(text("2"))).unwrap(), Some(text("1")));
    assert_eq!(store.get(&key).unwrap(), Some(text("1")));
    assert_eq!(store.delete(&key).unwrap(), Some(text("1")));
    assert_eq!(store.delete(&key).unwrap(), None);
    assert_eq!(store.get(&key).unwrap(), None);
}

#[test]
fn a_value_that_is_null_to_its_serde_is_a_deletion() {
    let log = Log::default();
    let builder = Stores::key_value::<String, Option<i64>>("options");
    let mut store = builder.build(env(&memory(), &log, 0)).unwrap();
    store.put(&text("k"), Some(Some(1))).unwrap();
    store.put(&text("k"), Some(None)).unwrap();
    assert_eq!(store.get(&text("k")).unwrap(), None);
    assert_eq!(log.take()[1].1, None);
}

#[test]
fn a_null_key_is_an_error_that_names_the_store() {
    let mut store =
        Stores::key_value::<Option<String>, i64>("maybe").build(StoreEnv::detached(1)).unwrap();
    let error = store.get(&None).unwrap_err();
    assert!(error.to_string().contains("maybe"), "{error}");
}

#[test]
fn plain_stores_log_with_the_time_of_the_record_in_process() {
    let log = Log::default();
    let mut store: Plain = Stores::key_value("names").build(env(&memory(), &log, 0)).unwrap();
    store.put(&text("a"), Some(text("x"))).unwrap();
    store.stamp(at(7), &Headers::new().with("h", None));
    store.put(&text("b"), Some(text("y"))).unwrap();
    store.delete(&text("b")).unwrap();
    let expected = [
        (b"a".to_vec(), Some(b"x".to_vec()), None),
        (b"b".to_vec(), Some(b"y".to_vec()), Some(at(7))),
        (b"b".to_vec(), None, Some(at(7))),
    ];
    assert_eq!(log.take(), expected);
}

#[test]
fn timestamped_stores_log_the_time_of_the_value_and_keep_it_before_the_value() {
    let (log, backend) = (Log::default(), memory());
    let builder = Stores::timestamped_key_value::<String, i64>("counts");
    let mut store: Timestamped = builder.build(env(&backend, &log, 0)).unwrap();
    store.stamp(at(9), &Headers::new());
    store.put(&text("a"), pair(1, 5)).unwrap();
    store.put(&text("b"), None).unwrap();
    let one = 1_i64.to_be_bytes().to_vec();
    let logged = log.take();
    let expected =
        [(b"a".to_vec(), Some(one.clone()), Some(at(5))), (b"b".to_vec(), None, Some(at(9)))];
    assert_eq!(logged, expected);
    let mut batch = WriteBatch::default();
    store.seal(&mut batch);
    backend.write(&mut batch).unwrap();
    let local = backend.get(state_stores::StoreId(0), b"a").unwrap().unwrap();
    assert_eq!(local[..], [&5_i64.to_be_bytes()[..], &one].concat());

    let (mut key, mut value) = (Vec::new(), Vec::new());
    let restorer = builder.restorer();
    let none = Headers::new();
    let presence = restorer.local(b"a", Some(&one), at(5), &none, &mut key, &mut value).unwrap();
    assert_eq!((presence, &key[..], &value[..]), (Presence::Bytes, &b"a"[..], &local[..]));
    let presence = restorer.local(b"b", None, at(9), &none, &mut key, &mut value).unwrap();
    assert_eq!(presence, Presence::Null);
}

#[test]
fn ranges_include_both_ends_and_go_both_ways() {
    let mut store = plain();
    for key in ["b", "a", "c", "ab"] {
        store.put(&text(key), Some(text(key))).unwrap();
    }
    let keys =
        |rows: Vec<(String, String)>| rows.into_iter().map(|(key, _)| key).collect::<Vec<_>>();
    let (a, b, c) = (text("a"), text("b"), text("c"));
    let scan = store.range(Some(&a), Some(&b)).unwrap();
    assert_eq!(keys(store.collect(scan).unwrap()), ["a", "ab", "b"]);
    let scan = store.reverse_range(None, Some(&b)).unwrap();
    assert_eq!(keys(store.collect(scan).unwrap()), ["b", "ab", "a"]);
    let scan = store.range(Some(&c), Some(&a)).unwrap();
    assert!(store.collect(scan).unwrap().is_empty(), "an inverted range is empty");
    let scan = store.prefix(b"a").unwrap();
    assert_eq!(keys(store.collect(scan).unwrap()), ["a", "ab"]);
    let scan = store.reverse_all().unwrap();
    assert_eq!(keys(store.collect(scan).unwrap()), ["c", "b", "ab", "a"]);
}

#[test]
fn a_scan_lets_the_store_be_written_and_shows_each_of_many_entries_once() {
    let mut store = plain();
    for number in 0..1000 {
        store.put(&format!("{number:04}"), Some(text("old"))).unwrap();
    }
    let (mut scan, mut seen) = (store.all().unwrap(), 0);
    while let Some((key, _)) = scan.next(&mut store).unwrap() {
        assert_eq!(key, format!("{seen:04}"));
        seen += 1;
        store.put(&key, Some(text("new"))).unwrap();
        store.delete(&format!("{:04}", seen - 1)).unwrap();
    }
    assert_eq!(seen, 1000);
}

#[test]
fn discard_forgets_what_was_not_sealed() {
    let backend = memory();
    let mut store: Plain =
        Stores::key_value("names").build(env(&backend, &Log::default(), 0)).unwrap();
    store.put(&text("a"), Some(text("kept"))).unwrap();
    let mut batch = WriteBatch::default();
    store.seal(&mut batch);
    backend.write(&mut batch).unwrap();
    store.put(&text("a"), Some(text("lost"))).unwrap();
    store.discard();
    assert_eq!(store.get(&text("a")).unwrap(), Some(text("kept")));
    assert_eq!(store.approximate_num_entries().unwrap(), 1);
}

#[test]
fn entries_in_memory_are_counted_exactly_before_and_after_a_commit() {
    let backend = memory();
    let mut store: Plain =
        Stores::key_value("names").build(env(&backend, &Log::default(), 0)).unwrap();
    for key in ["a", "b"] {
        store.put(&text(key), Some(text("1"))).unwrap();
    }
    assert_eq!(store.approximate_num_entries().unwrap(), 2);
    let mut batch = WriteBatch::default();
    store.seal(&mut batch);
    backend.write(&mut batch).unwrap();
    store.put(&text("a"), Some(text("2"))).unwrap();
    store.delete(&text("b")).unwrap();
    store.delete(&text("absent")).unwrap();
    store.put(&text("c"), Some(text("1"))).unwrap();
    assert_eq!(store.approximate_num_entries().unwrap(), 2);
}

#[derive(Clone, Debug)]
enum Act {
    Put(u8, Option<i64>),
    Add(u8),
    Flush,
    Commit,
    Scan(Option<u8>, Option<u8>, bool),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (0..12_u8, prop::option::of(any::<i64>())).prop_map(|(key, value)| Act::Put(key, value)),
        6 => (0..12_u8).prop_map(Act::Add),
        1 => Just(Act::Flush),
        1 => Just(Act::Commit),
        3 => (prop::option::of(0..12_u8), prop::option::of(0..12_u8), any::<bool>())
            .prop_map(|(from, to, forward)| Act::Scan(from, to, forward)),
    ]
}

fn name(key: u8) -> String {
    format!("key-{key}")
}

/// Plays `acts` on a store with a cache of `cache_bytes` and on a map.
fn play(acts: &[Act], cache_bytes: usize) {
    let (backend, log) = (memory(), Log::default());
    let builder = Stores::timestamped_key_value::<String, i64>("counts").caching(true);
    let mut store = builder.build(env(&backend, &log, cache_bytes)).unwrap();
    let mut model = BTreeMap::new();
    for act in acts {
        match act {
            Act::Put(key, value) => {
                store.put(&name(*key), value.and_then(|value| pair(value, 1))).unwrap();
                match value {
                    Some(value) => model.insert(name(*key), *value),
                    None => model.remove(&name(*key)),
                };
            }
            Act::Add(key) => {
                let sum = |old: Option<i64>, _| Ok::<_, ()>((Some(old.unwrap_or(0) ^ 3), at(1)));
                store.update(&name(*key), sum).unwrap();
                *model.entry(name(*key)).or_insert(0) ^= 3;
            }
            Act::Flush => while store.next_dirty().unwrap().is_some() {},
            Act::Commit => {
                store.flush_cache().unwrap();
                let mut batch = WriteBatch::default();
                store.seal(&mut batch);
                backend.write(&mut batch).unwrap();
            }
            Act::Scan(from, to, forward) => scan(&mut store, &model, (*from, *to), *forward),
        }
        if store.over_capacity() {
            while store.next_dirty().unwrap().is_some() {}
            store.evict();
        }
    }
    scan(&mut store, &model, (None, None), true);
}

fn scan(
    store: &mut Timestamped,
    model: &BTreeMap<String, i64>,
    (from, to): (Option<u8>, Option<u8>),
    forward: bool,
) {
    let (from, to) = (from.map(name), to.map(name));
    let scan = match forward {
        true => store.range(from.as_ref(), to.as_ref()).unwrap(),
        false => store.reverse_range(from.as_ref(), to.as_ref()).unwrap(),
    };
    let found: Vec<_> =
        store.collect(scan).unwrap().into_iter().map(|(key, value)| (key, value.value)).collect();
    let inside = |key: &String| {
        from.as_ref().is_none_or(|from| from <= key) && to.as_ref().is_none_or(|to| key <= to)
    };
    let mut expected: Vec<_> =
        model.iter().filter(|(key, _)| inside(key)).map(|(k, v)| (k.clone(), *v)).collect();
    if !forward {
        expected.reverse();
    }
    assert_eq!(found, expected);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn cached_or_not_a_store_reads_as_an_ordered_map(
        acts in prop::collection::vec(act(), 0..120),
        cache_bytes in prop_oneof![Just(0_usize), Just(200), Just(100_000)],
    ) {
        play(&acts, cache_bytes);
    }
}

#[test]
fn stores_may_move_between_threads_with_their_task() {
    fn check<T: Send + 'static>() {}
    check::<Plain>();
    check::<Timestamped>();
    fn shared<T: Send + Sync>() {}
    shared::<state_stores::StoreBuilder<Plain>>();
    shared::<Arc<dyn state_stores::Backend>>();
}
