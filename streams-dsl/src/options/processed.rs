//! How a processor is put into a stream.

use streams_core::{StoreHandle, stores::StateStore};

use super::Named;

/// Name and stores of [`process`](crate::KStream::process_with) and
/// [`process_values`](crate::KStream::process_values_with).
#[derive(Clone, Debug, Default)]
pub struct Processed {
    pub(crate) named: Named,
    /// By [`StoreHandle::index`].
    pub(crate) stores: Vec<usize>,
}

impl Processed {
    /// A generated name and no stores.
    pub fn new() -> Self {
        Self::default()
    }

    /// This name.
    pub fn named(name: &str) -> Self {
        Self::new().name(name)
    }

    /// Names the processor.
    #[must_use]
    pub fn name(mut self, named: impl Into<Named>) -> Self {
        self.named = named.into();
        self
    }

    /// Lets the processor use this store; processors that share one run in one task.
    #[must_use]
    pub fn store<S: StateStore>(mut self, store: StoreHandle<S>) -> Self {
        self.stores.push(store.index());
        self
    }

    /// As [`store`](Self::store), by [`StoreHandle::index`]: for stores of several types.
    #[must_use]
    pub fn stores(mut self, stores: impl IntoIterator<Item = usize>) -> Self {
        self.stores.extend(stores);
        self
    }
}
