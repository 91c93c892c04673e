//! Some of the records.

use std::convert::Infallible;

use streams_core::{Context, ProcessorError, stores::Data};

use crate::{options::Named, stream::KStream};

const NAME: &str = "KSTREAM-FILTER-";

impl<K: Data, V: Data> KStream<K, V> {
    /// Keeps the records that `predicate` accepts.
    ///
    /// Key, value, timestamp and headers of a record that is kept stay what they are.
    ///
    /// # Topics and stores
    /// None.
    ///
    /// # Example: large orders alone
    /// ```
    /// use streams_dsl::prelude::*;
    /// # use streams_test::TopologyTestDriver;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = StreamsBuilder::new();
    /// builder.stream::<String, i64>("orders").filter(|_, amount| *amount > 100).to("large");
    ///
    /// let driver = TopologyTestDriver::new(&builder.build()?)?;
    /// let orders = driver.input::<String, i64>("orders");
    /// orders.pipe("ann", 99, 0)?;
    /// orders.pipe("bob", 101, 1)?;
    /// assert_eq!(driver.output::<String, i64>("large").read_key_values()?, [("bob".to_owned(), 101)]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn filter(&self, predicate: impl Fn(&K, &V) -> bool + Send + Sync + 'static) -> Self {
        self.filter_with(predicate, Named::generated())
    }

    /// As [`filter`](Self::filter), with a name.
    pub fn filter_with(
        &self,
        predicate: impl Fn(&K, &V) -> bool + Send + Sync + 'static,
        named: impl Into<Named>,
    ) -> Self {
        self.try_filter_with(move |key, value| Ok::<_, Infallible>(predicate(key, value)), named)
    }

    /// As [`filter`](Self::filter), for code that can fail; the processing handler decides then.
    pub fn try_filter<E: Into<ProcessorError>>(
        &self,
        predicate: impl Fn(&K, &V) -> Result<bool, E> + Send + Sync + 'static,
    ) -> Self {
        self.try_filter_with(predicate, Named::generated())
    }

    /// As [`try_filter`](Self::try_filter), with a name.
    pub fn try_filter_with<E: Into<ProcessorError>>(
        &self,
        predicate: impl Fn(&K, &V) -> Result<bool, E> + Send + Sync + 'static,
        named: impl Into<Named>,
    ) -> Self {
        self.at(self.at.step(named, NAME, move |key, value, ctx: &mut Context<'_, K, V>| {
            match predicate(&key, &value).map_err(Into::into)? {
                true => ctx.pass(key, value),
                false => Ok(()),
            }
        }))
    }

    /// Keeps the records that `predicate` refuses.
    ///
    /// Key, value, timestamp and headers of a record that is kept stay what they are.
    ///
    /// # Topics and stores
    /// None.
    ///
    /// # Example: without the test customer
    /// ```
    /// use streams_dsl::prelude::*;
    /// # use streams_test::TopologyTestDriver;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = StreamsBuilder::new();
    /// builder.stream::<String, i64>("orders").filter_not(|customer, _| customer == "test").to("real");
    ///
    /// let driver = TopologyTestDriver::new(&builder.build()?)?;
    /// let orders = driver.input::<String, i64>("orders");
    /// orders.pipe("test", 1, 0)?;
    /// orders.pipe("ann", 2, 1)?;
    /// assert_eq!(driver.output::<String, i64>("real").read_key_values()?, [("ann".to_owned(), 2)]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn filter_not(&self, predicate: impl Fn(&K, &V) -> bool + Send + Sync + 'static) -> Self {
        self.filter_not_with(predicate, Named::generated())
    }

    /// As [`filter_not`](Self::filter_not), with a name.
    pub fn filter_not_with(
        &self,
        predicate: impl Fn(&K, &V) -> bool + Send + Sync + 'static,
        named: impl Into<Named>,
    ) -> Self {
        self.filter_with(move |key, value| !predicate(key, value), named)
    }

    /// As [`filter_not`](Self::filter_not), for code that can fail; the processing handler decides
    /// then.
    pub fn try_filter_not<E: Into<ProcessorError>>(
        &self,
        predicate: impl Fn(&K, &V) -> Result<bool, E> + Send + Sync + 'static,
    ) -> Self {
        self.try_filter_not_with(predicate, Named::generated())
    }

    /// As [`try_filter_not`](Self::try_filter_not), with a name.
    pub fn try_filter_not_with<E: Into<ProcessorError>>(
        &self,
        predicate: impl Fn(&K, &V) -> Result<bool, E> + Send + Sync + 'static,
        named: impl Into<Named>,
    ) -> Self {
        self.try_filter_with(move |key, value| predicate(key, value).map(|keep| !keep), named)
    }
}
