//! Finds offsets: at the ends of partitions, and by time.

use std::{collections::BTreeMap, sync::Arc};

use futures::future::join_all;
use streams_core::broker::{BrokerError, BrokerErrorKind, Isolation, OffsetSpec, TopicPartition};

use crate::{
    backoff::Backoff,
    protocol::{
        ErrorCode,
        list_offsets::{self, EARLIEST, LATEST, Question},
    },
    transport::{Lane, Node, Transport, TransportError},
};

/// A topic that was made just now is not known to all nodes: so often one is looked for that is
/// said not to exist.
const UNKNOWN_TRIES_MAX: u32 = 5;

/// Asks leaders for offsets, over one lane.
#[derive(Clone, Debug)]
pub(crate) struct OffsetFinder {
    transport: Arc<dyn Transport>,
    lane: Arc<dyn Lane>,
}

/// What is asked for, with the offset once it is found.
struct Wanted<'a> {
    partition: &'a TopicPartition,
    spec: OffsetSpec,
    found: Option<i64>,
}

impl OffsetFinder {
    pub(crate) fn new(transport: Arc<dyn Transport>, client_id: &str) -> Self {
        let lane = transport.lane(client_id);
        Self { transport, lane }
    }

    /// Offsets in the order asked for. Tries until all are found: the caller bounds how long.
    ///
    /// # Errors
    /// [`UnknownTopic`](BrokerErrorKind::UnknownTopic), naming topic and partition; what another
    /// try does not mend.
    pub(crate) async fn find(
        &self,
        asked: &[(TopicPartition, OffsetSpec)],
    ) -> Result<Vec<i64>, BrokerError> {
        let mut wanted: Vec<Wanted<'_>> = asked
            .iter()
            .map(|(partition, spec)| Wanted { partition, spec: *spec, found: None })
            .collect();
        let mut backoff = Backoff::default();
        loop {
            let hindrance = self.ask(&mut wanted).await?;
            let open: Vec<_> = wanted.iter().filter(|one| one.found.is_none()).collect();
            let Some(first) = open.first() else { break };
            match hindrance {
                // What is left was asked twice; it is its turn now.
                None => continue,
                Some(code)
                    if code == ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
                        && backoff.tries() >= UNKNOWN_TRIES_MAX =>
                {
                    return Err(self.unknown(first.partition));
                }
                Some(code) => tracing::debug!(partition = %first.partition, %code, "no offset yet"),
            }
            tokio::time::sleep(backoff.next()).await;
            let topics = open.iter().map(|one| Arc::clone(&one.partition.topic)).collect();
            self.refresh(topics).await?;
        }
        Ok(wanted.into_iter().filter_map(|one| one.found).collect())
    }

    /// Asks for what is not found yet; tells what stands in the way of the first that stays open.
    async fn ask(&self, wanted: &mut [Wanted<'_>]) -> Result<Option<ErrorCode>, BrokerError> {
        self.learn_leaders(wanted).await?;
        let mut requests: BTreeMap<(i32, bool), Vec<Question>> = BTreeMap::new();
        let mut hindrance = None;
        for one in wanted.iter().filter(|one| one.found.is_none()) {
            let Some(leader) = self.transport.leader(one.partition) else {
                hindrance.get_or_insert(self.why_no_leader(one.partition));
                continue;
            };
            let committed = matches!(one.spec, OffsetSpec::LatestStable);
            let questions = requests.entry((leader.node, committed)).or_default();
            if questions.iter().all(|question| question.partition != *one.partition) {
                let (partition, timestamp) = (one.partition.clone(), timestamp(one.spec));
                questions.push(Question { partition, leader_epoch: leader.epoch, timestamp });
            }
        }
        let calls = requests.into_iter().map(|((node, committed), questions)| {
            let isolation =
                if committed { Isolation::ReadCommitted } else { Isolation::ReadUncommitted };
            let sent =
                self.lane.send(Node::Id(node), list_offsets::request(isolation, questions.clone()));
            async move { (committed, questions, sent.await) }
        });
        for (committed, questions, answer) in join_all(calls).await {
            let trouble = take(wanted, committed, &questions, answer)?;
            hindrance = hindrance.or(trouble);
        }
        Ok(hindrance)
    }

    /// Leaders that are not known are asked for before anything else.
    async fn learn_leaders(&self, wanted: &[Wanted<'_>]) -> Result<(), BrokerError> {
        let open = wanted.iter().filter(|one| one.found.is_none());
        let unknown = open.filter(|one| self.transport.leader(one.partition).is_none());
        let mut topics: Vec<_> = unknown.map(|one| Arc::clone(&one.partition.topic)).collect();
        topics.dedup();
        if topics.is_empty() { Ok(()) } else { self.refresh(topics).await }
    }

    async fn refresh(&self, topics: Vec<Arc<str>>) -> Result<(), BrokerError> {
        match self.transport.refresh(topics).await {
            Err(error) if !error.is_retriable() => Err(error.into()),
            Err(error) => {
                tracing::debug!("topics could not be looked up: {error}");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    fn why_no_leader(&self, partition: &TopicPartition) -> ErrorCode {
        match self.transport.partition_count(&partition.topic) {
            Some(count) if partition.partition >= count => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            Some(_) => ErrorCode::LEADER_NOT_AVAILABLE,
            None => {
                let told = self.transport.topic_error(&partition.topic);
                told.unwrap_or(ErrorCode::LEADER_NOT_AVAILABLE)
            }
        }
    }

    fn unknown(&self, partition: &TopicPartition) -> BrokerError {
        let TopicPartition { topic, partition: number } = partition;
        match self.transport.partition_count(topic) {
            None => BrokerError::unknown_topic(topic),
            Some(count) => BrokerError::new(
                BrokerErrorKind::UnknownTopic,
                format!("partition {number} of topic {topic} does not exist: it has {count}"),
            ),
        }
    }
}

fn timestamp(spec: OffsetSpec) -> i64 {
    match spec {
        OffsetSpec::Earliest => EARLIEST,
        OffsetSpec::Latest | OffsetSpec::LatestStable => LATEST,
        OffsetSpec::AtOrAfter(time) => time.as_millis().max(0),
    }
}

/// Takes a node's answer in; tells what another try may mend.
fn take(
    wanted: &mut [Wanted<'_>],
    committed: bool,
    questions: &[Question],
    answer: Result<bytes::Bytes, TransportError>,
) -> Result<Option<ErrorCode>, BrokerError> {
    let body = match answer {
        Err(error) if error.is_retriable() => return Ok(Some(ErrorCode::NETWORK_EXCEPTION)),
        Err(error) => return Err(error.into()),
        Ok(body) => body,
    };
    let answers = list_offsets::read(body).map_err(|error| {
        BrokerError::new(BrokerErrorKind::Fatal, "ListOffsets was not understood")
            .with_source(error)
    })?;
    let mut hindrance = None;
    for (partition, found) in answers {
        let asked = questions.iter().find(|question| question.partition == partition);
        let Some(question) = asked else { continue };
        match found {
            Ok(offset) => settle(wanted, committed, question, offset),
            Err(code) if code.is_retriable() || code.is_stale_metadata() => {
                hindrance.get_or_insert(code);
            }
            Err(code) => return Err(code.error(&format!("the offsets of {partition}"))),
        }
    }
    Ok(hindrance)
}

fn settle(wanted: &mut [Wanted<'_>], committed: bool, question: &Question, offset: i64) {
    let fits = |one: &&mut Wanted<'_>| {
        one.found.is_none()
            && *one.partition == question.partition
            && matches!(one.spec, OffsetSpec::LatestStable) == committed
            && timestamp(one.spec) == question.timestamp
    };
    for one in wanted.iter_mut().filter(fits) {
        if offset < 0 {
            // No record is as late: the end is meant, which is asked for next.
            one.spec = OffsetSpec::Latest;
        } else {
            one.found = Some(offset);
        }
    }
}
