//! The application alone, until it is asked to end.

use std::{sync::Arc, time::Duration};

use streams_dsl::Broker;
use tokio::signal::unix::{SignalKind, signal};

use crate::{Result, application::Application, options::Options, topics};

/// How often it is looked at.
const PACE: Duration = Duration::from_millis(5);
const PACE_RUNNING: Duration = Duration::from_millis(500);

/// Prints a line that begins with `RUNNING` when it is, and works until SIGTERM or SIGINT.
pub(crate) async fn serve(broker: &Arc<dyn Broker>, options: &Options) -> Result<()> {
    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    topics::create_missing(&**broker, options, &[options.workload.output])?;
    let application = Application::new(broker, options)?;
    application.start().await?;
    let mut looks = tokio::time::interval(PACE);
    let mut is_told = false;
    let outcome = loop {
        tokio::select! {
            _ = looks.tick() => {}
            _ = terminate.recv() => break Ok(()),
            _ = interrupt.recv() => break Ok(()),
        }
        match application.is_running() {
            Ok(true) if !is_told => {
                println!("RUNNING {}", application.id());
                is_told = true;
                looks = tokio::time::interval(PACE_RUNNING);
            }
            Ok(_) => {}
            Err(error) => break Err(error),
        }
    };
    let closed = application.close().await;
    outcome.and(closed)?;
    application.forget(options).await
}
