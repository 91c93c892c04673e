//! State that is lost comes back from the changelog.

use streams_core::broker::{Broker, OffsetSpec, TopicPartition};

use crate::support::{
    Kept, PARTITIONS, Scratch, Updates, close, config, counted, counts, lines, log, running,
    word_count, write,
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
