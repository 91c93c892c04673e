//! What operators do with the stores that tables and aggregations are kept in.

use streams_core::{
    CachedOrigin, Context, ErrorKind, Outcome, ProcessorError, StoreHandle, StreamsError,
    stores::{
        Change, Data, Flushed, StateStore, StoreError, TimestampedKeyValueStore,
        TimestampedWindowStore, Update, UpdateError, Windowed,
    },
};

/// A store that failed ends the stream thread: no handler is asked.
#[cold]
pub(crate) fn store_failed(error: StoreError) -> ProcessorError {
    StreamsError::caused_by(ErrorKind::Store, "a state store failed", error).into()
}

/// The error of an update: the user's as it is.
#[cold]
pub(crate) fn update_failed(error: UpdateError<ProcessorError>) -> ProcessorError {
    match error {
        UpdateError::User(error) => error,
        UpdateError::Store(error) => store_failed(error),
    }
}

/// A store whose cache holds changes back.
pub(crate) trait Cached: StateStore {
    /// The key of the table that the store keeps.
    type Key: Data;
    /// Its value.
    type Value: Data;

    fn next_dirty(&mut self) -> Result<Option<Flushed<Self::Key, Self::Value>>, StoreError>;
}

impl<K: Data, V: Data> Cached for TimestampedKeyValueStore<K, V> {
    type Key = K;
    type Value = V;

    fn next_dirty(&mut self) -> Result<Option<Flushed<K, V>>, StoreError> {
        Self::next_dirty(self)
    }
}

impl<K: Data, V: Data> Cached for TimestampedWindowStore<K, V> {
    type Key = Windowed<K>;
    type Value = V;

    fn next_dirty(&mut self) -> Result<Option<Flushed<Windowed<K>, V>>, StoreError> {
        Self::next_dirty(self)
    }
}

/// Forwards what the cache of `store` holds back, each change in the context of the record that
/// caused it. The store is fetched anew for each: what is below may use it.
pub(crate) fn forward_dirty<S: Cached>(
    store: StoreHandle<S>,
    ctx: &mut Context<'_, S::Key, Change<S::Value>>,
) -> Outcome {
    while let Some(flushed) = ctx.store(store)?.next_dirty().map_err(store_failed)? {
        let Flushed { key, change, timestamp, headers, context } = flushed;
        ctx.pass_cached(key, change, CachedOrigin { timestamp, headers, context })?;
    }
    Ok(())
}

/// Forwards the change of an update, now or, where a cache took it, when the cache is full or
/// the task commits. `key` is made only where it is needed.
#[inline]
pub(crate) fn forward_update<S: Cached>(
    store: StoreHandle<S>,
    key: impl FnOnce() -> S::Key,
    update: Update<S::Value>,
    ctx: &mut Context<'_, S::Key, Change<S::Value>>,
) -> Outcome {
    match update {
        Update::Change(change, timestamp) => ctx.pass_at(key(), change, timestamp),
        Update::Cached => {
            if StateStore::over_capacity(ctx.store(store)?) {
                forward_dirty(store, ctx)?;
                StateStore::evict(ctx.store(store)?);
            }
            Ok(())
        }
    }
}
