//! A topic between two nodes, for records that changed their key.

use std::{fmt, sync::Arc};

use streams_core::{
    SinkOptions, SourceOptions, StreamPartitioner,
    stores::{Data, SharedSerde},
};

use super::{Kind, NodeId, Place, Plan, names::RepartitionNames};

/// What a repartitioning needs besides its name.
pub(crate) struct Repartition<K, V> {
    pub(crate) key: SharedSerde<K>,
    pub(crate) value: SharedSerde<V>,
    pub(crate) partitions: Option<i32>,
    pub(crate) partitioner: Option<Arc<dyn StreamPartitioner<K, V>>>,
}

impl<K, V> fmt::Debug for Repartition<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Repartition").field("partitions", &self.partitions).finish_non_exhaustive()
    }
}

/// Where the repartitioned records are read again.
#[derive(Debug)]
pub(crate) struct Repartitioning {
    names: RepartitionNames,
}

impl Repartitioning {
    /// Draws the names.
    pub(crate) fn named(plan: &Plan, prefix: &str) -> Self {
        Self { names: RepartitionNames::new(prefix, |prefix| plan.generated_name(prefix)) }
    }

    /// The node that reads the topic.
    pub(crate) fn source(&self) -> &Arc<str> {
        &self.names.source
    }

    /// Adds the nodes below `parent`.
    pub(crate) fn add<K: Data, V: Data>(
        &self,
        plan: &Plan,
        parent: NodeId,
        options: Repartition<K, V>,
    ) -> NodeId {
        let names = self.names.clone();
        plan.add(&[parent], &self.names.source, Kind::Inner, move |place| {
            write(place, &names, options);
        })
    }
}

fn write<K: Data, V: Data>(
    place: &mut Place<'_>,
    names: &RepartitionNames,
    options: Repartition<K, V>,
) {
    let Repartition { key, value, partitions, partitioner } = options;
    let topology = &mut *place.topology;
    topology.add_internal_topic(&names.topic, partitions);
    let drops_null_keys = place.drops_null_keys;
    let serde = Arc::clone(&key);
    topology.add_step::<K, V, K, V, _>(
        &names.filter,
        move |key, value, ctx| match drops_null_keys && serde.is_null(&key) {
            // Not counted, as in Java.
            true => Ok(()),
            false => ctx.pass(key, value),
        },
        &place.parents,
    );
    let sink = SinkOptions::with(&names.topic, Arc::clone(&key), Arc::clone(&value))
        .partitioner(partitioner);
    topology.add_sink_with(&names.sink, sink, &[&names.filter]);
    let source = SourceOptions::with(key, value);
    topology.add_source_with(&names.source, (&*names.topic).into(), source);
}
