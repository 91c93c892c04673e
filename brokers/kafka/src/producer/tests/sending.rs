//! What is sent when, without errors.

use super::*;

#[test]
fn a_partition_has_one_batch_on_its_way() {
    let mut bench = Bench::new();
    bench.push(0, &["a"]);
    bench.push(0, &["b", "c"]);
    let first = bench.request();
    assert_eq!(values(&first, 0), ["a"]);
    assert!(bench.plan().requests.is_empty(), "the second waits");
    bench.answer_0(&first.sent, ErrorCode::NONE, 10);
    let second = bench.request();
    assert_eq!(values(&second, 0), ["b", "c"]);
    bench.answer_0(&second.sent, ErrorCode::NONE, 11);
    assert_eq!(bench.written(), [(1, 10), (2, 11)]);
    assert!(bench.plan().requests.is_empty());
}

#[test]
fn partitions_of_a_node_share_a_request_in_order_of_their_names() {
    let mut bench = Bench::new();
    bench.cluster.lead("s", 2, Leader { node: 1, epoch: 0 });
    bench.push(3, &["t3"]);
    bench.push_to(&TopicPartition::new("s", 1), batch(&["s1"]));
    bench.push(0, &["t0"]);
    let request = bench.request();
    assert_eq!(request.sent.node, 1);
    let order: Vec<_> =
        request.request.batches.iter().map(|part| part.partition.to_string()).collect();
    assert_eq!(order, ["s-1", "t-0", "t-3"]);
    let mut answers = vec![answer(3, ErrorCode::NONE, 30), answer(0, ErrorCode::NONE, 1)];
    answers.push(PartitionProduced {
        topic: bytes::Bytes::from_static(b"s"),
        ..answer(1, ErrorCode::NONE, 20)
    });
    bench.answer(&request.sent, answers);
    let mut written = bench.written();
    written.sort_unstable();
    assert_eq!(written, [(1, 30), (2, 20), (3, 1)]);
}

#[test]
fn each_leader_has_its_own_request() {
    let mut bench = Bench::new();
    bench.cluster.lead("u", 1, Leader { node: 2, epoch: 0 });
    bench.push(0, &["a"]);
    bench.push_to(&TopicPartition::new("u", 0), batch(&["b"]));
    let nodes: Vec<_> = bench.plan().requests.iter().map(|one| one.sent.node).collect();
    assert_eq!(nodes, [1, 2]);
}

#[test]
fn a_node_has_five_requests_at_a_time() {
    let mut bench = Bench::new();
    bench.cluster.lead("many", 7, Leader { node: 1, epoch: 0 });
    let mut sent = Vec::new();
    for partition in 0..7 {
        bench.push_to(&TopicPartition::new("many", partition), batch(&["a"]));
        sent.extend(bench.plan().requests);
    }
    assert_eq!(sent.len(), 5);
    let first = sent.remove(0);
    let topic = bytes::Bytes::from_static(b"many");
    bench.answer(&first.sent, vec![PartitionProduced { topic, ..answer(0, ErrorCode::NONE, 0) }]);
    let rest = bench.request();
    assert_eq!(rest.request.batches.len(), 2, "what waited goes together");
}

#[test]
fn a_request_is_bounded_but_takes_any_single_batch() {
    let mut bench = Bench::new();
    let three_mib = "x".repeat(3 << 20);
    let six_mib = "x".repeat(6 << 20);
    bench.push(0, &[&three_mib]);
    bench.push(1, &[&three_mib]);
    bench.push(2, &[&six_mib]);
    bench.push(3, &["small"]);
    let requests = bench.plan().requests;
    let counts: Vec<_> = requests.iter().map(|one| one.request.batches.len()).collect();
    assert_eq!(counts.iter().sum::<usize>(), 4);
    for request in &requests {
        let size: usize = request.request.batches.iter().map(|part| part.batch.size()).sum();
        assert!(size <= 4 << 20 || request.request.batches.len() == 1, "{counts:?}");
    }
}

#[test]
fn the_buffer_has_a_bound_and_takes_any_single_batch() {
    let mut bench = Bench::new();
    assert!(bench.state.has_room(usize::MAX), "nothing else is there");
    let sixteen_mib = "x".repeat(16 << 20);
    for _ in 0..3 {
        bench.push(0, &[&sixteen_mib]);
    }
    assert!(bench.state.has_room(15 << 20));
    assert!(!bench.state.has_room(16 << 20));
    let request = bench.request();
    bench.answer_0(&request.sent, ErrorCode::NONE, 0);
    drop(request);
    assert!(bench.state.has_room(16 << 20), "an acknowledgement makes room");
}

#[test]
fn the_memory_of_a_written_batch_is_used_again() {
    let mut bench = Bench::new();
    assert!(bench.state.spare().is_none());
    bench.push(0, &["a"]);
    let Outgoing { sent, request } = bench.request();
    drop(request);
    bench.answer_0(&sent, ErrorCode::NONE, 0);
    assert!(bench.state.spare().is_some_and(|memory| memory.capacity() > 0));
    assert!(bench.state.spare().is_none());
}

#[test]
fn without_idempotence_batches_have_no_stamp_and_need_no_id() {
    let mut bench = Bench::with(Settings { acks: 1, idempotent: false, ..settings() });
    bench.push(0, &["a"]);
    let plan = bench.plan();
    assert!(!plan.identify);
    let request = &plan.requests[0].request;
    assert_eq!((request.acks, request.timeout_ms), (1, 15_000));
    assert_eq!(request.batches[0].stamp, ProducerStamp::NONE);
}

#[test]
fn without_acknowledgements_a_batch_counts_as_written_once_it_is_handed_over() {
    let mut bench = Bench::with(Settings { acks: 0, idempotent: false, ..settings() });
    bench.push(0, &["a"]);
    bench.push(0, &["b"]);
    let first = bench.request();
    bench.state.handed_over(bench.now, &first.sent);
    assert_eq!(bench.written(), [(1, -1)]);
    let second = bench.request();
    assert_eq!(values(&second, 0), ["b"]);
}

#[test]
fn the_cluster_is_asked_for_id_and_leader_at_once_and_once() {
    let mut bench = Bench::with(settings());
    bench.cluster.orphan("t");
    bench.push(0, &["a"]);
    bench.push(1, &["b"]);
    let plan = bench.plan();
    assert!(plan.identify);
    assert_eq!(plan.refresh, [arc("t")]);
    assert!(plan.requests.is_empty());
    let again = bench.plan();
    assert!(!again.identify && again.refresh.is_empty(), "asked already");
    bench.identify(0);
    assert!(bench.plan().requests.is_empty(), "no leader yet");
    bench.cluster.lead("t", 4, Leader { node: 1, epoch: 0 });
    bench.state.refreshed(bench.now, Ok(()));
    assert_eq!(bench.request().request.batches.len(), 2);
}

#[test]
fn the_next_plan_is_due_when_a_batch_expires() {
    let mut bench = Bench::new();
    bench.push(0, &["a"]);
    let sent_at = bench.now;
    assert_eq!(bench.plan().wake_at, Some(sent_at + DELIVERY));
    let idle = Bench::new().plan();
    assert_eq!(idle.wake_at, None);
}
