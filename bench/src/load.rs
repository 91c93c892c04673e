//! Fills the input topics.

use std::time::Duration;

use serde_json::{Value, json};
use streams_dsl::{
    Broker, Timestamp,
    client::{ProducerRecord, RecordProducer, RecordProducerOptions},
};

use crate::{Result, harness::now, options::Options, topics};

/// Makes the topics and their records, unless they hold as many already.
pub(crate) async fn load(broker: &dyn Broker, options: &Options) -> Result<Value> {
    let workload = options.workload;
    let wanted = (workload.volume)(options.records).input;
    let found = topics::records_in(broker, options, workload.inputs)?;
    if found == Some(wanted) && !options.force {
        return Ok(json!({"workload": workload.name, "loaded": wanted, "already": true}));
    }
    topics::recreate(broker, options, workload.inputs).await?;

    let mut batching = RecordProducerOptions::default();
    batching.batch_size = 256 << 10;
    batching.linger = Duration::from_millis(20);
    let producer = RecordProducer::new(broker, batching)?;
    let start = now();
    let (mut loaded, mut bytes) = (0_u64, 0);
    (workload.generate)(options.records, &mut |input| {
        loaded += 1;
        bytes += input.key.map_or(0, <[u8]>::len) + input.value.len();
        let topic = options.topic(input.topic);
        let mut record = ProducerRecord::new(&topic)
            .value(input.value)
            .timestamp(Timestamp::from_millis(input.timestamp));
        if let Some(key) = input.key {
            record = record.key(key);
        }
        if let Some(partition) = input.partition {
            record = record.partition(partition);
        }
        Ok(producer.send(record)?)
    })?;
    producer.flush().await?;
    let seconds = start.elapsed().as_secs_f64();
    Ok(json!({
        "workload": workload.name,
        "loaded": loaded,
        "bytes": bytes,
        "wall_s": seconds,
        "records_per_s": (loaded as f64 / seconds).round(),
    }))
}
