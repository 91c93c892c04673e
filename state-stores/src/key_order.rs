//! Many byte keys in order, without touching most of them more than once.

/// Bytes of a key that are sorted as a number.
const HEAD: usize = 12;

/// The numbers of keys in the order of the keys; equal keys in the order of their numbers.
///
/// Keys are compared by the bytes behind the prefix that all of them share, as numbers: only those
/// that begin alike are looked at again.
#[derive(Debug, Default)]
pub struct KeyOrder {
    /// The head of a key, then its number in the low 32 bits.
    sorted: Vec<u128>,
}

impl KeyOrder {
    /// Sorts the keys `0..count`.
    pub fn sort<'a>(&mut self, count: u32, key: impl Fn(u32) -> &'a [u8]) {
        let shared = shared_prefix((0..count).map(&key));
        let tail = |number: u32| &key(number)[shared..];
        self.sorted.clear();
        self.sorted.extend((0..count).map(|number| head(tail(number)) | u128::from(number)));
        self.sorted.sort_unstable();
        for alike in self.sorted.chunk_by_mut(|a, b| a >> 32 == b >> 32) {
            if alike.len() > 1 {
                alike.sort_by(|a, b| tail(number(*a)).cmp(tail(number(*b))));
            }
        }
    }

    /// The numbers of the keys sorted last.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = u32> {
        self.sorted.iter().map(|one| number(*one))
    }

    /// Forgets the keys.
    pub fn clear(&mut self) {
        self.sorted.clear();
    }
}

/// A key that is shorter is filled up with zeros, and so may look like a longer one.
fn head(tail: &[u8]) -> u128 {
    let mut head = [0; 16];
    let length = tail.len().min(HEAD);
    head[..length].copy_from_slice(&tail[..length]);
    u128::from_be_bytes(head)
}

fn number(one: u128) -> u32 {
    (one & u128::from(u32::MAX)) as u32
}

fn shared_prefix<'a>(mut keys: impl Iterator<Item = &'a [u8]>) -> usize {
    let Some(first) = keys.next() else { return 0 };
    keys.fold(first.len(), |shared, key| {
        if key.get(..shared) == Some(&first[..shared]) {
            shared
        } else {
            first.iter().zip(key).take_while(|(a, b)| a == b).count().min(shared)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keys_come_in_order_and_equal_ones_in_that_of_their_numbers(
            prefix in prop::collection::vec(0..3_u8, 0..4),
            tails in prop::collection::vec(prop::collection::vec(0..2_u8, 0..20), 0..60),
        ) {
            let keys: Vec<Vec<u8>> =
                tails.into_iter().map(|tail| [&*prefix, &*tail].concat()).collect();
            let mut order = KeyOrder::default();
            order.sort(keys.len() as u32, |number| &keys[number as usize]);
            let mut expected: Vec<u32> = (0..keys.len() as u32).collect();
            expected.sort_by_key(|number| &keys[*number as usize]);
            prop_assert_eq!(order.iter().collect::<Vec<_>>(), expected);
        }
    }
}
