//! What an output topic has to hold.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::generator;

/// What an output topic holds, or has to: the records themselves, or the table that they make.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Expectation {
    /// The records in any order, as their number and the sum of their hashes.
    Stream { count: u64, hash: u64 },
    /// The last value of each key, without keys whose last value is null.
    Table(BTreeMap<Box<[u8]>, Box<[u8]>>),
}

impl Expectation {
    /// A stream without records.
    pub(crate) fn stream() -> Self {
        Self::Stream { count: 0, hash: 0 }
    }

    /// A table of counts.
    pub(crate) fn counts(counts: impl IntoIterator<Item = (String, i64)>) -> Self {
        let row = |(key, count): (String, i64)| {
            (key.into_bytes().into_boxed_slice(), Box::from(count.to_be_bytes()))
        };
        Self::Table(counts.into_iter().map(row).collect())
    }

    /// Nothing yet, to be compared with this.
    pub(crate) fn empty(&self) -> Self {
        match self {
            Self::Stream { .. } => Self::stream(),
            Self::Table(_) => Self::Table(BTreeMap::new()),
        }
    }

    /// Takes a record.
    pub(crate) fn add(&mut self, key: &[u8], value: Option<&[u8]>) {
        match (self, value) {
            (Self::Stream { count, hash }, value) => {
                *count += 1;
                let value = value.unwrap_or_default();
                *hash = hash.wrapping_add(generator::hash(key, value));
            }
            (Self::Table(rows), Some(value)) => {
                rows.insert(key.into(), value.into());
            }
            (Self::Table(rows), None) => {
                rows.remove(key);
            }
        }
    }

    /// How many records or rows.
    pub(crate) fn count(&self) -> u64 {
        match self {
            Self::Stream { count, .. } => *count,
            Self::Table(rows) => rows.len() as u64,
        }
    }

    /// The sum of all hashes.
    pub(crate) fn hash(&self) -> u64 {
        match self {
            Self::Stream { hash, .. } => *hash,
            Self::Table(rows) => rows
                .iter()
                .fold(0, |sum: u64, (key, value)| sum.wrapping_add(generator::hash(key, value))),
        }
    }

    /// The sum of a table's counts: a total that people can read.
    pub(crate) fn sum(&self) -> i64 {
        let Self::Table(rows) = self else { return 0 };
        rows.values().filter_map(|value| count_of(value)).sum()
    }

    /// How many rows of a table `found` has not, has besides and has with another value, and an
    /// example of the last.
    pub(crate) fn difference(&self, found: &Self) -> Map<String, Value> {
        let mut told = Map::new();
        let (Self::Table(wanted), Self::Table(found)) = (self, found) else { return told };
        let missing = wanted.keys().filter(|key| !found.contains_key(*key)).count();
        let extra = found.keys().filter(|key| !wanted.contains_key(*key)).count();
        let mut wrong = wanted.iter().filter_map(|(key, value)| {
            let other = found.get(key).filter(|other| *other != value)?;
            Some(format!("{}: expected {}, found {}", text(key), shown(value), shown(other)))
        });
        let example = wrong.next();
        let wrong = wrong.count() + usize::from(example.is_some());
        told.insert("missing".to_owned(), missing.into());
        told.insert("extra".to_owned(), extra.into());
        told.insert("wrong".to_owned(), wrong.into());
        told.insert("example".to_owned(), example.into());
        told
    }
}

fn count_of(value: &[u8]) -> Option<i64> {
    value.try_into().ok().map(i64::from_be_bytes)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn shown(value: &[u8]) -> String {
    count_of(value).map_or_else(|| text(value), |count| count.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_equal_in_any_order_and_not_with_a_record_twice() {
        let mut one = Expectation::stream();
        one.add(b"a", Some(b"1"));
        one.add(b"b", Some(b"2"));
        let mut other = one.empty();
        other.add(b"b", Some(b"2"));
        other.add(b"a", Some(b"1"));
        assert_eq!(one, other);
        other.add(b"a", Some(b"1"));
        assert_ne!(one, other);
    }

    #[test]
    fn a_table_keeps_the_last_value_of_a_key() {
        let wanted = Expectation::counts([("a".to_owned(), 2)]);
        let mut found = wanted.empty();
        found.add(b"a", Some(&1_i64.to_be_bytes()));
        found.add(b"b", Some(&7_i64.to_be_bytes()));
        let told = wanted.difference(&found);
        assert_eq!(
            (&told["missing"], &told["extra"], &told["wrong"]),
            (&0.into(), &1.into(), &1.into())
        );
        assert_eq!(told["example"], "a: expected 2, found 1");
        found.add(b"a", Some(&2_i64.to_be_bytes()));
        found.add(b"b", None);
        assert_eq!((&wanted, wanted.hash(), wanted.sum()), (&found, found.hash(), 2));
    }
}
