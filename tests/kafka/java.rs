//! Kafka Streams in Java and this library take over from each other and work together: one
//! application id, one group, one set of topics.

mod application;
mod world;

use streams_core::{State, broker::OffsetSpec};

use application::JavaApplication;
use world::{App, ORDERS, RustApplication, WINDOWED_COUNT, WORD_COUNT, World, eventually};

/// Java counts, then Rust with an empty state folder, then Java with an empty one: each restores
/// what the other logged and counts on.
async fn take_over_from_each_other(app: &'static App) {
    let world = World::new(app, 2);
    let mut counts = world.counts();

    let java = JavaApplication::start(&world);
    counts.add(&world.write());
    counts.wait();
    java.close();
    counts.check();

    let logged = world.logged();
    assert!(logged > 0, "Java logged nothing");
    let rust = RustApplication::start(&world).await;
    counts.add(&world.write());
    counts.wait();
    assert_eq!(rust.restored().await, logged, "records that Rust restored");
    rust.close().await;
    counts.check();

    let logged = world.logged();
    let mut java = JavaApplication::start(&world);
    counts.add(&world.write());
    counts.wait();
    assert_eq!(java.restored(), logged, "records that Java restored");
    java.close();
    counts.check();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_count_goes_on_in_the_other_language() {
    take_over_from_each_other(&WORD_COUNT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_windowed_count_goes_on_in_the_other_language() {
    take_over_from_each_other(&WINDOWED_COUNT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_languages_share_the_tasks_of_one_group() {
    let world = World::new(&WORD_COUNT, 4);
    let mut counts = world.counts();
    let java = JavaApplication::start(&world);
    counts.add(&world.write());
    counts.wait();

    // Eight tasks: four partitions of lines, four of words.
    let rust = RustApplication::start(&world).await;
    world.wait_for_tasks(&[4, 4]);
    let before = rust.processed().await;
    let lines = world.write();
    counts.add(&lines);
    counts.wait();
    let work = lines.records();
    let share = rust.processed().await - before;
    assert!(share > 0 && share < work, "Rust processed {share} of {work} records");

    rust.close().await;
    counts.check();
    world.wait_for_tasks(&[8]);
    counts.add(&world.write());
    counts.wait();

    let rust = RustApplication::start(&world).await;
    world.wait_for_tasks(&[4, 4]);
    counts.add(&world.write());
    counts.wait();
    java.close();
    counts.check();
    world.wait_for_tasks(&[8]);
    counts.add(&world.write());
    counts.wait();
    rust.close().await;
    counts.check();
}

#[tokio::test(flavor = "multi_thread")]
async fn internal_topics_are_those_of_java() {
    for (app, count) in [(&WORD_COUNT, 2), (&WINDOWED_COUNT, 2), (&ORDERS, 5)] {
        let world = World::new(app, 3);
        let beside = world.with_application("java");
        let mut java = JavaApplication::start(&beside);
        let rust = RustApplication::start(&world).await;
        assert_eq!(rust.streams.wait_for(|state| state == State::Running).await, State::Running);
        java.wait_for("STATE RUNNING");
        let (ours, theirs) = (world.internal_topics(), beside.internal_topics());
        assert_eq!(ours, theirs, "{}", app.name);
        assert_eq!(ours.len(), count, "{}: {ours:#?}", app.name);
        java.close();
        rust.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn repartition_topics_are_purged_after_commits() {
    let world = World::new(&WORD_COUNT, 2);
    let mut counts = world.counts();
    let rust = RustApplication::start(&world).await;
    let lines = world.write();
    counts.add(&lines);
    counts.wait();
    let topic = world.internal("counts-repartition");
    let written = world.offsets(&topic, OffsetSpec::Latest);
    assert_eq!(written.iter().sum::<i64>() as u64, lines.words());
    eventually("what was committed is deleted", || {
        let first = world.offsets(&topic, OffsetSpec::Earliest);
        if first == written { Ok(()) } else { Err(format!("{first:?} of {written:?}")) }
    });
    rust.close().await;
    counts.check();
}
