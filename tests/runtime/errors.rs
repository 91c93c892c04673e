//! What ends an application, and how it is told.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use streams_core::{
    Clock, Context, ErrorKind, KafkaStreams, LogAndContinue, Nothing, Outcome, Processor, Record,
    State, StreamsError, SystemClock, TopologyBuilder, UncaughtDecision,
    broker::{Broker, NewTopic},
    stores::Ignored,
};

use crate::support::{
    Kept, PATIENCE, Scratch, Updates, close, config, counted, counts, lines, log, owns, reach,
    running, word_count, word_count_without, write,
};

/// Waits for the end of an instance with an error.
async fn failure(streams: &KafkaStreams) -> StreamsError {
    reach(streams, State::Error).await;
    let error = streams.error().unwrap();
    assert_eq!(streams.close().await.unwrap_err().to_string(), error.to_string());
    error
}

#[tokio::test]
async fn an_error_of_user_code_ends_in_the_state_error_with_its_names() {
    let (log, scratch) = (log(), Scratch::new());
    let (topology, _) = word_count(Kept::InMemory);
    write(&log, &["a poison".to_owned()]);
    let streams =
        KafkaStreams::new(topology, config("app", scratch.path()), Arc::clone(&log)).unwrap();
    streams.start().await.unwrap();
    let error = failure(&streams).await;
    assert_eq!(error.kind(), ErrorKind::Processing);
    assert_eq!(error.node(), Some("split"));
    assert_eq!(error.task_id().unwrap().to_string(), "0_0");
    assert!(error.report().contains("lines-0 at offset 0"), "{}", error.report());
    assert!(error.report().ends_with("the word is poison"), "{}", error.report());
    // Nothing of the record that failed was committed.
    let group = log.group_admin().describe_group("app").unwrap().unwrap();
    assert!(group.offsets.is_empty() && group.members.is_empty(), "{group:?}");
}

#[tokio::test]
async fn a_panic_of_user_code_is_an_error_with_the_node_s_name() {
    let (log, scratch) = (log(), Scratch::new());
    let (topology, _) = word_count(Kept::InMemory);
    write(&log, &["a panic".to_owned()]);
    let streams =
        KafkaStreams::new(topology, config("app", scratch.path()), Arc::clone(&log)).unwrap();
    streams.start().await.unwrap();
    let error = failure(&streams).await;
    assert_eq!(error.kind(), ErrorKind::Panic);
    assert_eq!(error.node(), Some("split"));
    assert!(error.to_string().contains("the word is panic"), "{error}");
}

/// Fails at its first start with what passes by itself.
struct Hesitant(Arc<AtomicUsize>);

impl Processor<Ignored, String> for Hesitant {
    fn init(&mut self, _: &mut Context<'_, Nothing, Nothing>) -> Outcome {
        match self.0.fetch_add(1, Ordering::SeqCst) {
            0 => Err(StreamsError::new(ErrorKind::Timeout, "not yet").into()),
            _ => Ok(()),
        }
    }

    fn process(
        &mut self,
        _: Record<Ignored, String>,
        _: &mut Context<'_, Nothing, Nothing>,
    ) -> Outcome {
        self.0.fetch_add(100, Ordering::SeqCst);
        Ok(())
    }
}

#[tokio::test]
async fn a_task_that_cannot_start_yet_starts_again() {
    let (log, scratch) = (log(), Scratch::new());
    let starts = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&starts);
    let mut builder = TopologyBuilder::new();
    builder.add_source::<Ignored, String>("lines", &["lines"]).add_processor(
        "hesitant",
        move || Hesitant(Arc::clone(&seen)),
        &["lines"],
    );
    let topology = builder.build().unwrap();
    let streams = running(&log, &topology, config("app", scratch.path())).await;
    write(&log, &lines(10, 1));
    let deadline = SystemClock.now().as_millis() + PATIENCE.as_millis() as i64;
    while starts.load(Ordering::SeqCst) < 1000 {
        assert!(SystemClock.now().as_millis() < deadline, "not all records were processed");
        tokio::task::yield_now().await;
    }
    close(&streams).await;
    assert_eq!(starts.load(Ordering::SeqCst) % 100, 5, "four tasks, of which one started twice");
}

#[tokio::test]
async fn one_thread_s_error_ends_the_others_cleanly() {
    let (log, scratch) = (log(), Scratch::new());
    let (topology, _) = word_count(Kept::InMemory);
    let streams =
        running(&log, &topology, config("app", scratch.path()).num_stream_threads(2)).await;
    write(&log, &["poison".to_owned()]);
    failure(&streams).await;
    assert!(log.group_admin().describe_group("app").unwrap().unwrap().members.is_empty());
}

#[tokio::test]
async fn a_thread_may_be_replaced() {
    let (log, scratch) = (log(), Scratch::new());
    let (topology, store) = word_count(Kept::InMemory);
    let failures = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&failures);
    let config = config("app", scratch.path()).uncaught_handler(move |_| {
        match seen.fetch_add(1, Ordering::SeqCst) {
            0 | 1 => UncaughtDecision::ReplaceThread,
            _ => UncaughtDecision::StopInstance,
        }
    });
    let streams = running(&log, &topology, config).await;
    let text = lines(10, 1);
    write(&log, &text);
    let mut updates = Updates::new(&log);
    updates.wait_for(30);
    assert_eq!(counts(&streams, store).await, counted(&text));
    write(&log, &["poison".to_owned()]);
    let error = failure(&streams).await;
    assert_eq!(error.kind(), ErrorKind::Processing);
    assert_eq!(failures.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn closing_while_threads_are_replaced_leaves_none_behind() {
    for _ in 0..20 {
        let (log, scratch) = (log(), Scratch::new());
        let (topology, _) = word_count(Kept::InMemory);
        let (failed, mut failures) = tokio::sync::mpsc::unbounded_channel();
        let config =
            config("app", scratch.path()).num_stream_threads(2).uncaught_handler(move |_| {
                failed.send(()).unwrap_or_default();
                UncaughtDecision::ReplaceThread
            });
        let streams = running(&log, &topology, config).await;
        // Ends each thread that takes its task over.
        write(&log, &["poison".to_owned()]);
        failures.recv().await.unwrap();
        let closed = tokio::time::timeout(PATIENCE, streams.close()).await.expect("close hangs");
        if let Err(error) = closed {
            assert_eq!(error.kind(), ErrorKind::Processing, "{error}");
        }
        assert_eq!(streams.state(), State::NotRunning);
        assert!(log.group_admin().describe_group("app").unwrap().unwrap().members.is_empty());
    }
}

#[tokio::test]
async fn one_instance_may_stop_all_others() {
    let log = log();
    let (topology, _) = word_count(Kept::InMemory);
    let (tolerant, _) = word_count_without(Kept::InMemory, "");
    let folders = [Scratch::new(), Scratch::new()];
    let bystander = running(&log, &tolerant, config("app", folders[0].path())).await;
    let config =
        config("app", folders[1].path()).uncaught_handler(|_| UncaughtDecision::StopApplication);
    let culprit = running(&log, &topology, config).await;
    owns(&culprit, 4).await;
    reach(&bystander, State::Running).await;
    let owner = culprit.metrics().await;
    let task = *owner.threads[0].tasks.keys().find(|task| task.subtopology == 0).unwrap();
    let mut text = vec![String::new(); task.partition as usize];
    text.push("poison".to_owned());
    write(&log, &text);
    failure(&culprit).await;
    let error = failure(&bystander).await;
    assert!(error.to_string().contains("stop"), "{error}");
}

#[tokio::test]
async fn a_missing_source_topic_is_named_after_two_heartbeats() {
    let (log, scratch) = (log(), Scratch::new());
    log.admin().delete_topics(&["lines"]).unwrap();
    let (topology, _) = word_count(Kept::InMemory);
    let config = config("app", scratch.path()).heartbeat_interval(Duration::from_millis(50));
    let streams = KafkaStreams::new(topology, config, Arc::clone(&log)).unwrap();
    streams.start().await.unwrap();
    let error = failure(&streams).await;
    assert_eq!(error.kind(), ErrorKind::Topic);
    assert!(error.to_string().contains("source topics lines are missing"), "{error}");
}

/// Nobody makes folders there: not root either, whom no permission bits hold back.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_state_folder_that_cannot_be_written_is_told_at_the_start() {
    let (topology, _) = word_count(Kept::OnDisk);
    let config = config("app", std::path::Path::new("/sys"));
    let streams = KafkaStreams::new(topology, config, log()).unwrap();
    let error = streams.start().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StateDirectory);
    let says = "the state folder /sys/app/native-v1 cannot be used: \
                make it writable, or set another state.dir";
    assert_eq!(error.to_string(), says);
}

#[tokio::test]
async fn a_missing_sink_topic_is_named() {
    let (log, scratch) = (log(), Scratch::new());
    log.admin().delete_topics(&["updates"]).unwrap();
    let (topology, _) = word_count(Kept::InMemory);
    write(&log, &["a".to_owned()]);
    let streams =
        KafkaStreams::new(topology, config("app", scratch.path()), Arc::clone(&log)).unwrap();
    streams.start().await.unwrap();
    let error = failure(&streams).await;
    assert_eq!(error.kind(), ErrorKind::Topic);
    assert!(error.to_string().contains("topic updates"), "{error}");
}

#[tokio::test]
async fn topics_that_are_not_copartitioned_are_named_with_their_counts() {
    let (log, scratch) = (log(), Scratch::new());
    log.admin().create_topics(&[NewTopic::new("left", 2), NewTopic::new("right", 3)]).unwrap();
    let mut builder = TopologyBuilder::new();
    builder
        .add_source::<Ignored, String>("left", &["left"])
        .add_source::<Ignored, String>("right", &["right"])
        .add_step::<Ignored, String, Ignored, String, _>(
            "both",
            |_, _, _| Ok(()),
            &["left", "right"],
        )
        .copartition(&["left", "right"]);
    let topology = builder.build().unwrap();
    let streams =
        KafkaStreams::new(topology, config("app", scratch.path()), Arc::clone(&log)).unwrap();
    streams.start().await.unwrap();
    let text = failure(&streams).await.to_string();
    assert!(text.contains("left has 2") && text.contains("right has 3"), "{text}");
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_named_or_skipped() {
    let (log, scratch) = (log(), Scratch::new());
    log.admin().create_topics(&[NewTopic::new("numbers", 1)]).unwrap();
    let mut builder = TopologyBuilder::new();
    builder.add_source::<String, i64>("numbers", &["numbers"]).add_sink::<String, i64>(
        "out",
        "updates",
        &["numbers"],
    );
    let topology = builder.build().unwrap();
    let producer = streams_core::broker::client::RecordProducer::new(
        &*log,
        streams_core::broker::client::RecordProducerOptions::default(),
    )
    .unwrap();
    let number = |value: &[u8]| {
        let record = streams_core::broker::client::ProducerRecord::new("numbers");
        producer.send(record.key("").value(value)).unwrap();
    };
    number(&7_i64.to_be_bytes());
    number(b"seven");
    number(&8_i64.to_be_bytes());
    producer.flush_blocking().unwrap();

    let streams =
        KafkaStreams::new(topology.clone(), config("app", scratch.path()), Arc::clone(&log))
            .unwrap();
    streams.start().await.unwrap();
    let error = failure(&streams).await;
    assert_eq!(error.kind(), ErrorKind::Deserialization);
    assert!(error.to_string().contains("numbers-0 at offset 1"), "{error}");
    assert!(!error.report().contains("seven"), "{}", error.report());

    let lenient = config("lenient", scratch.path()).deserialization_handler(LogAndContinue);
    let streams = running(&log, &topology, lenient).await;
    let mut updates = Updates::new(&log);
    updates.wait_for(2);
    close(&streams).await;
    assert_eq!(streams.metrics().await.total().dropped, 1);
}

#[tokio::test]
async fn a_handle_may_be_dropped_at_any_time() {
    let (log, scratch) = (log(), Scratch::new());
    let (topology, _) = word_count(Kept::InMemory);
    let streams = running(&log, &topology, config("app", scratch.path())).await;
    let mut states = streams.states();
    drop(streams);
    let ended = states.wait_for(|state| *state == State::NotRunning);
    tokio::time::timeout(PATIENCE, ended).await.unwrap().unwrap();
}

#[tokio::test]
async fn closing_gives_up_waiting_and_goes_on() {
    let (log, scratch) = (log(), Scratch::new());
    let (topology, _) = word_count(Kept::InMemory);
    let streams = running(&log, &topology, config("app", scratch.path())).await;
    match streams.close_within(Duration::ZERO).await {
        Ok(()) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::Timeout),
    }
    close(&streams).await;
    let created = KafkaStreams::new(topology, config("app", scratch.path()), log).unwrap();
    created.close_within(PATIENCE).await.unwrap();
    assert_eq!(created.state(), State::NotRunning);
}
