//! Watches an application that texts are fed to.

use std::{collections::BTreeMap, time::Duration};

use streams_dsl::{KafkaStreams, State};
use tokio::{task::spawn_blocking, time::MissedTickBehavior};

use crate::{Feed, Lag, Result, Stop};

/// Shows progress until all is processed (true; only if `until_idle`) or the user wants to stop
/// (false).
pub(crate) async fn watch(
    streams: &KafkaStreams,
    mut lag: Lag,
    mut feed: Option<&mut Feed>,
    stop: &mut Stop,
    until_idle: bool,
) -> Result<bool> {
    let mut looks = tokio::time::interval(Duration::from_millis(200));
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut shown = String::new();
    loop {
        if let Some(error) = streams.error() {
            return Err(error.into());
        }
        // Before the look at the offsets, which then has all that was fed.
        let is_fed = feed.as_ref().is_none_or(|feed| feed.has_ended());
        if let Some(feed) = feed.as_mut().filter(|_| is_fed) {
            feed.stop().await?.iter().for_each(|note| println!("note: {note}"));
        }
        let looked = async {
            looks.tick().await;
            look(lag).await
        };
        let is_idle;
        tokio::select! {
            looked = looked => (lag, is_idle) = looked?,
            () = stop.wanted() => return Ok(false),
        }
        let line = line(&lag, feed.as_deref(), streams);
        if line != shown {
            eprintln!("{line}");
            shown = line;
        }
        // Running: a restore of what was processed before may still go on.
        if until_idle && is_fed && is_idle && streams.state() == State::Running {
            return Ok(true);
        }
    }
}

/// Whether nothing is left to process. While the brokers are away nobody knows: false.
async fn look(mut lag: Lag) -> Result<(Lag, bool)> {
    let looking = spawn_blocking(move || match lag.is_none_left() {
        Ok(is_idle) => Ok((lag, is_idle)),
        Err(error) if error.is_passing() => Ok((lag, false)),
        Err(error) => Err(error),
    });
    looking.await?
}

fn line(lag: &Lag, feed: Option<&Feed>, streams: &KafkaStreams) -> String {
    let mut parts = Vec::new();
    if let Some(fed) = feed.map(Feed::so_far).filter(|fed| fed.bytes_in_all > 0) {
        parts.push(format!("loaded {} %", 100 * fed.bytes / fed.bytes_in_all));
    }
    let mut topics = BTreeMap::new();
    for (partition, committed, end) in lag.seen() {
        let (all_committed, all) = topics.entry(&partition.topic).or_insert((0, 0));
        (*all_committed, *all) = (*all_committed + committed, *all + end);
    }
    let topics =
        topics.iter().map(|(topic, (part, all))| format!("committed {part} of {all} in {topic}"));
    parts.extend(topics);
    let restored: u64 = streams.restore_progress().values().map(|task| task.restored).sum();
    if restored > 0 {
        parts.push(format!("restored {restored} records"));
    }
    parts.join("; ")
}
