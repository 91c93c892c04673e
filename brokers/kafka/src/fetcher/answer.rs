//! From a response to what each partition that was asked for has got: whole batches, without
//! control batches and without aborted transactions.

use std::collections::BTreeSet;

use bytes::Bytes;
use streams_core::batch::{BatchError, DecodeOptions, RecordBatch, RecordBatches};

use crate::{
    protocol::{
        ErrorCode,
        fetch::{AbortedTransaction, FetchPartition, FetchRequest, FetchResponse, PartitionData},
    },
    transport::Leader,
    wire,
};

/// The records of a partition that are less than this part of a response are copied out of it: a
/// batch that is kept for long would otherwise keep a response of megabytes in memory.
const COPIED_PART: usize = 8;

/// The type of a control record that ends a transaction by aborting it.
const ABORT: [u8; 2] = [0, 0];

/// Where a log stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LogOffsets {
    pub(super) high_watermark: i64,
    pub(super) last_stable_offset: i64,
    pub(super) log_start_offset: i64,
}

/// What a response says of one partition.
#[derive(Debug)]
pub(super) enum Answer {
    Read(Read),
    Refused {
        error: ErrorCode,
        /// Who leads, where the broker knows better.
        leader: Option<Leader>,
    },
    /// The response does not name it.
    Missing,
}

/// What was read of one partition.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) offsets: LogOffsets,
    /// What is handed over.
    pub(super) batches: Vec<RecordBatch>,
    /// Their size.
    pub(super) bytes: usize,
    /// The offset after the last whole batch, whether it is handed over or left out.
    pub(super) next_offset: i64,
    /// Whether there were records of any kind, even less than a batch.
    pub(super) has_records: bool,
    /// What ended the walk too early: `next_offset` is where the bad batch begins.
    pub(super) damage: Option<BatchError>,
}

/// Reads a response: an answer for each partition of the request, in its order.
///
/// # Errors
/// The response does not follow the protocol.
pub(super) fn read(
    request: &FetchRequest,
    body: Bytes,
) -> wire::Result<Result<Vec<Answer>, ErrorCode>> {
    let size = body.len();
    let response = FetchResponse::read(body)?;
    if !response.error.is_ok() {
        return Ok(Err(response.error));
    }
    let mut answers: Vec<Answer> = request.partitions.iter().map(|_| Answer::Missing).collect();
    let mut next = 0;
    for data in response.partitions {
        let Some(place) = place_of(&data, &request.partitions, next) else { continue };
        next = place + 1;
        answers[place] = answer(data, &request.partitions[place], size);
    }
    Ok(Ok(answers))
}

/// Where a partition stands in the request: brokers answer in its order.
fn place_of(data: &PartitionData, asked: &[FetchPartition], next: usize) -> Option<usize> {
    let is_it = |asked: &FetchPartition| {
        asked.name.partition == data.partition && asked.name.topic == data.topic
    };
    if asked.get(next).is_some_and(is_it) {
        return Some(next);
    }
    asked.iter().position(is_it)
}

fn answer(data: PartitionData, asked: &FetchPartition, response_size: usize) -> Answer {
    if !data.error.is_ok() {
        return Answer::Refused { error: data.error, leader: data.current_leader };
    }
    let mut records = data.records;
    if records.len() < response_size / COPIED_PART {
        records = Bytes::copy_from_slice(&records);
    }
    let mut read = Read {
        offsets: LogOffsets {
            high_watermark: data.high_watermark,
            last_stable_offset: data.last_stable_offset,
            log_start_offset: data.log_start_offset,
        },
        batches: Vec::new(),
        bytes: 0,
        next_offset: asked.fetch_offset,
        has_records: !records.is_empty(),
        damage: None,
    };
    let mut aborted = Aborted::new(data.aborted_transactions);
    for batch in RecordBatches::new(records) {
        if let Err(damage) = batch.and_then(|batch| read.take(batch, &mut aborted)) {
            read.damage = Some(damage);
            break;
        }
    }
    Answer::Read(read)
}

impl Read {
    fn take(&mut self, batch: RecordBatch, aborted: &mut Aborted) -> Result<(), BatchError> {
        let is_left_out = aborted.leave_out(&batch)?;
        self.next_offset = self.next_offset.max(batch.next_offset());
        if !is_left_out {
            self.bytes += batch.size();
            self.batches.push(batch);
        }
        Ok(())
    }
}

/// Which batches belong to aborted transactions: those of a producer from the first offset of the
/// transaction until its abort marker.
struct Aborted {
    /// Not begun yet, the earliest last.
    ahead: Vec<AbortedTransaction>,
    /// The producers within an aborted transaction.
    open: BTreeSet<i64>,
}

impl Aborted {
    fn new(mut transactions: Vec<AbortedTransaction>) -> Self {
        transactions.sort_unstable_by_key(|one| std::cmp::Reverse(one.first_offset));
        Self { ahead: transactions, open: BTreeSet::new() }
    }

    fn leave_out(&mut self, batch: &RecordBatch) -> Result<bool, BatchError> {
        while let Some(begun) = self.ahead.pop_if(|next| next.first_offset <= batch.last_offset()) {
            self.open.insert(begun.producer_id);
        }
        if !batch.is_control() {
            return Ok(batch.is_transactional() && self.open.contains(&batch.producer_id()));
        }
        if self.open.contains(&batch.producer_id()) && is_abort_marker(batch)? {
            self.open.remove(&batch.producer_id());
        }
        Ok(true)
    }
}

/// The key of a control record is a version and a type, two bytes each.
fn is_abort_marker(batch: &RecordBatch) -> Result<bool, BatchError> {
    let decoded = batch.decode(&DecodeOptions::default())?;
    let Some(marker) = decoded.records().next() else { return Ok(false) };
    Ok(marker?.key.is_some_and(|key| key.get(2..4) == Some(&ABORT[..])))
}
