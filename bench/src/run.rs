//! The measured run: processes what is loaded, closes, and tells what it cost.

use std::{sync::Arc, time::Duration};

use serde_json::Value;
use streams_dsl::Broker;
use tokio::time::MissedTickBehavior;

use crate::{
    Result,
    application::Application,
    copy,
    harness::now,
    lag::{self, Row},
    measure::Meter,
    options::Options,
    topics,
    workload::Work,
};

/// How often progress is looked at.
const PACE: Duration = Duration::from_millis(10);

/// After how long without progress the broker is asked whether anything is left.
const PAUSE: Duration = Duration::from_secs(1);

/// Runs the workload to the end of its input.
pub(crate) async fn run(broker: &Arc<dyn Broker>, options: &Options) -> Result<Value> {
    let workload = options.workload;
    let input = topics::records_in(&**broker, options, workload.inputs)?.ok_or_else(|| {
        let names: Vec<String> =
            workload.inputs.iter().map(|(name, _)| options.topic(name)).collect();
        let names = names.join(", ");
        format!("{names}: not all of these topics exist; `streams-bench load` makes them")
    })?;
    topics::create_missing(&**broker, options, &[workload.output])?;
    match workload.work {
        Work::Topology(_) => run_topology(broker, options, input).await,
        Work::Copy => copy::run(&**broker, options, input),
    }
}

async fn run_topology(broker: &Arc<dyn Broker>, options: &Options, input: u64) -> Result<Value> {
    let volume = (options.workload.volume)(options.records);
    // Of a group that nobody knew, and the input that is meant, the number of records is known.
    let group = broker.group_admin().describe_group(&options.application_id())?;
    let is_counted = group.is_none() && input == volume.input;

    let mut meter = Meter::start(options);
    let application = Application::new(broker, options)?;
    application.start().await?;
    let goal = Goal { processed: volume.processed, is_counted, timeout: options.timeout };
    let watched = watch(&application, &goal, &mut meter).await;
    meter.drained();
    let closed = application.close().await;
    watched.and(closed)?;
    let line = meter.closed(options, input);

    let left = lag::left(&application.lag()?);
    application.forget(options).await?;
    match left.is_empty() {
        true => Ok(line),
        false => Err(format!(
            "closed with records left: {}; is --records what was loaded?",
            left.join(", ")
        )
        .into()),
    }
}

/// When a run is over.
struct Goal {
    /// About how many records are processed then.
    processed: u64,
    /// Whether it is over when they are. Else it is over when the committed offsets are the end
    /// offsets.
    is_counted: bool,
    timeout: Duration,
}

/// Tells the meter of the progress until the goal is reached.
async fn watch(application: &Application, goal: &Goal, meter: &mut Meter) -> Result<()> {
    let begin = now();
    let mut looks = tokio::time::interval(PACE);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut processed, mut changed) = (0, begin);
    let mut before: Option<Vec<Row>> = None;
    loop {
        looks.tick().await;
        if application.is_running()? {
            meter.running();
        }
        let total = application.processed().await;
        meter.progress(total, goal.processed);
        if goal.is_counted && total == goal.processed {
            return Ok(());
        }
        if total != processed {
            (processed, changed, before) = (total, now(), None);
        }
        if changed.elapsed() >= PAUSE {
            // Seen twice: what one look found done wrote nothing more before the next.
            let rows = application.lag()?;
            if lag::left(&rows).is_empty() && before.as_ref() == Some(&rows) {
                return Ok(());
            }
            (before, changed) = (Some(rows), now());
        }
        if begin.elapsed() > goal.timeout {
            let (seconds, goal) = (goal.timeout.as_secs(), goal.processed);
            return Err(format!("processed {total} of {goal} records in {seconds} s").into());
        }
    }
}
