//! Idempotence: which stamp a batch is sent with.

use super::*;

#[test]
fn sequences_count_records_by_partition() {
    let mut bench = Bench::new();
    bench.push(0, &["a", "b", "c"]);
    bench.push(0, &["d"]);
    bench.push(1, &["e"]);
    let both = bench.request();
    assert_eq!(both.request.batches[0].stamp, stamp(0, 0));
    assert_eq!(both.request.batches[1].stamp, stamp(0, 0));
    bench.answer(&both.sent, vec![answer(0, ErrorCode::NONE, 0), answer(1, ErrorCode::NONE, 0)]);
    assert_eq!(bench.sent().1, stamp(0, 3));
}

#[test]
fn after_the_last_sequence_number_comes_zero() {
    let mut bench = Bench::new();
    bench.push(0, &["first"]);
    let (sent, _) = bench.sent();
    bench.answer_0(&sent, ErrorCode::NONE, 0);
    bench.state.slots[0].next_sequence = i32::MAX - 1;
    for (records, expected) in [(3, i32::MAX - 1), (1, 1)] {
        bench.push(0, &vec!["x"; records]);
        let (sent, stamped) = bench.sent();
        assert_eq!(stamped, stamp(0, expected));
        bench.answer_0(&sent, ErrorCode::NONE, 0);
    }
}

#[test]
fn a_sequence_that_the_broker_forgot_begins_anew_under_the_next_epoch() {
    for code in [ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, ErrorCode::UNKNOWN_PRODUCER_ID] {
        let mut bench = Bench::new();
        bench.push(0, &["a", "b"]);
        let (sent, _) = bench.sent();
        bench.answer_0(&sent, ErrorCode::NONE, 0);
        bench.push(0, &["c"]);
        bench.push(0, &["d"]);
        let (sent, stamped) = bench.sent();
        assert_eq!(stamped, stamp(0, 2));
        bench.answer_0(&sent, code, -1);
        let again = bench.next_request();
        assert_eq!(values(&again, 0), ["c"]);
        assert_eq!(again.request.batches[0].stamp, stamp(1, 0));
        bench.answer_0(&again.sent, ErrorCode::NONE, 0);
        assert_eq!(bench.sent().1, stamp(1, 1));
        assert_eq!(bench.written(), [(1, 0), (2, 0)]);
    }
}

#[test]
fn a_batch_that_may_have_been_written_is_not_sent_under_another_epoch() {
    let mut bench = Bench::new();
    bench.push(0, &["a"]);
    let (sent, _) = bench.sent();
    bench.fail(&sent, network());
    let again = bench.next_request();
    bench.answer_0(&again.sent, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1);
    assert_kind(&bench.error(), BrokerErrorKind::TimedOut, "may have been written");
    bench.push(0, &["b"]);
    assert_eq!(bench.sent().1, stamp(1, 0));
}

#[test]
fn a_new_epoch_reaches_other_partitions_with_their_next_batch_and_not_with_a_retry() {
    let mut bench = Bench::new();
    bench.push(0, &["a"]);
    bench.push(1, &["b"]);
    bench.push(1, &["c"]);
    let both = bench.request();
    let forgotten = answer(0, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1);
    let unknown = answer(1, ErrorCode::REQUEST_TIMED_OUT, -1);
    bench.answer(&both.sent, vec![forgotten, unknown]);
    let both = bench.next_request();
    let stamps: Vec<_> = both.request.batches.iter().map(|part| part.stamp).collect();
    assert_eq!(stamps, [stamp(1, 0), stamp(0, 0)], "what was sent keeps its epoch");
    bench.answer(&both.sent, vec![answer(0, ErrorCode::NONE, 0), answer(1, ErrorCode::NONE, 0)]);
    assert_eq!(bench.sent().1, stamp(1, 0));
}

#[test]
fn after_the_last_epoch_the_cluster_is_asked_for_another_id() {
    let mut bench = Bench::with(settings());
    bench.identify(i16::MAX);
    bench.push(0, &["a"]);
    let (sent, stamped) = bench.sent();
    assert_eq!(stamped, stamp(i16::MAX, 0));
    bench.answer_0(&sent, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1);
    bench.pass(Duration::from_secs(1));
    let plan = bench.plan();
    assert!(plan.identify && plan.requests.is_empty());
    let error = ErrorCode::NONE;
    let other = InitProducerIdResponse { error, producer_id: 8, producer_epoch: 0 };
    bench.state.identified(bench.now, Ok(other));
    let expected = ProducerStamp { producer_id: 8, producer_epoch: 0, base_sequence: 0 };
    assert_eq!(bench.sent().1, expected);
}

#[test]
fn a_batch_given_up_that_was_never_sent_leaves_no_gap() {
    let mut bench = Bench::new();
    bench.push(0, &["a"]);
    let (sent, _) = bench.sent();
    bench.fail(&sent, network().not_sent());
    bench.pass(DELIVERY);
    bench.plan();
    let error = bench.error();
    assert_kind(&error, BrokerErrorKind::TimedOut, "was not written");
    bench.push(0, &["b"]);
    assert_eq!(bench.next_request().request.batches[0].stamp, stamp(0, 0));
}

#[test]
fn a_batch_given_up_that_may_have_been_written_ends_its_epoch() {
    let mut bench = Bench::new();
    bench.push(0, &["a"]);
    bench.push(1, &["b"]);
    let both = bench.request();
    bench.fail(&both.sent, network());
    bench.pass(DELIVERY);
    bench.plan();
    let acks = bench.acks();
    assert_eq!(acks.len(), 2);
    for ack in acks {
        let error = ack.result.unwrap_err();
        assert_kind(&error, BrokerErrorKind::TimedOut, "may have been written");
        assert!(error.to_string().ends_with("node 1 at a:1 cannot be reached"), "{error}");
    }
    bench.push(0, &["c"]);
    bench.push(1, &["d"]);
    let stamps: Vec<_> =
        bench.next_request().request.batches.iter().map(|part| part.stamp).collect();
    assert_eq!(stamps, [stamp(1, 0), stamp(1, 0)], "one epoch for both");
}

/// A batch that expires on its way, and the one behind it.
fn given_up_on_its_way() -> (Bench, Sent) {
    let mut bench = Bench::new();
    bench.push(0, &["a", "b"]);
    let (sent, _) = bench.sent();
    bench.pass(DELIVERY);
    bench.push(0, &["c"]);
    assert!(bench.plan().requests.is_empty(), "the next waits for the answer all the same");
    let error = bench.error();
    assert_kind(&error, BrokerErrorKind::TimedOut, "may have been written");
    (bench, sent)
}

#[test]
fn an_answer_that_comes_after_all_tells_where_the_sequence_goes_on() {
    let (mut bench, sent) = given_up_on_its_way();
    bench.answer_0(&sent, ErrorCode::NONE, 5);
    assert!(bench.acks().is_empty(), "it is acknowledged already");
    assert_eq!(bench.sent().1, stamp(0, 2));

    let (mut bench, sent) = given_up_on_its_way();
    bench.answer_0(&sent, ErrorCode::INVALID_RECORD, -1);
    assert_eq!(bench.sent().1, stamp(0, 0), "it was not written");
}

#[test]
fn without_an_answer_the_next_begins_another_epoch() {
    let (mut bench, sent) = given_up_on_its_way();
    bench.fail(&sent, network());
    assert_eq!(bench.next_request().request.batches[0].stamp, stamp(1, 0));

    let (mut bench, sent) = given_up_on_its_way();
    bench.answer_0(&sent, ErrorCode::REQUEST_TIMED_OUT, -1);
    assert_eq!(bench.next_request().request.batches[0].stamp, stamp(1, 0));

    let (mut bench, sent) = given_up_on_its_way();
    bench.answer(&sent, Vec::new());
    assert_eq!(bench.next_request().request.batches[0].stamp, stamp(1, 0));
}

#[test]
fn an_earlier_attempt_counts_though_the_last_one_was_not_written() {
    let mut bench = Bench::new();
    bench.push(0, &["a"]);
    let (sent, _) = bench.sent();
    bench.answer_0(&sent, ErrorCode::REQUEST_TIMED_OUT, -1);
    let again = bench.next_request();
    bench.pass(DELIVERY);
    bench.plan();
    assert_kind(&bench.error(), BrokerErrorKind::TimedOut, "may have been written");
    bench.push(0, &["b"]);
    bench.answer_0(&again.sent, ErrorCode::NOT_ENOUGH_REPLICAS, -1);
    assert_eq!(bench.sent().1, stamp(1, 0));
}
