//! What a crash, a careless hand or a failing disk leaves behind.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;

use broker_embedded::{EmbeddedBroker, EmbeddedOptions};
use streams_core::broker::{
    Broker, BrokerErrorKind, CommittedOffset, GroupOptions, Membership, NewTopic, OwnedTasks,
    TopicPartition, TopologySpec, WakeUp,
};
use streams_core::{Clock, SystemClock};

use crate::support::{Folder, make_topic, read_text, write};

/// A log of three batches, of which nothing was synced, and the positions at which they begin.
fn three_batches(folder: &Folder) -> (EmbeddedBroker, Vec<u64>) {
    let broker = folder.open().expect("it opens");
    let lines = make_topic(&broker, NewTopic::new("lines", 1));
    let mut positions = Vec::new();
    for values in [&["a", "b"][..], &["c"], &["d", "e", "f"]] {
        positions.push(broker.partition_size(&lines).expect("it exists"));
        write(&broker, &lines, 1, values).expect("it is written");
    }
    positions.push(broker.partition_size(&lines).expect("it exists"));
    (broker, positions)
}

#[test]
fn a_log_is_read_after_a_clean_close_and_after_a_crash() {
    let folder = Folder::new("reopen");
    let (broker, _) = three_batches(&folder);
    let crashed = folder.crash_image("reopen-crashed");
    drop(broker);
    for folder in [folder, crashed] {
        for _ in 0..2 {
            let broker = folder.open().unwrap();
            assert_eq!(read_text(&broker, "lines"), ["0:a", "1:b", "2:c", "3:d", "4:e", "5:f"]);
        }
        let broker = folder.open().unwrap();
        let lines = TopicPartition::new("lines", 0);
        assert_eq!(write(&broker, &lines, 1, &["g"]).unwrap(), 6, "offsets go on");
    }
}

#[test]
fn a_tail_torn_at_any_byte_is_cut_and_nothing_else() {
    let folder = Folder::new("torn");
    let (broker, positions) = three_batches(&folder);
    for length in positions[2]..positions[3] {
        let image = folder.crash_image("torn-image");
        let segment = image.segments("lines").remove(0);
        OpenOptions::new().write(true).open(&segment).unwrap().set_len(length).unwrap();
        let opened = image.open().unwrap();
        assert_eq!(read_text(&opened, "lines"), ["0:a", "1:b", "2:c"], "torn at {length}");
        assert_eq!(fs::metadata(&segment).unwrap().len(), positions[2]);
        assert_eq!(write(&opened, &TopicPartition::new("lines", 0), 1, &["x"]).unwrap(), 3);
    }
    drop(broker);
}

#[test]
fn a_tail_of_zeros_or_garbage_is_cut() {
    let folder = Folder::new("garbage");
    let (broker, positions) = three_batches(&folder);
    for garbage in [vec![0; 5000], vec![0xff; 100], b"garbage".repeat(1000)] {
        let image = folder.crash_image("garbage-image");
        let segment = image.segments("lines").remove(0);
        let file = OpenOptions::new().write(true).open(&segment).unwrap();
        file.write_all_at(&garbage, positions[3]).unwrap();
        let opened = image.open().unwrap();
        assert_eq!(read_text(&opened, "lines").len(), 6);
        assert_eq!(fs::metadata(&segment).unwrap().len(), positions[3]);
    }
    drop(broker);
}

#[test]
fn a_changed_byte_before_sound_data_is_an_error_that_names_it_and_changes_nothing() {
    let folder = Folder::new("flipped");
    let (broker, positions) = three_batches(&folder);
    // Bytes 8 to 11 of a batch are its length, 21 on is covered by the checksum.
    let places = (positions[1] + 8..positions[1] + 12).chain(positions[1] + 21..positions[2]);
    for place in places {
        let image = folder.crash_image("flipped-image");
        let segment = image.segments("lines").remove(0);
        let mut bytes = fs::read(&segment).unwrap();
        bytes[place as usize] ^= 0x40;
        fs::write(&segment, &bytes).unwrap();
        let error = image.open().unwrap_err();
        assert_eq!(error.kind(), BrokerErrorKind::Corrupted, "{error}");
        let text = error.to_string();
        assert!(text.contains("00000000000000000000.log"), "{text}");
        assert!(text.contains(&format!("at byte {}", positions[1])), "{place}: {text}");
        assert_eq!(fs::read(&segment).unwrap(), bytes, "nothing was changed");
    }
    drop(broker);
}

#[test]
fn a_torn_segment_that_is_not_the_last_is_an_error() {
    let folder = Folder::new("torn-middle");
    let small = EmbeddedOptions::default().topic_default("segment.bytes", "100");
    let broker = EmbeddedBroker::open(&folder, small).unwrap();
    let lines = make_topic(&broker, NewTopic::new("lines", 1));
    for value in ["a", "b", "c"] {
        write(&broker, &lines, 1, &[value]).unwrap();
    }
    let image = folder.crash_image("torn-middle-image");
    assert_eq!(image.segments("lines").len(), 3);
    let middle = image.segments("lines").remove(1);
    OpenOptions::new().write(true).open(&middle).unwrap().set_len(50).unwrap();
    let error = image.open().unwrap_err();
    assert_eq!(error.kind(), BrokerErrorKind::Corrupted);
    assert!(error.to_string().contains("00000000000000000001.log"), "{error}");
    drop(broker);
    fs::remove_file(folder.segments("lines").remove(1)).unwrap();
    let error = folder.open().map(drop).unwrap_err();
    assert!(error.to_string().contains("the next begins at 2"), "a gap is told: {error}");
}

#[test]
fn missing_and_broken_indexes_are_rebuilt() {
    let folder = Folder::new("indexes");
    let small = EmbeddedOptions::default().topic_default("segment.bytes", "20000");
    let broker = EmbeddedBroker::open(&folder, small).unwrap();
    let lines = make_topic(&broker, NewTopic::new("lines", 1));
    let long = "x".repeat(2000);
    for time in 0..50 {
        write(&broker, &lines, time, &[&long]).unwrap();
    }
    let before = read_text(&broker, "lines");
    drop(broker);
    let segments = folder.segments("lines");
    assert!(segments.len() > 4);
    fs::remove_file(segments[0].with_extension("index")).unwrap();
    fs::write(segments[1].with_extension("timeindex"), b"junk").unwrap();
    fs::write(segments[2].with_extension("index"), [0xff; 16]).unwrap();
    let broker = folder.open().unwrap();
    assert_eq!(read_text(&broker, "lines"), before);
    for time in [0, 1, 7, 25, 49] {
        let spec = streams_core::broker::OffsetSpec::AtOrAfter(
            streams_core::batch::Timestamp::from_millis(time),
        );
        assert_eq!(broker.admin().list_offsets(&[(lines.clone(), spec)]).unwrap(), [time]);
    }
}

#[test]
fn a_folder_serves_one_broker_at_a_time() {
    let folder = Folder::new("locked");
    let first = folder.open().unwrap();
    let second = folder.open().unwrap_err();
    assert_eq!(second.kind(), BrokerErrorKind::InvalidRequest);
    let text = second.to_string();
    assert!(
        text.contains(&*folder.as_ref().to_string_lossy()) && text.contains("in use"),
        "{text}"
    );
    drop(first);
    folder.open().unwrap();
}

#[test]
fn a_folder_of_a_newer_version_or_of_something_else_is_left_alone() {
    let folder = Folder::new("version");
    drop(folder.open().unwrap());
    fs::write(folder.as_ref().join("version"), "2\n").unwrap();
    let newer = folder.open().unwrap_err().to_string();
    assert!(newer.contains("newer version") && newer.contains("layout 2"), "{newer}");
    fs::write(folder.as_ref().join("version"), "?").unwrap();
    assert!(folder.open().unwrap_err().to_string().contains("unreadable version"));
    let other = Folder::new("version-other");
    fs::create_dir_all(&other).unwrap();
    fs::write(other.as_ref().join("photo.jpg"), "").unwrap();
    let foreign = other.open().unwrap_err().to_string();
    assert!(foreign.contains("holds photo.jpg and no log"), "{foreign}");
}

#[test]
fn topics_survive_with_their_configs_and_interrupted_changes_are_finished() {
    let folder = Folder::new("topics");
    let broker = folder.open().unwrap();
    let topic = NewTopic::new("lines", 2).config("retention.ms", "1000");
    make_topic(&broker, topic);
    broker.admin().create_partitions("lines", 3).unwrap();
    make_topic(&broker, NewTopic::new("gone", 1));
    let before = broker.admin().describe_topics(&["lines"]).unwrap();
    drop(broker);
    let root = folder.as_ref();
    // A deletion, and a creation, that a crash cut short.
    fs::rename(root.join("topics/gone.properties"), root.join("topics/gone.deleting")).unwrap();
    fs::write(root.join("topics/half.creating"), "0").unwrap();
    fs::create_dir(root.join("half-0")).unwrap();
    let broker = folder.open().unwrap();
    assert_eq!(broker.admin().describe_topics(&["lines"]).unwrap(), before);
    assert_eq!(broker.admin().list_topics().unwrap(), ["lines".into()]);
    assert!(!root.join("gone-0").exists() && !root.join("half-0").exists());
    assert_eq!(write(&broker, &TopicPartition::new("lines", 2), 1, &["x"]).unwrap(), 0);
}

#[test]
fn the_log_start_offset_survives() {
    let folder = Folder::new("start");
    let (broker, _) = three_batches(&folder);
    let lines = TopicPartition::new("lines", 0);
    broker.admin().delete_records(&[(lines.clone(), 4)]).unwrap();
    let crashed = folder.crash_image("start-crashed");
    drop(broker);
    for folder in [folder, crashed] {
        let broker = folder.open().unwrap();
        assert_eq!(broker.partition_offsets(&lines).unwrap().log_start_offset, 4);
        assert_eq!(read_text(&broker, "lines"), ["4:e", "5:f"]);
    }
}

fn member(broker: &EmbeddedBroker) -> Box<dyn Membership> {
    let options = GroupOptions::new("app", "process", "member");
    let member = broker.membership(options, TopologySpec::default(), WakeUp::new());
    let mut member = member.expect("it is made");
    member.poll(&OwnedTasks::default(), SystemClock.now()).expect("it joins");
    member
}

#[test]
fn committed_offsets_survive_a_crash_and_a_rewrite_of_their_log() {
    let folder = Folder::new("offsets");
    let broker = folder.open().unwrap();
    let mut committing = member(&broker);
    let metadata = "m".repeat(2000);
    let name = |number| TopicPartition::new("lines", number);
    let commit = |committing: &mut Box<dyn Membership>, round: i64| {
        let offset = |number: i32| CommittedOffset {
            offset: round * 10 + i64::from(number),
            leader_epoch: Some(0),
            metadata: metadata.clone(),
        };
        let offsets: Vec<_> = (0..10).map(|number| (name(number), offset(number))).collect();
        committing.commit_offsets(&offsets).unwrap()
    };
    // 20 KiB a round: the log is rewritten on the way.
    let rounds = 600;
    let mut last = None;
    for round in 0..rounds {
        last = Some(commit(&mut committing, round));
    }
    let log = TopicPartition::new("__consumer_offsets", 0);
    assert!(broker.partition_offsets(&log).unwrap().log_start_offset > 0, "it was rewritten");
    assert!(broker.partition_size(&log).unwrap() < 6 << 20);
    let wake = WakeUp::new();
    while committing.poll_commit(last.unwrap()).is_none() {
        wake.wait(std::time::Duration::from_millis(1));
    }
    let crashed = folder.crash_image("offsets-crashed");
    let reopened = crashed.open().unwrap();
    let names: Vec<_> = (0..10).map(name).collect();
    let found = member(&reopened).committed(&names).unwrap().unwrap();
    for (number, committed) in found.into_iter().enumerate() {
        let committed = committed.unwrap();
        assert_eq!(committed.offset, (rounds - 1) * 10 + number as i64);
        assert_eq!(committed.metadata, metadata);
    }
    assert!(!reopened.admin().list_topics().unwrap().contains(&"__consumer_offsets".into()));
}
