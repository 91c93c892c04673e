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
    ///
    /// # Example: the first record of each key
    /// ```
    /// use streams_dsl::{KeyValueStore, prelude::*};
    /// # use streams_test::TopologyTestDriver;
    /// struct First { seen: StoreHandle<KeyValueStore<String, i64>> }
    ///
    /// impl Processor<String, i64, String, i64> for First {
    ///     fn process(
    ///         &mut self,
    ///         record: Record<String, i64>,
    ///         ctx: &mut Context<'_, String, i64>,
    ///     ) -> Outcome {
    ///         let seen = ctx.store(self.seen)?;
    ///         if seen.put_if_absent(&record.key, Some(record.value))?.is_none() {
    ///             ctx.forward(record)?;
    ///         }
    ///         Ok(())
    ///     }
    /// }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = StreamsBuilder::new();
    /// let seen = builder.add_state_store(Stores::key_value("seen").in_memory());
    /// builder
    ///     .stream::<String, i64>("in")
    ///     .process_with(move || First { seen }, Processed::new().store(seen))
    ///     .to("out");
    ///
    /// let driver = TopologyTestDriver::new(&builder.build()?)?;
    /// let input = driver.input::<String, i64>("in");
    /// input.pipe("a", 1, 0)?;
    /// input.pipe("a", 2, 1)?;
    /// assert_eq!(driver.output::<String, i64>("out").read_key_values()?, [("a".to_owned(), 1)]);
    /// # Ok(())
    /// # }
    /// ```
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
    ///
    /// # Example: a running number
    /// ```
    /// use streams_dsl::prelude::*;
    /// # use streams_test::TopologyTestDriver;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = StreamsBuilder::new();
    /// use streams_dsl::{FixedKeyContext, FixedKeyProcessor, FixedKeyRecord};
    ///
    /// struct Numbered(i64);
    ///
    /// impl FixedKeyProcessor<String, String, String> for Numbered {
    ///     fn process(
    ///         &mut self,
    ///         record: FixedKeyRecord<String, String>,
    ///         ctx: &mut FixedKeyContext<'_, '_, String, String>,
    ///     ) -> Outcome {
    ///         self.0 += 1;
    ///         let text = format!("{}. {}", self.0, record.value());
    ///         ctx.forward(record.with_value(text))
    ///     }
    /// }
    ///
    /// builder.stream::<String, String>("in").process_values(|| Numbered(0)).to("out");
    ///
    /// let driver = TopologyTestDriver::new(&builder.build()?)?;
    /// driver.input::<String, String>("in").pipe("a", "first", 0)?;
    /// let out = driver.output::<String, String>("out").read_key_values()?;
    /// assert_eq!(out, [("a".to_owned(), "1. first".to_owned())]);
    /// # Ok(())
    /// # }
    /// ```
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
