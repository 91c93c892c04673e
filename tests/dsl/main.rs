//! The operators, one a file: rows in, rows out, on the test driver.

mod support;

mod names;
mod heartbeat;

mod filter;
mod map;
mod map_values;
mod flat_map;
mod flat_map_values;
mod select_key;
mod peek;
mod for_each;
mod print;
mod non_null;
mod split;
mod merge;
mod repartition;
mod to;
mod through;
mod process;
mod group_by;
mod count;
mod reduce;
mod aggregate;
mod windowed_count;
mod windowed_reduce;
mod windowed_aggregate;
mod table_source;
mod to_table;
mod to_stream;
mod table_filter;
mod table_map_values;
mod stream_table_join;
mod mistakes;
mod options;
