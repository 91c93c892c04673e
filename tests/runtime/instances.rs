//! Threads and instances share the work of an application.

use std::time::Duration;

use streams_core::{KafkaStreams, State, StreamsConfig};

use crate::support::{
    Counts, Kept, Scratch, Updates, close, config, counted, counts, lines, log, owns, reach,
    running, word_count, write,
};

fn quick(scratch: &Scratch) -> StreamsConfig {
    config("app", scratch.path()).commit_interval(Duration::from_millis(10))
}

/// The counts of all instances; a word that two of them have is counted by none twice.
async fn all_counts(instances: &[&KafkaStreams], store: crate::support::CountStore) -> Counts {
    let mut all = Counts::new();
    for streams in instances {
        for (word, count) in counts(streams, store).await {
            assert_eq!(all.insert(word, count), None, "a word has one owner");
        }
    }
    all
}

#[tokio::test]
async fn two_threads_of_an_instance_share_its_tasks() {
    let (log, scratch) = (log(), Scratch::new());
    let (topology, store) = word_count(Kept::InMemory);
    let text = lines(400, 1);
    let streams = running(&log, &topology, quick(&scratch).num_stream_threads(2)).await;
    write(&log, &text);
    let mut updates = Updates::new(&log);
    updates.wait_for(1200);
    assert_eq!(counts(&streams, store).await, counted(&text));
    let metrics = streams.metrics().await;
    assert_eq!(metrics.threads.len(), 2);
    for thread in &metrics.threads {
        // Two sub-topologies of four partitions.
        assert_eq!(thread.tasks.len(), 4, "{thread:?}");
        assert!(thread.total().processed > (400 + 1200) / 5, "{thread:?}");
    }
    close(&streams).await;
}

#[tokio::test]
async fn counts_stay_exact_while_instances_join_and_leave() {
    let log = log();
    let (topology, store) = word_count(Kept::OnDisk);
    let folders = [Scratch::new(), Scratch::new()];
    let first = running(&log, &topology, quick(&folders[0])).await;
    let mut updates = Updates::new(&log);
    let mut written = Vec::new();
    for round in 0..3 {
        let second = running(&log, &topology, quick(&folders[1])).await;
        owns(&second, 4).await;
        let before = first.metrics().await.total().processed;
        let text = lines(300, round);
        write(&log, &text);
        written.extend(text);
        updates.wait_for(written.len() * 3);
        reach(&first, State::Running).await;
        let both = all_counts(&[&first, &second], store).await;
        assert_eq!(both, counted(&written), "round {round}");
        let [first_in_all, second_in_all] =
            [first.metrics().await.total().processed, second.metrics().await.total().processed];
        // Each over a fifth of 300 lines and their 900 words.
        let shares = [first_in_all - before, second_in_all];
        assert!(shares.iter().all(|share| *share > (300 + 900) / 5), "{shares:?}");

        // The second instance leaves while there is work.
        let text = lines(300, round + 10);
        write(&log, &text);
        written.extend(text);
        close(&second).await;
        owns(&first, 8).await;
        updates.wait_for(written.len() * 3);
        reach(&first, State::Running).await;
        assert_eq!(all_counts(&[&first], store).await, counted(&written), "round {round}");
        assert_eq!(updates.latest, counted(&written));
    }
    close(&first).await;
    // Not one update was made twice.
    let end = log.partition_offsets(&streams_core::broker::TopicPartition::new("updates", 0));
    assert_eq!(end.unwrap().high_watermark, written.len() as i64 * 3);
}

#[tokio::test]
async fn threads_come_and_go() {
    let (log, scratch) = (log(), Scratch::new());
    let (topology, store) = word_count(Kept::InMemory);
    let streams = running(&log, &topology, quick(&scratch)).await;
    let name = streams.add_stream_thread().unwrap();
    assert!(name.ends_with("StreamThread-2"), "{name}");
    let text = lines(300, 5);
    write(&log, &text);
    let mut updates = Updates::new(&log);
    updates.wait_for(900);
    assert!(streams.remove_stream_thread().unwrap());
    let more = lines(300, 6);
    write(&log, &more);
    updates.wait_for(1800);
    reach(&streams, State::Running).await;
    assert_eq!(counts(&streams, store).await, counted(text.iter().chain(&more)));
    close(&streams).await;
}
