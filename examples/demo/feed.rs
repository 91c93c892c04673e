//! Texts into the log, line by line, from where the last run stopped.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};

use streams_dsl::{
    EmbeddedBroker,
    client::{ProducerRecord, RecordProducer, RecordProducerOptions},
    core::broker::Acks,
};
use streams_examples::Result;
use tokio::task::JoinHandle;

use crate::{
    LINES, pieces,
    positions::{self, LastLine},
    report,
};

/// What was fed by this run.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fed {
    /// Lines written to the log.
    pub(crate) lines: u64,
    /// Bytes of the texts that are in the log, those of earlier runs included.
    pub(crate) bytes: u64,
    /// Bytes of all texts.
    pub(crate) bytes_in_all: u64,
}

#[derive(Debug, Default)]
struct Shared {
    lines: AtomicU64,
    bytes: AtomicU64,
    bytes_in_all: AtomicU64,
    stop: AtomicBool,
}

/// Reads texts on a thread of its own.
pub(crate) struct Feed {
    shared: Arc<Shared>,
    reading: JoinHandle<Result<Vec<String>>>,
}

impl Feed {
    /// Begins to read.
    pub(crate) fn start(broker: &EmbeddedBroker, files: Vec<PathBuf>) -> Result<Self> {
        let mut options = RecordProducerOptions::default();
        options.produce.acks = Acks::Leader;
        options.batch_size = 256 << 10;
        let producer = RecordProducer::new(broker, options)?;
        let (shared, broker) = (Arc::<Shared>::default(), broker.clone());
        let feeder = Feeder { shared: Arc::clone(&shared), producer, notes: Vec::new() };
        let reading = tokio::task::spawn_blocking(move || feeder.run(&broker, &files));
        Ok(Self { shared, reading })
    }

    /// How far it is.
    pub(crate) fn so_far(&self) -> Fed {
        let Shared { lines, bytes, bytes_in_all, .. } = &*self.shared;
        Fed {
            lines: lines.load(Relaxed),
            bytes: bytes.load(Relaxed),
            bytes_in_all: bytes_in_all.load(Relaxed),
        }
    }

    /// Whether everything is in the log, or never will be.
    pub(crate) fn has_ended(&self) -> bool {
        self.reading.is_finished()
    }

    /// Stops after the line at hand, with what was read in the log. Returns what the user should
    /// know of single texts.
    pub(crate) async fn stop(&mut self) -> Result<Vec<String>> {
        self.shared.stop.store(true, Relaxed);
        (&mut self.reading).await?
    }
}

struct Feeder {
    shared: Arc<Shared>,
    producer: RecordProducer,
    notes: Vec<String>,
}

impl Feeder {
    fn run(mut self, broker: &EmbeddedBroker, files: &[PathBuf]) -> Result<Vec<String>> {
        for path in files {
            let length = path.metadata().map_err(|error| report::at(path, &error))?.len();
            self.shared.bytes_in_all.fetch_add(length, Relaxed);
        }
        let mut read_before = positions::read(broker)?;
        for path in files {
            let before = read_before.remove(path.as_os_str().as_encoded_bytes());
            self.feed(path, before).map_err(|error| report::at(path, &error))?;
        }
        for path in read_before.into_keys() {
            let path = String::from_utf8_lossy(&path).into_owned();
            self.note(Path::new(&path), "is gone, but was counted; --fresh counts without it");
        }
        self.producer.flush_blocking()?;
        Ok(self.notes)
    }

    /// Feeds what a text has beyond the line that was read last.
    fn feed(&mut self, path: &Path, before: Option<LastLine>) -> io::Result<()> {
        let mut file = File::open(path)?;
        let (mut at, mut ends_in_word) = (0, false);
        if let Some(before) = before {
            let Some(line) = read_again(&mut file, &before)? else {
                let what = "was changed, not continued: it stays as it was counted; \
                            --fresh counts anew";
                self.note(path, what);
                return Ok(());
            };
            at = before.end;
            ends_in_word = line.chars().next_back().is_some_and(char::is_alphanumeric);
        }
        self.shared.bytes.fetch_add(at, Relaxed);
        file.seek(SeekFrom::Start(at))?;
        let mut text = BufReader::with_capacity(256 << 10, file);
        let (mut piece, mut rest) = (Vec::new(), Vec::new());
        while !self.shared.stop.load(Relaxed) {
            pieces::next(&mut text, &mut rest, &mut piece)?;
            if piece.is_empty() {
                break;
            }
            let end = at + piece.len() as u64;
            let line = String::from_utf8_lossy(piece.strip_suffix(b"\n").unwrap_or(&piece));
            if ends_in_word && line.starts_with(char::is_alphanumeric) {
                self.note(path, "was continued within a word, which counts as two");
            }
            ends_in_word = false;
            let headers = positions::headers(at, end);
            let record = ProducerRecord::new(LINES)
                .key(path.as_os_str().as_encoded_bytes())
                .value(line.as_bytes())
                .headers(&headers);
            self.producer.send(record).map_err(io::Error::other)?;
            self.shared.lines.fetch_add(1, Relaxed);
            self.shared.bytes.fetch_add(end - at, Relaxed);
            at = end;
        }
        Ok(())
    }

    fn note(&mut self, path: &Path, what: &str) {
        self.notes.push(format!("{} {what}", path.display()));
    }
}

/// The line that was read last, with its end, if it still stands where it stood.
fn read_again(file: &mut File, before: &LastLine) -> io::Result<Option<String>> {
    file.seek(SeekFrom::Start(before.start))?;
    let mut bytes = Vec::new();
    file.take(before.end - before.start).read_to_end(&mut bytes)?;
    if bytes.len() as u64 != before.end - before.start {
        return Ok(None);
    }
    let line = String::from_utf8_lossy(&bytes);
    let is_same = line.strip_suffix('\n').unwrap_or(&line).as_bytes() == before.line;
    Ok(is_same.then(|| line.into_owned()))
}
