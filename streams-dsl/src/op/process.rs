//! Processors of one's own.

use std::sync::Arc;

use streams_core::{FixedKeyProcessor, Processor, TopologyBuilder, stores::Data};

use crate::{options::Processed, plan::Kind, stage::Stage, stream::KStream};

impl<K: Data, V: Data> KStream<K, V> {
    /// Runs a processor over the records: it may keep state, schedule punctuations and forward any
    /// number of records with any key, value, timestamp and headers.
    ///
    /// `supplier` makes one for each task.
    ///
    /// # Topics and stores
    /// The stores named in [`Processed`]. A grouping or join further down repartitions, for the
    /// key may have changed; [`process_values`](Self::process_values) keeps it.
    ///
    /// # Late and null records
    /// All records reach the processor.
    pub fn process<P, KOut: Data, VOut: Data>(
        &self,
        supplier: impl Fn() -> P + Send + Sync + 'static,
    ) -> KStream<KOut, VOut>
    where
        P: Processor<K, V, KOut, VOut>,
    {
        self.process_with(supplier, Processed::new())
    }

    /// As [`process`](Self::process), with a name and stores.
    pub fn process_with<P, KOut: Data, VOut: Data>(
        &self,
        supplier: impl Fn() -> P + Send + Sync + 'static,
        processed: Processed,
    ) -> KStream<KOut, VOut>
    where
        P: Processor<K, V, KOut, VOut>,
    {
        let at = self.node_of(processed, "KSTREAM-PROCESSOR-", |topology, name, parents| {
            topology.add_processor(name, supplier, parents);
        });
        KStream::new(at.rekeyed(), None, None)
    }

    /// Runs a processor over the records that cannot change their keys.
    ///
    /// As [`process`](Self::process) otherwise.
    ///
    /// # Topics and stores
    /// The stores named in [`Processed`]; the records stay in their partition.
    ///
    /// # Late and null records
    /// All records reach the processor.
    pub fn process_values<P, VOut: Data>(
        &self,
        supplier: impl Fn() -> P + Send + Sync + 'static,
    ) -> KStream<K, VOut>
    where
        P: FixedKeyProcessor<K, V, VOut>,
    {
        self.process_values_with(supplier, Processed::new())
    }

    /// As [`process_values`](Self::process_values), with a name and stores.
    pub fn process_values_with<P, VOut: Data>(
        &self,
        supplier: impl Fn() -> P + Send + Sync + 'static,
        processed: Processed,
    ) -> KStream<K, VOut>
    where
        P: FixedKeyProcessor<K, V, VOut>,
    {
        let prefix = "KSTREAM-PROCESSVALUES-";
        self.with_values(self.node_of(processed, prefix, |topology, name, parents| {
            topology.add_fixed_key_processor(name, supplier, parents);
        }))
    }

    fn node_of(
        &self,
        processed: Processed,
        prefix: &str,
        add: impl FnOnce(&mut TopologyBuilder, &str, &[&str]) + 'static,
    ) -> Stage {
        let Processed { named, stores } = processed;
        let name = self.at.plan.undrawn_name(named, prefix);
        let node_name = Arc::clone(&name);
        let node = self.at.plan.add(&[self.at.node], &name, Kind::Inner, move |place| {
            add(place.topology, &node_name, &place.parents);
            for store in stores {
                place.topology.connect_index(&node_name, store);
            }
        });
        self.at.below(name, node)
    }
}
