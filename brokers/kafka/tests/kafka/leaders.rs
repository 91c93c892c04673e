//! Three brokers, of which one at a time fails.

use std::sync::Arc;

use streams_core::{Stopwatch, broker::Broker};

use crate::{
    app::{self, App, Feed, RECORDS},
    cluster::Cluster,
    logs,
    support::{client, topic, until},
};

/// Each broker leads some.
const PARTITIONS: i32 = 6;

#[test]
fn others_take_over_from_a_leader_that_is_killed() {
    logs::keep();
    let cluster = Cluster::start(3, |_| Vec::new());
    let broker: Arc<dyn Broker> = Arc::new(client(&[("bootstrap.servers", &cluster.bootstrap())]));
    let (input, output) = (topic(&*broker, "in", PARTITIONS), topic(&*broker, "out", PARTITIONS));
    let app = App::start(Arc::clone(&broker), app::copy(&input, &output));
    let feed = Feed::start(Arc::clone(&broker), &input);
    let at_least = |wanted: usize| {
        until("the copy", || {
            let written = app::written(&*broker, &output, PARTITIONS)?;
            (written >= wanted as i64).then_some(())
        });
    };
    at_least(RECORDS / 4);
    cluster.kill(1);
    let since = Stopwatch::start();
    feed.go_on();
    at_least(RECORDS);
    println!("{:?} after a leader was killed all is copied", since.elapsed());
    app.close();
    feed.assert_copied(&output);
}
