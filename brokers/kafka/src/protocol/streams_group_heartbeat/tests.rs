use super::*;
use crate::protocol::tests::check_truncated;

fn task(text: &str) -> TaskId {
    text.parse().unwrap()
}

fn tasks(active: &[&str], standby: &[&str]) -> OwnedTasks {
    OwnedTasks {
        active: active.iter().map(|id| task(id)).collect(),
        standby: standby.iter().map(|id| task(id)).collect(),
    }
}

fn heartbeat(member_epoch: i32) -> Heartbeat {
    Heartbeat {
        group_id: "g".into(),
        member_id: "m".into(),
        member_epoch,
        endpoint_information_epoch: -1,
        rebalance_timeout_ms: None,
        introduction: None,
        owned: None,
        shutdown_application: false,
    }
}

fn written(heartbeat: &Heartbeat) -> Vec<u8> {
    let mut to = BytesMut::new();
    heartbeat.write(&mut to);
    to.to_vec()
}

const NONE: [u8; 4] = [0xff; 4];

#[test]
fn what_did_not_change_is_null() {
    let expected = [
        &[2, b'g', 2, b'm', 0, 0, 0, 5][..],
        &NONE,
        &[0, 0],
        &NONE,
        // No topology; no tasks, three times; no process, endpoint, tags, offsets, end offsets.
        &[0xff, 0, 0, 0, 0, 0xff, 0, 0, 0],
        &[0, 0],
    ];
    assert_eq!(written(&heartbeat(5)), expected.concat());
}

#[test]
fn owned_tasks_are_told_by_subtopology_all_lists_at_once() {
    let owned = Some(tasks(&["0_0", "0_2", "10_1"], &[]));
    let told = Heartbeat { owned, shutdown_application: true, ..heartbeat(5) };
    let expected = [
        &[2, b'g', 2, b'm', 0, 0, 0, 5][..],
        &NONE,
        &[0, 0],
        &NONE,
        &[0xff],
        &[3, 2, b'0', 3, 0, 0, 0, 0, 0, 0, 0, 2, 0, 3, b'1', b'0', 2, 0, 0, 0, 1, 0],
        &[1, 1],
        &[0, 0xff, 0, 0, 0],
        &[1, 0],
    ];
    assert_eq!(written(&told), expected.concat());
}

#[test]
fn a_member_that_joins_introduces_itself() {
    let changelog = TopicInfo {
        name: "c".into(),
        partitions: 0,
        replication_factor: -1,
        topic_configs: BTreeMap::from([("k".to_owned(), "v".to_owned())]),
    };
    let repartition = TopicInfo {
        name: "r".into(),
        partitions: 3,
        replication_factor: 2,
        topic_configs: BTreeMap::new(),
    };
    let subtopology = Subtopology {
        subtopology_id: "0".to_owned(),
        source_topics: vec!["s".into()],
        state_changelog_topics: vec![changelog],
        repartition_sink_topics: vec!["q".into()],
        repartition_source_topics: vec![repartition],
        copartition_groups: vec![CopartitionGroup {
            source_topics: vec![0],
            repartition_source_topics: vec![0],
        }],
    };
    let introduction = Introduction {
        rack_id: Some("x".to_owned()),
        topology: Topology { epoch: 0, subtopologies: vec![subtopology] },
        process_id: "p".to_owned(),
        user_endpoint: Some(("h".to_owned(), 0x1234)),
        client_tags: BTreeMap::from([("a".to_owned(), "b".to_owned())]),
    };
    let joins = Heartbeat {
        rebalance_timeout_ms: Some(9),
        introduction: Some(Arc::new(introduction)),
        owned: Some(OwnedTasks::default()),
        ..heartbeat(JOIN)
    };
    let expected = [
        &[2, b'g', 2, b'm', 0, 0, 0, 0][..],
        &NONE,
        &[0, 2, b'x', 0, 0, 0, 9],
        // The topology: present, its epoch, one sub-topology.
        &[1, 0, 0, 0, 0, 2, 2, b'0', 2, 2, b's', 1],
        &[2, 2, b'c', 0, 0, 0, 0, 0xff, 0xff, 2, 2, b'k', 2, b'v', 0, 0],
        &[2, 2, b'q'],
        &[2, 2, b'r', 0, 0, 0, 3, 0, 2, 1, 0],
        &[2, 2, 0, 0, 1, 2, 0, 0, 0],
        &[0, 0],
        &[1, 1, 1],
        &[2, b'p', 1, 2, b'h', 0x12, 0x34, 0, 2, 2, b'a', 2, b'b', 0],
        &[0, 0, 0, 0],
    ];
    assert_eq!(written(&joins), expected.concat());
}

type Lists<'a> = [Option<&'a [(&'a str, &'a [i32])]>; 3];

fn response(status: Option<&[(i8, &str)]>, lists: Lists<'_>) -> Bytes {
    let mut to = BytesMut::new();
    to.put_i32(0);
    to.put_i16(0);
    to.nullable_string(None);
    to.string("m");
    to.put_i32(7);
    to.put_i32(5000);
    to.put_i32(0);
    to.put_i32(0);
    match status {
        Some(status) => to.array(status.iter(), |to, (code, detail)| {
            to.put_i8(*code);
            to.string(detail);
            to.no_tagged_fields();
        }),
        None => to.null_array(),
    }
    for list in lists {
        match list {
            Some(list) => to.array(list.iter(), |to, (subtopology, partitions)| {
                to.string(subtopology);
                to.array(partitions.iter().copied(), BufMut::put_i32);
                to.no_tagged_fields();
            }),
            None => to.null_array(),
        }
    }
    to.put_i32(3);
    to.freeze()
}

#[test]
fn an_assignment_is_read_with_warm_ups_as_standbys() {
    let lists: Lists<'_> =
        [Some(&[("0", &[1, 2])]), Some(&[("1", &[0])]), Some(&[("1", &[3]), ("2", &[])])];
    let read = Response::read(response(Some(&[(5, "wait")]), lists)).unwrap();
    assert_eq!(read.assigned, Some(tasks(&["0_1", "0_2"], &["1_0", "1_3"])));
    assert_eq!(read.status, Some(vec![(5, "wait".to_owned())]));
    assert_eq!((read.member_epoch, read.heartbeat_interval_ms), (7, 5000));
    assert_eq!(read.endpoint_information_epoch, 3);
}

#[test]
fn an_unchanged_assignment_is_none_and_an_empty_one_is_empty() {
    let read = Response::read(response(None, [None; 3])).unwrap();
    assert_eq!((read.assigned, read.status), (None, None));
    let read = Response::read(response(Some(&[]), [Some(&[]); 3])).unwrap();
    assert_eq!((read.assigned, read.status), (Some(OwnedTasks::default()), Some(Vec::new())));
}

#[test]
fn tasks_that_cannot_be_are_refused() {
    let wrong: [Lists<'_>; 4] = [
        [Some(&[]), None, Some(&[])],
        [Some(&[("zero", &[0])]), Some(&[]), Some(&[])],
        [Some(&[("-1", &[0])]), Some(&[]), Some(&[])],
        [Some(&[("0", &[-1])]), Some(&[]), Some(&[])],
    ];
    for lists in wrong {
        assert!(Response::read(response(None, lists)).is_err(), "{lists:?}");
    }
}

#[test]
fn a_response_that_is_cut_short_is_an_error() {
    let lists: Lists<'_> = [Some(&[("0", &[1, 2])]), Some(&[("1", &[0])]), Some(&[("1", &[3])])];
    check_truncated(&response(Some(&[(5, "wait")]), lists), Response::read);
}
