//! One test for each way in which a batch can fail.

use super::*;

/// A batch that was sent once, to be answered.
fn sent_one() -> (Bench, Sent) {
    let mut bench = Bench::new();
    bench.push(0, &["a", "b"]);
    let (sent, first) = bench.sent();
    assert_eq!(first, stamp(0, 0));
    (bench, sent)
}

#[test]
fn retriable_errors_are_tried_again_with_the_same_stamp() {
    for code in [
        ErrorCode::NOT_LEADER_OR_FOLLOWER,
        ErrorCode::LEADER_NOT_AVAILABLE,
        ErrorCode::FENCED_LEADER_EPOCH,
        ErrorCode::KAFKA_STORAGE_ERROR,
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        ErrorCode::NOT_ENOUGH_REPLICAS,
        ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND,
        ErrorCode::REQUEST_TIMED_OUT,
        ErrorCode::CORRUPT_MESSAGE,
        ErrorCode::NETWORK_EXCEPTION,
        ErrorCode::UNKNOWN_SERVER_ERROR,
    ] {
        let (mut bench, sent) = sent_one();
        bench.answer_0(&sent, code, -1);
        let plan = bench.plan();
        assert!(plan.requests.is_empty(), "{code}: not at once");
        assert_eq!(plan.wake_at, Some(bench.now + Duration::from_millis(50)), "{code}");
        assert_eq!(plan.refresh.is_empty(), !code.is_stale_metadata(), "{code}");
        bench.pass(Duration::from_millis(50));
        let (sent, again) = bench.sent();
        assert_eq!(again, stamp(0, 0), "{code}");
        bench.answer_0(&sent, ErrorCode::NONE, 3);
        assert_eq!(bench.written(), [(1, 3)], "{code}");
    }
}

#[test]
fn a_request_without_response_is_sent_again_with_the_same_stamp() {
    for kind in [TransportErrorKind::Network, TransportErrorKind::TimedOut] {
        let (mut bench, sent) = sent_one();
        bench.fail(&sent, TransportError::new(kind, "node 1 is away"));
        let plan = bench.plan();
        assert!(plan.requests.is_empty());
        assert_eq!(plan.refresh, [arc("t")], "the leader may have moved on");
        bench.pass(Duration::from_millis(50));
        let (sent, again) = bench.sent();
        assert_eq!(again, stamp(0, 0));
        bench.answer_0(&sent, ErrorCode::NONE, 3);
        assert_eq!(bench.written(), [(1, 3)]);
    }
}

#[test]
fn a_node_that_is_away_is_tried_every_second() {
    let (mut bench, mut sent) = sent_one();
    let mut pauses = Vec::new();
    for _ in 0..7 {
        bench.fail(&sent, network());
        let failed_at = bench.now;
        let until = bench.plan().wake_at.unwrap();
        pauses.push((until - failed_at).as_millis());
        bench.now = until;
        // The question for the leader fails as well.
        bench.state.refreshed(bench.now, Err(network()));
        sent = bench.next_request().sent;
    }
    assert_eq!(pauses[..5], [50, 100, 200, 400, 800]);
    assert!(pauses.iter().all(|pause| *pause <= 1000), "{pauses:?}");
    bench.answer_0(&sent, ErrorCode::NONE, 0);
    assert_eq!(bench.written(), [(1, 0)]);
}

#[test]
fn requests_that_fail_together_are_one_failure_of_their_node() {
    let mut bench = Bench::new();
    let sent: Vec<_> = (0..4)
        .map(|partition| {
            bench.push(partition, &["a"]);
            bench.request().sent
        })
        .collect();
    for sent in &sent {
        bench.fail(sent, network());
    }
    bench.pass(Duration::from_millis(50));
    assert_eq!(bench.request().request.batches.len(), 4, "and they go together");
}

#[test]
fn a_node_that_is_away_does_not_hold_up_others() {
    let (mut bench, sent) = sent_one();
    bench.fail(&sent, network());
    bench.cluster.lead("t", 4, Leader { node: 2, epoch: 6 });
    let (sent, again) = bench.sent();
    assert_eq!((sent.node, again), (2, stamp(0, 0)), "the new leader, at once");
}

#[test]
fn a_leader_that_a_node_names_is_asked_at_once() {
    let (mut bench, sent) = sent_one();
    let moved = Some(Leader { node: 2, epoch: 6 });
    let answered = answer(0, ErrorCode::NOT_LEADER_OR_FOLLOWER, -1);
    bench.answer(&sent, vec![PartitionProduced { leader: moved, ..answered.clone() }]);
    let (sent, again) = bench.sent();
    assert_eq!((sent.node, again), (2, stamp(0, 0)));
    // Node 2 names node 1 under an older epoch: neither is asked without a pause.
    let back = Some(Leader { node: 1, epoch: 5 });
    bench.answer(&sent, vec![PartitionProduced { leader: back, ..answered }]);
    assert!(bench.plan().requests.is_empty());
    // What the cluster says later counts for more.
    bench.cluster.lead("t", 4, Leader { node: 3, epoch: 7 });
    assert_eq!(bench.next_request().sent.node, 3);
}

#[test]
fn a_duplicate_is_written() {
    for (base_in_response, base_acknowledged) in [(42, 42), (-1, -1)] {
        let (mut bench, sent) = sent_one();
        bench.answer_0(&sent, ErrorCode::DUPLICATE_SEQUENCE_NUMBER, base_in_response);
        assert_eq!(bench.written(), [(1, base_acknowledged)]);
        bench.push(0, &["c"]);
        assert_eq!(bench.sent().1, stamp(0, 2), "the sequence goes on");
    }
}

#[test]
fn a_refused_batch_is_acknowledged_with_the_reason_and_the_next_takes_its_sequence() {
    for (code, kind) in [
        (ErrorCode::INVALID_RECORD, BrokerErrorKind::InvalidRequest),
        (ErrorCode::INVALID_TIMESTAMP, BrokerErrorKind::InvalidRequest),
        (ErrorCode::TOPIC_AUTHORIZATION_FAILED, BrokerErrorKind::Unauthorized),
        (ErrorCode::CLUSTER_AUTHORIZATION_FAILED, BrokerErrorKind::Unauthorized),
        (ErrorCode::UNSUPPORTED_COMPRESSION_TYPE, BrokerErrorKind::InvalidRequest),
        (ErrorCode(999), BrokerErrorKind::Fatal),
    ] {
        let (mut bench, sent) = sent_one();
        bench.push(0, &["c"]);
        let message = Some("in the broker's words".to_owned());
        bench.answer(&sent, vec![PartitionProduced { message, ..answer(0, code, -1) }]);
        let error = bench.error();
        assert_kind(&error, kind, "t");
        assert!(error.to_string().ends_with(&format!("{code}: in the broker's words")), "{error}");
        let (sent, next) = bench.sent();
        assert_eq!(next, stamp(0, 0), "nothing was written");
        bench.answer_0(&sent, ErrorCode::NONE, 0);
        assert_eq!(bench.written(), [(2, 0)]);
    }
}

#[test]
fn a_fenced_producer_ends_with_all_it_holds() {
    for code in [ErrorCode::INVALID_PRODUCER_EPOCH, ErrorCode::PRODUCER_FENCED] {
        let (mut bench, sent) = sent_one();
        bench.push(0, &["c"]);
        bench.push(1, &["d"]);
        bench.answer_0(&sent, code, -1);
        let acks = bench.acks();
        assert_eq!(acks.len(), 3);
        for ack in acks {
            assert_kind(&ack.result.unwrap_err(), BrokerErrorKind::Fenced, "t-0");
        }
        assert_kind(&bench.state.check().unwrap_err(), BrokerErrorKind::Fenced, "t-0");
        bench.push(2, &["e"]);
        assert_kind(&bench.error(), BrokerErrorKind::Fenced, "t-0");
        assert!(bench.plan().requests.is_empty());
    }
}

#[test]
fn a_batch_too_large_is_written_in_parts_and_acknowledged_once() {
    let mut bench = Bench::new();
    bench.push(0, &["a", "b", "c", "d", "e"]);
    bench.push(0, &["f"]);
    let mut limit_2 = Vec::new();
    let mut log: Vec<String> = Vec::new();
    for _ in 0..6 {
        let request = bench.request();
        let stamped = request.request.batches[0].stamp;
        let values = values(&request, 0);
        limit_2.push((values.len(), stamped));
        if values.len() > 2 {
            bench.answer_0(&request.sent, ErrorCode::MESSAGE_TOO_LARGE, -1);
        } else {
            bench.answer_0(&request.sent, ErrorCode::NONE, 100 + log.len() as i64);
            log.extend(values);
        }
        if log.len() < 5 {
            assert!(bench.acks().is_empty(), "not all parts are written");
        } else if log.len() == 5 {
            assert_eq!(bench.written(), [(1, 100)], "the offset of the first part");
        }
    }
    assert_eq!(log, ["a", "b", "c", "d", "e", "f"]);
    assert_eq!(
        limit_2,
        [
            (5, stamp(0, 0)),
            (2, stamp(0, 0)),
            (3, stamp(0, 2)),
            (1, stamp(0, 2)),
            (2, stamp(0, 3)),
            (1, stamp(0, 5))
        ]
    );
    assert_eq!(bench.written(), [(2, 105)]);
}

#[test]
fn a_record_too_large_fails_its_batch_and_not_the_next() {
    for code in [ErrorCode::MESSAGE_TOO_LARGE, ErrorCode::RECORD_LIST_TOO_LARGE] {
        let mut bench = Bench::new();
        bench.push(0, &["small", "large", "after"]);
        bench.push(0, &["next"]);
        let whole = bench.request();
        bench.answer_0(&whole.sent, code, -1);
        let small = bench.request();
        assert_eq!(values(&small, 0), ["small"]);
        bench.answer_0(&small.sent, ErrorCode::NONE, 0);
        let rest = bench.request();
        bench.answer_0(&rest.sent, code, -1);
        let large = bench.request();
        assert_eq!(values(&large, 0), ["large"]);
        bench.answer_0(&large.sent, code, -1);
        let error = bench.error();
        assert_kind(&error, BrokerErrorKind::InvalidRequest, "t-0");
        let size = large.request.batches[0].batch.size();
        assert!(error.to_string().contains(&format!("{size} bytes")), "{error}");
        let next = bench.request();
        assert_eq!(values(&next, 0), ["next"], "the rest of the failed batch is dropped");
        assert_eq!(next.request.batches[0].stamp, stamp(0, 1));
    }
}

#[test]
fn a_batch_that_may_have_been_written_is_not_split() {
    let (mut bench, sent) = sent_one();
    bench.answer_0(&sent, ErrorCode::REQUEST_TIMED_OUT, -1);
    let again = bench.next_request();
    bench.answer_0(&again.sent, ErrorCode::MESSAGE_TOO_LARGE, -1);
    assert_kind(&bench.error(), BrokerErrorKind::TimedOut, "t-0");
    bench.push(0, &["c"]);
    assert_eq!(bench.sent().1, stamp(1, 0), "what may come late is refused");
}

#[test]
fn an_unknown_topic_is_asked_for_and_given_up_after_a_moment() {
    let mut bench = Bench::new();
    bench.cluster.refuse("t", ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    bench.push(0, &["a"]);
    bench.push(0, &["b"]);
    assert_eq!(bench.plan().refresh, [arc("t")]);
    bench.state.refreshed(bench.now, Ok(()));
    bench.pass(Duration::from_secs(4));
    assert_eq!(bench.plan().refresh, [arc("t")], "it may have been made just now");
    bench.state.refreshed(bench.now, Ok(()));
    assert!(bench.acks().is_empty());
    bench.pass(Duration::from_secs(1));
    bench.plan();
    for ack in bench.acks() {
        assert_kind(&ack.result.unwrap_err(), BrokerErrorKind::UnknownTopic, "topic t ");
    }
    // Made at last, it is written to.
    bench.push(0, &["c"]);
    bench.plan();
    assert!(bench.acks().is_empty(), "its moment begins anew");
    bench.cluster.lead("t", 4, Leader { node: 1, epoch: 0 });
    assert_eq!(values(&bench.request(), 0), ["c"]);
}

#[test]
fn a_partition_that_a_topic_does_not_have_is_named() {
    let mut bench = Bench::new();
    bench.push(4, &["a"]);
    bench.plan();
    bench.pass(Duration::from_secs(5));
    bench.plan();
    let error = bench.error();
    assert_kind(&error, BrokerErrorKind::UnknownTopic, "topic t has no partition 4");
}

#[test]
fn a_topic_that_may_not_be_seen_is_refused_at_once() {
    let mut bench = Bench::new();
    bench.cluster.refuse("t", ErrorCode::TOPIC_AUTHORIZATION_FAILED);
    bench.push(0, &["a"]);
    bench.plan();
    assert_kind(&bench.error(), BrokerErrorKind::Unauthorized, "topic t ");
}

#[test]
fn a_partition_without_leader_is_waited_for_until_the_time_is_over() {
    let mut bench = Bench::new();
    bench.cluster.orphan("t");
    bench.push(0, &["a"]);
    bench.plan();
    bench.pass(DELIVERY - Duration::from_millis(1));
    bench.plan();
    assert!(bench.acks().is_empty());
    bench.pass(Duration::from_millis(1));
    bench.plan();
    let error = bench.error();
    assert_kind(&error, BrokerErrorKind::TimedOut, "t-0");
    assert!(error.to_string().ends_with("was not written: t-0 has no leader"), "{error}");
}

#[test]
fn a_connection_refused_for_long_fails_what_it_is_for() {
    let (mut bench, mut sent) = sent_one();
    bench.push(0, &["c"]);
    let refused = || TransportError::new(TransportErrorKind::Security, "node 1 refuses").not_sent();
    let first = bench.now;
    loop {
        bench.fail(&sent, refused());
        if bench.now >= first + Duration::from_secs(5) {
            break;
        }
        assert!(bench.acks().is_empty(), "a broker that starts may do so for a moment");
        sent = bench.next_request().sent;
    }
    let acks = bench.acks();
    assert_eq!(acks.len(), 2);
    for ack in acks {
        assert_kind(&ack.result.unwrap_err(), BrokerErrorKind::Unauthorized, "node 1 refuses");
    }
}

#[test]
fn a_cluster_that_refuses_metadata_for_long_fails_what_needs_it() {
    let mut bench = Bench::new();
    bench.cluster.orphan("t");
    bench.push(0, &["a"]);
    let refused = || TransportError::new(TransportErrorKind::Security, "the cluster refuses");
    for _ in 0..6 {
        assert!(bench.acks().is_empty());
        bench.plan();
        bench.state.refreshed(bench.now, Err(refused()));
        bench.plan();
        bench.pass(Duration::from_secs(1));
    }
    assert_kind(&bench.error(), BrokerErrorKind::Unauthorized, "the cluster refuses");
}

#[test]
fn a_producer_id_that_is_refused_fails_what_needs_it() {
    let mut bench = Bench::with(settings());
    bench.push(0, &["a"]);
    bench.push(0, &["b"]);
    assert!(bench.plan().identify);
    let error = ErrorCode::CLUSTER_AUTHORIZATION_FAILED;
    let refused = InitProducerIdResponse { error, producer_id: -1, producer_epoch: -1 };
    bench.state.identified(bench.now, Ok(refused));
    let acks = bench.acks();
    assert_eq!(acks.len(), 2);
    for ack in acks {
        assert_kind(&ack.result.unwrap_err(), BrokerErrorKind::Unauthorized, "producer id");
    }
}

#[test]
fn a_producer_id_is_asked_for_until_it_comes() {
    let mut bench = Bench::with(settings());
    bench.push(0, &["a"]);
    assert!(bench.plan().identify);
    bench.state.identified(bench.now, Err(network()));
    let plan = bench.plan();
    assert!(!plan.identify);
    bench.now = plan.wake_at.unwrap();
    assert!(bench.plan().identify);
    let error = ErrorCode::COORDINATOR_LOAD_IN_PROGRESS;
    let loading = InitProducerIdResponse { error, producer_id: -1, producer_epoch: -1 };
    bench.state.identified(bench.now, Ok(loading));
    bench.now = bench.plan().wake_at.unwrap();
    assert!(bench.plan().identify);
    bench.identify(0);
    assert_eq!(bench.sent().1, stamp(0, 0));
}

#[test]
fn a_partition_that_a_response_leaves_out_is_asked_again() {
    let mut bench = Bench::new();
    bench.push(0, &["a"]);
    bench.push(1, &["b"]);
    let both = bench.request();
    bench.answer(&both.sent, vec![answer(1, ErrorCode::NONE, 9), answer(3, ErrorCode::NONE, 8)]);
    assert_eq!(bench.written(), [(2, 9)], "partition 3 was not asked about");
    let again = bench.next_request();
    assert_eq!(again.request.batches[0].partition, t(0));
    assert_eq!(again.request.batches[0].stamp, stamp(0, 0));
}

#[test]
fn a_partition_that_is_answered_twice_is_heard_once() {
    let (mut bench, sent) = sent_one();
    bench.answer(&sent, vec![answer(0, ErrorCode::NONE, 1), answer(0, ErrorCode::NONE, 2)]);
    assert_eq!(bench.written(), [(1, 1)]);
}
