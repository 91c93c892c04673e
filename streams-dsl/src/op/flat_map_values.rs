//! Any number of records for each, under its key.

use std::{convert::Infallible, fmt};

use streams_core::{Context, Outcome, ProcessorError, stores::Data};

use crate::{options::Named, stream::KStream};

const NAME: &str = "KSTREAM-FLATMAPVALUES-";

/// Takes the values of [`KStream::flat_map_values_into`] and forwards each at once.
pub struct Emit<'a, V>(&'a mut dyn FnMut(V));

impl<V> Emit<'_, V> {
    /// Forwards a record with this value.
    pub fn emit(&mut self, value: V) {
        (self.0)(value);
    }
}

impl<V> Extend<V> for Emit<'_, V> {
    fn extend<I: IntoIterator<Item = V>>(&mut self, values: I) {
        values.into_iter().for_each(|value| self.emit(value));
    }
}

impl<V> fmt::Debug for Emit<'_, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Emit")
    }
}

impl<K: Data, V: Data> KStream<K, V> {
    /// Makes any number of values of each, all under the same key.
    ///
    /// Key, timestamp and headers stay; the records are forwarded in the order of the iterator.
    ///
    /// # Topics and stores
    /// None; the records stay in their partition.
    ///
    /// # Example: the words of a line
    /// ```
    /// use streams_dsl::prelude::*;
    /// # use streams_test::TopologyTestDriver;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = StreamsBuilder::new();
    /// builder
    ///     .stream::<Ignored, String>("lines")
    ///     .flat_map_values(|line| line.split(' ').map(str::to_owned).collect::<Vec<_>>())
    ///     .to("words");
    ///
    /// let driver = TopologyTestDriver::new(&builder.build()?)?;
    /// driver.input::<Ignored, String>("lines").pipe(Ignored, "hello world", 0)?;
    /// let words = driver.output::<Ignored, String>("words").read_key_values()?;
    /// assert_eq!(words, [(Ignored, "hello".to_owned()), (Ignored, "world".to_owned())]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn flat_map_values<V2: Data, I: IntoIterator<Item = V2>>(
        &self,
        mapper: impl Fn(V) -> I + Send + Sync + 'static,
    ) -> KStream<K, V2> {
        self.flat_map_values_with(mapper, Named::generated())
    }

    /// As [`flat_map_values`](Self::flat_map_values), with a name.
    pub fn flat_map_values_with<V2: Data, I: IntoIterator<Item = V2>>(
        &self,
        mapper: impl Fn(V) -> I + Send + Sync + 'static,
        named: impl Into<Named>,
    ) -> KStream<K, V2> {
        self.flat_map_values_with_key_with(move |_, value| mapper(value), named)
    }

    /// As [`flat_map_values`](Self::flat_map_values), for code that can fail; the processing
    /// handler decides then.
    pub fn try_flat_map_values<V2: Data, I: IntoIterator<Item = V2>, E: Into<ProcessorError>>(
        &self,
        mapper: impl Fn(V) -> Result<I, E> + Send + Sync + 'static,
    ) -> KStream<K, V2> {
        self.try_flat_map_values_with(mapper, Named::generated())
    }

    /// As [`try_flat_map_values`](Self::try_flat_map_values), with a name.
    pub fn try_flat_map_values_with<V2: Data, I, E: Into<ProcessorError>>(
        &self,
        mapper: impl Fn(V) -> Result<I, E> + Send + Sync + 'static,
        named: impl Into<Named>,
    ) -> KStream<K, V2>
    where
        I: IntoIterator<Item = V2>,
    {
        self.try_flat_map_values_with_key_with(move |_, value| mapper(value), named)
    }

    /// As [`flat_map_values`](Self::flat_map_values), with a look at the key.
    pub fn flat_map_values_with_key<V2: Data, I: IntoIterator<Item = V2>>(
        &self,
        mapper: impl Fn(&K, V) -> I + Send + Sync + 'static,
    ) -> KStream<K, V2> {
        self.flat_map_values_with_key_with(mapper, Named::generated())
    }

    /// As [`flat_map_values_with_key`](Self::flat_map_values_with_key), with a name.
    pub fn flat_map_values_with_key_with<V2: Data, I: IntoIterator<Item = V2>>(
        &self,
        mapper: impl Fn(&K, V) -> I + Send + Sync + 'static,
        named: impl Into<Named>,
    ) -> KStream<K, V2> {
        self.try_flat_map_values_with_key_with(
            move |key, value| Ok::<_, Infallible>(mapper(key, value)),
            named,
        )
    }

    /// As [`flat_map_values_with_key`](Self::flat_map_values_with_key), for code that can fail;
    /// the processing handler decides then.
    pub fn try_flat_map_values_with_key<V2: Data, I, E: Into<ProcessorError>>(
        &self,
        mapper: impl Fn(&K, V) -> Result<I, E> + Send + Sync + 'static,
    ) -> KStream<K, V2>
    where
        I: IntoIterator<Item = V2>,
    {
        self.try_flat_map_values_with_key_with(mapper, Named::generated())
    }

    /// As [`try_flat_map_values_with_key`](Self::try_flat_map_values_with_key), with a name.
    pub fn try_flat_map_values_with_key_with<V2: Data, I, E: Into<ProcessorError>>(
        &self,
        mapper: impl Fn(&K, V) -> Result<I, E> + Send + Sync + 'static,
        named: impl Into<Named>,
    ) -> KStream<K, V2>
    where
        I: IntoIterator<Item = V2>,
    {
        self.with_values(self.at.step(
            named,
            NAME,
            move |key, value, ctx: &mut Context<'_, K, V2>| {
                let values = mapper(&key, value).map_err(Into::into)?;
                pass_all(key, values, ctx)
            },
        ))
    }

    /// As [`flat_map_values`](Self::flat_map_values), without a collection between: the closure
    /// borrows the value and hands each new one to an emitter.
    ///
    /// # Example: the words of a line, without a list of them
    /// ```
    /// use streams_dsl::prelude::*;
    /// # use streams_test::TopologyTestDriver;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = StreamsBuilder::new();
    /// builder
    ///     .stream::<Ignored, String>("lines")
    ///     .flat_map_values_into(|line, words| words.extend(line.split(' ').map(str::to_owned)))
    ///     .to("words");
    ///
    /// let driver = TopologyTestDriver::new(&builder.build()?)?;
    /// driver.input::<Ignored, String>("lines").pipe(Ignored, "hello world", 0)?;
    /// let words = driver.output::<Ignored, String>("words").read_key_values()?;
    /// assert_eq!(words, [(Ignored, "hello".to_owned()), (Ignored, "world".to_owned())]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn flat_map_values_into<V2: Data>(
        &self,
        mapper: impl Fn(&V, &mut Emit<'_, V2>) + Send + Sync + 'static,
    ) -> KStream<K, V2> {
        self.flat_map_values_into_with(mapper, Named::generated())
    }

    /// As [`flat_map_values_into`](Self::flat_map_values_into), with a name.
    pub fn flat_map_values_into_with<V2: Data>(
        &self,
        mapper: impl Fn(&V, &mut Emit<'_, V2>) + Send + Sync + 'static,
        named: impl Into<Named>,
    ) -> KStream<K, V2> {
        self.with_values(self.at.step(
            named,
            NAME,
            move |key: K, value, ctx: &mut Context<'_, K, V2>| {
                let mut outcome: Outcome = Ok(());
                let mut pass = |value| {
                    if outcome.is_ok() {
                        outcome = ctx.pass(key.clone(), value);
                    }
                };
                mapper(&value, &mut Emit(&mut pass));
                outcome
            },
        ))
    }
}

/// Passes the values on under one key, which moves along with the last of them.
fn pass_all<K: Data, V: Data>(
    key: K,
    values: impl IntoIterator<Item = V>,
    ctx: &mut Context<'_, K, V>,
) -> Outcome {
    let mut values = values.into_iter();
    let Some(mut last) = values.next() else { return Ok(()) };
    for value in values {
        ctx.pass(key.clone(), std::mem::replace(&mut last, value))?;
    }
    ctx.pass(key, last)
}
