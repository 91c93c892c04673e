//! What the user sees.

use std::path::Path;

use streams_examples::Fed;

use crate::counts::Most;

/// Records that the application processed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Processed {
    pub(crate) lines: i64,
    pub(crate) words: i64,
}

impl Processed {
    /// What came after `before`.
    pub(crate) fn since(self, before: Self) -> Self {
        Self { lines: self.lines - before.lines, words: self.words - before.words }
    }
}

/// A line that tells how far it is: rewritten in a terminal, else one for every tenth.
pub(crate) struct Progress {
    in_terminal: bool,
    tenths: u64,
}

impl Progress {
    pub(crate) fn new(in_terminal: bool) -> Self {
        Self { in_terminal, tenths: 0 }
    }

    /// Tells, if there is news.
    pub(crate) fn show(
        &mut self,
        fed: &Fed,
        processed: Processed,
        written: Processed,
        restored: u64,
    ) {
        let Processed { lines, words } = processed;
        let share = |part: i64, all: i64| if all <= 0 { 1.0 } else { part as f64 / all as f64 };
        let read = share(fed.bytes as i64, fed.bytes_in_all as i64);
        // Lines that were read may still be on their way into the log.
        let written_lines = written.lines.max(fed.lines as i64);
        let counted = read * share(lines, written_lines) * share(words, written.words);
        let (read, counted) = ((100.0 * read) as u64, (100.0 * counted) as u64);
        let mut line = format!("read {read} %, counted {counted} %: {lines} lines, {words} words");
        if restored > 0 {
            line += &format!("; restored {restored} records");
        }
        if self.in_terminal {
            eprint!("\r\x1b[K{line}");
        } else if counted / 10 > self.tenths {
            eprintln!("{line}");
        }
        self.tenths = self.tenths.max(counted / 10);
    }

    /// Clears the line.
    pub(crate) fn end(&self) {
        if self.in_terminal {
            eprint!("\r\x1b[K");
        }
    }
}

/// What a run did.
pub(crate) struct Done {
    pub(crate) fed: Fed,
    /// What the user should know of single texts.
    pub(crate) notes: Vec<String>,
    pub(crate) processed: Processed,
    /// Changelog records that were read back into the store.
    pub(crate) restored: u64,
    pub(crate) millis: i64,
}

/// After Ctrl-C or SIGTERM.
pub(crate) fn stopped(done: &Done) {
    print_counters(done);
    println!("stopped; run it again to go on");
}

/// The table, sorted by count, and what was done.
pub(crate) fn finished(done: &Done, most: &Most, folder: &Path, output: Option<&Path>) {
    println!("{}\n", table(most));
    print_counters(done);
    println!("log        {}", folder.join("log").display());
    println!("state      {}", folder.join("state").display());
    if let Some(output) = output {
        println!("counts     {}", output.display());
    }
    println!(
        "\nTry next: run it again (nothing is counted twice); append a line to a text; stop it with\n\
         Ctrl-C or kill -9 in the middle; delete the state (it is restored from the log);\n\
         --input FILE.. for other texts, --output COUNTS.tsv for all counts, --fresh to begin anew."
    );
}

fn print_counters(done: &Done) {
    for note in &done.notes {
        println!("note: {note}");
    }
    let Processed { lines, words } = done.processed;
    if lines + words == 0 {
        println!("processed  0 records: everything was counted before");
    } else {
        let records = lines + words;
        println!("processed  {records} records: {lines} lines and their {words} words");
    }
    println!("restored   {} records", done.restored);
    let seconds = done.millis.max(1) as f64 / 1000.0;
    println!("took       {seconds:.1} s, {:.0} words a second", words as f64 / seconds);
    println!("read       {} new lines", done.fed.lines);
}

fn table(Most { rows, words }: &Most) -> String {
    let width = rows.iter().map(|(word, _)| word.chars().count()).max().unwrap_or(0).max(4);
    let mut text = format!("{:<width$}  {:>9}", "word", "count");
    for (word, count) in rows {
        text += &format!("\n{word:<width$}  {count:>9}");
    }
    text + &format!("\n{} of {words} words", rows.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_lines_words_and_counts_up() {
        let rows = [("b", 12), ("a", 1), ("longest", 1)];
        let rows = rows.map(|(word, count)| (word.to_owned(), count)).to_vec();
        let shown = table(&Most { rows, words: 30 });
        assert_eq!(
            shown,
            "word         count\n\
             b               12\n\
             a                1\n\
             longest          1\n\
             3 of 30 words"
        );
        assert_eq!(table(&Most::default()), "word      count\n0 of 0 words");
    }
}
