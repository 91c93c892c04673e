use std::sync::atomic::{AtomicUsize, Ordering};

use streams_core::broker::{CommittedOffset, TopicPartition};

use super::*;
use crate::{
    membership::fake::{Fake, broken, committed, found},
    protocol::offset_commit::{Committer, Response, request},
    transport::{Api, TransportError},
};

fn partition() -> TopicPartition {
    TopicPartition::new("orders", 3)
}

fn commit() -> Request {
    let by = Committer { group_id: "group".into(), member_id: "".into(), member_epoch: -1 };
    request(by, Arc::from([(partition(), CommittedOffset::new(7))]))
}

/// A coordinator whose node changes with each lookup, and how often it was looked for.
fn coordinator(
    mut commits: impl FnMut(i32) -> Result<Bytes, TransportError> + Send + 'static,
) -> (Coordinator, Arc<AtomicUsize>) {
    let lookups = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&lookups);
    let fake = Fake::new(move |node, api, _| match (api, node) {
        (Api::FindCoordinator, Node::Any) => {
            let lookup = counted.fetch_add(1, Ordering::SeqCst) + 1;
            Ok(found(i32::try_from(lookup).unwrap(), ErrorCode::NONE))
        }
        (Api::OffsetCommit, Node::Id(node)) => commits(node),
        (api, node) => panic!("{api:?} to {node:?}"),
    });
    (Coordinator::new(Arc::new(fake), "group".into()), lookups)
}

fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(future)
}

#[test]
fn the_coordinator_is_looked_for_once() {
    let (coordinator, lookups) = coordinator(|_| Ok(committed(&partition(), ErrorCode::NONE)));
    run(async {
        for _ in 0..3 {
            let answer: Response = coordinator.call(commit()).await.unwrap();
            assert!(answer.error_code().is_ok());
        }
    });
    assert_eq!(lookups.load(Ordering::SeqCst), 1);
}

#[test]
fn a_node_that_is_no_coordinator_any_more_or_is_gone_is_forgotten() {
    let (coordinator, lookups) = coordinator(|node| match node {
        1 => Ok(committed(&partition(), ErrorCode::NOT_COORDINATOR)),
        2 => Err(broken()),
        3 => Ok(committed(&partition(), ErrorCode::COORDINATOR_LOAD_IN_PROGRESS)),
        _ => panic!("the third node stays"),
    });
    run(async {
        let answer: Response = coordinator.call(commit()).await.unwrap();
        assert_eq!(answer.error_code(), ErrorCode::NOT_COORDINATOR);
        let error = coordinator.call::<Response>(commit()).await.unwrap_err();
        assert!(may_pass(&error), "{error}");
        for _ in 0..2 {
            let answer: Response = coordinator.call(commit()).await.unwrap();
            assert_eq!(answer.error_code(), ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
        }
    });
    assert_eq!(lookups.load(Ordering::SeqCst), 3);
}

#[test]
fn what_passes_is_tried_again_and_what_does_not_is_returned() {
    let (coordinator, _) = coordinator(|node| match node {
        1 => Err(broken()),
        2 => Ok(committed(&partition(), ErrorCode::COORDINATOR_NOT_AVAILABLE)),
        _ => Ok(committed(&partition(), ErrorCode::UNKNOWN_MEMBER_ID)),
    });
    let answer: Response = run(coordinator.call_until(Duration::from_secs(60), commit)).unwrap();
    assert_eq!(answer.partitions, [(partition(), ErrorCode::UNKNOWN_MEMBER_ID)]);
}

#[test]
fn a_success_is_returned_at_once() {
    let (coordinator, lookups) = coordinator(|node| match node {
        1 => Err(broken()),
        _ => Ok(committed(&partition(), ErrorCode::NONE)),
    });
    let answer = run(coordinator.call_until::<Response>(Duration::from_secs(60), commit));
    assert!(answer.unwrap().error_code().is_ok());
    assert_eq!(lookups.load(Ordering::SeqCst), 2);
}

#[test]
fn what_does_not_pass_in_time_is_told_with_its_reason() {
    let (coordinator, _) =
        coordinator(|_| Ok(committed(&partition(), ErrorCode::COORDINATOR_LOAD_IN_PROGRESS)));
    let late = run(coordinator.call_until::<Response>(Duration::from_millis(20), commit));
    let late = late.unwrap_err();
    assert_eq!(late.kind(), BrokerErrorKind::TimedOut);
    let expected = "OffsetCommit of group group did not succeed within 20 ms: \
                    COORDINATOR_LOAD_IN_PROGRESS (14)";
    assert_eq!(late.to_string(), expected);
}

#[test]
fn a_group_that_may_not_be_read_is_named() {
    let fake = Fake::new(|_, _, _| Ok(found(-1, ErrorCode::GROUP_AUTHORIZATION_FAILED)));
    let coordinator = Coordinator::new(Arc::new(fake), "group".into());
    let refused = run(coordinator.call_until::<Response>(Duration::from_secs(60), commit));
    let refused = refused.unwrap_err();
    assert_eq!(refused.kind(), BrokerErrorKind::Unauthorized);
    assert!(refused.to_string().contains("coordinator of group group"), "{refused}");
}

#[test]
fn an_answer_that_is_none_of_the_protocols_is_an_error() {
    let (coordinator, _) = coordinator(|_| Ok(Bytes::from_static(&[0, 0])));
    let error = run(coordinator.call::<Response>(commit())).unwrap_err();
    assert_eq!(error.kind(), BrokerErrorKind::Fatal);
    assert_eq!(error.to_string(), "OffsetCommit of group group was not understood");
}
