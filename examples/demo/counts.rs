//! The counts at the end: all of them in the order of their words, however many there are.

use std::{
    fs::File,
    io::{BufWriter, Write},
    ops::ControlFlow,
    path::Path,
};

use streams_dsl::{KafkaStreams, StoreHandle, TimestampedKeyValueStore, core::stores::StoreError};
use streams_examples::{Result, at};

/// How many words the table shows.
const SHOWN: usize = 20;
/// How many words of each task are held at a time.
const PAGE: usize = 10_000;

pub(crate) type CountStore = StoreHandle<TimestampedKeyValueStore<String, i64>>;
type Rows = Vec<(String, i64)>;

/// What the table shows.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Most {
    /// The most frequent words; of two as frequent, the first of the alphabet.
    pub(crate) rows: Rows,
    /// How many words there are.
    pub(crate) words: u64,
}

impl Most {
    /// Takes a word in; the words come in their order.
    pub(crate) fn take(&mut self, word: &str, count: i64) {
        self.words += 1;
        let place = self.rows.partition_point(|(_, other)| *other >= count);
        if place < SHOWN {
            self.rows.truncate(SHOWN - 1);
            self.rows.insert(place, (word.to_owned(), count));
        }
    }
}

/// Reads all counts, and writes them to `output`: `word<TAB>count`, by the bytes of the words.
pub(crate) async fn read(
    streams: &KafkaStreams,
    store: CountStore,
    output: Option<&Path>,
) -> Result<Most> {
    let mut most = Most::default();
    let Some(path) = output else {
        in_order(streams, store, |word, count| {
            most.take(word, count);
            Ok(())
        })
        .await?;
        return Ok(most);
    };
    let named = |error| at(path, &error);
    let mut out = BufWriter::new(File::create(path).map_err(named)?);
    in_order(streams, store, |word, count| {
        most.take(word, count);
        Ok(writeln!(out, "{word}\t{count}").map_err(named)?)
    })
    .await?;
    out.flush().map_err(named)?;
    Ok(most)
}

/// Shows `take` all words in order. Each task keeps some of them, in order: page by page all that
/// lie before the end of every task's page are known.
async fn in_order(
    streams: &KafkaStreams,
    store: CountStore,
    mut take: impl FnMut(&str, i64) -> Result<()>,
) -> Result<()> {
    let mut after: Option<String> = None;
    loop {
        let from = after.clone();
        let pages = streams.with_store(store, move |_, store| page(store, from.as_ref())).await?;
        let pages: Vec<Rows> = pages.into_iter().collect::<std::result::Result<_, _>>()?;
        let (rows, next) = known(pages, PAGE);
        for (word, count) in &rows {
            take(word, *count)?;
        }
        match next {
            ControlFlow::Continue(word) => after = Some(word),
            ControlFlow::Break(()) => return Ok(()),
        }
    }
}

/// The next words of one task behind `after`.
fn page(
    store: &mut TimestampedKeyValueStore<String, i64>,
    after: Option<&String>,
) -> std::result::Result<Rows, StoreError> {
    let mut scan = store.range(after, None)?;
    let mut rows = Vec::new();
    while rows.len() < PAGE
        && let Some((word, count)) = scan.next(store)?
    {
        if Some(&word) != after {
            rows.push((word, count.value));
        }
    }
    Ok(rows)
}

/// The rows of all pages that no page has yet to come before, in order, and where to go on. A page
/// of `full` rows may have more behind it.
fn known(pages: Vec<Rows>, full: usize) -> (Rows, ControlFlow<(), String>) {
    let open = pages.iter().filter(|rows| rows.len() == full).filter_map(|rows| rows.last());
    let end = open.map(|(word, _)| word).min().cloned();
    let is_known = |(word, _): &(String, i64)| end.as_ref().is_none_or(|end| word <= end);
    let mut rows: Rows = pages.into_iter().flatten().filter(is_known).collect();
    rows.sort_unstable();
    (rows, end.map_or(ControlFlow::Break(()), ControlFlow::Continue))
}

#[cfg(test)]
mod tests {
    use std::cmp::Reverse;

    use super::*;

    fn rows(words: &str) -> Rows {
        words.split_whitespace().zip(1..).map(|(word, count)| (word.to_owned(), count)).collect()
    }

    fn words(rows: &Rows) -> Vec<&str> {
        rows.iter().map(|(word, _)| &**word).collect()
    }

    #[test]
    fn the_most_frequent_words_come_first_and_of_equals_the_first_of_the_alphabet() {
        let mut most = Most::default();
        for (number, word) in (0..100).map(|number| (number, format!("w{number:02}"))) {
            most.take(&word, number % 10);
        }
        assert_eq!(most.words, 100);
        let expected = (9..100).step_by(10).chain((8..100).step_by(10));
        let expected: Vec<String> = expected.map(|number| format!("w{number:02}")).collect();
        assert_eq!(words(&most.rows), expected);
        assert!(most.rows.is_sorted_by_key(|(_, count)| Reverse(*count)));
    }

    #[test]
    fn words_behind_the_end_of_a_full_page_wait() {
        let (found, next) = known(vec![rows("a d f"), rows("b c e"), rows("g")], 3);
        assert_eq!(words(&found), ["a", "b", "c", "d", "e"]);
        assert_eq!(next, ControlFlow::Continue("e".to_owned()));
        let (found, next) = known(vec![rows("f"), rows(""), rows("g h")], 3);
        assert_eq!(words(&found), ["f", "g", "h"]);
        assert_eq!(next, ControlFlow::Break(()));
    }
}
