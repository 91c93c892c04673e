//! Another key.

use std::convert::Infallible;

use streams_core::{Context, ProcessorError, stores::Data};

use crate::{options::Named, stage::Stage, stream::KStream};

const NAME: &str = "KSTREAM-KEY-SELECT-";

impl<K: Data, V: Data> KStream<K, V> {
    /// Sets a new key.
    ///
    /// Value, timestamp and headers stay.
    ///
    /// # Topics and stores
    /// None here; a grouping or join further down repartitions by the new key.
    ///
    /// # Example: by the first letter
    /// ```
    /// use streams_dsl::prelude::*;
    /// # use streams_test::TopologyTestDriver;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = StreamsBuilder::new();
    /// builder
    ///     .stream::<Ignored, String>("names")
    ///     .select_key(|_, name| name.chars().take(1).collect::<String>())
    ///     .to("by-letter");
    ///
    /// let driver = TopologyTestDriver::new(&builder.build()?)?;
    /// driver.input::<Ignored, String>("names").pipe(Ignored, "ann", 0)?;
    /// let named = driver.output::<String, String>("by-letter").read_key_values()?;
    /// assert_eq!(named, [("a".to_owned(), "ann".to_owned())]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn select_key<K2: Data>(
        &self,
        selector: impl Fn(&K, &V) -> K2 + Send + Sync + 'static,
    ) -> KStream<K2, V> {
        self.select_key_with(selector, Named::generated())
    }

    /// As [`select_key`](Self::select_key), with a name.
    pub fn select_key_with<K2: Data>(
        &self,
        selector: impl Fn(&K, &V) -> K2 + Send + Sync + 'static,
        named: impl Into<Named>,
    ) -> KStream<K2, V> {
        self.try_select_key_with(move |key, value| Ok::<_, Infallible>(selector(key, value)), named)
    }

    /// As [`select_key`](Self::select_key), for code that can fail; the processing handler decides
    /// then.
    pub fn try_select_key<K2: Data, E: Into<ProcessorError>>(
        &self,
        selector: impl Fn(&K, &V) -> Result<K2, E> + Send + Sync + 'static,
    ) -> KStream<K2, V> {
        self.try_select_key_with(selector, Named::generated())
    }

    /// As [`try_select_key`](Self::try_select_key), with a name.
    pub fn try_select_key_with<K2: Data, E: Into<ProcessorError>>(
        &self,
        selector: impl Fn(&K, &V) -> Result<K2, E> + Send + Sync + 'static,
        named: impl Into<Named>,
    ) -> KStream<K2, V> {
        self.with_keys(self.rekey(selector, named))
    }

    /// The node that sets the key; `group_by` begins with one too.
    pub(crate) fn rekey<K2: Data, E: Into<ProcessorError>>(
        &self,
        selector: impl Fn(&K, &V) -> Result<K2, E> + Send + Sync + 'static,
        named: impl Into<Named>,
    ) -> Stage {
        let stage =
            self.at.step(named, NAME, move |key: K, value: V, ctx: &mut Context<'_, K2, V>| {
                let key = selector(&key, &value).map_err(Into::into)?;
                ctx.pass(key, value)
            });
        stage.rekeyed()
    }
}
