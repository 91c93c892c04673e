//! Positions: where a fetch begins, what is reported, and offsets that do not exist.

use super::*;
use streams_core::{
    batch::BatchError,
    broker::{BrokerErrorKind, Fetched},
};

#[test]
fn each_assignment_is_reported_once_even_if_there_is_nothing() {
    let mut bench = Bench::new(Known::new(1));
    bench.state.assign(&partition(0), 0);
    let fetch = bench.fetch();
    bench.answer_empty(&fetch);
    let found = bench.batches();
    assert!(found.batches.is_empty());
    assert_eq!((found.next_offset, found.high_watermark, found.log_start_offset), (0, 0, 0));
    let fetch = bench.fetch();
    bench.answer_empty(&fetch);
    assert!(!bench.state.has_news(), "nothing is new");
    assert!(bench.poll().is_empty());
}

#[test]
fn batches_are_handed_over_and_the_next_fetch_begins_behind_them() {
    let (mut bench, patient) = Bench::reading(1);
    bench.answer(&patient, &[data(&partition(0), &[batch_of(0, 3, 10), batch_of(3, 2, 10)])]);
    let next = bench.fetch();
    assert_eq!(next.request.partitions[0].fetch_offset, 5, "before the poll");
    bench.answer(&next, &[data(&partition(0), &[batch_of(5, 1, 10)])]);
    let found = bench.batches();
    assert_eq!(spans(&found), [(0, 2), (3, 4), (5, 5)]);
    assert_eq!((found.next_offset, found.high_watermark), (6, 6));
    assert!(bench.poll().is_empty(), "once");
}

#[test]
fn offsets_that_move_are_reported_without_batches() {
    let (mut bench, patient) = Bench::reading(1);
    for change in [
        |data: &mut PartitionData| data.high_watermark = 4,
        |data: &mut PartitionData| data.last_stable_offset = 3,
        |data: &mut PartitionData| data.log_start_offset = 2,
    ] {
        let mut moved = partition_data(&partition(0), 0);
        change(&mut moved);
        let mut again = partition_data(&partition(0), 0);
        change(&mut again);
        let fetch = match bench.plan().fetches.pop() {
            Some(fetch) => fetch,
            None => Fetch { request: Arc::clone(&patient.request), ..patient },
        };
        bench.answer(&fetch, &[moved]);
        assert!(bench.batches().batches.is_empty());
        let fetch = bench.fetch();
        bench.answer(&fetch, &[again]);
        assert!(bench.poll().is_empty(), "only when they move");
    }
}

#[test]
fn what_is_left_out_moves_the_next_offset() {
    let (mut bench, patient) = Bench::reading(1);
    bench.answer(&patient, &[data(&partition(0), &[marker(0, 7, true)])]);
    let found = bench.batches();
    assert!(found.batches.is_empty());
    assert_eq!(found.next_offset, 1);
    assert_eq!(bench.fetch().request.partitions[0].fetch_offset, 1);
}

#[test]
fn a_new_position_drops_what_was_fetched_for_the_old_one() {
    let (mut bench, patient) = Bench::reading(1);
    bench.answer(&patient, &[data(&partition(0), &[batch_of(0, 3, 10)])]);
    let in_flight = bench.fetch();
    bench.state.assign(&partition(0), 1);
    assert!(bench.poll().is_empty(), "dropped");
    let moved = bench.fetch();
    assert_eq!(moved.request.partitions[0].fetch_offset, 1);
    bench.answer(&in_flight, &[data(&partition(0), &[batch_of(3, 3, 10)])]);
    assert!(bench.poll().is_empty(), "asked for before the new position");
    bench.answer(&moved, &[data(&partition(0), &[batch_of(0, 3, 10)])]);
    assert_eq!(spans(&bench.batches()), [(0, 2)]);
}

#[test]
fn an_unassigned_partition_is_named_by_no_later_poll() {
    let (mut bench, patient) = Bench::reading(2);
    let both = [0, 1].map(|number| data(&partition(number), &[batch_of(0, 1, 10)]));
    bench.answer(&patient, &both);
    bench.state.unassign(&partition(0));
    bench.state.unassign(&TopicPartition::new("nowhere", 0));
    let names: Vec<_> = bench.poll().into_iter().map(|one| one.partition).collect();
    assert_eq!(names, [partition(1)]);
    let fetch = bench.fetch();
    bench.state.unassign(&partition(1));
    bench.answer(&fetch, &[data(&partition(1), &[batch_of(1, 1, 10)])]);
    assert!(bench.poll().is_empty());
    assert!(bench.plan().fetches.is_empty());
}

#[test]
fn an_error_of_an_earlier_assignment_is_ignored() {
    let (mut bench, patient) = Bench::reading(1);
    bench.state.assign(&partition(0), 0);
    bench.answer(&patient, &[refusal(&partition(0), ErrorCode::OFFSET_OUT_OF_RANGE)]);
    let plan = bench.plan();
    assert!(plan.range_lookups.is_empty());
    assert_eq!(plan.fetches.len(), 1);
}

#[test]
fn a_paused_partition_keeps_its_position_and_what_was_fetched() {
    let (mut bench, patient) = Bench::reading(1);
    bench.state.pause(&partition(0));
    bench.answer(&patient, &[data(&partition(0), &[batch_of(0, 2, 10)])]);
    assert!(!bench.state.has_news());
    assert!(bench.poll().is_empty());
    assert!(bench.plan().fetches.is_empty(), "nothing is asked for");
    bench.state.resume(&partition(0));
    assert!(bench.state.has_news());
    assert_eq!(spans(&bench.batches()), [(0, 1)]);
    assert_eq!(bench.fetch().request.partitions[0].fetch_offset, 2);
}

/// The look-up that a plan wants, of partition 0.
fn look_up(bench: &mut Bench) -> (u64, Leader) {
    let mut plan = bench.plan();
    assert_eq!(plan.range_lookups.len(), 1);
    assert!(plan.fetches.is_empty());
    let lookup = plan.range_lookups.remove(0);
    assert_eq!(lookup.name, partition(0));
    assert!(bench.plan().range_lookups.is_empty(), "one at a time");
    (lookup.generation, lookup.leader)
}

#[test]
fn an_offset_out_of_range_is_reported_with_the_range_and_let_go() {
    let mut bench = Bench::new(Known::new(1));
    bench.state.assign(&partition(0), 30);
    let fetch = bench.fetch();
    bench.answer(&fetch, &[refusal(&partition(0), ErrorCode::OFFSET_OUT_OF_RANGE)]);
    assert!(bench.poll().is_empty(), "the range is not known yet");
    let (generation, leader) = look_up(&mut bench);
    bench.state.range_found(bench.now, &partition(0), generation, leader.node, &Ok(Ok((5, 20))));
    let error = bench.error();
    assert_eq!(error.kind(), BrokerErrorKind::OffsetOutOfRange);
    let told = error.to_string();
    assert!(told.starts_with("offset 30 of orders-0 is out of range"), "{told}");
    assert!(told.contains("offsets 5 up to, not including, 20"), "{told}");
    let plan = bench.plan();
    assert!(plan.fetches.is_empty() && plan.range_lookups.is_empty(), "not assigned any more");
}

#[test]
fn a_negative_offset_is_out_of_range_without_a_fetch() {
    let mut bench = Bench::new(Known::new(1));
    bench.state.assign(&partition(0), -1);
    let (generation, leader) = look_up(&mut bench);
    bench.state.range_found(bench.now, &partition(0), generation, leader.node, &Ok(Ok((0, 0))));
    assert_eq!(bench.error().kind(), BrokerErrorKind::OffsetOutOfRange);
}

#[test]
fn an_offset_that_the_range_holds_after_all_is_fetched_again() {
    let mut bench = Bench::new(Known::new(1));
    bench.state.assign(&partition(0), 30);
    let fetch = bench.fetch();
    bench.answer(&fetch, &[refusal(&partition(0), ErrorCode::OFFSET_OUT_OF_RANGE)]);
    let (generation, leader) = look_up(&mut bench);
    bench.state.range_found(bench.now, &partition(0), generation, leader.node, &Ok(Ok((5, 30))));
    assert!(bench.poll().is_empty());
    let plan = bench.plan();
    bench.refreshed(&plan);
    assert_eq!(bench.fetch().request.partitions[0].fetch_offset, 30);
}

#[test]
fn a_look_up_that_fails_is_repeated() {
    let mut bench = Bench::new(Known::new(1));
    bench.state.assign(&partition(0), -1);
    let (generation, leader) = look_up(&mut bench);
    let gone = TransportError::new(TransportErrorKind::Network, "gone");
    bench.state.range_found(bench.now, &partition(0), generation, leader.node, &Err(gone));
    let plan = bench.plan();
    assert!(plan.range_lookups.is_empty(), "a pause first");
    bench.refreshed(&plan);
    bench.pass(50);
    let (generation, leader) = look_up(&mut bench);
    let moved = Ok(Err(ErrorCode::NOT_LEADER_OR_FOLLOWER));
    bench.state.range_found(bench.now, &partition(0), generation, leader.node, &moved);
    let plan = bench.plan();
    bench.refreshed(&plan);
    let (generation, leader) = look_up(&mut bench);
    bench.state.range_found(bench.now, &partition(0), generation, leader.node, &Ok(Ok((0, 4))));
    assert_eq!(bench.error().kind(), BrokerErrorKind::OffsetOutOfRange);
}

#[test]
fn a_look_up_of_an_earlier_assignment_is_ignored() {
    let mut bench = Bench::new(Known::new(1));
    bench.state.assign(&partition(0), -1);
    let (generation, leader) = look_up(&mut bench);
    bench.state.assign(&partition(0), 0);
    bench.state.range_found(bench.now, &partition(0), generation, leader.node, &Ok(Ok((0, 4))));
    assert!(bench.poll().is_empty());
    assert_eq!(asked(&bench.fetch()), [0]);
}

#[test]
fn a_damaged_batch_is_reported_by_topic_partition_and_offset_after_what_precedes_it() {
    let (mut bench, patient) = Bench::reading(1);
    let mut damaged = batch_of(2, 1, 10);
    damaged[16] = 1;
    let log = |batches: &[BytesMut]| PartitionData {
        records: batches.concat().into(),
        ..partition_data(&partition(0), 3)
    };
    bench.answer(&patient, &[log(&[batch_of(0, 2, 10), damaged.clone()])]);
    assert_eq!(spans(&bench.batches()), [(0, 1)]);
    let fetch = bench.fetch();
    assert_eq!(fetch.request.partitions[0].fetch_offset, 2);
    bench.answer(&fetch, &[log(&[damaged])]);
    let error = bench.error();
    assert_eq!(error.kind(), BrokerErrorKind::Corrupted);
    assert!(error.to_string().contains("orders-0 at offset 2"), "{error}");
    let source = std::error::Error::source(&error).expect("what is wrong with it");
    assert!(source.is::<BatchError>(), "{source}");
    assert!(bench.plan().fetches.is_empty(), "not assigned any more");
}

#[test]
fn what_the_broker_finds_damaged_is_reported() {
    let (mut bench, patient) = Bench::reading(1);
    bench.answer(&patient, &[refusal(&partition(0), ErrorCode::CORRUPT_MESSAGE)]);
    let error = bench.error();
    assert_eq!(error.kind(), BrokerErrorKind::Corrupted);
    assert!(error.to_string().contains("orders-0 damaged at offset 0"), "{error}");
}

#[test]
fn an_unforeseen_error_is_reported_with_its_code() {
    let (mut bench, patient) = Bench::reading(1);
    bench.answer(&patient, &[refusal(&partition(0), ErrorCode(999))]);
    let error = bench.error();
    assert_eq!(error.kind(), BrokerErrorKind::Fatal);
    assert!(error.to_string().contains("orders-0 cannot be read at offset 0: error (999)"));
}

#[test]
fn batches_that_are_ready_come_before_the_error_that_follows_them() {
    let (mut bench, patient) = Bench::reading(1);
    bench.answer(&patient, &[data(&partition(0), &[batch_of(0, 2, 10)])]);
    let fetch = bench.fetch();
    bench.answer(&fetch, &[refusal(&partition(0), ErrorCode::TOPIC_AUTHORIZATION_FAILED)]);
    let polled: Vec<Fetched> = bench.poll();
    let [first, second] = &polled[..] else { unreachable!("both") };
    assert_eq!(spans(first.result.as_ref().unwrap()), [(0, 1)]);
    assert_eq!(second.result.as_ref().unwrap_err().kind(), BrokerErrorKind::Unauthorized);
    assert!(bench.poll().is_empty());
}

#[test]
fn the_error_of_a_paused_partition_waits_for_its_resumption() {
    let (mut bench, patient) = Bench::reading(1);
    bench.state.pause(&partition(0));
    bench.answer(&patient, &[refusal(&partition(0), ErrorCode(999))]);
    assert!(bench.poll().is_empty());
    bench.state.resume(&partition(0));
    assert_eq!(bench.error().kind(), BrokerErrorKind::Fatal);
}
