//! Words and their counts.

use std::{
    fmt::Display,
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};

/// A word is a maximal run of alphanumeric characters, in lower case.
pub fn words_of(line: &str) -> impl Iterator<Item = String> {
    let words = line.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(|word| if word.is_ascii() { word.to_ascii_lowercase() } else { word.to_lowercase() })
}

/// All counts, `word<TAB>count`, in the order of `words`.
pub fn write_tsv<W: Display>(
    path: &Path,
    words: impl IntoIterator<Item = (W, i64)>,
) -> io::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    for (word, count) in words {
        writeln!(out, "{word}\t{count}")?;
    }
    out.flush()
}

#[test]
fn a_word_is_a_maximal_run_of_letters_and_digits_in_lower_case() {
    let words: Vec<String> =
        words_of("Don't count--twice: X86_64, \u{c4}PFEL\u{2014}\u{3a3}A\u{3a3}!").collect();
    let expected = ["don", "t", "count", "twice", "x86", "64", "\u{e4}pfel", "\u{3c3}a\u{3c2}"];
    assert_eq!(words, expected);
    assert_eq!(words_of(" \t--- ").count(), 0);
}
