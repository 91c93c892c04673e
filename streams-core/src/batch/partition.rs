//! Which partition a key belongs to: the same as with the Java client.

/// Kafka's `Utils.murmur2`: the hash that Java's default partitioner takes of a serialized key.
pub fn murmur2(key: &[u8]) -> i32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    let mut hash = SEED ^ key.len() as u32;
    let (words, tail) = key.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !tail.is_empty() {
        for (place, byte) in tail.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * place);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    (hash ^ (hash >> 15)) as i32
}

/// The partition, of `partitions` many, of a key with this hash: Kafka's `toPositive(hash) % n`.
/// 0 for a topic without partitions.
pub fn partition_for_hash(hash: i32, partitions: i32) -> i32 {
    (hash & i32::MAX).checked_rem(partitions).unwrap_or(0)
}

/// The partition, of `partitions` many, that Java's default partitioner gives a serialized key.
pub fn partition_for_key(key: &[u8], partitions: i32) -> i32 {
    partition_for_hash(murmur2(key), partitions)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Key in hexadecimal, murmur2, partitions for 1 to 12 partitions: as the Java client has them.
    const VECTORS: &str = include_str!("murmur2_vectors.txt");

    #[test]
    fn hashes_and_partitions_are_the_java_client_s() {
        let mut seen = 0;
        for line in VECTORS.lines() {
            let mut words = line.split(' ');
            let hex = words.next().unwrap();
            let key: Vec<u8> = (0..hex.len() / 2)
                .map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
                .collect();
            let hash: i32 = words.next().unwrap().parse().unwrap();
            assert_eq!(murmur2(&key), hash, "{line}");
            for (count, partition) in (1..=12).zip(words) {
                assert_eq!(partition_for_key(&key, count), partition.parse().unwrap(), "{line}");
            }
            seen += 1;
        }
        assert_eq!(seen, 63);
    }

    #[test]
    fn no_partitions_is_not_a_division_by_zero() {
        assert_eq!(partition_for_key(b"a", 0), 0);
        assert_eq!(partition_for_hash(i32::MIN, 7), 0);
    }
}
