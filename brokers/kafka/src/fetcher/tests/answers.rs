//! What is handed over of a response.

use super::*;
use crate::{
    fetcher::answer::Read,
    protocol::fetch::{AbortedTransaction, FetchPartition, FetchRequest},
};
use streams_core::{batch::BatchErrorKind, broker::Isolation};

fn request(numbers: &[i32], offset: i64) -> FetchRequest {
    let asked = |number: &i32| FetchPartition {
        name: partition(*number),
        current_leader_epoch: 0,
        fetch_offset: offset,
    };
    FetchRequest {
        max_wait: FETCH_WAIT,
        max_bytes: 1 << 20,
        partition_max_bytes: 1 << 20,
        isolation: Isolation::ReadCommitted,
        partitions: numbers.iter().map(asked).collect(),
    }
}

fn answers(request: &FetchRequest, data: &[PartitionData]) -> Vec<Answer> {
    answer::read(request, write_response(ErrorCode::NONE, data)).unwrap().unwrap()
}

/// What was read of partition 0, asked for at `offset`.
fn read(offset: i64, data: PartitionData) -> Read {
    let mut answers = answers(&request(&[0], offset), &[data]);
    let Answer::Read(read) = answers.remove(0) else { unreachable!("it was read") };
    read
}

fn read_spans(read: &Read) -> Vec<(i64, i64)> {
    read.batches.iter().map(|batch| (batch.base_offset(), batch.last_offset())).collect()
}

#[test]
fn whole_batches_are_handed_over_and_a_cut_one_is_not() {
    let whole = [batch_of(4, 3, 10), batch_of(7, 2, 10), batch_of(9, 5, 10)];
    let mut cut = data(&partition(0), &whole);
    cut.records.truncate(cut.records.len() - 1);
    let read = read(5, cut);
    assert_eq!(read_spans(&read), [(4, 6), (7, 8)]);
    assert_eq!(read.next_offset, 9);
    assert_eq!(read.bytes, whole[0].len() + whole[1].len());
    assert!(read.damage.is_none());
}

#[test]
fn less_than_a_batch_moves_nothing() {
    let mut cut = data(&partition(0), &[batch_of(5, 3, 10)]);
    cut.records.truncate(20);
    let read = read(5, cut);
    assert!(read.batches.is_empty() && read.has_records);
    assert_eq!(read.next_offset, 5);
}

#[test]
fn control_batches_are_passed_over() {
    let log = [transactional(0, 7), marker(2, 7, true), batch_of(3, 1, 10), marker(4, 7, false)];
    let read = read(0, data(&partition(0), &log));
    assert_eq!(read_spans(&read), [(0, 1), (3, 3)]);
    assert_eq!(read.next_offset, 5);
}

#[test]
fn aborted_transactions_are_left_out_up_to_their_markers() {
    let log = [
        transactional(0, 7),  // of a transaction that is committed by the marker at 4
        transactional(2, 8),  // aborted
        marker(4, 7, true),   //
        transactional(5, 7),  // aborted
        batch_of(7, 1, 10),   // of no transaction
        marker(8, 8, false),  //
        transactional(9, 8),  // committed after its abort
        marker(11, 7, false), //
        transactional(12, 7), // committed after its abort
    ];
    let mut data = data(&partition(0), &log);
    data.aborted_transactions = vec![
        AbortedTransaction { producer_id: 7, first_offset: 5 },
        AbortedTransaction { producer_id: 8, first_offset: 2 },
    ];
    let read = read(0, data);
    assert_eq!(read_spans(&read), [(0, 1), (7, 7), (9, 10), (12, 13)]);
    assert_eq!(read.next_offset, 14);
}

#[test]
fn a_transaction_that_was_aborted_before_the_fetched_offset_began_is_left_out() {
    let mut data = data(&partition(0), &[transactional(10, 7), marker(12, 7, false)]);
    data.aborted_transactions = vec![AbortedTransaction { producer_id: 7, first_offset: 3 }];
    let read = read(10, data);
    assert!(read.batches.is_empty());
    assert_eq!(read.next_offset, 13);
}

#[test]
fn what_precedes_a_damaged_batch_is_handed_over() {
    let mut damaged = batch_of(6, 1, 10);
    damaged[16] = 1; // the message format
    let mut log = data(&partition(0), &[batch_of(4, 2, 10)]);
    log.records = [batch_of(4, 2, 10), damaged].concat().into();
    let read = read(4, log);
    assert_eq!(read_spans(&read), [(4, 5)]);
    assert_eq!(read.next_offset, 6);
    assert!(matches!(read.damage.unwrap().kind(), BatchErrorKind::Magic(1)));
}

#[test]
fn a_marker_with_a_wrong_checksum_is_damage() {
    let mut bad = marker(2, 7, false);
    let last = bad.len() - 1;
    bad[last] ^= 1;
    let mut data = data(&partition(0), &[transactional(0, 7), bad]);
    data.aborted_transactions = vec![AbortedTransaction { producer_id: 7, first_offset: 0 }];
    let read = read(0, data);
    assert!(matches!(read.damage.unwrap().kind(), BatchErrorKind::Checksum { .. }));
    assert_eq!(read.next_offset, 2);
}

#[test]
fn each_partition_gets_its_own_answer_in_whatever_order() {
    let request = request(&[2, 0, 1, 3], 0);
    let one = |number, rows| data(&partition(number), &[batch_of(0, rows, 10)]);
    let refused = refusal(&partition(1), ErrorCode::NOT_LEADER_OR_FOLLOWER);
    // One that was not asked for, and none of partition 3.
    let answers = answers(&request, &[one(0, 1), refused, one(9, 1), one(2, 3)]);
    let [two, zero, one, three] = &answers[..] else { unreachable!("four partitions") };
    assert!(matches!(two, Answer::Read(read) if read.next_offset == 3));
    assert!(matches!(zero, Answer::Read(read) if read.next_offset == 1));
    let expected = ErrorCode::NOT_LEADER_OR_FOLLOWER;
    assert!(matches!(one, Answer::Refused { error, leader: None } if *error == expected));
    assert!(matches!(three, Answer::Missing));
}

#[test]
fn a_small_part_of_a_response_does_not_keep_the_whole_in_memory() {
    let large = data(&partition(0), &[batch_of(0, 1000, 100)]);
    let small = data(&partition(1), &[batch_of(0, 1, 100)]);
    let body = write_response(ErrorCode::NONE, &[large, small]);
    let answers = answer::read(&request(&[0, 1], 0), body.clone()).unwrap().unwrap();
    let is_slice = |answer: &Answer| {
        let Answer::Read(read) = answer else { unreachable!("it was read") };
        body.as_ptr_range().contains(&read.batches[0].bytes().as_ptr())
    };
    assert!(is_slice(&answers[0]), "no copy of what is large");
    assert!(!is_slice(&answers[1]));
}

#[test]
fn a_node_that_refuses_everything_is_told_apart() {
    let body = write_response(ErrorCode::UNKNOWN_SERVER_ERROR, &[]);
    let refused = answer::read(&request(&[0], 0), body).unwrap();
    assert_eq!(refused.unwrap_err(), ErrorCode::UNKNOWN_SERVER_ERROR);
}
