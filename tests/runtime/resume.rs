//! A second run goes on where the first one stopped.

use streams_core::{State, broker::Broker};

use crate::support::{
    Kept, Scratch, Updates, close, config, counted, counts, lines, log, reach, running, word_count,
    write,
};

#[tokio::test]
async fn a_second_run_processes_nothing_again_and_knows_all_counts() {
    let (log, scratch) = (log(), Scratch::new());
    let (topology, store) = word_count(Kept::InMemory);
    let text = lines(500, 1);
    write(&log, &text);
    let mut updates = Updates::new(&log);

    let first = running(&log, &topology, config("app", scratch.path())).await;
    updates.wait_for(1500);
    assert_eq!(counts(&first, store).await, counted(&text));
    close(&first).await;
    assert_eq!(first.metrics().await.total().processed, 500 + 1500);

    let second = running(&log, &topology, config("app", scratch.path())).await;
    assert_eq!(counts(&second, store).await, counted(&text));
    let metrics = second.metrics().await.total();
    assert_eq!((metrics.processed, metrics.restored), (0, 1500));

    let more = lines(1, 2);
    write(&log, &more);
    updates.wait_for(1503);
    assert_eq!(counts(&second, store).await, counted(text.iter().chain(&more)));
    close(&second).await;
    assert_eq!(second.metrics().await.total().processed, 1 + 3);
    assert_eq!(log.group_admin().describe_group("app").unwrap().unwrap().members, []);
    assert_eq!(updates.latest, counted(text.iter().chain(&more)));
}

#[tokio::test]
async fn states_are_passed_in_order() {
    let (log, scratch) = (log(), Scratch::new());
    let (topology, _) = word_count(Kept::InMemory);
    let streams = streams_core::KafkaStreams::new(
        topology,
        config("app", scratch.path()),
        std::sync::Arc::clone(&log),
    )
    .unwrap();
    let (seen, passed) = std::sync::mpsc::channel();
    streams.set_state_listener(move |next, before| seen.send((before, next)).unwrap());
    assert_eq!(streams.state(), State::Created);
    streams.start().await.unwrap();
    assert!(streams.start().await.unwrap_err().to_string().contains("can be started once"));
    reach(&streams, State::Running).await;
    close(&streams).await;
    let passed: Vec<_> = passed.try_iter().collect();
    use State::{Created, NotRunning, PendingShutdown, Rebalancing, Running};
    let ends = [(Running, PendingShutdown), (PendingShutdown, NotRunning)];
    assert_eq!(passed.first(), Some(&(Created, Rebalancing)));
    assert_eq!(passed[passed.len() - 2..], ends);
    assert!(passed.windows(2).all(|pair| pair[0].1 == pair[1].0), "{passed:?}");
}
