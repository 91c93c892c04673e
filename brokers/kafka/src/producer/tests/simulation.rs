//! Random faults against a model of a broker's log: whatever fails, a batch is written at most
//! once, in order, and where its acknowledgement says.

use std::collections::{BTreeMap, VecDeque};

use super::*;

const PARTITIONS: usize = 3;
/// A log takes batches of so many records.
const RECORDS_MAX: usize = 4;
/// So short that batches are given up while their requests are on their way.
const SHORT: Duration = Duration::from_secs(20);

/// Numbers that look random (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }
}

/// A partition as a broker keeps it: its batches, and what it knows of the producer by them.
#[derive(Default)]
struct Log(Vec<(ProducerStamp, Vec<String>)>);

impl Log {
    fn records(&self) -> Vec<String> {
        self.0.iter().flat_map(|(_, values)| values.clone()).collect()
    }

    /// As Kafka's `ProducerAppendInfo`.
    fn append(&mut self, stamp: ProducerStamp, values: &[String]) -> (ErrorCode, i64) {
        if values.len() > RECORDS_MAX {
            return (ErrorCode::MESSAGE_TOO_LARGE, -1);
        }
        let of_epoch: Vec<_> =
            self.0.iter().filter(|one| one.0.producer_epoch == stamp.producer_epoch).collect();
        let recent = of_epoch.iter().rev().take(5);
        for (earlier, theirs) in recent {
            if earlier == &stamp && theirs.len() == values.len() {
                let at = self.0.iter().take_while(|one| one.0 != stamp);
                let base = at.map(|one| one.1.len()).sum::<usize>();
                return (ErrorCode::NONE, base as i64);
            }
        }
        let last = self.0.last();
        let expected = match last {
            None => stamp.base_sequence,
            Some((last, _)) if last.producer_epoch > stamp.producer_epoch => {
                return (ErrorCode::INVALID_PRODUCER_EPOCH, -1);
            }
            Some((last, _)) if last.producer_epoch < stamp.producer_epoch => 0,
            Some((last, theirs)) => last.next_sequence(theirs.len() as i32),
        };
        if stamp.base_sequence != expected {
            return (ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1);
        }
        let base = self.records().len() as i64;
        self.0.push((stamp, values.to_vec()));
        (ErrorCode::NONE, base)
    }
}

struct Simulation {
    random: Random,
    bench: Bench,
    logs: Vec<Log>,
    /// Requests that a node has, or the network.
    on_the_way: Vec<Outgoing>,
    /// Copies of requests that count as lost.
    late: Vec<Outgoing>,
    pushed: BTreeMap<u64, (usize, Vec<String>)>,
    acks: Vec<Ack>,
    /// A value was lost though it was acknowledged: a fault of the cluster.
    truncated: bool,
    counter: usize,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let mut bench = Bench::with(Settings { delivery_timeout: SHORT, ..settings() });
        bench.identify(0);
        Self {
            random: Random(seed * 2 + 1),
            bench,
            logs: (0..PARTITIONS).map(|_| Log::default()).collect(),
            on_the_way: Vec::new(),
            late: Vec::new(),
            pushed: BTreeMap::new(),
            acks: Vec::new(),
            truncated: false,
            counter: 0,
        }
    }

    fn push(&mut self) {
        let partition = self.random.below(PARTITIONS as u64) as usize;
        let count = 1 + self.random.below(7) as usize;
        let values: Vec<String> =
            (self.counter..self.counter + count).map(|n| format!("{n:06}")).collect();
        self.counter += count;
        let texts: Vec<&str> = values.iter().map(String::as_str).collect();
        let ticket = self.bench.push(partition as i32, &texts);
        self.pushed.insert(ticket.0, (partition, values));
    }

    fn plan(&mut self) {
        let plan = self.bench.plan();
        self.on_the_way.extend(plan.requests);
        if !plan.refresh.is_empty() {
            self.bench.state.refreshed(self.bench.now, Ok(()));
        }
        let mut acks = self.bench.acks();
        self.acks.append(&mut acks);
    }

    /// A node carries out a request.
    fn deliver(&mut self, outgoing: &Outgoing, faults: bool) -> Vec<PartitionProduced> {
        let mut answers = Vec::new();
        for (place, part) in outgoing.request.batches.iter().enumerate() {
            let index = part.partition.partition;
            let fault = if faults { self.random.below(12) } else { 99 };
            let refused = match fault {
                0 => Some(ErrorCode::NOT_ENOUGH_REPLICAS),
                1 => Some(ErrorCode::CORRUPT_MESSAGE),
                2 => Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
                _ => None,
            };
            if let Some(code) = refused {
                answers.push(answer(index, code, -1));
                continue;
            }
            let values = values(outgoing, place);
            let (code, base) = self.logs[index as usize].append(part.stamp, &values);
            answers.push(match fault {
                3 => answer(index, ErrorCode::REQUEST_TIMED_OUT, -1),
                4 => answer(index, ErrorCode::NOT_LEADER_OR_FOLLOWER, -1),
                _ => answer(index, code, base),
            });
        }
        answers
    }

    /// Something happens to a request.
    fn network(&mut self) {
        if self.on_the_way.is_empty() {
            return;
        }
        let which = self.random.below(self.on_the_way.len() as u64) as usize;
        let outgoing = self.on_the_way.swap_remove(which);
        match self.random.below(8) {
            0 => self.bench.fail(&outgoing.sent, network().not_sent()),
            1 => self.bench.fail(&outgoing.sent, network()),
            2 => {
                self.deliver(&outgoing, true);
                self.bench.fail(&outgoing.sent, network());
            }
            3 => {
                self.bench.fail(&outgoing.sent, network());
                self.late.push(outgoing);
            }
            _ => {
                let answers = self.deliver(&outgoing, true);
                self.bench.answer(&outgoing.sent, answers);
            }
        }
    }

    fn deliver_late(&mut self) {
        if self.late.is_empty() {
            return;
        }
        let which = self.random.below(self.late.len() as u64) as usize;
        let outgoing = self.late.swap_remove(which);
        self.deliver(&outgoing, false);
    }

    /// An unclean election: the new leader lacks the end of the log.
    fn truncate(&mut self) {
        let partition = self.random.below(PARTITIONS as u64) as usize;
        self.truncated |= self.logs[partition].0.pop().is_some();
    }

    fn run(&mut self, truncates: bool) {
        for _ in 0..600 {
            match self.random.below(10) {
                0..4 => self.push(),
                4..8 => self.network(),
                8 => self.deliver_late(),
                _ if truncates && self.random.one_in(8) => self.truncate(),
                _ => {
                    let time = self.random.below(3000);
                    self.bench.pass(Duration::from_millis(time));
                }
            }
            self.plan();
        }
        // The network heals.
        for _ in 0..10_000 {
            if self.acks.len() == self.pushed.len() {
                return;
            }
            while let Some(outgoing) = self.on_the_way.pop() {
                let answers = self.deliver(&outgoing, false);
                self.bench.answer(&outgoing.sent, answers);
            }
            self.bench.pass(Duration::from_millis(100));
            self.plan();
        }
        unreachable!("{} of {} acknowledged", self.acks.len(), self.pushed.len());
    }

    fn check(&self, seed: u64) {
        let records: Vec<Vec<String>> = self.logs.iter().map(Log::records).collect();
        for log in &records {
            let in_order = log.is_sorted_by(|a, b| a < b);
            assert!(in_order, "seed {seed}: doubled or out of order: {log:?}");
        }
        let mut seen = BTreeMap::new();
        for ack in &self.acks {
            assert!(seen.insert(ack.ticket, ()).is_none(), "seed {seed}: acknowledged twice");
            let (partition, values) = &self.pushed[&ack.ticket.0];
            match &ack.result {
                Ok(base) if !self.truncated => {
                    let at = *base as usize;
                    let found = &records[*partition][at..at + values.len()];
                    assert_eq!(found, values, "seed {seed}: not where it is said to be");
                }
                Ok(_) => {}
                Err(error) => assert_kind(error, BrokerErrorKind::TimedOut, "t-"),
            }
        }
    }
}

#[test]
fn whatever_fails_batches_are_written_once_in_order_and_where_they_are_said_to_be() {
    let mut fates = VecDeque::from([0_usize; 2]);
    for seed in 0..300 {
        let mut simulation = Simulation::new(seed);
        simulation.run(false);
        simulation.check(seed);
        let written = simulation.acks.iter().filter(|ack| ack.result.is_ok()).count();
        fates[0] += written;
        fates[1] += simulation.acks.len() - written;
    }
    // Both fates are met, or the faults are no faults.
    assert!(fates[0] > 10_000 && fates[1] > 100, "{fates:?}");
}

#[test]
fn a_cluster_that_loses_records_gets_no_batch_twice_and_none_out_of_order() {
    let mut losses = 0;
    for seed in 1000..1300 {
        let mut simulation = Simulation::new(seed);
        simulation.run(true);
        simulation.check(seed);
        losses += usize::from(simulation.truncated);
    }
    assert!(losses > 100, "{losses}");
}
