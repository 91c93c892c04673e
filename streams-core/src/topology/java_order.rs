//! The iteration order of `java.util.HashSet<String>`.
//!
//! Kafka describes a topology by walking hash sets of names; whoever compares descriptions, as
//! upgrade checks do, sees that order.

use crate::broker::TopicPartition;

/// Sorts `names`, given in insertion order, as a `HashSet<String>` filled with them iterates.
pub(crate) fn sort_as_hash_set<T: AsRef<str>>(names: &mut [T]) {
    let mask = capacity(names.len()) - 1;
    // Stable: within a bucket the insertion order stays.
    names.sort_by_key(|name| spread(hash(name.as_ref())) & mask);
}

/// The hash of a `TopicPartition`, as `HashMap` spreads it over a table of `len` entries.
pub(crate) fn partition_bucket(partition: &TopicPartition, len: usize) -> u32 {
    let number = u32::from_ne_bytes(partition.partition.to_ne_bytes());
    let hashed = 31_u32.wrapping_add(number).wrapping_mul(31).wrapping_add(hash(&partition.topic));
    spread(hashed) & (capacity(len) - 1)
}

/// The table doubles from 16 whenever it is filled to three quarters.
fn capacity(len: usize) -> u32 {
    let mut capacity: u32 = 16;
    while len > (capacity as usize) * 3 / 4 {
        capacity *= 2;
    }
    capacity
}

/// `String.hashCode`.
fn hash(text: &str) -> u32 {
    text.encode_utf16().fold(0, |hash, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)))
}

/// `HashMap.hash`.
fn spread(hash: u32) -> u32 {
    hash ^ (hash >> 16)
}

#[cfg(test)]
mod tests {
    use super::{hash, partition_bucket, sort_as_hash_set};
    use crate::broker::TopicPartition;

    #[test]
    fn hashes_are_javas() {
        assert_eq!(hash(""), 0);
        assert_eq!(hash("abc"), 96_354);
        assert_eq!(hash("polygenelubricants"), i32::MIN as u32);
    }

    #[test]
    fn order_is_that_of_the_buckets() {
        let mut names = ["banana", "apple", "cherry"];
        sort_as_hash_set(&mut names);
        // Recorded from Java: new HashSet<>(List.of("banana", "apple", "cherry")).
        assert_eq!(names, ["banana", "apple", "cherry"]);
    }
    #[test]
    fn partitions_lie_in_the_buckets_of_a_hash_map() {
        let bucket = |topic: &str| partition_bucket(&TopicPartition::new(topic.into(), 0), 3);
        // Recorded from Java: a HashMap of these iterates in1, in3, in2.
        assert_eq!([bucket("in1"), bucket("in3"), bucket("in2")], [12, 14, 15]);
    }
}
