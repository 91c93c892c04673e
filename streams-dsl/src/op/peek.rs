//! A look at each record.

use std::convert::Infallible;

use streams_core::{Context, ProcessorError, stores::Data};

use crate::{options::Named, stream::KStream};

const NAME: &str = "KSTREAM-PEEK-";

impl<K: Data, V: Data> KStream<K, V> {
    /// Runs `action` for each record and passes the record on as it is.
    ///
    /// After a failure the records since the last commit are read again, and with them the action
    /// is run again, under exactly-once too.
    ///
    /// # Topics and stores
    /// None.
    pub fn peek(&self, action: impl Fn(&K, &V) + Send + Sync + 'static) -> Self {
        self.peek_with(action, Named::generated())
    }

    /// As [`peek`](Self::peek), with a name.
    pub fn peek_with(
        &self,
        action: impl Fn(&K, &V) + Send + Sync + 'static,
        named: impl Into<Named>,
    ) -> Self {
        self.try_peek_with(
            move |key, value| {
                action(key, value);
                Ok::<_, Infallible>(())
            },
            named,
        )
    }

    /// As [`peek`](Self::peek), for code that can fail; the processing handler decides then.
    pub fn try_peek<E: Into<ProcessorError>>(
        &self,
        action: impl Fn(&K, &V) -> Result<(), E> + Send + Sync + 'static,
    ) -> Self {
        self.try_peek_with(action, Named::generated())
    }

    /// As [`try_peek`](Self::try_peek), with a name.
    pub fn try_peek_with<E: Into<ProcessorError>>(
        &self,
        action: impl Fn(&K, &V) -> Result<(), E> + Send + Sync + 'static,
        named: impl Into<Named>,
    ) -> Self {
        self.at(self.at.step(named, NAME, move |key, value, ctx: &mut Context<'_, K, V>| {
            action(&key, &value).map_err(Into::into)?;
            ctx.pass(key, value)
        }))
    }
}
