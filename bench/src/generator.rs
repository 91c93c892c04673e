//! The deterministic generator that all inputs are drawn from.
//!
//! Records are functions of their number, so that any part of an input, and what has to come out of
//! it, can be computed anywhere and again.

/// Event time zero: 2025-10-09T09:00:00Z, a whole hour, in milliseconds since the epoch.
pub(crate) const BASE: i64 = 1_760_000_400_000;

/// splitmix64.
pub(crate) fn mix(z: u64) -> u64 {
    let z = z.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The draw of a record for the purpose that `salt` names.
pub(crate) fn draw(salt: u64, record: u64) -> u64 {
    mix(mix(salt).wrapping_add(record))
}

/// Uniform in `0..bound`.
pub(crate) fn pick(salt: u64, record: u64, bound: u64) -> u64 {
    draw(salt, record) % bound
}

/// A number in `0..65535` by a law like Zipf's (s = 1): the octave is uniform, and so is the place
/// within it.
pub(crate) fn zipf(salt: u64, record: u64) -> u64 {
    let drawn = draw(salt, record);
    let octave = drawn & 15;
    let below = (1 << octave) - 1;
    below + ((drawn >> 8) & below)
}

/// `prefix` and `number` in at least `width` digits.
pub(crate) fn id(prefix: &str, number: u64, width: usize) -> String {
    format!("{prefix}{number:0width$}")
}

/// What an output record adds to the sum that stands for all of them, in any order: FNV-1a 64 of
/// key, `0xFF` and value, mixed.
pub(crate) fn hash(key: &[u8], value: &[u8]) -> u64 {
    let bytes = key.iter().chain(&[0xFF]).chain(value);
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3);
    mix(bytes.fold(0xCBF2_9CE4_8422_2325, step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mix_is_splitmix64() {
        // The first numbers of the published generator seeded with 0.
        assert_eq!(mix(0), 0xE220_A839_7B1D_CDAF);
        assert_eq!(mix(0x9E37_79B9_7F4A_7C15), 0x6E78_9E6A_A1B9_65F4);
    }

    #[test]
    fn ids_have_leading_zeros_and_keep_all_digits() {
        assert_eq!((id("u", 42, 6).as_str(), id("w", 123_456, 5).as_str()), ("u000042", "w123456"));
    }

    #[test]
    fn words_are_among_those_of_the_law() {
        let drawn = (0..10_000).map(|record| zipf(11, record));
        assert!(drawn.clone().all(|word| word < 65_535));
        // One draw in 16 falls on each octave, and the first octave is one word.
        assert!((500..750).contains(&drawn.filter(|word| *word == 0).count()));
    }
}
