//! Stores on disk, in RocksDB.
