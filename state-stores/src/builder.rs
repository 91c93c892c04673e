//! How stores are described, and built for a task.

mod restorer;
mod stores;

use crate::backend::{Backend, MemoryBackend, StoreId};
use crate::cache::CacheBudget;
use crate::changelog::{Changelog, ChangelogRestore, ChangelogSink};
use crate::core::{Core, CoreOptions, ValueCodec};
use crate::error::StoreError;
use crate::key_value::{KeyValueBytes, KeyValueStore, Table, TimestampedKeyValueStore};
use crate::serde::{Data, SharedSerde};
use crate::staged::Staged;
use crate::store::StateStore;
use crate::window::{TimestampedWindowStore, WindowBytes, WindowStore, WindowTable};
use crate::window_schema::WindowSchema;
use restorer::Restorer;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

pub use stores::Stores;

/// What a store is built over: its part of a task.
pub struct StoreEnv {
    /// The store's number in the backend.
    pub id: StoreId,
    /// The backend of the task.
    pub backend: Arc<dyn Backend>,
    /// The producer of the store's changelog topic; `None` logs nothing.
    pub changelog: Option<Box<dyn ChangelogSink>>,
    /// What the caches of the thread may hold.
    pub cache: Arc<CacheBudget>,
    /// The name of the changelog topic, which serdes see as theirs.
    pub changelog_topic: Arc<str>,
}

impl StoreEnv {
    /// The only store of a task that has `stores` of them in memory, no changelog and no cache:
    /// for tests of a store alone.
    pub fn detached(stores: usize) -> Self {
        Self {
            id: StoreId(0),
            backend: Arc::new(MemoryBackend::new("detached", stores)),
            changelog: None,
            cache: Arc::new(CacheBudget::new(0)),
            changelog_topic: Arc::from("detached"),
        }
    }
}

impl fmt::Debug for StoreEnv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreEnv({:?}, {})", self.id, self.changelog_topic)
    }
}

/// What kind of entries a store keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreKind {
    /// A value a key.
    KeyValue,
    /// A value a key and window.
    Window {
        /// How long entries are kept, in milliseconds.
        retention_ms: i64,
        /// The length of a window, in milliseconds.
        window_size_ms: i64,
        /// Whether equal keys are kept side by side.
        retain_duplicates: bool,
    },
    /// A value a key and session.
    Session {
        /// How long entries are kept, in milliseconds.
        retention_ms: i64,
    },
}

/// What a topology has to know of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreSpec {
    /// The name, unique in the topology.
    pub name: Arc<str>,
    /// Whether it lies on disk.
    pub persistent: bool,
    /// Its kind.
    pub kind: StoreKind,
    /// Whether values carry a timestamp.
    pub timestamped: bool,
    /// The configuration of the changelog topic beyond the defaults; `None` logs nothing.
    pub logging: Option<BTreeMap<String, String>>,
    /// Whether it has a record cache.
    pub caching: bool,
    /// Whether changes are told with the value before.
    pub send_old_values: bool,
    /// Whether an update that fails leaves the value it began with.
    pub keep_on_error: bool,
}

/// A store that a [`StoreBuilder`] builds.
pub trait StoreType: StateStore + Sized + sealed::Sealed {
    /// The type of the keys.
    type Key: Data;
    /// The type of the values.
    type Value: Data;
}

mod sealed {
    use super::{StoreEnv, StoreError, StoreSpec};
    use crate::serde::SharedSerde;

    pub trait Sealed: Sized {
        type K;
        type V;

        fn assemble(
            spec: &StoreSpec,
            keys: SharedSerde<Self::K>,
            values: SharedSerde<Self::V>,
            env: StoreEnv,
        ) -> Result<Self, StoreError>;
    }
}

/// The description of a store, from which each task builds its own. Made by [`Stores`].
pub struct StoreBuilder<S: StoreType> {
    spec: StoreSpec,
    keys: SharedSerde<<S as sealed::Sealed>::K>,
    values: SharedSerde<<S as sealed::Sealed>::V>,
}

impl<S: StoreType> Clone for StoreBuilder<S> {
    fn clone(&self) -> Self {
        Self {
            spec: self.spec.clone(),
            keys: Arc::clone(&self.keys),
            values: Arc::clone(&self.values),
        }
    }
}

impl<S: StoreType> fmt::Debug for StoreBuilder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StoreBuilder").field(&self.spec).finish()
    }
}

impl<S: StoreType> StoreBuilder<S> {
    fn new(
        name: &str,
        kind: StoreKind,
        timestamped: bool,
        (keys, values): (
            SharedSerde<<S as sealed::Sealed>::K>,
            SharedSerde<<S as sealed::Sealed>::V>,
        ),
    ) -> Self {
        let spec = StoreSpec {
            name: Arc::from(name),
            persistent: true,
            kind,
            timestamped,
            logging: Some(BTreeMap::new()),
            caching: false,
            send_old_values: false,
            keep_on_error: false,
        };
        Self { spec, keys, values }
    }

    /// Keeps the store in memory; it is restored from its changelog at each start.
    #[must_use]
    pub fn in_memory(mut self) -> Self {
        self.spec.persistent = false;
        self
    }

    /// Keeps the store on disk, as is the default.
    #[must_use]
    pub fn persistent(mut self) -> Self {
        self.spec.persistent = true;
        self
    }

    /// Converts keys and values by these serdes in place of the types' own.
    #[must_use]
    pub fn with_serdes(
        mut self,
        keys: SharedSerde<<S as sealed::Sealed>::K>,
        values: SharedSerde<<S as sealed::Sealed>::V>,
    ) -> Self {
        self.keys = keys;
        self.values = values;
        self
    }

    /// Whether the store has a record cache; it has none by default. Stores that retain
    /// duplicates never have one.
    #[must_use]
    pub fn caching(mut self, caching: bool) -> Self {
        self.spec.caching = caching;
        self
    }

    /// Whether changes go to a changelog topic, from which a lost store is restored; they do by
    /// default.
    #[must_use]
    pub fn logging(mut self, logging: bool) -> Self {
        self.spec.logging = logging.then(|| self.spec.logging.take().unwrap_or_default());
        self
    }

    /// Logs changes to a changelog topic with this configuration beyond the defaults.
    #[must_use]
    pub fn logging_config(mut self, config: BTreeMap<String, String>) -> Self {
        self.spec.logging = Some(config);
        self
    }

    /// Whether changes are told with the value before; they are not by default.
    #[must_use]
    pub fn send_old_values(mut self, send: bool) -> Self {
        self.spec.send_old_values = send;
        self
    }

    /// Whether an update that fails leaves the value it began with, at the price of a clone for
    /// each update; needed where processing goes on after an error.
    #[must_use]
    pub fn keep_on_error(mut self, keep: bool) -> Self {
        self.spec.keep_on_error = keep;
        self
    }

    /// Whether a window store keeps equal keys of a window side by side.
    #[must_use]
    pub fn retain_duplicates(mut self, retain: bool) -> Self {
        if let StoreKind::Window { retain_duplicates, .. } = &mut self.spec.kind {
            *retain_duplicates = retain;
        }
        self
    }

    /// What a topology has to know of the store.
    pub fn spec(&self) -> StoreSpec {
        let mut spec = self.spec.clone();
        if let StoreKind::Window { retain_duplicates: true, .. } = spec.kind {
            spec.caching = false;
        }
        spec
    }

    /// The serde of the keys.
    pub fn key_serde(&self) -> &SharedSerde<<S as sealed::Sealed>::K> {
        &self.keys
    }

    /// The serde of the values.
    pub fn value_serde(&self) -> &SharedSerde<<S as sealed::Sealed>::V> {
        &self.values
    }

    /// Turns records of the changelog into local entries.
    pub fn restorer(&self) -> Arc<dyn ChangelogRestore> {
        Arc::new(Restorer::new(&self.spec()))
    }

    /// Checks the description.
    ///
    /// # Errors
    /// When the name is empty, or a window does not fit into the retention.
    pub fn validate(&self) -> Result<(), StoreError> {
        let invalid = |what: String| {
            Err(StoreError::InvalidConfig { store: self.spec.name.to_string(), what })
        };
        if self.spec.name.is_empty() {
            return invalid("a store needs a name".to_owned());
        }
        match self.spec.kind {
            StoreKind::Window { retention_ms, window_size_ms, .. }
                if window_size_ms > retention_ms =>
            {
                invalid(format!(
                    "windows of {window_size_ms} ms do not fit into a retention of {retention_ms} ms; retain the size of the window and its grace at least"
                ))
            }
            _ => Ok(()),
        }
    }

    /// The store over its part of a task.
    ///
    /// # Errors
    /// Those of [`StoreBuilder::validate`], and of reading the backend.
    pub fn build(&self, env: StoreEnv) -> Result<S, StoreError> {
        self.validate()?;
        S::assemble(&self.spec(), Arc::clone(&self.keys), Arc::clone(&self.values), env)
    }
}

/// The parts of a store that its kind does not matter for.
struct Parts<V> {
    staged: Staged,
    changelog: Changelog,
    codec: ValueCodec<V>,
    options: CoreOptions,
    budget: Arc<CacheBudget>,
}

fn parts<V>(spec: &StoreSpec, values: SharedSerde<V>, env: StoreEnv) -> Parts<V> {
    Parts {
        staged: Staged::new(env.id, env.backend),
        changelog: Changelog::new(env.changelog.filter(|_| spec.logging.is_some())),
        codec: ValueCodec {
            store: Arc::clone(&spec.name),
            topic: env.changelog_topic,
            serde: values,
            timestamped: spec.timestamped,
        },
        options: CoreOptions {
            caching: spec.caching,
            send_old_values: spec.send_old_values,
            keep_on_error: spec.keep_on_error,
        },
        budget: env.cache,
    }
}

macro_rules! store_type {
    ($store:ident, $assemble:expr) => {
        impl<K: Data, V: Data> StoreType for $store<K, V> {
            type Key = K;
            type Value = V;
        }

        impl<K: Data, V: Data> sealed::Sealed for $store<K, V> {
            type K = K;
            type V = V;

            fn assemble(
                spec: &StoreSpec,
                keys: SharedSerde<K>,
                values: SharedSerde<V>,
                env: StoreEnv,
            ) -> Result<Self, StoreError> {
                $assemble(spec, keys, values, env).map($store::new)
            }
        }
    };
}

fn key_value<K: Data, V: Data>(
    spec: &StoreSpec,
    keys: SharedSerde<K>,
    values: SharedSerde<V>,
    env: StoreEnv,
) -> Result<Table<K, V>, StoreError> {
    let Parts { staged, changelog, codec, options, budget } = parts(spec, values, env);
    let bytes = KeyValueBytes::new(staged, changelog);
    Ok(Table::new(keys, Core::new(codec, bytes, options, &budget)))
}

fn window<K: Data, V: Data>(
    spec: &StoreSpec,
    keys: SharedSerde<K>,
    values: SharedSerde<V>,
    env: StoreEnv,
) -> Result<WindowTable<K, V>, StoreError> {
    let Some(schema) = window_schema(spec) else {
        let what = "not the description of a window store".to_owned();
        return Err(StoreError::InvalidConfig { store: spec.name.to_string(), what });
    };
    let size = match spec.kind {
        StoreKind::Window { window_size_ms, .. } => window_size_ms,
        _ => i64::MAX,
    };
    let Parts { staged, changelog, codec, options, budget } = parts(spec, values, env);
    let bytes = WindowBytes::new(Arc::clone(&spec.name), schema, staged, changelog);
    Ok(WindowTable::new(keys, Core::new(codec, bytes, options, &budget), size))
}

/// How the keys of a window store lie.
fn window_schema(spec: &StoreSpec) -> Option<WindowSchema> {
    match spec.kind {
        StoreKind::Window { retention_ms, retain_duplicates, .. } => {
            Some(WindowSchema::new(spec.persistent, retention_ms, retain_duplicates))
        }
        _ => None,
    }
}

store_type!(KeyValueStore, key_value);
store_type!(WindowStore, window);
store_type!(TimestampedWindowStore, window);
store_type!(TimestampedKeyValueStore, key_value);
