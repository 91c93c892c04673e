//! The operators, one a file: the methods that a user calls and what they do with each record.

// One record in.
pub(crate) mod filter;
pub(crate) mod map;
pub(crate) mod map_values;
pub(crate) mod flat_map;
pub(crate) mod flat_map_values;
pub(crate) mod select_key;
pub(crate) mod peek;
pub(crate) mod for_each;
pub(crate) mod print;
pub(crate) mod non_null;

// Several streams.
pub(crate) mod split;
pub(crate) mod merge;

// Topics.
pub(crate) mod repartition;
pub(crate) mod to;
pub(crate) mod through;

// Code of one's own.
pub(crate) mod process;

// Groups and tables.
pub(crate) mod group_by;
pub(crate) mod fold;
pub(crate) mod count;
pub(crate) mod reduce;
pub(crate) mod aggregate;
pub(crate) mod window_fold;
pub(crate) mod windowed_count;
pub(crate) mod windowed_reduce;
pub(crate) mod windowed_aggregate;
pub(crate) mod table_source;
pub(crate) mod to_table;
pub(crate) mod to_stream;
pub(crate) mod table_derive;
pub(crate) mod table_filter;
pub(crate) mod table_map_values;
pub(crate) mod stream_table_join;
