//! The scans of both kinds of window store.

/// Defines them for a store whose entries show `$entry` as their value.
macro_rules! window_scans {
    ($store:ident, $entry:ty, $make:expr) => {
        impl<K: Data, V: Data> $store<K, V> {
            /// The entries of `key` whose windows start from `from` to `to`, both included.
            ///
            /// # Errors
            /// When the key has no bytes or the store cannot be read; so for all scans.
            pub fn fetch_range(
                &mut self,
                key: &K,
                from: Timestamp,
                to: Timestamp,
            ) -> Result<Scan<Windowed<K>, $entry>, StoreError> {
                let keys = self.table.one_key(key)?;
                self.table.scan(keys, Starts::new(from, to), Order::Forward)
            }

            /// The entries of [`Self::fetch_range`] from the last to the first.
            ///
            /// # Errors
            /// As [`Self::fetch_range`].
            pub fn backward_fetch_range(
                &mut self,
                key: &K,
                from: Timestamp,
                to: Timestamp,
            ) -> Result<Scan<Windowed<K>, $entry>, StoreError> {
                let keys = self.table.one_key(key)?;
                self.table.scan(keys, Starts::new(from, to), Order::Backward)
            }

            /// The entries of the keys from `key_from` to `key_to` (`None` leaves an end open)
            /// whose windows start from `from` to `to`, all included.
            ///
            /// # Errors
            /// As [`Self::fetch_range`].
            pub fn fetch_keys(
                &mut self,
                key_from: Option<&K>,
                key_to: Option<&K>,
                from: Timestamp,
                to: Timestamp,
            ) -> Result<Scan<Windowed<K>, $entry>, StoreError> {
                let keys = self.table.key_range(key_from, key_to)?;
                self.table.scan(keys, Starts::new(from, to), Order::Forward)
            }

            /// The entries of [`Self::fetch_keys`] from the last to the first.
            ///
            /// # Errors
            /// As [`Self::fetch_range`].
            pub fn backward_fetch_keys(
                &mut self,
                key_from: Option<&K>,
                key_to: Option<&K>,
                from: Timestamp,
                to: Timestamp,
            ) -> Result<Scan<Windowed<K>, $entry>, StoreError> {
                let keys = self.table.key_range(key_from, key_to)?;
                self.table.scan(keys, Starts::new(from, to), Order::Backward)
            }

            /// The entries of all keys whose windows start from `from` to `to`, both included.
            ///
            /// # Errors
            /// As [`Self::fetch_range`].
            pub fn fetch_all(
                &mut self,
                from: Timestamp,
                to: Timestamp,
            ) -> Result<Scan<Windowed<K>, $entry>, StoreError> {
                let starts = Starts::new(from, to);
                self.table.scan(Keys::Range(None, None), starts, Order::Forward)
            }

            /// The entries of [`Self::fetch_all`] from the last to the first.
            ///
            /// # Errors
            /// As [`Self::fetch_range`].
            pub fn backward_fetch_all(
                &mut self,
                from: Timestamp,
                to: Timestamp,
            ) -> Result<Scan<Windowed<K>, $entry>, StoreError> {
                let starts = Starts::new(from, to);
                self.table.scan(Keys::Range(None, None), starts, Order::Backward)
            }

            /// All entries that have not expired.
            ///
            /// # Errors
            /// As [`Self::fetch_range`].
            pub fn all(&mut self) -> Result<Scan<Windowed<K>, $entry>, StoreError> {
                self.fetch_all(Timestamp::from_millis(0), Timestamp::MAX)
            }

            /// The entries of [`Self::all`] from the last to the first.
            ///
            /// # Errors
            /// As [`Self::fetch_range`].
            pub fn backward_all(&mut self) -> Result<Scan<Windowed<K>, $entry>, StoreError> {
                self.backward_fetch_all(Timestamp::from_millis(0), Timestamp::MAX)
            }

            /// The entries left in `scan`.
            ///
            /// # Errors
            /// When the store cannot be read, or holds bytes that are no key or value.
            pub fn collect(
                &mut self,
                scan: Scan<Windowed<K>, $entry>,
            ) -> Result<Vec<(Windowed<K>, $entry)>, StoreError> {
                scan.collect(self)
            }

            /// Writes the next dirty entry of the cache to store and changelog, in the order of
            /// the latest writes; the entry that is to be evicted comes first. `None` ends the
            /// flush; what is written meanwhile waits for the next one.
            ///
            /// # Errors
            /// As [`Self::put`].
            pub fn next_dirty(&mut self) -> Result<Option<Flushed<Windowed<K>, V>>, StoreError> {
                self.table.next_dirty()
            }

            /// Whether an eviction from the cache waits for a flush: call [`Self::next_dirty`]
            /// until `None`, then [`Self::evict`].
            pub fn over_capacity(&mut self) -> bool {
                self.table.core.over_capacity()
            }

            /// Evicts from the cache, least recently used first, what may go without a flush.
            pub fn evict(&mut self) {
                self.table.core.evict();
            }
        }

        impl<K: Data, V: Data> ScanSource<Windowed<K>, $entry> for $store<K, V> {
            fn fill(&mut self, scan: &mut Scan<Windowed<K>, $entry>) -> Result<(), StoreError> {
                self.table.fill(scan, $make)
            }
        }

        state_store!($store, table);
    };
}
pub(super) use window_scans;
