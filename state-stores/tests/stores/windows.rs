use crate::{Log, at, env, memory, text};
use proptest::prelude::*;
use state_stores::{
    Backend, Presence, StateStore, StoreBuilder, StoreId, Stores, TimestampedWindowStore,
    ValueAndTimestamp, Window, WindowStore, Windowed, WriteBatch,
};
use std::sync::Arc;
use std::time::Duration;

type Store = WindowStore<String, String>;

fn builder(retention_ms: u64, persistent: bool) -> StoreBuilder<Store> {
    let retention = Duration::from_millis(retention_ms);
    let builder = Stores::window("windows", retention, Duration::from_millis(10.min(retention_ms)));
    if persistent { builder } else { builder.in_memory() }
}

fn store(retention_ms: u64, persistent: bool) -> Store {
    builder(retention_ms, persistent).build(env(&memory(), &Log::default(), 0)).unwrap()
}

fn put(store: &mut Store, key: &str, start: i64) {
    store.put(&text(key), Some(format!("{key}{start}")), at(start)).unwrap();
}

fn commit(store: &mut impl StateStore, backend: &Arc<dyn Backend>) {
    let mut batch = WriteBatch::default();
    store.seal(&mut batch);
    backend.write(&mut batch).unwrap();
}

fn shown(rows: Vec<(Windowed<String>, String)>) -> Vec<String> {
    rows.into_iter()
        .map(|(key, value)| {
            assert_eq!(value, format!("{}{}", key.key, key.start()));
            format!("{}@{}", key.key, key.start())
        })
        .collect()
}

#[test]
fn on_disk_scans_go_by_segment_then_key_then_start() {
    let mut store = store(150_000, true);
    for (key, start) in [("b", 1), ("a", 80_000), ("a", 70_000), ("a", 2), ("b", 0)] {
        put(&mut store, key, start);
    }
    let all = store.all().unwrap();
    let expected = ["a@2", "b@0", "b@1", "a@70000", "a@80000"];
    // The interval of segments is 75 s here.
    assert_eq!(shown(store.collect(all).unwrap()), ["a@2", "a@70000", "b@0", "b@1", "a@80000"]);
    let mut short = self::store(100_000, true);
    for (key, start) in [("b", 1), ("a", 80_000), ("a", 70_000), ("a", 2), ("b", 0)] {
        put(&mut short, key, start);
    }
    let all = short.all().unwrap();
    assert_eq!(shown(short.collect(all).unwrap()), expected);
    let all = short.backward_all().unwrap();
    assert!(shown(short.collect(all).unwrap()).iter().rev().eq(&expected));
}

#[test]
fn in_memory_scans_go_by_start_then_key() {
    let mut store = store(100_000, false);
    for (key, start) in [("b", 1), ("a", 80_000), ("a", 70_000), ("a", 1), ("b", 0)] {
        put(&mut store, key, start);
    }
    let all = store.all().unwrap();
    let expected = ["b@0", "a@1", "b@1", "a@70000", "a@80000"];
    assert_eq!(shown(store.collect(all).unwrap()), expected);
    let scan = store.backward_fetch_keys(None, Some(&text("a")), at(0), at(70_000)).unwrap();
    assert_eq!(shown(store.collect(scan).unwrap()), ["a@70000", "a@1"]);
}

#[test]
fn a_window_has_the_size_of_the_store() {
    let mut store = store(1_000, true);
    put(&mut store, "a", 20);
    let scan = store.fetch_range(&text("a"), at(0), at(20)).unwrap();
    let rows = store.collect(scan).unwrap();
    assert_eq!(rows[0].0, Windowed::new(text("a"), Window { start: at(20), end: at(30) }));
}

#[test]
fn reads_end_exactly_at_the_retention_and_writes_on_disk_at_its_segment() {
    for (persistent, dropped) in [(true, 0), (false, 1)] {
        let mut store = store(100, persistent);
        put(&mut store, "a", 0);
        put(&mut store, "a", 1);
        put(&mut store, "a", 100);
        assert_eq!(store.fetch(&text("a"), at(0)).unwrap(), None, "0 <= 100 - 100 has expired");
        assert_eq!(store.fetch(&text("a"), at(1)).unwrap(), Some(text("a1")));
        put(&mut store, "b", 0);
        assert_eq!(store.take_dropped(), dropped);
        assert_eq!(store.take_dropped(), 0);
        let all = store.all().unwrap();
        assert_eq!(shown(store.collect(all).unwrap()), ["a@1", "a@100"]);
        put(&mut store, "a", 120_000);
        put(&mut store, "a", 59_999);
        assert_eq!(store.take_dropped(), 1);
        let all = store.all().unwrap();
        assert_eq!(shown(store.collect(all).unwrap()), ["a@120000"]);
    }
}

#[test]
fn expired_writes_are_logged_all_the_same() {
    let log = Log::default();
    let mut store = builder(100, false).build(env(&memory(), &log, 0)).unwrap();
    put(&mut store, "a", 200);
    put(&mut store, "a", 5);
    assert_eq!(log.take().len(), 2);
}

#[test]
fn commits_remove_what_has_expired_and_keep_the_stream_time() {
    for persistent in [true, false] {
        let backend = memory();
        let mut store =
            builder(1_000, persistent).build(env(&backend, &Log::default(), 0)).unwrap();
        put(&mut store, "a", 0);
        commit(&mut store, &backend);
        put(&mut store, "a", 200_000);
        commit(&mut store, &backend);
        // The entry, and what the store knows of itself.
        assert_eq!(backend.approximate_entries(StoreId(0)).unwrap(), 2);
        let mut store =
            builder(1_000, persistent).build(env(&backend, &Log::default(), 0)).unwrap();
        put(&mut store, "a", 100);
        assert_eq!(store.take_dropped(), 1, "stream time outlives the store");
    }
}

#[test]
fn files_of_another_segment_length_are_removed_before_a_restore() {
    for (retention_ms, is_misfit) in [(150_000, false), (150_001, false), (200_000, true)] {
        let backend = memory();
        let mut store = builder(150_000, true).build(env(&backend, &Log::default(), 0)).unwrap();
        put(&mut store, "a", 0);
        put(&mut store, "b", 149_999);
        commit(&mut store, &backend);
        let restorer = builder(retention_ms, true).restorer();
        let mut batch = WriteBatch::default();
        let found = restorer.prepare(&*backend, StoreId(0), &mut batch).unwrap();
        backend.write(&mut batch).unwrap();
        assert_eq!(found, is_misfit, "{retention_ms}");
        let left = backend.approximate_entries(StoreId(0)).unwrap();
        assert_eq!(left, if is_misfit { 1 } else { 3 }, "two entries and the mark");
        let mut store = builder(retention_ms, true).build(env(&backend, &Log::default(), 0));
        let a = store.as_mut().unwrap().fetch(&text("a"), at(0)).unwrap();
        assert_eq!(a, (!is_misfit).then(|| text("a0")));
    }
}

/// As a restore leaves them that nothing was written after.
#[test]
fn restored_entries_are_marked_and_unmarked_ones_are_removed() {
    let backend = memory();
    let store = builder(150_000, true);
    let mut batch = WriteBatch::default();
    assert!(!store.restorer().prepare(&*backend, StoreId(0), &mut batch).unwrap());
    backend.write(&mut batch).unwrap();
    let longer = builder(200_000, true).restorer();
    let entry = |batch: &mut WriteBatch| batch.put(StoreId(0), &[1; 24], b"restored");
    entry(&mut batch);
    backend.write(&mut batch).unwrap();
    assert!(!store.restorer().prepare(&*backend, StoreId(0), &mut batch).unwrap());
    assert!(batch.is_empty());
    assert!(longer.prepare(&*backend, StoreId(0), &mut batch).unwrap());

    let unmarked = memory();
    batch.clear();
    entry(&mut batch);
    unmarked.write(&mut batch).unwrap();
    assert!(store.restorer().prepare(&*unmarked, StoreId(0), &mut batch).unwrap());
    unmarked.write(&mut batch).unwrap();
    assert_eq!(unmarked.approximate_entries(StoreId(0)).unwrap(), 1, "the mark");
}

#[test]
fn files_of_another_segment_length_are_an_error_where_nothing_was_restored() {
    let backend = memory();
    let mut store = builder(150_000, true).build(env(&backend, &Log::default(), 0)).unwrap();
    put(&mut store, "a", 0);
    commit(&mut store, &backend);
    let mut store = builder(200_000, true).build(env(&backend, &Log::default(), 0)).unwrap();
    let error = store.fetch(&text("a"), at(0)).unwrap_err().to_string();
    assert!(error.contains("75000 ms") && error.contains("100000 ms"), "{error}");
}

#[test]
fn a_restored_store_knows_its_stream_time() {
    for persistent in [true, false] {
        let (log, backend) = (Log::default(), memory());
        let builder = builder(100_000, persistent);
        let mut store = builder.build(env(&memory(), &log, 0)).unwrap();
        for (key, start) in [("b", 90_000), ("a", 150_000), ("c", 130_000)] {
            put(&mut store, key, start);
        }
        let mut batch = WriteBatch::default();
        for (key, value, _) in log.take() {
            let (mut local, mut bytes) = (Vec::new(), Vec::new());
            let none = state_stores::Headers::new();
            builder
                .restorer()
                .local(&key, value.as_deref(), at(0), &none, &mut local, &mut bytes)
                .unwrap();
            batch.put(StoreId(0), &local, &bytes);
        }
        backend.write(&mut batch).unwrap();
        let mut restored = builder.build(env(&backend, &log, 0)).unwrap();
        put(&mut restored, "d", 50_000);
        assert_eq!(restored.fetch(&text("d"), at(50_000)).unwrap(), None);
        let all = restored.all().unwrap();
        let mut rows = shown(restored.collect(all).unwrap());
        rows.sort();
        assert_eq!(rows, ["a@150000", "b@90000", "c@130000"]);
    }
}

#[test]
fn duplicates_are_numbered_from_one_and_deletions_only_logged() {
    for persistent in [true, false] {
        let log = Log::default();
        let builder = builder(1_000, persistent).retain_duplicates(true).caching(true);
        assert!(!builder.spec().caching, "duplicates are never cached");
        let mut store = builder.build(env(&memory(), &log, 1_000_000)).unwrap();
        store.put(&text("a"), Some(text("1")), at(5)).unwrap();
        store.put(&text("a"), None, at(5)).unwrap();
        store.put(&text("a"), Some(text("2")), at(5)).unwrap();
        let numbers: Vec<_> = log.take().iter().map(|(key, ..)| *key.last().unwrap()).collect();
        assert_eq!(numbers, [1, 2, 3]);
        let scan = store.fetch_range(&text("a"), at(0), at(9)).unwrap();
        let values: Vec<_> = store.collect(scan).unwrap().into_iter().map(|row| row.1).collect();
        assert_eq!(values, ["1", "2"]);
    }
}

#[test]
fn a_restorer_refuses_keys_too_short_for_a_window() {
    let (mut key, mut value) = (Vec::new(), Vec::new());
    let none = state_stores::Headers::new();
    let restorer = builder(1_000, true).restorer();
    assert!(restorer.local(&[0; 11], Some(b"v"), at(0), &none, &mut key, &mut value).is_err());
    let presence = restorer.local(&[0; 12], None, at(0), &none, &mut key, &mut value).unwrap();
    assert_eq!(presence, Presence::Null);
}

#[test]
fn windows_longer_than_the_retention_are_an_error_that_names_both() {
    let (retention, size) = (Duration::from_millis(9), Duration::from_millis(10));
    let builder = Stores::window::<String, String>("narrow", retention, size);
    let error = builder.validate().unwrap_err().to_string();
    assert!(
        error.contains("narrow") && error.contains("10 ms") && error.contains("9 ms"),
        "{error}"
    );
    assert!(builder.build(env(&memory(), &Log::default(), 0)).is_err());
}

#[test]
fn cached_windows_are_told_at_the_flush_in_the_order_of_the_latest_write() {
    let (log, backend) = (Log::default(), memory());
    let second = Duration::from_secs(1);
    let builder = Stores::timestamped_window::<String, i64>("counts", second, second / 100)
        .caching(true)
        .send_old_values(true);
    let mut store: TimestampedWindowStore<_, _> =
        builder.build(env(&backend, &log, 1 << 20)).unwrap();
    let count = |store: &mut TimestampedWindowStore<String, i64>, key: &str, start, time| {
        let next = |old: Option<i64>, _| Ok::<_, ()>((Some(old.unwrap_or(0) + 1), at(time)));
        store.update(&text(key), at(start), next).unwrap();
    };
    count(&mut store, "a", 0, 3);
    count(&mut store, "b", 10, 12);
    count(&mut store, "a", 0, 4);
    assert_eq!(log.take(), []);
    let first = store.next_dirty().unwrap().unwrap();
    assert_eq!((first.key.key.as_str(), first.key.start(), first.key.end()), ("b", at(10), at(20)));
    let second = store.next_dirty().unwrap().unwrap();
    assert_eq!((second.change.old, second.change.new, second.timestamp), (None, Some(2), at(4)));
    assert_eq!(store.next_dirty().unwrap(), None);
    count(&mut store, "a", 0, 5);
    let third = store.next_dirty().unwrap().unwrap();
    assert_eq!((third.change.old, third.change.new), (Some(2), Some(3)));
    let logged = log.take();
    assert_eq!(logged.len(), 3);
    assert_eq!(logged[0].0, [&b"b"[..], &10_i64.to_be_bytes(), &[0; 4]].concat());
    assert_eq!(logged[2].2, Some(at(5)));
    let found = store.fetch(&text("a"), at(0)).unwrap();
    assert_eq!(found, Some(ValueAndTimestamp::new(3, at(5))));
}

/// Keys of which one begins another, whose bytes order differs with what follows them.
const KEYS: [&str; 5] = ["", "a", "a\0", "ab", "b"];

#[derive(Clone, Debug)]
struct Query {
    keys: (Option<usize>, Option<usize>),
    one: bool,
    starts: (i64, i64),
    forward: bool,
}

fn query() -> impl Strategy<Value = Query> {
    let key = || prop::option::of(0..KEYS.len());
    let start = || prop_oneof![-1..30_i64, 59_990..60_030_i64, Just(i64::MAX)];
    ((key(), key()), any::<bool>(), (start(), start()), any::<bool>())
        .prop_map(|(keys, one, starts, forward)| Query { keys, one, starts, forward })
}

/// All entries in the order of the layout: by start and key, or by segment, key and start.
fn in_order(puts: &[(usize, i64)], persistent: bool) -> Vec<(&'static str, i64)> {
    let mut rows: Vec<_> = puts.iter().map(|&(key, start)| (KEYS[key], start)).collect();
    let local = |&(key, start): &(&str, i64)| match persistent {
        true => (start / 60_000, [key.as_bytes(), &start.to_be_bytes()].concat()),
        false => (start, key.as_bytes().to_vec()),
    };
    rows.sort_by_key(local);
    rows.dedup();
    rows
}

fn answer(store: &mut Store, query: &Query) -> Vec<String> {
    let key = |at: Option<usize>| at.map(|at| text(KEYS[at]));
    let (from, to) = (key(query.keys.0), key(query.keys.1));
    let (first, last) = (at(query.starts.0), at(query.starts.1));
    let scan = match (query.one, from, query.forward) {
        (true, Some(key), true) => store.fetch_range(&key, first, last),
        (true, Some(key), false) => store.backward_fetch_range(&key, first, last),
        (_, from, true) => store.fetch_keys(from.as_ref(), to.as_ref(), first, last),
        (_, from, false) => store.backward_fetch_keys(from.as_ref(), to.as_ref(), first, last),
    };
    let scan = scan.unwrap();
    shown(store.collect(scan).unwrap())
}

fn expected(rows: &[(&'static str, i64)], query: &Query) -> Vec<String> {
    let one = query.one && query.keys.0.is_some();
    let (from, to) = if one { (query.keys.0, query.keys.0) } else { query.keys };
    let inside = |&&(key, start): &&(&str, i64)| {
        from.is_none_or(|from| KEYS[from] <= key)
            && to.is_none_or(|to| key <= KEYS[to])
            && query.starts.0 <= start
            && start <= query.starts.1
    };
    let mut found: Vec<_> =
        rows.iter().filter(inside).map(|(key, start)| format!("{key}@{start}")).collect();
    if !query.forward {
        found.reverse();
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn window_scans_show_what_a_filter_of_all_entries_shows(
        puts in prop::collection::vec((0..KEYS.len(), prop_oneof![0..30_i64, 59_990..60_030_i64]), 0..60),
        queries in prop::collection::vec(query(), 1..8),
        persistent in any::<bool>(),
        cached in any::<bool>(),
        commit_at in 0..60_usize,
    ) {
        let backend = memory();
        let cache = if cached { 1 << 20 } else { 0 };
        let builder = builder(100_000, persistent).caching(true);
        let mut store = builder.build(env(&backend, &Log::default(), cache)).unwrap();
        for (number, (key, start)) in puts.iter().enumerate() {
            put(&mut store, KEYS[*key], *start);
            if number == commit_at {
                store.flush_cache().unwrap();
                commit(&mut store, &backend);
            }
        }
        let rows = in_order(&puts, persistent);
        for query in &queries {
            prop_assert_eq!(answer(&mut store, query), expected(&rows, query), "{:?}", query);
        }
    }
}
