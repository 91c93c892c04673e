//! Who is asked, and what becomes of a partition that is refused, has no leader, does not exist.

use super::*;
use streams_core::broker::BrokerErrorKind;

/// A fetcher of partition 0, at offset 0, nothing sent yet.
fn assigned(known: Known) -> Bench {
    let mut bench = Bench::new(known);
    bench.state.assign(&partition(0), 0);
    bench
}

#[test]
fn a_leader_that_is_known_is_asked_at_once() {
    let plan = assigned(Known::new(1)).plan();
    assert!(plan.refresh.is_none());
    assert_eq!((plan.fetches[0].node, asked(&plan.fetches[0])), (1, vec![0]));
    let request = &plan.fetches[0].request;
    assert_eq!(request.partitions[0].current_leader_epoch, 0);
}

#[test]
fn the_cluster_is_asked_once_for_an_unknown_leader() {
    let mut bench = assigned(Known::default());
    let plan = bench.plan();
    assert_eq!(plan.refresh.as_deref(), Some(&["orders".into()][..]));
    assert!(bench.plan().refresh.is_none(), "one refresh at a time");
    bench.known.lead(0, 2, 5);
    bench.refreshed(&plan);
    let fetch = bench.fetch();
    assert_eq!((fetch.node, fetch.request.partitions[0].current_leader_epoch), (2, 5));
}

#[test]
fn each_node_is_asked_for_the_partitions_it_leads() {
    let mut known = Known::new(3);
    known.lead(1, 2, 0);
    let mut bench = Bench::new(known);
    (0..3).for_each(|number| bench.state.assign(&partition(number), 0));
    let fetches = bench.plan().fetches;
    let nodes: Vec<_> = fetches.iter().map(|fetch| (fetch.node, asked(fetch))).collect();
    assert_eq!(nodes, [(1, vec![0, 2]), (2, vec![1])]);
}

#[test]
fn a_leader_that_moved_is_found_by_a_refresh_without_a_pause() {
    for error in [
        ErrorCode::NOT_LEADER_OR_FOLLOWER,
        ErrorCode::FENCED_LEADER_EPOCH,
        ErrorCode::UNKNOWN_LEADER_EPOCH,
        ErrorCode::KAFKA_STORAGE_ERROR,
        ErrorCode::OFFSET_NOT_AVAILABLE,
        ErrorCode::REPLICA_NOT_AVAILABLE,
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        ErrorCode::UNKNOWN_SERVER_ERROR,
    ] {
        let mut bench = assigned(Known::new(1));
        let fetch = bench.fetch();
        bench.answer(&fetch, &[refusal(&partition(0), error)]);
        let plan = bench.plan();
        assert!(plan.fetches.is_empty() && plan.refresh.is_some(), "{error}");
        bench.known.lead(0, 2, 1);
        bench.refreshed(&plan);
        assert_eq!(bench.fetch().node, 2, "{error}");
        assert!(bench.poll().is_empty(), "nothing is reported: {error}");
    }
}

#[test]
fn a_leader_that_the_refusal_names_is_asked_at_once() {
    let mut bench = assigned(Known::new(1));
    let fetch = bench.fetch();
    let mut refused = refusal(&partition(0), ErrorCode::NOT_LEADER_OR_FOLLOWER);
    refused.current_leader = Some(Leader { node: 3, epoch: 1 });
    bench.answer(&fetch, &[refused]);
    let next = bench.fetch();
    assert_eq!((next.node, next.request.partitions[0].current_leader_epoch), (3, 1));
}

#[test]
fn a_leader_of_an_earlier_election_is_not_believed() {
    let mut known = Known::default();
    known.lead(0, 1, 4);
    let mut bench = assigned(known);
    let fetch = bench.fetch();
    let mut refused = refusal(&partition(0), ErrorCode::NOT_LEADER_OR_FOLLOWER);
    refused.current_leader = Some(Leader { node: 3, epoch: 4 });
    bench.answer(&fetch, &[refused]);
    let plan = bench.plan();
    assert!(plan.fetches.is_empty(), "neither the named nor the known one");
    assert!(plan.refresh.is_some());
}

#[test]
fn a_leader_that_others_have_learned_of_is_taken_without_a_refresh() {
    let mut bench = assigned(Known::new(1));
    let fetch = bench.fetch();
    bench.known.lead(0, 2, 1);
    bench.answer(&fetch, &[refusal(&partition(0), ErrorCode::NOT_LEADER_OR_FOLLOWER)]);
    let plan = bench.plan();
    assert_eq!((plan.fetches[0].node, plan.refresh), (2, None));
}

#[test]
fn refusals_in_a_row_are_followed_by_growing_pauses() {
    let mut bench = assigned(Known::new(1));
    let mut pauses = Vec::new();
    let mut fetch = bench.fetch();
    for _ in 0..8 {
        bench.answer(&fetch, &[refusal(&partition(0), ErrorCode::NOT_LEADER_OR_FOLLOWER)]);
        let since = bench.now;
        let mut plan = bench.plan();
        while plan.refresh.is_none() {
            bench.now = plan.next.expect("the refresh is waited for");
            plan = bench.plan();
        }
        pauses.push((bench.now - since).as_millis());
        bench.refreshed(&plan);
        fetch = bench.fetch();
    }
    assert_eq!(pauses, [0, 50, 100, 200, 400, 500, 500, 500]);
    bench.answer_empty(&fetch);
    fetch = bench.fetch();
    bench.answer(&fetch, &[refusal(&partition(0), ErrorCode::NOT_LEADER_OR_FOLLOWER)]);
    assert!(bench.plan().refresh.is_some(), "an answer in between ends the pauses");
}

#[test]
fn a_partition_without_a_leader_is_waited_for_and_not_reported() {
    let mut bench = assigned(Known::default());
    bench.known.errors.insert("orders".into(), ErrorCode::LEADER_NOT_AVAILABLE);
    let mut plan = bench.plan();
    while bench.now < ms(20_000) {
        bench.refreshed(&plan);
        plan = bench.wait();
    }
    assert!(bench.poll().is_empty());
    bench.known.errors.clear();
    bench.known.lead(0, 1, 0);
    bench.refreshed(&plan);
    assert_eq!(asked(&bench.fetch()), [0]);
}

#[test]
fn a_topic_that_appears_in_time_is_read() {
    let mut bench = assigned(Known::default());
    bench.known.errors.insert("orders".into(), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    let mut plan = bench.plan();
    while bench.now < ms(1_500) {
        bench.refreshed(&plan);
        plan = bench.wait();
    }
    bench.known.errors.clear();
    bench.known.lead(0, 1, 0);
    bench.refreshed(&plan);
    let fetch = bench.fetch();
    bench.answer_empty(&fetch);
    assert_eq!(bench.batches().next_offset, 0);
}

#[test]
fn a_topic_that_stays_unknown_is_reported_by_name_and_let_go() {
    let mut bench = assigned(Known::default());
    bench.known.errors.insert("orders".into(), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    let mut plan = bench.plan();
    while !bench.state.has_news() {
        bench.refreshed(&plan);
        if !bench.state.has_news() {
            plan = bench.wait();
        }
    }
    assert!((ms(2_500)..=ms(3_000)).contains(&bench.now), "{:?}", bench.now);
    let error = bench.error();
    assert_eq!(error.kind(), BrokerErrorKind::UnknownTopic);
    assert!(error.to_string().contains("topic orders does not exist"), "{error}");
    let plan = bench.plan();
    assert!(plan.refresh.is_none() && plan.fetches.is_empty(), "not assigned any more");
}

#[test]
fn a_topic_deleted_while_it_is_read_is_reported() {
    let (mut bench, patient) = Bench::reading(1);
    let gone = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    bench.answer(&patient, &[refusal(&partition(0), gone)]);
    bench.known.leaders.clear();
    bench.known.errors.insert("orders".into(), gone);
    let mut plan = bench.plan();
    bench.refreshed(&plan);
    while !bench.state.has_news() {
        plan = bench.wait();
        bench.refreshed(&plan);
    }
    assert_eq!(bench.error().kind(), BrokerErrorKind::UnknownTopic);
}

#[test]
fn a_partition_that_the_topic_does_not_have_is_reported_by_number() {
    let mut bench = Bench::new(Known::new(1));
    bench.state.assign(&partition(7), 0);
    let mut plan = bench.plan();
    bench.refreshed(&plan);
    while !bench.state.has_news() {
        plan = bench.wait();
        bench.refreshed(&plan);
    }
    let error = bench.error();
    assert_eq!(error.kind(), BrokerErrorKind::UnknownTopic);
    let told = "partition orders-7 does not exist: topic orders has 4";
    assert_eq!(error.to_string(), told);
}

#[test]
fn a_topic_that_may_not_be_read_is_reported_at_once() {
    let denied = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
    let mut by_fetch = assigned(Known::new(1));
    let fetch = by_fetch.fetch();
    by_fetch.answer(&fetch, &[refusal(&partition(0), denied)]);
    let mut by_refresh = assigned(Known::default());
    by_refresh.known.errors.insert("orders".into(), denied);
    let plan = by_refresh.plan();
    by_refresh.refreshed(&plan);
    for mut bench in [by_fetch, by_refresh] {
        let error = bench.error();
        assert_eq!(error.kind(), BrokerErrorKind::Unauthorized);
        assert!(error.to_string().contains("topic orders may not be read"), "{error}");
        assert!(bench.plan().fetches.is_empty());
    }
}

#[test]
fn an_impossible_topic_name_is_reported_at_once() {
    let mut bench = assigned(Known::default());
    bench.known.errors.insert("orders".into(), ErrorCode::INVALID_TOPIC_EXCEPTION);
    let plan = bench.plan();
    bench.refreshed(&plan);
    assert_eq!(bench.error().kind(), BrokerErrorKind::InvalidRequest);
}

#[test]
fn a_node_that_broke_off_is_tried_again_soon_and_the_cluster_asked_meanwhile() {
    let (mut bench, patient) = Bench::reading(1);
    bench.break_off(&patient);
    let plan = bench.plan();
    assert!(plan.fetches.is_empty());
    assert!(plan.refresh.is_some());
    let away = TransportError::new(TransportErrorKind::Network, "no node can be reached");
    let topics = plan.refresh.unwrap();
    bench.state.refreshed(bench.now, &topics, Err(away), &bench.known);
    let mut tries = Vec::new();
    for _ in 0..5 {
        let mut plan = bench.plan();
        while plan.fetches.is_empty() {
            if let Some(topics) = plan.refresh {
                let away = TransportError::new(TransportErrorKind::Network, "away");
                bench.state.refreshed(bench.now, &topics, Err(away), &bench.known);
            }
            bench.now = plan.next.unwrap_or(bench.now);
            plan = bench.plan();
        }
        tries.push(bench.now.as_millis());
        bench.break_off(&plan.fetches[0]);
    }
    assert_eq!(tries, [50, 150, 350, 550, 750], "never a pause of more than 200 ms");
    assert!(bench.poll().is_empty(), "nothing is reported");
}

#[test]
fn partitions_of_a_node_that_broke_off_move_to_their_new_leader_at_once() {
    let (mut bench, patient) = Bench::reading(2);
    bench.break_off(&patient);
    let plan = bench.plan();
    bench.known.lead(0, 2, 1);
    bench.known.lead(1, 2, 1);
    bench.refreshed(&plan);
    let fetch = bench.fetch();
    assert_eq!((fetch.node, asked(&fetch)), (2, vec![0, 1]));
    assert_eq!(fetch.request.partitions[0].fetch_offset, 0);
}

#[test]
fn what_another_try_does_not_mend_is_an_error_of_the_poll() {
    let mut bench = assigned(Known::new(1));
    let fetch = bench.fetch();
    let refused = TransportError::new(TransportErrorKind::Security, "node 1 refused the password");
    bench.state.answered(bench.now, fetch.node, fetch.patience, Err(refused));
    assert!(bench.state.has_news());
    let error = bench.state.poll(&mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), BrokerErrorKind::Unauthorized);
    assert!(bench.state.poll(&mut Vec::new()).is_ok(), "told once for each try");
    bench.pass(50);
    assert_eq!(asked(&bench.fetch()), [0], "it goes on when the owner does");
}
