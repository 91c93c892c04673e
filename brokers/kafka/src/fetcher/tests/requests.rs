//! When a request is sent, for what, how long the broker may hold it, how much it may bring.

use super::*;
use crate::fetcher::{plan::PROMPT_WAIT, state::Patience};

/// Small enough to be reached in a test.
fn limits(max_bytes: usize, max_partition_bytes: usize) -> FetchOptions {
    let mut options = FetchOptions::default();
    options.max_bytes = max_bytes;
    options.max_partition_bytes = max_partition_bytes;
    options
}

#[test]
fn an_idle_fetcher_has_one_patient_request() {
    let (mut bench, patient) = Bench::reading(3);
    assert_eq!(patient.patience, Patience::Patient);
    assert_eq!(asked(&patient), [0, 1, 2]);
    let plan = bench.plan();
    assert!(plan.fetches.is_empty() && plan.next.is_none(), "{plan:?}");
    bench.pass(500);
    bench.answer_empty(&patient);
    assert!(!bench.state.has_news());
    assert_eq!(bench.fetch().request.max_wait, FETCH_WAIT);
}

#[test]
fn the_next_request_is_sent_before_the_poll() {
    let (mut bench, patient) = Bench::reading(2);
    let some = data(&partition(1), &[batch_of(0, 3, 10)]);
    bench.answer(&patient, &[partition_data(&partition(0), 0), some]);
    let next = bench.fetch();
    assert_eq!((next.patience, next.request.max_wait), (Patience::Patient, FETCH_WAIT));
    assert_eq!(asked(&next), [0, 1]);
}

#[test]
fn a_new_partition_does_not_wait_for_a_request_that_is_held() {
    let (mut bench, patient) = Bench::reading(2);
    bench.known.lead(2, 1, 0);
    bench.state.assign(&partition(2), 0);
    let prompt = bench.fetch();
    assert_eq!((prompt.patience, asked(&prompt)), (Patience::Prompt, vec![2]));
    assert_eq!(prompt.request.max_wait, Duration::ZERO, "where its log ends is told at once");
    bench.answer_empty(&prompt);
    assert_eq!(bench.poll().len(), 1);
    // It is asked for again and again, promptly, until the patient request is back.
    let prompt = bench.fetch();
    assert_eq!((prompt.patience, prompt.request.max_wait), (Patience::Prompt, PROMPT_WAIT));
    bench.answer_empty(&patient);
    let between = bench.fetch();
    assert_eq!((between.patience, asked(&between)), (Patience::Patient, vec![0, 1]));
    assert_eq!(between.request.max_wait, PROMPT_WAIT, "the prompt one will be back soon");
    bench.answer_empty(&prompt);
    assert!(bench.plan().fetches.is_empty(), "the other one is worth waiting for");
    bench.answer_empty(&between);
    let patient = bench.fetch();
    assert_eq!((patient.patience, asked(&patient)), (Patience::Patient, vec![0, 1, 2]));
    assert_eq!(patient.request.max_wait, FETCH_WAIT);
}

#[test]
fn a_node_has_two_requests_at_most() {
    let (mut bench, _patient) = Bench::reading(1);
    for number in 1..4 {
        bench.known.lead(number, 1, 0);
        bench.state.assign(&partition(number), 0);
        assert_eq!(bench.plan().fetches.len(), usize::from(number == 1));
    }
}

#[test]
fn a_request_that_comes_back_soon_is_waited_for() {
    let mut bench = Bench::new(Known::new(2));
    bench.state.assign(&partition(0), 0);
    let first = bench.fetch();
    bench.state.assign(&partition(1), 0);
    assert!(bench.plan().fetches.is_empty());
    bench.answer_empty(&first);
    assert_eq!(asked(&bench.fetch()), [0, 1]);
}

#[test]
fn a_resumed_partition_does_not_wait_for_a_request_that_is_held() {
    let (mut bench, patient) = Bench::reading(2);
    bench.state.pause(&partition(0));
    bench.answer_empty(&patient);
    assert_eq!(asked(&bench.fetch()), [1], "a paused one is not asked for");
    bench.state.resume(&partition(0));
    let prompt = bench.fetch();
    assert_eq!((prompt.patience, asked(&prompt)), (Patience::Prompt, vec![0]));
    assert_eq!(prompt.request.max_wait, PROMPT_WAIT);
}

#[test]
fn a_partition_that_holds_enough_is_asked_for_again_when_it_was_polled() {
    let mut bench = Bench::with(Known::new(2), &limits(1 << 20, 1000));
    (0..2).for_each(|number| bench.state.assign(&partition(number), 0));
    let first = bench.fetch();
    let full = data(&partition(0), &[batch_of(0, 10, 100)]);
    bench.answer(&first, &[full, partition_data(&partition(1), 0)]);
    let patient = bench.fetch();
    assert_eq!((asked(&patient), patient.request.max_wait), (vec![1], FETCH_WAIT));
    let mut out = Vec::new();
    assert!(bench.state.poll(&mut out).unwrap(), "there is room now");
    let prompt = bench.fetch();
    assert_eq!((prompt.patience, asked(&prompt)), (Patience::Prompt, vec![0]));
    assert!(!bench.state.poll(&mut out).unwrap(), "nothing was held back");
}

#[test]
fn what_waits_for_a_poll_is_bounded() {
    // Two partitions at two nodes; each answer brings all that it may.
    let mut known = Known::new(2);
    known.lead(1, 2, 0);
    let options = limits(8_000, 10_000);
    let mut bench = Bench::with(known, &options);
    (0..2).for_each(|number| bench.state.assign(&partition(number), 0));
    let mut kept = 0;
    let mut next = [0, 0];
    loop {
        let fetches = bench.plan().fetches;
        if fetches.is_empty() {
            break;
        }
        for fetch in fetches {
            assert!(fetch.request.max_bytes <= 1_000, "an eighth for each of four requests");
            let number = fetch.request.partitions[0].name.partition;
            let batch = batch_of(next[number as usize], 1, 800);
            next[number as usize] += 1;
            kept += batch.len();
            bench.answer(&fetch, &[data(&partition(number), &[batch])]);
        }
    }
    assert!((4_000..=8_000).contains(&kept), "{kept}");
    assert_eq!(bench.poll().len(), 2);
    assert_eq!(bench.plan().fetches.len(), 2);
}

#[test]
fn what_paused_partitions_hold_keeps_no_other_from_being_read() {
    let mut bench = Bench::with(Known::new(2), &limits(2_000, 2_000));
    (0..2).for_each(|number| bench.state.assign(&partition(number), 0));
    let first = bench.fetch();
    let full = data(&partition(0), &[batch_of(0, 10, 200)]);
    bench.answer(&first, &[full, partition_data(&partition(1), 0)]);
    assert!(bench.plan().fetches.is_empty(), "the fetcher is full");
    bench.state.pause(&partition(0));
    assert_eq!(asked(&bench.fetch()), [1]);
}

/// How much the fetcher holds.
fn held(bench: &Bench) -> usize {
    bench.state.partitions.values().map(|one| one.bytes).sum()
}

#[test]
fn what_paused_partitions_hold_is_bounded_and_fetched_again_after_the_pause() {
    let mut bench = Bench::with(Known::new(8), &limits(8_000, 8_000));
    (0..8).for_each(|number| bench.state.assign(&partition(number), 0));
    let first = bench.fetch();
    (0..8).for_each(|number| bench.state.pause(&partition(number)));
    let all: Vec<_> =
        (0..8).map(|number| data(&partition(number), &[batch_of(0, 1, 800)])).collect();
    bench.answer(&first, &all);
    assert!(bench.plan().fetches.is_empty(), "all are paused");
    assert!((1_000..=2_000).contains(&held(&bench)), "a quarter: {}", held(&bench));

    (0..8).for_each(|number| bench.state.resume(&partition(number)));
    let again = bench.fetch();
    let offsets = again.request.partitions.iter().map(|one| (one.name.partition, one.fetch_offset));
    let mut offsets: Vec<_> = offsets.collect();
    offsets.sort_unstable();
    let (kept, dropped) = offsets.split_at(2);
    assert_eq!(kept, [(0, 1), (1, 1)], "they go on");
    assert!(dropped.iter().all(|(_, offset)| *offset == 0), "{dropped:?}");
    let polled = bench.poll().into_iter().map(|one| one.result.expect("it was read"));
    let next: Vec<i64> = polled.map(|one| one.next_offset).collect();
    assert_eq!(next, [1, 1, 0, 0, 0, 0, 0, 0], "nothing of what was dropped is passed over");
}

#[test]
fn the_answer_to_what_follows_dropped_records_is_not_kept() {
    let mut bench = Bench::with(Known::new(1), &limits(8_000, 8_000));
    bench.state.assign(&partition(0), 0);
    let first = bench.fetch();
    bench.answer(&first, &[data(&partition(0), &[batch_of(0, 1, 3_000)])]);
    let next = bench.fetch();
    assert_eq!(next.request.partitions[0].fetch_offset, 1);
    bench.state.pause(&partition(0));
    bench.plan();
    assert_eq!(held(&bench), 0);
    bench.answer(&next, &[data(&partition(0), &[batch_of(1, 1, 10)])]);
    bench.state.resume(&partition(0));
    let again = bench.fetch();
    assert_eq!(again.request.partitions[0].fetch_offset, 0);
    bench.answer(&again, &[data(&partition(0), &[batch_of(0, 1, 3_000)])]);
    assert_eq!(spans(&bench.batches()), [(0, 0)]);
}

/// Partition 0 is paused and holds nearly all that paused ones may.
fn crowded() -> Bench {
    let mut bench = Bench::with(Known::new(2), &limits(8_000, 8_000));
    bench.state.assign(&partition(0), 0);
    let first = bench.fetch();
    bench.state.pause(&partition(0));
    bench.answer(&first, &[data(&partition(0), &[batch_of(0, 1, 1_900)])]);
    bench.plan();
    assert!((1_900..=2_000).contains(&held(&bench)), "{}", held(&bench));
    bench.state.assign(&partition(1), 0);
    bench
}

#[test]
fn a_partition_that_holds_nothing_goes_on_while_paused_ones_hold_all_they_may() {
    let mut bench = crowded();
    for offset in 0..4 {
        let fetch = bench.fetch();
        assert_eq!(asked(&fetch), [1]);
        bench.answer(&fetch, &[data(&partition(1), &[batch_of(offset, 1, 6_000)])]);
        assert!(bench.plan().fetches.is_empty(), "the fetcher is full");
        assert_eq!(spans(&bench.batches()), [(offset, offset)]);
        assert!(bench.poll().is_empty());
    }
}

#[test]
fn while_paused_partitions_hold_much_what_may_be_paused_next_is_not_fetched_ahead() {
    let mut bench = crowded();
    let fetch = bench.fetch();
    bench.answer(&fetch, &[data(&partition(1), &[batch_of(0, 1, 10)])]);
    let ahead = bench.fetch();
    bench.batches();
    bench.answer_empty(&ahead);
    assert!(bench.plan().fetches.is_empty(), "its owner may have enough");
    assert!(bench.state.poll(&mut Vec::new()).unwrap(), "it has not");
    assert_eq!(asked(&bench.fetch()), [1]);
}

#[test]
fn partitions_take_turns() {
    let (mut bench, mut patient) = Bench::reading(3);
    let mut served = Vec::new();
    for round in 0..6 {
        // The response has room for the first partition alone.
        let first = &patient.request.partitions[0];
        served.push(first.name.partition);
        let batch = batch_of(first.fetch_offset, 1, 10);
        let mut all = vec![data(&first.name.clone(), &[batch])];
        for other in &patient.request.partitions[1..] {
            all.push(partition_data(&other.name, 100));
        }
        bench.answer(&patient, &all);
        bench.poll();
        assert_eq!(round + 1, served.len());
        patient = bench.fetch();
    }
    assert_eq!(served, [0, 1, 2, 0, 1, 2]);
}

#[test]
fn a_response_is_asked_to_hold_few_full_partitions() {
    let mut known = Known::default();
    (0..20).for_each(|number| known.lead(number, 1, 0));
    let mut bench = Bench::with(known, &limits(50 << 20, 1 << 20));
    (0..20).for_each(|number| bench.state.assign(&partition(number), 0));
    let request = bench.fetch().request;
    assert_eq!(request.partitions.len(), 20);
    assert_eq!((request.max_bytes, request.partition_max_bytes), (4 << 20, 1 << 20));
}

#[test]
fn records_without_a_whole_batch_are_not_asked_for_in_a_hot_loop() {
    let (mut bench, mut patient) = Bench::reading(1);
    let mut pauses = Vec::new();
    for _ in 0..4 {
        let mut cut = data(&partition(0), &[batch_of(0, 1, 100)]);
        cut.records.truncate(70);
        bench.answer(&patient, &[cut]);
        let since = bench.now;
        let mut plan = bench.plan();
        while plan.refresh.is_none() {
            bench.now = plan.next.expect("the refresh is waited for");
            plan = bench.plan();
        }
        pauses.push((bench.now - since).as_millis());
        bench.refreshed(&plan);
        patient = bench.fetch();
    }
    assert_eq!(pauses, [0, 50, 100, 200]);
}

#[test]
fn a_partition_that_the_response_leaves_out_is_asked_for_again() {
    let (mut bench, patient) = Bench::reading(2);
    bench.answer(&patient, &[partition_data(&partition(1), 0)]);
    let plan = bench.plan();
    assert_eq!(asked(&plan.fetches[0]), [1]);
    bench.refreshed(&plan);
    assert_eq!(asked(&bench.fetch()), [0]);
}

#[test]
fn a_node_that_does_not_answer_does_not_delay_another() {
    let mut known = Known::new(2);
    known.lead(1, 2, 0);
    let mut bench = Bench::new(known);
    (0..2).for_each(|number| bench.state.assign(&partition(number), 0));
    let fetches = bench.plan().fetches;
    bench.break_off(&fetches[0]);
    bench.answer(&fetches[1], &[data(&partition(1), &[batch_of(0, 1, 10)])]);
    let next = bench.plan().fetches;
    assert_eq!(next.len(), 1);
    assert_eq!((next[0].node, asked(&next[0])), (2, vec![1]));
}
