//! When punctuations are due.

use state_stores::Timestamp;

use crate::{
    heap::MinHeap,
    processor::{Punctuation, PunctuationKind, ScheduleId},
};

#[derive(Clone, Copy, Debug)]
struct Schedule {
    id: ScheduleId,
    node: usize,
    interval: i64,
}

/// The schedules of one task, by the time they are due.
#[derive(Debug, Default)]
pub(crate) struct PunctuationQueues {
    next_id: u64,
    stream_time: MinHeap<i64, Schedule>,
    wall_clock: MinHeap<i64, Schedule>,
    /// The schedule being called, and whether it is cancelled meanwhile.
    calling: Option<(ScheduleId, bool)>,
}

/// A call that is due, of a node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Due {
    pub(crate) node: usize,
    pub(crate) punctuation: Punctuation,
    due_at: i64,
    interval: i64,
}

impl PunctuationQueues {
    /// `start` anchors the grid; without one it is 0 for stream time, so that the first record is
    /// due, and `now + interval` for the wall clock.
    pub(crate) fn schedule(
        &mut self,
        node: usize,
        interval: i64,
        kind: PunctuationKind,
        start: Option<Timestamp>,
        now: Timestamp,
    ) -> ScheduleId {
        let id = ScheduleId(self.next_id);
        self.next_id += 1;
        let first = match (kind, start) {
            (PunctuationKind::StreamTime, None) => 0,
            (PunctuationKind::StreamTime, Some(start)) => start.as_millis(),
            (PunctuationKind::WallClock, None) => now.as_millis().saturating_add(interval),
            (PunctuationKind::WallClock, Some(start)) => {
                on_grid_after(start.as_millis(), interval, now.as_millis())
            }
        };
        self.queue(kind).push(first, Schedule { id, node, interval });
        id
    }

    pub(crate) fn cancel(&mut self, id: ScheduleId) {
        if let Some((calling, cancelled)) = &mut self.calling
            && *calling == id
        {
            *cancelled = true;
            return;
        }
        self.stream_time.retain(|schedule| schedule.id != id);
        self.wall_clock.retain(|schedule| schedule.id != id);
    }

    pub(crate) fn has_due(&self, kind: PunctuationKind, now: Timestamp) -> bool {
        let queue = match kind {
            PunctuationKind::StreamTime => &self.stream_time,
            PunctuationKind::WallClock => &self.wall_clock,
        };
        queue.peek().is_some_and(|(due_at, _)| *due_at <= now.as_millis())
    }

    /// When the next wall-clock punctuation is due.
    pub(crate) fn next_wall_clock(&self) -> Option<Timestamp> {
        self.wall_clock.peek().map(|(due_at, _)| Timestamp::from_millis(*due_at))
    }

    /// Takes the next call that is due; [`finish`](Self::finish) schedules the one after it.
    pub(crate) fn begin(&mut self, kind: PunctuationKind, now: Timestamp) -> Option<Due> {
        if !self.has_due(kind, now) {
            return None;
        }
        let (due_at, schedule) = self.queue(kind).pop()?;
        self.calling = Some((schedule.id, false));
        let punctuation = Punctuation { schedule: schedule.id, kind, at: now };
        Some(Due { node: schedule.node, punctuation, due_at, interval: schedule.interval })
    }

    /// After the call: the schedule stays on its grid, and missed calls collapse into one.
    pub(crate) fn finish(&mut self, due: Due) {
        let cancelled = self.calling.take().is_some_and(|(_, cancelled)| cancelled);
        if cancelled {
            return;
        }
        let Due { node, punctuation, due_at, interval } = due;
        let now = punctuation.at.as_millis();
        let missed = now.saturating_sub(due_at) / interval;
        let next = due_at.saturating_add((missed + 1).saturating_mul(interval));
        let schedule = Schedule { id: punctuation.schedule, node, interval };
        self.queue(punctuation.kind).push(next, schedule);
    }

    fn queue(&mut self, kind: PunctuationKind) -> &mut MinHeap<i64, Schedule> {
        match kind {
            PunctuationKind::StreamTime => &mut self.stream_time,
            PunctuationKind::WallClock => &mut self.wall_clock,
        }
    }
}

/// `start` itself unless it has passed, else the first point of its grid after `now`.
fn on_grid_after(start: i64, interval: i64, now: i64) -> i64 {
    if start >= now {
        return start;
    }
    let passed = (now - start) / interval;
    start.saturating_add((passed + 1).saturating_mul(interval))
}

#[cfg(test)]
mod tests {
    use state_stores::Timestamp;

    use super::PunctuationQueues;
    use crate::processor::PunctuationKind::{self, StreamTime, WallClock};

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    fn fires(queues: &mut PunctuationQueues, kind: PunctuationKind, now: i64) -> usize {
        let mut count = 0;
        while let Some(due) = queues.begin(kind, at(now)) {
            queues.finish(due);
            count += 1;
        }
        count
    }

    #[test]
    fn stream_time_fires_with_the_first_record_and_stays_on_its_grid() {
        let mut queues = PunctuationQueues::default();
        queues.schedule(0, 10, StreamTime, None, at(0));
        let fired: Vec<i64> = [5, 9, 37, 40]
            .into_iter()
            .filter(|now| fires(&mut queues, StreamTime, *now) == 1)
            .collect();
        assert_eq!(fired, [5, 37, 40]);
    }

    #[test]
    fn wall_clock_waits_one_interval_and_collapses_missed_calls() {
        let mut queues = PunctuationQueues::default();
        queues.schedule(0, 10, WallClock, None, at(100));
        assert_eq!(queues.next_wall_clock(), Some(at(110)));
        assert_eq!(fires(&mut queues, WallClock, 109), 0);
        assert_eq!(fires(&mut queues, WallClock, 145), 1);
        assert_eq!(queues.next_wall_clock(), Some(at(150)));
    }

    #[test]
    fn a_start_time_anchors_the_grid() {
        let mut queues = PunctuationQueues::default();
        queues.schedule(0, 10, WallClock, Some(at(103)), at(100));
        assert_eq!(queues.next_wall_clock(), Some(at(103)));
        let mut queues = PunctuationQueues::default();
        queues.schedule(0, 10, WallClock, Some(at(3)), at(100));
        assert_eq!(queues.next_wall_clock(), Some(at(103)));
        let mut queues = PunctuationQueues::default();
        queues.schedule(0, 10, WallClock, Some(at(100)), at(100));
        assert_eq!(queues.next_wall_clock(), Some(at(100)));
    }

    #[test]
    fn a_schedule_cancelled_during_its_own_call_does_not_return() {
        let mut queues = PunctuationQueues::default();
        let id = queues.schedule(0, 10, StreamTime, None, at(0));
        let due = queues.begin(StreamTime, at(1)).unwrap();
        queues.cancel(id);
        queues.finish(due);
        assert_eq!(fires(&mut queues, StreamTime, 1_000), 0);
    }
}
