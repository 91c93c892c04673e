//! Which known key an unknown one was meant to be.

/// The candidate that takes the fewest insertions, deletions, replacements and swaps of neighbours
/// to become `word`; the first of equals.
pub(super) fn nearest<'a>(
    word: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    candidates.min_by_key(|candidate| distance(word.as_bytes(), candidate.as_bytes()))
}

fn distance(from: &[u8], to: &[u8]) -> usize {
    // Rows of the edit matrix: two above, above, and the current one.
    let mut rows = [vec![0; to.len() + 1], (0..=to.len()).collect(), vec![0; to.len() + 1]];
    for (i, a) in from.iter().enumerate() {
        rows[2][0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let replaced = rows[1][j] + usize::from(a != b);
            let mut best = replaced.min(rows[1][j + 1] + 1).min(rows[2][j] + 1);
            if i > 0 && j > 0 && *a == to[j - 1] && from[i - 1] == *b {
                best = best.min(rows[0][j - 1] + 1);
            }
            rows[2][j + 1] = best;
        }
        rows.rotate_left(1);
    }
    rows[1][to.len()]
}

#[cfg(test)]
mod tests {
    use super::{distance, nearest};

    #[test]
    fn each_kind_of_slip_counts_once() {
        for (from, to) in [("abc", "abc"), ("", ""), ("ab", "abc"), ("abcd", "abc"), ("axc", "abc")]
        {
            assert_eq!(distance(from.as_bytes(), to.as_bytes()), usize::from(from != to));
        }
        assert_eq!(distance(b"comimt", b"commit"), 1);
        assert_eq!(distance(b"", b"abc"), 3);
    }

    #[test]
    fn the_nearest_is_found() {
        let known = ["poll.ms", "state.dir", "client.id"];
        assert_eq!(nearest("sate.dir", known.into_iter()), Some("state.dir"));
        assert_eq!(nearest("anything", std::iter::empty()), None);
    }
}
