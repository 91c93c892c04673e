//! How RocksDB is set up, and why.

use super::RocksMemory;
use rocksdb::{BlockBasedIndexType, BlockBasedOptions, DBCompressionType, Options};

const MEMTABLE_BYTES: usize = 16 * 1024 * 1024;
/// The part of a memtable that its filter takes.
const MEMTABLE_FILTER: f64 = 0.02;
const BLOCK_BYTES: usize = 4 * 1024;
/// A commit's writes are sorted: each is looked for from the one before, under a hint that all keys
/// share. From the top of the memtable it would cost twice as much a commit.
const INSERT_WITH_HINT: &str = "memtable_insert_with_hint_prefix_extractor=rocksdb.FixedPrefix.0;";
/// How many files may overlap before they are merged: each get may have to look into all of them.
/// RocksDB's default.
pub(super) const FEW_FILES: &[(&str, &str)] = &[("level0_file_num_compaction_trigger", "4")];
/// The same from the first sorted run to the next flush: they are merged less often.
pub(super) const MANY_FILES: &[(&str, &str)] = &[("level0_file_num_compaction_trigger", "16")];

/// Of a database.
pub(super) fn database(memory: &RocksMemory) -> Options {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    // What a crash leaves is one point in time over all families.
    options.set_atomic_flush(true);
    options.set_write_buffer_manager(&memory.memtables);
    options.set_max_background_jobs(2);
    // Only the task's thread writes.
    options.set_allow_concurrent_memtable_write(false);
    // Small logs: there is a database for each task.
    options.set_keep_log_file_num(2);
    options.set_max_log_file_size(1024 * 1024);
    options.set_stats_dump_period_sec(0);
    options
}

/// Of the tables of a family.
pub(super) fn table(memory: &RocksMemory) -> Result<Options, rocksdb::Error> {
    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_cache(&memory.cache);
    blocks.set_cache_index_and_filter_blocks(true);
    blocks.set_pin_l0_filter_and_index_blocks_in_cache(true);
    // Point reads prevail: small blocks, and a filter that makes a missing key cheap.
    blocks.set_block_size(BLOCK_BYTES);
    blocks.set_bloom_filter(10.0, false);
    // In parts of a block's size: a whole filter is larger than what a shard of a small cache
    // holds, and would be read again at each get.
    blocks.set_index_type(BlockBasedIndexType::TwoLevelIndexSearch);
    blocks.set_partition_filters(true);
    blocks.set_metadata_block_size(BLOCK_BYTES);
    blocks.set_format_version(5);
    let mut options = Options::default().get_options_from_string(INSERT_WITH_HINT)?;
    options.set_block_based_table_factory(&blocks);
    options.set_write_buffer_size(MEMTABLE_BYTES);
    // A filter for memtables as well: a new key is not searched for among all the others.
    options.set_memtable_prefix_bloom_ratio(MEMTABLE_FILTER);
    options.set_memtable_whole_key_filtering(true);
    options.set_compression_type(DBCompressionType::Lz4);
    Ok(options)
}
