//! Reads batches of the assigned partitions, straight from their logs.

use std::sync::Arc;

use streams_core::batch::RecordBatch;
use streams_core::broker::{
    BrokerError, FetchOptions, Fetched, FetchedBatches, Fetcher, Isolation, TopicPartition, WakeUp,
};

use crate::broker::Shared;
use crate::partition::{Partition, PartitionOffsets};

#[derive(Debug)]
pub(crate) struct EmbeddedFetcher {
    shared: Arc<Shared>,
    options: FetchOptions,
    wake: WakeUp,
    assigned: Vec<Assigned>,
    /// Who begins the next poll: partitions take turns.
    turn: usize,
}

#[derive(Debug)]
struct Assigned {
    name: TopicPartition,
    partition: Option<Arc<Partition>>,
    position: i64,
    paused: bool,
    /// What the last poll told; `None` before the first.
    told: Option<PartitionOffsets>,
}

impl EmbeddedFetcher {
    pub(crate) fn new(shared: Arc<Shared>, options: FetchOptions, wake: WakeUp) -> Self {
        Self { shared, options, wake, assigned: Vec::new(), turn: 0 }
    }

    fn find(&self, partition: &TopicPartition) -> Option<usize> {
        self.assigned.iter().position(|assigned| assigned.name == *partition)
    }

    fn remove(&mut self, place: usize) {
        let removed = self.assigned.swap_remove(place);
        if let Some(partition) = removed.partition {
            partition.unwatch(&self.wake);
        }
    }
}

impl Fetcher for EmbeddedFetcher {
    fn assign(&mut self, partition: &TopicPartition, position: i64) {
        if let Some(place) = self.find(partition) {
            self.remove(place);
        }
        let found = self.shared.topics.partition(partition).ok();
        if let Some(found) = &found {
            found.watch(&self.wake);
        }
        self.assigned.push(Assigned {
            name: partition.clone(),
            partition: found,
            position,
            paused: false,
            told: None,
        });
        self.wake.wake();
    }

    fn unassign(&mut self, partition: &TopicPartition) {
        if let Some(place) = self.find(partition) {
            self.remove(place);
        }
    }

    fn pause(&mut self, partition: &TopicPartition) {
        if let Some(place) = self.find(partition) {
            self.assigned[place].paused = true;
        }
    }

    fn resume(&mut self, partition: &TopicPartition) {
        if let Some(place) = self.find(partition) {
            self.assigned[place].paused = false;
            self.wake.wake();
        }
    }

    fn poll(&mut self, out: &mut Vec<Fetched>) -> Result<(), BrokerError> {
        let count = self.assigned.len();
        let mut room = self.options.max_bytes;
        let mut failed = Vec::new();
        let first = self.turn;
        for step in 0..count {
            let place = (first + step) % count;
            if room == 0 {
                // Who found no room comes first next time.
                self.turn = place;
                self.wake.wake();
                break;
            }
            let max_bytes = self.options.max_partition_bytes.min(room);
            let assigned = &mut self.assigned[place];
            let Some(result) = assigned.poll(self.options.isolation, max_bytes) else { continue };
            match &result {
                Ok(fetched) => {
                    let size: usize = fetched.batches.iter().map(RecordBatch::size).sum();
                    room = room.saturating_sub(size);
                    if fetched.next_offset < assigned.end(self.options.isolation) {
                        self.wake.wake();
                    }
                }
                Err(_) => failed.push(assigned.name.clone()),
            }
            out.push(Fetched { partition: assigned.name.clone(), result });
        }
        for name in failed {
            self.unassign(&name);
        }
        Ok(())
    }
}

impl Assigned {
    fn end(&self, isolation: Isolation) -> i64 {
        let offsets = self.partition.as_ref().map(|partition| partition.offsets());
        offsets.map_or(0, |offsets| end_of(offsets, isolation))
    }

    /// What is new; `None` if nothing is.
    fn poll(
        &mut self,
        isolation: Isolation,
        max_bytes: usize,
    ) -> Option<Result<FetchedBatches, BrokerError>> {
        if self.paused {
            return None;
        }
        let Some(partition) = &self.partition else {
            return Some(Err(BrokerError::unknown_topic(&self.name.topic)));
        };
        let offsets = partition.offsets();
        let end = end_of(offsets, isolation);
        let in_range = (offsets.log_start_offset..=offsets.log_end_offset).contains(&self.position);
        let nothing_to_read = in_range && self.position >= end;
        if nothing_to_read && self.told == Some(offsets) && !partition.is_deleted() {
            return None;
        }
        let read = if nothing_to_read {
            partition.check().map(|()| Vec::new())
        } else {
            partition.read(self.position, max_bytes)
        };
        let result = read.map(|mut batches| {
            // Appended since `offsets` were read, or not yet stable.
            batches.retain(|batch| batch.base_offset() < end);
            let last = batches.last().map_or(self.position, RecordBatch::next_offset);
            batches.retain(|batch| !batch.is_control());
            self.position = last;
            self.told = Some(offsets);
            FetchedBatches {
                batches,
                next_offset: last,
                high_watermark: offsets.high_watermark,
                last_stable_offset: offsets.last_stable_offset,
                log_start_offset: offsets.log_start_offset,
            }
        });
        Some(result)
    }
}

fn end_of(offsets: PartitionOffsets, isolation: Isolation) -> i64 {
    match isolation {
        Isolation::ReadUncommitted => offsets.high_watermark,
        Isolation::ReadCommitted => offsets.last_stable_offset,
    }
}

impl Drop for EmbeddedFetcher {
    fn drop(&mut self) {
        while let Some(last) = self.assigned.len().checked_sub(1) {
            self.remove(last);
        }
    }
}
