//! State that is lost comes back from the changelog.

use std::time::Duration;

use streams_core::{
    Context, Outcome, Processor, Record, StoreHandle, Topology, TopologyBuilder,
    broker::{Broker, OffsetSpec, TopicPartition},
    stores::{Ignored, Stores, Timestamp, WindowStore},
};

use crate::support::{
    Kept, LINES, PARTITIONS, Scratch, UPDATES, Updates, close, config, counted, counts, lines, log,
    running, word_count, write,
};

#[tokio::test]
async fn a_deleted_state_folder_is_restored_and_a_kept_one_is_not() {
    let (log, scratch) = (log(), Scratch::new());
    let (topology, store) = word_count(Kept::OnDisk);
    let text = lines(400, 3);
    write(&log, &text);
    let mut updates = Updates::new(&log);
    let first = running(&log, &topology, config("app", scratch.path())).await;
    updates.wait_for(1200);
    close(&first).await;

    let kept = running(&log, &topology, config("app", scratch.path())).await;
    assert_eq!(counts(&kept, store).await, counted(&text));
    let metrics = kept.metrics().await.total();
    let on_disk = scratch.path().join("app/native-v1").exists();
    assert_eq!(metrics.restored, if on_disk { 0 } else { 1200 });
    assert_eq!(metrics.processed, 0);
    close(&kept).await;

    kept.clean_up().unwrap();
    assert!(!scratch.path().join("app/native-v1").exists());
    let anew = running(&log, &topology, config("app", scratch.path())).await;
    assert_eq!(counts(&anew, store).await, counted(&text));
    let metrics = anew.metrics().await.total();
    assert_eq!((metrics.processed, metrics.restored), (0, 1200));
    assert!(anew.restore_progress().is_empty());
    close(&anew).await;
}

#[tokio::test]
async fn a_changelog_cut_behind_the_state_is_restored_from_its_beginning() {
    let (log, scratch) = (log(), Scratch::new());
    let (topology, store) = word_count(Kept::OnDisk);
    let mut updates = Updates::new(&log);
    let old = lines(100, 3);
    write(&log, &old);
    let first = running(&log, &topology, config("app", scratch.path())).await;
    updates.wait_for(300);
    close(&first).await;

    // Another instance goes on elsewhere; then the records that the first one lacks are deleted.
    let elsewhere = Scratch::new();
    let new = lines(100, 4);
    write(&log, &new);
    let second = running(&log, &topology, config("app", elsewhere.path())).await;
    updates.wait_for(600);
    close(&second).await;
    let ends: Vec<_> = (0..PARTITIONS)
        .map(|n| (TopicPartition::new("app-counts-changelog", n), OffsetSpec::Latest))
        .collect();
    let offsets = log.admin().list_offsets(&ends).unwrap();
    let ends: Vec<_> = ends.into_iter().map(|(partition, _)| partition).zip(offsets).collect();
    log.admin().delete_records(&ends).unwrap();

    // Nothing is left of the changelog: what remains of the first instance's state would be stale.
    let third = running(&log, &topology, config("app", scratch.path())).await;
    assert_eq!(counts(&third, store).await, counted(&[]));
    close(&third).await;
}

type Windows = StoreHandle<WindowStore<String, i64>>;

/// Counts lines by minutes of a clock that each line puts forward by one.
struct CountByMinute(Windows);

impl Processor<Ignored, String, String, i64> for CountByMinute {
    fn process(
        &mut self,
        record: Record<Ignored, String>,
        ctx: &mut Context<'_, String, i64>,
    ) -> Outcome {
        let store = ctx.store(self.0)?;
        let clock = "clock".to_owned();
        let minute = store.fetch(&clock, at_minute(0))?.unwrap_or(0);
        store.put(&clock, Some(minute + 1), at_minute(0))?;
        store.put(&record.value, Some(minute), at_minute(minute))?;
        ctx.forward(record.with_key(String::new()).with_value(minute))
    }
}

fn at_minute(minute: i64) -> Timestamp {
    Timestamp::from_millis(minute * 60_000)
}

fn by_minute(retention_minutes: u64) -> (Topology, Windows) {
    let (retention, size) = (Duration::from_secs(retention_minutes * 60), Duration::from_secs(60));
    let mut builder = TopologyBuilder::new();
    let store = builder.add_state_store(Stores::window("minutes", retention, size));
    builder
        .add_source::<Ignored, String>("lines", &[LINES])
        .add_processor("count", move || CountByMinute(store), &["lines"])
        .connect("count", store)
        .add_sink::<String, i64>("to-updates", UPDATES, &["count"]);
    (builder.build().unwrap(), store)
}

/// Longer or shorter: the segments on the disk have another length then.
#[tokio::test]
async fn a_changed_retention_of_a_window_store_goes_on_with_what_the_changelog_has() {
    let (log, scratch) = (log(), Scratch::new());
    let mut updates = Updates::new(&log);
    for (run, retention) in [(0, 20), (1, 60), (2, 10), (3, 10)] {
        let (topology, store) = by_minute(retention);
        write(&log, &["x".to_owned()]);
        let streams = running(&log, &topology, config("app", scratch.path())).await;
        updates.wait_for(run + 1);
        let seen = streams.with_store(store, |_, store| {
            let all = store.all().unwrap();
            store.collect(all).unwrap().len()
        });
        let entries: usize = seen.await.unwrap().into_iter().sum();
        assert_eq!(entries, 1 + run + 1, "the clock and a line of each run");
        assert_eq!(updates.latest[""], run as i64);
        let restored = streams.metrics().await.total().restored;
        let changed = [1, 2].contains(&run);
        assert_eq!(restored > 0, changed, "{restored} in run {run}");
        close(&streams).await;
    }
}
