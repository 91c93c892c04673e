//! The order in which Java's hash sets are walked.
//!
//! A coordinator compares topologies list by list, and Java writes its groups of co-partitioned
//! topics in the order of a `HashSet`: a member that shares a group with Java members has to write
//! them in the same order. Of elements that share a bucket the one that was added first comes
//! first.

/// Sorts elements as a set walks that they were added to one by one, in the order they are in.
pub(super) fn sort_as_set<T>(elements: &mut [T], hash: impl Fn(&T) -> i32) {
    let mut capacity = SMALLEST;
    while elements.len() > capacity / 4 * 3 {
        capacity *= 2;
    }
    sort(elements, capacity, hash);
}

/// Sorts elements as a set walks that was made for `expected` of them at once (as Java does from
/// version 19 on; before, a set of exactly 12, 24, .. has twice the buckets).
pub(super) fn sort_as_set_for<T>(elements: &mut [T], expected: usize, hash: impl Fn(&T) -> i32) {
    let buckets = (expected * 4).div_ceil(3);
    sort(elements, buckets.next_power_of_two().max(SMALLEST), hash);
}

const SMALLEST: usize = 16;

fn sort<T>(elements: &mut [T], capacity: usize, hash: impl Fn(&T) -> i32) {
    elements.sort_by_key(|element| {
        let hash = hash(element).cast_unsigned();
        (hash ^ (hash >> 16)) as usize & (capacity - 1)
    });
}

/// `String.hashCode()`.
pub(super) fn hash_code(text: &str) -> i32 {
    let units = text.encode_utf16();
    units.fold(0i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_hash_as_javas() {
        assert_eq!(hash_code(""), 0);
        assert_eq!(hash_code("orders"), -1_008_770_331);
        assert_eq!(hash_code("Aa"), hash_code("BB"));
    }

    /// The orders were printed by Java 17.
    #[test]
    fn sets_are_walked_as_javas() {
        let mut names: Vec<String> = (1..=14).map(|number| format!("t{number}")).collect();
        sort_as_set(&mut names, |name| hash_code(name));
        let expected = "t4,t5,t6,t7,t8,t9,t10,t12,t11,t14,t13,t1,t2,t3";
        assert_eq!(names.join(","), expected);
        let mut names = ["right", "left", "users", "orders"];
        sort_as_set(&mut names, |name| hash_code(name));
        assert_eq!(names, ["left", "orders", "right", "users"]);
    }

    #[test]
    fn of_one_bucket_the_first_added_comes_first() {
        let repartition = "app-KSTREAM-KEY-SELECT-0000000003-repartition";
        for pair in [["Aa", "BB"], ["BB", "Aa"], ["users", repartition], [repartition, "users"]] {
            let mut sorted = pair;
            sort_as_set(&mut sorted, |name| hash_code(name));
            assert_eq!(sorted, pair);
        }
    }
}
