//! Records in, records through.

use crate::{
    batch::Timestamp,
    broker::{
        BrokerError, BrokerErrorKind, CommittedOffset, Fetched, FetchedBatches, TopicPartition,
    },
    error::{ErrorKind, StreamsError},
};

use super::{StreamThread, millis};

/// A task processes at most so many records in a row, so that none starves the others.
const TURN_MAX: usize = 1024;

impl StreamThread {
    /// Hands fetched batches to their tasks; true if there were any.
    pub(super) fn fetch(&mut self, now: Timestamp) -> Result<bool, StreamsError> {
        let mut fetched = std::mem::take(&mut self.fetched);
        let polled = self.fetcher.poll(&mut fetched);
        let any = !fetched.is_empty();
        let mut outcome = polled.map_err(|error| fetch_error("records cannot be fetched", error));
        for Fetched { partition, result } in fetched.drain(..) {
            let taken = match result {
                Ok(batches) => self.push(&partition, batches),
                Err(error) => self.fetch_failed(&partition, error, now),
            };
            outcome = outcome.and(taken);
        }
        self.fetched = fetched;
        outcome.map(|()| any)
    }

    fn push(
        &mut self,
        partition: &TopicPartition,
        fetched: FetchedBatches,
    ) -> Result<(), StreamsError> {
        let reader = self.readers.get(partition);
        let Some(active) = reader.and_then(|task| self.running.get_mut(task)) else {
            return Ok(());
        };
        let _entered = active.span.enter();
        for batch in fetched.batches {
            active.task.push(partition, batch)?;
        }
        active.task.set_lag(partition, Some(fetched.high_watermark - fetched.next_offset));
        active.fed = true;
        Ok(())
    }

    fn fetch_failed(
        &mut self,
        partition: &TopicPartition,
        error: BrokerError,
        now: Timestamp,
    ) -> Result<(), StreamsError> {
        match error.kind() {
            BrokerErrorKind::OffsetOutOfRange => self.reset_position(partition, error, now),
            _ => {
                let error = fetch_error(&format!("{partition} cannot be read"), error);
                Err(match self.readers.get(partition) {
                    Some(task) => error.in_task(*task),
                    None => error,
                })
            }
        }
    }

    /// The partition no longer has the records that come next: its reset policy decides.
    fn reset_position(
        &mut self,
        partition: &TopicPartition,
        error: BrokerError,
        now: Timestamp,
    ) -> Result<(), StreamsError> {
        let Some(task) = self.readers.get(partition).copied() else { return Ok(()) };
        let Some(spec) = self.reset_of(task, partition, now)? else {
            let what = format!(
                "{partition} no longer has the records that come next, \
                 and its offset reset policy is none"
            );
            return Err(StreamsError::caused_by(ErrorKind::Topic, what, error).in_task(task));
        };
        tracing::warn!(%partition, %error, "going on by the offset reset policy");
        let position = self.list_offset(partition, spec)?;
        if let Some(active) = self.running.get_mut(&task) {
            active.task.resume(partition, &CommittedOffset::new(position));
            active.paused.retain(|paused| paused != partition);
            self.fetcher.assign(partition, position);
        }
        Ok(())
    }

    /// Each task's turn; true if records were processed or punctuations fired.
    pub(super) fn process(&mut self, now: Timestamp) -> Result<bool, StreamsError> {
        if self.collector.borrow().is_full() {
            self.is_starved = false;
            return Ok(false);
        }
        let (mut most, mut punctuated) = (0, 0);
        for active in self.running.values_mut() {
            let _entered = active.span.enter();
            let count = active.task.process(self.turn, now)?;
            punctuated += active.task.punctuate(now)?;
            most = most.max(count);
        }
        if most == 0 && !self.is_starved && self.holdings.fetched.is_over() {
            // Other partitions are fetched now, see `Pressure`.
            self.env.wake.wake();
        }
        self.is_starved = most == 0;
        // Java adds one each round; its rounds do not fetch, ours do, so that turns grow faster.
        if punctuated > 0 {
            self.turn = (self.turn / 2).max(1);
        } else if most == self.turn {
            self.turn = (self.turn * 2).min(TURN_MAX);
        }
        Ok(most + punctuated > 0)
    }

    pub(super) fn commit_is_due(&self, now: Timestamp) -> bool {
        if !self.running.values().any(|active| active.task.commit_needed()) {
            return false;
        }
        let interval = millis(self.env.config.commit_interval);
        let waited = now.as_millis().saturating_sub(self.commit.finished_at().as_millis());
        self.stopping
            || self.must_give_up()
            || waited > interval
            || self.running.values().any(|active| active.task.commit_requested())
            || self.holdings.staged.is_over()
    }
}

pub(super) fn fetch_error(what: &str, error: BrokerError) -> StreamsError {
    let kind = match error.kind() {
        BrokerErrorKind::Retriable | BrokerErrorKind::TimedOut => ErrorKind::Timeout,
        BrokerErrorKind::Fenced => ErrorKind::Migrated,
        BrokerErrorKind::UnknownTopic => ErrorKind::Topic,
        _ => ErrorKind::Broker,
    };
    StreamsError::caused_by(kind, what.to_owned(), error)
}
