//! Two streams into one.

use std::sync::Arc;

use streams_core::{Context, stores::Data};

use crate::{options::Named, plan::Kind, stage::Stage, stream::KStream};

const NAME: &str = "KSTREAM-MERGE-";

impl<K: Data, V: Data> KStream<K, V> {
    /// The records of both streams.
    ///
    /// Key, value, timestamp and headers stay what they are. Records of one stream stay in their
    /// order; between the streams there is none.
    ///
    /// # Topics and stores
    /// None.
    ///
    /// # Example: orders of two shops
    /// ```
    /// use streams_dsl::prelude::*;
    /// # use streams_test::TopologyTestDriver;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = StreamsBuilder::new();
    /// let web = builder.stream::<String, i64>("orders-web");
    /// let shop = builder.stream::<String, i64>("orders-shop");
    /// web.merge(&shop).to("orders");
    ///
    /// let driver = TopologyTestDriver::new(&builder.build()?)?;
    /// driver.input::<String, i64>("orders-web").pipe("ann", 1, 0)?;
    /// driver.input::<String, i64>("orders-shop").pipe("bob", 2, 1)?;
    /// assert_eq!(driver.output::<String, i64>("orders").read_all()?.len(), 2);
    /// # Ok(())
    /// # }
    /// ```
    pub fn merge(&self, other: &Self) -> Self {
        self.merge_with(other, Named::generated())
    }

    /// As [`merge`](Self::merge), with a name.
    pub fn merge_with(&self, other: &Self, named: impl Into<Named>) -> Self {
        let plan = self.at.plan.clone();
        let name = plan.node_name(named.into(), NAME);
        if !plan.is(&other.at.plan) {
            let reason = "it merges streams of two builders; describe both with one".to_owned();
            plan.reject_option(&name, reason);
            return self.clone();
        }
        let node_name = Arc::clone(&name);
        let parents = [self.at.node, other.at.node];
        let node = plan.add(&parents, &name, Kind::Inner, move |place| {
            let pass = |key, value, ctx: &mut Context<'_, K, V>| ctx.pass(key, value);
            place.topology.add_step(&node_name, pass, &place.parents);
        });
        let sources = self.at.sources_with(&other.at);
        let is_rekeyed = self.at.is_rekeyed || other.at.is_rekeyed;
        // Neither serde is known to suit the records of both.
        KStream::new(Stage { plan, node, name, sources, is_rekeyed }, None, None)
    }
}
