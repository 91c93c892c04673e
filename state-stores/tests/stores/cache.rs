use crate::{Log, at, env, memory, text};
use proptest::prelude::*;
use state_stores::{
    CacheBudget, Change, Flushed, Headers, StateStore, StoreEnv, Stores, TimestampedKeyValueStore,
    Update, UpdateError, ValueAndTimestamp,
};
use std::sync::Arc;

type Store = TimestampedKeyValueStore<String, i64>;

/// What Java's cache charges for a key of one byte and an i64 with its timestamp.
const ENTRY: usize = 1 + 24 + 1 + 16 + 20;

fn store(cache_bytes: usize, send_old: bool) -> (Store, Log) {
    let log = Log::default();
    let builder = Stores::timestamped_key_value("counts").caching(true).send_old_values(send_old);
    (builder.build(env(&memory(), &log, cache_bytes)).unwrap(), log)
}

fn add(store: &mut Store, key: &str, time: i64) -> Update<i64> {
    let next = |old: Option<i64>, _| Ok::<_, ()>((Some(old.unwrap_or(0) + 1), at(time)));
    store.update(&text(key), next).unwrap()
}

fn remove(store: &mut Store, key: &str) -> Update<i64> {
    store.update(&text(key), |_, _| Ok::<_, ()>((None, at(0)))).unwrap()
}

fn flush(store: &mut Store) -> Vec<Flushed<String, i64>> {
    std::iter::from_fn(|| store.next_dirty().unwrap()).collect()
}

fn keys(flushed: &[Flushed<String, i64>]) -> Vec<&str> {
    flushed.iter().map(|entry| entry.key.as_str()).collect()
}

#[test]
fn without_capacity_each_update_is_written_and_told_at_once() {
    let (mut store, log) = store(0, true);
    let change = |old, new| Update::Change(Change { old, new }, at(7));
    assert_eq!(add(&mut store, "a", 7), change(None, Some(1)));
    assert_eq!(add(&mut store, "a", 7), change(Some(1), Some(2)));
    assert_eq!(log.take().len(), 2);
    let (mut quiet, _) = self::store(0, false);
    add(&mut quiet, "a", 7);
    assert_eq!(add(&mut quiet, "a", 7), change(None, Some(2)), "old values are not asked for");
}

#[test]
fn updates_of_a_key_are_told_once_with_the_value_flushed_before() {
    let (mut store, log) = store(10_000, true);
    for time in [1, 3, 2] {
        assert_eq!(add(&mut store, "a", time), Update::Cached);
    }
    let flushed = flush(&mut store);
    assert_eq!(flushed[0].change, Change { old: None, new: Some(3) });
    assert_eq!((flushed.len(), flushed[0].timestamp), (1, at(2)));
    add(&mut store, "a", 4);
    add(&mut store, "a", 5);
    assert_eq!(flush(&mut store)[0].change, Change { old: Some(3), new: Some(5) });
    assert_eq!(log.take().len(), 2);
    assert_eq!(flush(&mut store), []);
}

#[test]
fn a_key_that_was_absent_and_is_again_is_neither_written_nor_told() {
    let (mut store, log) = store(10_000, true);
    add(&mut store, "a", 1);
    remove(&mut store, "a");
    store.put(&text("b"), None).unwrap();
    assert_eq!(flush(&mut store), []);
    assert_eq!(log.take(), []);
}

#[test]
fn a_deletion_is_told_with_the_time_of_the_record_in_process() {
    let (mut store, log) = store(10_000, false);
    add(&mut store, "a", 1);
    flush(&mut store);
    store.stamp(at(9), &Headers::new());
    store.put(&text("a"), None).unwrap();
    let flushed = flush(&mut store);
    assert_eq!(
        (flushed[0].change.clone(), flushed[0].timestamp),
        (Change { old: None, new: None }, at(9))
    );
    assert_eq!(log.take()[1], (b"a".to_vec(), None, Some(at(9))));
    assert_eq!(store.get(&text("a")).unwrap(), None);
}

#[test]
fn dirty_entries_leave_in_the_order_of_their_latest_write_with_their_context() {
    let (mut store, _) = store(10_000, false);
    for (number, key) in ["a", "b", "c", "a"].into_iter().enumerate() {
        let headers = Headers::new().with("n", Some(&[number as u8]));
        store.stamp(at(0), &headers);
        store.stamp_context(number as u64, 0);
        add(&mut store, key, 0);
    }
    store.get(&text("b")).unwrap();
    let flushed = flush(&mut store);
    assert_eq!(keys(&flushed), ["b", "c", "a"]);
    assert_eq!(flushed[2].context, 3);
    assert_eq!(flushed[2].headers.last("n").unwrap().value(), Some(&[3][..]));
}

#[test]
fn entries_written_during_a_flush_wait_for_the_next_one() {
    let (mut store, _) = store(10_000, false);
    add(&mut store, "a", 0);
    assert_eq!(store.next_dirty().unwrap().unwrap().key, "a");
    add(&mut store, "a", 0);
    add(&mut store, "b", 0);
    assert_eq!(store.next_dirty().unwrap(), None);
    assert_eq!(keys(&flush(&mut store)), ["a", "b"]);
}

#[test]
fn evicting_a_dirty_entry_flushes_it_first_and_then_all_others() {
    let (mut store, log) = store(3 * ENTRY, false);
    for key in ["a", "b", "c"] {
        add(&mut store, key, 0);
        assert!(!store.over_capacity());
    }
    store.get(&text("a")).unwrap();
    add(&mut store, "d", 0);
    assert!(store.over_capacity());
    assert_eq!(keys(&flush(&mut store)), ["b", "a", "c", "d"], "b was used least recently");
    store.evict();
    assert!(!store.over_capacity());
    assert_eq!(log.take().len(), 4);
    // Clean entries go without a flush.
    add(&mut store, "e", 0);
    assert!(!store.over_capacity());
}

#[test]
fn java_counts_keys_values_context_and_headers() {
    let budget = Arc::new(CacheBudget::new(10_000));
    let env = StoreEnv { cache: Arc::clone(&budget), ..StoreEnv::detached(1) };
    let mut store: Store =
        Stores::timestamped_key_value("counts").caching(true).build(env).unwrap();
    add(&mut store, "a", 0);
    assert_eq!(budget.used(), ENTRY);
    store.stamp(at(0), &Headers::new().with("head", Some(b"er")));
    store.stamp_context(1, 5);
    add(&mut store, "a", 0);
    assert_eq!(budget.used(), ENTRY + 6 + 5);
    store.put(&text("a"), None).unwrap();
    assert_eq!(budget.used(), ENTRY + 6 + 5 - 16);
    drop(store);
    assert_eq!(budget.used(), 0);
}

#[test]
fn stores_of_a_thread_share_its_budget() {
    let budget = Arc::new(CacheBudget::new(2 * ENTRY));
    let env =
        |cache: &Arc<CacheBudget>| StoreEnv { cache: Arc::clone(cache), ..StoreEnv::detached(1) };
    let builder = Stores::timestamped_key_value::<String, i64>("counts").caching(true);
    let (mut one, mut two) =
        (builder.build(env(&budget)).unwrap(), builder.build(env(&budget)).unwrap());
    add(&mut one, "a", 0);
    add(&mut one, "b", 0);
    add(&mut two, "c", 0);
    assert!(two.over_capacity(), "the store that writes makes room");
    assert_eq!(keys(&flush(&mut two)), ["c"]);
    two.evict();
    assert_eq!(budget.used(), 2 * ENTRY);
    assert!(!two.over_capacity() && !one.over_capacity());
}

#[test]
fn a_failed_update_leaves_what_was_there_if_it_may() {
    let builder = Stores::timestamped_key_value::<String, i64>("counts").caching(true);
    let fail = |_, _| Err::<(Option<i64>, _), _>("no");
    let mut kept =
        builder.clone().keep_on_error(true).build(env(&memory(), &Log::default(), 1000)).unwrap();
    add(&mut kept, "a", 1);
    assert!(matches!(kept.update(&text("a"), fail), Err(UpdateError::User("no"))));
    assert_eq!(kept.get(&text("a")).unwrap(), Some(ValueAndTimestamp::new(1, at(1))));
    assert!(kept.update(&text("new"), fail).is_err());
    assert_eq!(kept.get(&text("new")).unwrap(), None);

    let mut store = builder.build(env(&memory(), &Log::default(), 1000)).unwrap();
    add(&mut store, "a", 1);
    flush(&mut store);
    assert!(store.update(&text("a"), fail).is_err());
    let found = store.get(&text("a")).unwrap();
    assert_eq!(found, Some(ValueAndTimestamp::new(1, at(1))), "a clean entry is still below");
    add(&mut store, "a", 2);
    assert!(store.update(&text("a"), fail).is_err());
    let error = store.get(&text("a")).unwrap_err();
    assert!(error.to_string().contains("counts is closed"), "{error}");
    assert!(store.next_dirty().is_err() && store.flush_cache().is_err());
    store.discard();
    assert_eq!(store.get(&text("a")).unwrap(), None, "the task begins again");
}

#[test]
fn a_panic_in_an_update_closes_the_store() {
    let (mut store, _) = store(10_000, false);
    add(&mut store, "a", 1);
    let update = std::panic::AssertUnwindSafe(|| {
        store.update(&text("a"), |_, _| -> Result<_, ()> { panic!("user code") })
    });
    assert!(std::panic::catch_unwind(update).is_err());
    assert!(store.flush_cache().is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    /// Against Java's doubly linked list, kept here as a vector.
    #[test]
    fn the_least_recently_used_entries_are_evicted_exactly(
        uses in prop::collection::vec((0..9_u8, any::<bool>()), 1..200),
        room in 1..6_usize,
    ) {
        let (mut store, _) = store(room * ENTRY, false);
        let mut list: Vec<(u8, bool)> = Vec::new();
        for (key, write) in uses {
            let name = char::from(b'a' + key).to_string();
            let known = list.iter().position(|entry| entry.0 == key);
            if write {
                add(&mut store, &name, 0);
                known.map(|at| list.remove(at));
                list.push((key, true));
            } else if let Some(at) = known {
                store.get(&name).unwrap();
                let entry = list.remove(at);
                list.push(entry);
            }
            while list.len() > room && !list[0].1 {
                list.remove(0);
            }
            prop_assert_eq!(store.over_capacity(), list.len() > room);
            if list.len() > room {
                let flushed = flush(&mut store);
                prop_assert_eq!(flushed[0].key.as_bytes()[0] - b'a', list[0].0);
                prop_assert_eq!(flushed.len(), list.iter().filter(|entry| entry.1).count());
                store.evict();
                list.iter_mut().for_each(|entry| entry.1 = false);
                list.remove(0);
            }
        }
    }
}
