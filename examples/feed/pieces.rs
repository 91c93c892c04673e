//! A text in pieces: its lines, or parts of a line too long for a record.

use std::io::{self, BufRead, Read};

/// How much of a line becomes one record, unless a single word is longer.
const PIECE_BYTES: usize = 64 << 10;
/// The longest word: with some room, what fits into a record.
const WORD_BYTES_MAX: usize = 512 << 10;

/// Reads the next piece of `text` into `piece`, which is emptied first: a line with its end, or as
/// much of a long one as ends between two words. `piece` stays empty at the end of the text.
///
/// # Errors
/// If the text cannot be read, or has a word beyond any reason.
pub(crate) fn next(
    text: &mut impl BufRead,
    rest: &mut Vec<u8>,
    piece: &mut Vec<u8>,
) -> io::Result<()> {
    piece.clear();
    piece.append(rest);
    loop {
        let room = PIECE_BYTES.max(2 * piece.len()) - piece.len();
        let read = text.by_ref().take(room as u64).read_until(b'\n', piece)?;
        if read < room || piece.last() == Some(&b'\n') {
            return Ok(());
        }
        if let Some(end) = end_of_last_gap(piece) {
            rest.extend_from_slice(&piece[end..]);
            piece.truncate(end);
            return Ok(());
        }
        if piece.len() > WORD_BYTES_MAX {
            let what = format!("a word is longer than {WORD_BYTES_MAX} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
    }
}

/// Where the last run of characters that belong to no word ends. Bytes that are no UTF-8 belong to
/// none; at the very end they may be the beginning of a character.
fn end_of_last_gap(bytes: &[u8]) -> Option<usize> {
    let (mut at, mut end) = (0, None);
    for chunk in bytes.utf8_chunks() {
        let valid = chunk.valid();
        let gap = valid.char_indices().rev().find(|(_, c)| !c.is_alphanumeric());
        end = gap.map(|(start, c)| at + start + c.len_utf8()).or(end);
        at += valid.len() + chunk.invalid().len();
        if !chunk.invalid().is_empty() && at < bytes.len() {
            end = Some(at);
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &[u8]) -> Vec<Vec<u8>> {
        let (mut text, mut rest, mut pieces) = (text, Vec::new(), Vec::new());
        loop {
            let mut piece = Vec::new();
            next(&mut text, &mut rest, &mut piece).unwrap();
            if piece.is_empty() {
                return pieces;
            }
            pieces.push(piece);
        }
    }

    #[test]
    fn a_line_is_a_piece_with_its_end_or_without() {
        assert_eq!(pieces(b"a b\n\nc"), [&b"a b\n"[..], b"\n", b"c"]);
        assert_eq!(pieces(b""), Vec::<Vec<u8>>::new());
    }

    #[test]
    fn a_long_line_is_cut_between_words_and_nothing_is_lost() {
        let line = "word ".repeat(PIECE_BYTES);
        let cut = pieces(line.as_bytes());
        assert!(cut.len() > 1 && cut.iter().all(|piece| piece.len() <= 2 * PIECE_BYTES));
        assert!(cut.iter().all(|piece| piece.ends_with(b"word ")));
        assert_eq!(cut.concat(), line.as_bytes());
    }

    #[test]
    fn a_cut_falls_neither_into_a_word_nor_into_a_character() {
        // Three bytes a letter, and a comma that is no ASCII after every seventh.
        let line = "\u{6f22}\u{5b57}\u{6f22}\u{5b57}\u{6f22}\u{5b57}\u{6f22}\u{3001}".repeat(9_000);
        let cut = pieces(line.as_bytes());
        assert!(cut.len() > 1);
        for piece in &cut {
            assert!(std::str::from_utf8(piece).unwrap().ends_with('\u{3001}'));
        }
        assert_eq!(cut.concat(), line.as_bytes());
    }

    #[test]
    fn a_word_longer_than_a_piece_stays_whole() {
        let word = "w".repeat(3 * PIECE_BYTES);
        let text = format!("{word} {word}\n");
        let cut = pieces(text.as_bytes());
        assert_eq!(cut.concat(), text.as_bytes());
        assert_eq!(cut[0].trim_ascii(), word.as_bytes());
    }

    #[test]
    fn a_word_beyond_reason_is_an_error() {
        let word = vec![b'w'; 2 * WORD_BYTES_MAX];
        let error = next(&mut &word[..], &mut Vec::new(), &mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn invalid_bytes_are_a_gap_but_for_the_last_ones() {
        assert_eq!(end_of_last_gap(b"ab\xffcd"), Some(3));
        assert_eq!(end_of_last_gap(b"abcd\xe6\xbc"), None);
        assert_eq!(end_of_last_gap(b"a bcd"), Some(2));
    }
}
