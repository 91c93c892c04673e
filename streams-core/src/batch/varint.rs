//! Zig-zag variable-length integers: 7 bits a byte, low bits first.

/// Appends `value`.
#[inline]
pub(super) fn put(out: &mut Vec<u8>, value: i64) {
    let mut rest = zigzag(value);
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// How many bytes `value` takes.
#[inline]
pub(super) fn length(value: i64) -> usize {
    let bits = 64 - (zigzag(value) | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

/// Reads a number at `*at` and moves past it; `None` if the bytes end first or 64 bits do not
/// hold it.
#[inline]
pub(super) fn take_long(bytes: &[u8], at: &mut usize) -> Option<i64> {
    // Nearly every number in a record is short: deltas, lengths, counts.
    let first = *bytes.get(*at)?;
    *at += 1;
    if first & 0x80 == 0 {
        return Some(unzigzag(u64::from(first)));
    }
    take_rest(bytes, at, u64::from(first & 0x7f))
}

/// The same for a field that is an `int32`.
#[inline]
pub(super) fn take_int(bytes: &[u8], at: &mut usize) -> Option<i32> {
    i32::try_from(take_long(bytes, at)?).ok()
}

fn take_rest(bytes: &[u8], at: &mut usize, mut value: u64) -> Option<i64> {
    for shift in (7..64).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        // The tenth byte has room for one bit.
        if shift == 63 && byte > 1 {
            return None;
        }
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(unzigzag(value));
        }
    }
    None
}

#[inline]
fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

#[inline]
fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_at_every_length_are_read_back() {
        let mut values = vec![0, 1, -1, i64::MAX, i64::MIN];
        for shift in 0..63 {
            values.extend([1 << shift, (1 << shift) - 1, -(1 << shift)]);
        }
        for value in values {
            let mut out = Vec::new();
            put(&mut out, value);
            assert_eq!(out.len(), length(value), "{value}");
            let mut at = 0;
            assert_eq!(take_long(&out, &mut at), Some(value));
            assert_eq!(at, out.len());
        }
    }

    #[test]
    fn kafka_s_own_bytes_are_written() {
        let encoded = |value| {
            let mut out = Vec::new();
            put(&mut out, value);
            out
        };
        assert_eq!(encoded(-1), [0x01]);
        assert_eq!(encoded(63), [0x7e]);
        assert_eq!(encoded(64), [0x80, 0x01]);
        assert_eq!(encoded(-65), [0x81, 0x01]);
    }

    #[test]
    fn a_number_that_ends_early_or_is_too_long_is_refused() {
        assert_eq!(take_long(&[], &mut 0), None);
        assert_eq!(take_long(&[0x80], &mut 0), None);
        assert_eq!(take_long(&[0xff; 11], &mut 0), None);
        assert_eq!(take_int(&[0x80, 0x80, 0x80, 0x80, 0x10], &mut 0), None);
    }
}
