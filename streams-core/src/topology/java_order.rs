//! The iteration orders of `java.util.HashSet<String>` and of a `java.util.TreeSet` whose elements
//! change while it is filled.
//!
//! Kafka describes a topology by walking hash sets of names and keeps relatives in tree sets
//! ordered by a size that grows; whoever compares descriptions, as upgrade checks do, sees both.
//! It also tells brokers in that order which topics are co-partitioned.

use std::cmp::Ordering;

use crate::broker::TopicPartition;

/// Sorts `names`, given in insertion order, as a `HashSet<String>` filled with them iterates.
pub(crate) fn sort_as_hash_set<T: AsRef<str>>(names: &mut [T]) {
    let mask = capacity(names.len()) - 1;
    // Stable: within a bucket the insertion order stays.
    names.sort_by_key(|name| spread(hash(name.as_ref())) & mask);
}

/// Sorts sets of names, given in insertion order, as a `HashSet<Set<String>>` iterates that was
/// made of a collection of `copied` sets, equal ones included.
pub(crate) fn sort_as_set_of_sets<T: AsRef<str>>(sets: &mut [Vec<T>], copied: usize) {
    let mask = copied_capacity(copied) - 1;
    sets.sort_by_key(|set| {
        let hashes = set.iter().map(|name| hash(name.as_ref()));
        spread(hashes.fold(0, u32::wrapping_add)) & mask
    });
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

/// The table of a `HashSet` made of a collection has room for all of it from the start.
///
/// That of JDK 19 and newer: older ones double it where the collection fills it to three quarters.
fn copied_capacity(len: usize) -> u32 {
    let mut capacity: u32 = 16;
    while (capacity as usize) * 3 < len * 4 {
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

/// A red-black tree with the moves of `java.util.TreeMap`.
///
/// With an order that changes between insertions, the place of an element depends on which others
/// it is compared with: on the shape of the tree.
#[derive(Debug, Default)]
pub(crate) struct TreeSet<T> {
    nodes: Vec<Node<T>>,
    root: Option<usize>,
}

#[derive(Debug)]
struct Node<T> {
    value: T,
    parent: Option<usize>,
    /// Left and right.
    children: [Option<usize>; 2],
    is_red: bool,
}

const LEFT: usize = 0;
const RIGHT: usize = 1;

impl<T> TreeSet<T> {
    /// Inserts `value` by the order as it stands now; nothing if there is an equal one.
    pub(crate) fn insert(&mut self, value: T, mut order: impl FnMut(&T, &T) -> Ordering) {
        let mut place = None;
        let mut next = self.root;
        while let Some(at) = next {
            let side = match order(&value, &self.nodes[at].value) {
                Ordering::Less => LEFT,
                Ordering::Greater => RIGHT,
                Ordering::Equal => return,
            };
            place = Some((at, side));
            next = self.nodes[at].children[side];
        }
        let new = self.nodes.len();
        let parent = place.map(|(at, _)| at);
        self.nodes.push(Node { value, parent, children: [None, None], is_red: true });
        match place {
            Some((at, side)) => self.nodes[at].children[side] = Some(new),
            None => self.root = Some(new),
        }
        self.balance(new);
    }

    /// The elements from left to right.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        let mut order = Vec::with_capacity(self.nodes.len());
        self.walk(self.root, &mut order);
        order.into_iter().map(|at| &self.nodes[at].value)
    }

    fn walk(&self, at: Option<usize>, order: &mut Vec<usize>) {
        let Some(at) = at else { return };
        self.walk(self.nodes[at].children[LEFT], order);
        order.push(at);
        self.walk(self.nodes[at].children[RIGHT], order);
    }

    /// `TreeMap.fixAfterInsertion`.
    fn balance(&mut self, mut at: usize) {
        while let Some(parent) = self.nodes[at].parent
            && self.nodes[parent].is_red
            && let Some(grandparent) = self.nodes[parent].parent
        {
            let side = self.side_of(parent, grandparent);
            let uncle = self.nodes[grandparent].children[1 - side];
            self.nodes[grandparent].is_red = true;
            if let Some(uncle) = uncle.filter(|uncle| self.nodes[*uncle].is_red) {
                self.nodes[parent].is_red = false;
                self.nodes[uncle].is_red = false;
                at = grandparent;
                continue;
            }
            if self.side_of(at, parent) != side {
                at = parent;
                self.rotate(at, side);
            }
            if let Some(parent) = self.nodes[at].parent {
                self.nodes[parent].is_red = false;
            }
            self.rotate(grandparent, 1 - side);
        }
        if let Some(root) = self.root {
            self.nodes[root].is_red = false;
        }
    }

    fn side_of(&self, child: usize, parent: usize) -> usize {
        if self.nodes[parent].children[LEFT] == Some(child) { LEFT } else { RIGHT }
    }

    /// Moves `at` down to `side`; its child on the other side takes its place.
    fn rotate(&mut self, at: usize, side: usize) {
        let Some(up) = self.nodes[at].children[1 - side] else { return };
        let inner = self.nodes[up].children[side];
        let parent = self.nodes[at].parent;
        match parent {
            Some(parent) => {
                let place = self.side_of(at, parent);
                self.nodes[parent].children[place] = Some(up);
            }
            None => self.root = Some(up),
        }
        self.nodes[up].parent = parent;
        self.nodes[up].children[side] = Some(at);
        self.nodes[at].parent = Some(up);
        self.nodes[at].children[1 - side] = inner;
        if let Some(inner) = inner {
            self.nodes[inner].parent = Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{TreeSet, hash, partition_bucket, sort_as_hash_set, sort_as_set_of_sets};
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
        // Fourteen are too many for a table of 16. Printed by Java 17.
        let mut names: Vec<String> = (1..=14).map(|number| format!("t{number}")).collect();
        sort_as_hash_set(&mut names);
        assert_eq!(names.join(" "), "t4 t5 t6 t7 t8 t9 t10 t12 t11 t14 t13 t1 t2 t3");
    }

    #[test]
    fn a_copied_set_is_as_large_as_its_source_was() {
        // Both are in bucket 1 of 16: 'a' is 97, "q" 113. Of 32 they are in 1 and 17.
        let order = |copied| {
            let mut sets = [vec!["q"], vec!["a"]];
            sort_as_set_of_sets(&mut sets, copied);
            sets.map(|set| set[0])
        };
        assert_eq!([order(2), order(12), order(13)], [["q", "a"], ["q", "a"], ["a", "q"]]);
    }

    #[test]
    fn partitions_lie_in_the_buckets_of_a_hash_map() {
        let bucket = |topic: &str| partition_bucket(&TopicPartition::new(topic, 0), 3);
        // Recorded from Java: a HashMap of these iterates in1, in3, in2.
        assert_eq!([bucket("in1"), bucket("in3"), bucket("in2")], [12, 14, 15]);
    }

    #[test]
    fn a_tree_with_a_steady_order_sorts() {
        for step in [1, 3, 7, 11] {
            let mut tree = TreeSet::default();
            for n in 0..50 {
                tree.insert(n * step % 50, Ord::cmp);
                tree.insert(n * step % 50, Ord::cmp);
            }
            let sorted: Vec<i32> = tree.iter().copied().collect();
            assert_eq!(sorted, (0..50).collect::<Vec<i32>>());
        }
    }

    /// Java compares the fourth element with the root, which is the second one by then.
    #[test]
    fn what_an_element_is_compared_with_follows_from_the_shape() {
        let mut tree = TreeSet::default();
        for n in [1, 2, 3] {
            tree.insert(n, Ord::cmp);
        }
        let mut compared = Vec::new();
        tree.insert(9, |a, b| {
            compared.push(*b);
            a.cmp(b)
        });
        assert_eq!(compared, [2, 3]);
    }
}
