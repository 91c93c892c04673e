//! How long it takes to read the stores back from their changelogs.

use std::{process::Command, sync::Arc, time::Duration};

use serde_json::Value;
use streams_dsl::Broker;

use crate::{
    Result,
    application::{self, Application, remove_state},
    harness::now,
    measure::Meter,
    options::Options,
};

/// How often progress is looked at.
const PACE: Duration = Duration::from_millis(5);

/// Fills the stores by a run in a process of its own, which prints its line; deletes the local
/// state, and restores.
pub(crate) async fn restore(
    broker: &Arc<dyn Broker>,
    options: &Options,
    arguments: &[String],
) -> Result<Value> {
    let id = options.application_id();
    let mut fill = Command::new(std::env::current_exe()?);
    fill.arg("run").args(arguments).args(["--app-id", &id, "--label", "fill"]);
    let filled = fill.status()?;
    if !filled.success() {
        return Err(format!("the run that fills the stores failed: {filled}").into());
    }
    let mut named = options.clone();
    named.application_id = Some(id);
    let line = restore_anew(broker, &named).await?;
    if options.is_temporary() {
        application::forget(&**broker, &named).await?;
    }
    Ok(line)
}

/// Deletes the local state and starts the application, until all its tasks run.
pub(crate) async fn restore_anew(broker: &Arc<dyn Broker>, options: &Options) -> Result<Value> {
    remove_state(options)?;
    let mut meter = Meter::start(options);
    let application = Application::new(broker, options)?;
    application.start().await?;
    let begin = now();
    let mut looks = tokio::time::interval(PACE);
    while !application.is_running()? {
        looks.tick().await;
        meter.progress(application.restoring(), u64::MAX);
        if begin.elapsed() > options.timeout {
            let seconds = options.timeout.as_secs();
            return Err(format!("{} is not restored after {seconds} s", application.id()).into());
        }
    }
    meter.running();
    let restored = application.restored().await;
    meter.drained();
    application.close().await?;
    Ok(meter.restored(options, restored))
}
