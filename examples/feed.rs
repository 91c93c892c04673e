//! Texts into a topic, line by line, from where the last run stopped.

mod pieces;
mod positions;

use std::{
    fs::{File, TryLockError},
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use streams_dsl::{
    Broker,
    client::{ProducerRecord, RecordProducer, RecordProducerOptions},
    core::broker::{Acks, WakeUp},
};
use tokio::task::JoinHandle;

use crate::{Result, errors};
use positions::LastLine;

/// How much of a text goes to one partition before the next one takes over.
const STRIPE_BYTES: u64 = 512 << 10;

/// Where texts go, and how.
#[derive(Clone, Debug)]
pub struct FeedOptions {
    /// The topic, which exists.
    pub topic: String,
    /// When a line counts as written.
    pub acks: Acks,
    /// Held while texts are read: of several processes on this machine one feeds, and the others
    /// find nothing left to do.
    pub lock: Option<PathBuf>,
    /// How the user has texts counted anew, for notes on texts that were changed.
    pub anew: &'static str,
}

/// What was fed by this run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fed {
    /// Lines written to the topic.
    pub lines: u64,
    /// Bytes of the texts that are in the topic, those of earlier runs included.
    pub bytes: u64,
    /// Bytes of all texts.
    pub bytes_in_all: u64,
}

#[derive(Debug, Default)]
struct Shared {
    lines: AtomicU64,
    bytes: AtomicU64,
    bytes_in_all: AtomicU64,
    stop: AtomicBool,
    stopped: WakeUp,
}

/// Reads texts on a thread of its own.
pub struct Feed {
    shared: Arc<Shared>,
    reading: Option<JoinHandle<Result<Vec<String>>>>,
}

impl Feed {
    /// Begins to read.
    pub fn start(
        broker: Arc<dyn Broker>,
        files: Vec<PathBuf>,
        options: FeedOptions,
    ) -> Result<Self> {
        let mut producing = RecordProducerOptions::default();
        producing.produce.acks = options.acks;
        producing.batch_size = 256 << 10;
        let producer = RecordProducer::new(&*broker, producing)?;
        let shared = Arc::<Shared>::default();
        let described = broker.admin().describe_topics(&[&options.topic])?.pop().flatten();
        let partitions = described.ok_or("the topic of the texts does not exist")?.partitions;
        let theirs = Arc::clone(&shared);
        let feeder = Feeder { shared: theirs, producer, partitions, options, notes: Vec::new() };
        let reading = tokio::task::spawn_blocking(move || feeder.run(&*broker, &files));
        Ok(Self { shared, reading: Some(reading) })
    }

    /// How far it is.
    pub fn so_far(&self) -> Fed {
        let Shared { lines, bytes, bytes_in_all, .. } = &*self.shared;
        Fed {
            lines: lines.load(Relaxed),
            bytes: bytes.load(Relaxed),
            bytes_in_all: bytes_in_all.load(Relaxed),
        }
    }

    /// Whether everything is in the topic, or never will be.
    pub fn has_ended(&self) -> bool {
        self.reading.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Stops after the line at hand, with what was read in the topic. Returns what the user should
    /// know of single texts; when called again, nothing.
    pub async fn stop(&mut self) -> Result<Vec<String>> {
        self.shared.stop.store(true, Relaxed);
        self.shared.stopped.wake();
        match self.reading.take() {
            Some(reading) => reading.await?,
            None => Ok(Vec::new()),
        }
    }
}

struct Feeder {
    shared: Arc<Shared>,
    producer: RecordProducer,
    partitions: i32,
    options: FeedOptions,
    notes: Vec<String>,
}

impl Feeder {
    fn run(mut self, broker: &dyn Broker, files: &[PathBuf]) -> Result<Vec<String>> {
        for path in files {
            let length = path.metadata().map_err(|error| errors::at(path, &error))?.len();
            self.shared.bytes_in_all.fetch_add(length, Relaxed);
        }
        let _lock = self.lock()?;
        if self.shared.stop.load(Relaxed) {
            return Ok(self.notes);
        }
        let mut read_before = positions::read(broker, &self.options.topic)?;
        for (number, path) in files.iter().enumerate() {
            let before = read_before.remove(path.as_os_str().as_encoded_bytes());
            self.feed(number, path, before).map_err(|error| errors::at(path, &error))?;
        }
        for path in read_before.into_keys() {
            let path = String::from_utf8_lossy(&path).into_owned();
            self.note(Path::new(&path), "was read by another run, and is counted too");
        }
        self.producer.flush_blocking()?;
        Ok(self.notes)
    }

    /// Waits until no other process feeds, or until this one shall stop.
    fn lock(&self) -> Result<Option<File>> {
        let Some(path) = &self.options.lock else { return Ok(None) };
        let file = File::create(path).map_err(|error| errors::at(path, &error))?;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Some(file)),
                Err(TryLockError::Error(error)) => return Err(errors::at(path, &error).into()),
                Err(TryLockError::WouldBlock) => {}
            }
            if self.shared.stopped.wait(Duration::from_millis(50)) {
                return Ok(None);
            }
        }
    }

    /// Feeds what a text has beyond the line that was read last. Its partitions take turns; each
    /// has all it was given before the next begins, so that whatever end the process comes to, the
    /// lines in the topic are the first ones of the text.
    fn feed(&mut self, number: usize, path: &Path, before: Option<LastLine>) -> io::Result<()> {
        let mut file = File::open(path)?;
        let (mut at, mut ends_in_word) = (0, false);
        if let Some(before) = before {
            let Some(line) = read_again(&mut file, &before)? else {
                let anew = self.options.anew;
                let what = "was changed, not continued: it stays as it was counted";
                self.note(path, &format!("{what}; {anew}"));
                return Ok(());
            };
            at = before.end;
            ends_in_word = line.chars().next_back().is_some_and(char::is_alphanumeric);
        }
        self.shared.bytes.fetch_add(at, Relaxed);
        file.seek(SeekFrom::Start(at))?;
        let mut text = BufReader::with_capacity(256 << 10, file);
        let (mut piece, mut rest) = (Vec::new(), Vec::new());
        let mut partition = self.partition(number, at);
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
            if partition != self.partition(number, at) {
                self.producer.flush_blocking().map_err(io::Error::other)?;
                partition = self.partition(number, at);
            }
            let headers = positions::headers(at, end);
            let record = ProducerRecord::new(&self.options.topic)
                .partition(partition)
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

    /// Where the line goes that stands at byte `at` of a text.
    fn partition(&self, text: usize, at: u64) -> i32 {
        ((text as u64 + at / STRIPE_BYTES) % self.partitions.max(1) as u64) as i32
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
