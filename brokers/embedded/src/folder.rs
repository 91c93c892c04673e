//! The folder of a log on disk: its lock, its version, its list of topics.
//!
//! ```text
//!  <folder>/.lock                              held while the log is open
//!           version                            the number of this layout
//!           topics/<topic>.properties          partition count and configs: the topic exists
//!           topics/<topic>.creating, .deleting a creation or deletion that a crash interrupted
//!           <topic>-<partition>/<offset>.log   segments, with .index and .timeindex
//!           recovery-point-offset-checkpoint   everything before was synced (Kafka's format)
//!           log-start-offset-checkpoint        everything before was deleted (Kafka's format)
//! ```

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use streams_core::broker::{BrokerError, BrokerErrorKind, TopicPartition};

use crate::errors;
use crate::log::{replace, replace_soon, sync_folder};

/// The layout that this version writes.
const VERSION: u32 = 1;

/// An open folder. The lock goes with it.
#[derive(Debug)]
pub(crate) struct Folder {
    root: PathBuf,
    _lock: File,
}

/// A topic as its file has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct StoredTopic {
    pub(crate) partitions: i32,
    pub(crate) configs: BTreeMap<String, String>,
}

/// Which checkpoint.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Checkpoint {
    RecoveryPoint,
    LogStart,
}

impl Checkpoint {
    fn file_name(self) -> &'static str {
        match self {
            Self::RecoveryPoint => "recovery-point-offset-checkpoint",
            Self::LogStart => "log-start-offset-checkpoint",
        }
    }
}

impl Folder {
    /// Opens the folder, makes it if it is missing, and locks it.
    pub(crate) fn open(root: &Path) -> Result<Self, BrokerError> {
        let refused = |error| errors::io("open the folder", root, error);
        fs::create_dir_all(root).map_err(refused)?;
        let lock_path = root.join(".lock");
        let mut options = OpenOptions::new();
        let lock = options.create(true).truncate(false).write(true).open(lock_path);
        let lock = lock.map_err(refused)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(in_use(root)),
            Err(TryLockError::Error(error)) => return Err(errors::io("lock", root, error)),
        }
        let folder = Self { root: root.to_owned(), _lock: lock };
        folder.check_version()?;
        fs::create_dir_all(folder.topics()).map_err(refused)?;
        folder.finish_interrupted()?;
        Ok(folder)
    }

    /// The folder of a partition.
    pub(crate) fn partition(&self, name: &TopicPartition) -> PathBuf {
        self.root.join(name.to_string())
    }

    /// All topics.
    pub(crate) fn read_topics(&self) -> Result<BTreeMap<String, StoredTopic>, BrokerError> {
        let mut topics = BTreeMap::new();
        for path in self.topic_files("properties")? {
            let text =
                fs::read_to_string(&path).map_err(|error| errors::io("read", &path, error))?;
            let topic = parse_topic(&text).ok_or_else(|| {
                let context = format!(
                    "{} is not a topic's description: restore it from a backup",
                    path.display()
                );
                BrokerError::new(BrokerErrorKind::Corrupted, context)
            })?;
            topics.insert(topic_name(&path), topic);
        }
        Ok(topics)
    }

    /// Makes the folders of a topic's partitions from number `from` on, then lets the topic exist
    /// with all of them.
    pub(crate) fn write_topic(
        &self,
        name: &str,
        topic: &StoredTopic,
        from: i32,
    ) -> Result<(), BrokerError> {
        let path = self.topics().join(format!("{name}.properties"));
        let write = || -> io::Result<()> {
            let creating = self.topics().join(format!("{name}.creating"));
            // Marks what to remove should a crash come in between.
            replace(&creating, format!("{from}").as_bytes())?;
            for partition in from..topic.partitions {
                fs::create_dir_all(self.partition(&TopicPartition::new(name, partition)))?;
            }
            sync_folder(&self.root)?;
            replace(&path, topic_text(topic).as_bytes())?;
            fs::remove_file(creating)
        };
        write().map_err(|error| errors::io("write", &path, error))
    }

    /// Lets a topic cease to exist, then removes its files.
    pub(crate) fn delete_topic(&self, name: &str) -> Result<(), BrokerError> {
        let deleting = self.topics().join(format!("{name}.deleting"));
        let delete = || {
            fs::rename(self.topics().join(format!("{name}.properties")), &deleting)?;
            sync_folder(&self.topics())?;
            self.remove_partitions(name, 0)?;
            fs::remove_file(&deleting)
        };
        delete().map_err(|error| errors::io("delete the topic of", &deleting, error))
    }

    /// A checkpoint; empty if it was never written.
    pub(crate) fn read_checkpoint(
        &self,
        which: Checkpoint,
    ) -> Result<BTreeMap<TopicPartition, i64>, BrokerError> {
        let path = self.root.join(which.file_name());
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
            Err(error) => return Err(errors::io("read", &path, error)),
        };
        // A checkpoint only saves work, or brings deleted records back: a strange one is no reason
        // not to start.
        Ok(text.lines().skip(2).filter_map(parse_entry).collect())
    }

    /// Replaces a checkpoint.
    pub(crate) fn write_checkpoint(
        &self,
        which: Checkpoint,
        entries: &BTreeMap<TopicPartition, i64>,
    ) -> Result<(), BrokerError> {
        let mut text = format!("0\n{}\n", entries.len());
        for (name, offset) in entries {
            // Writing to a string cannot fail.
            writeln!(text, "{} {} {offset}", name.topic, name.partition).unwrap_or_default();
        }
        let path = self.root.join(which.file_name());
        let unchanged =
            fs::read_to_string(&path).map_or(entries.is_empty(), |written| written == text);
        if unchanged {
            return Ok(());
        }
        // An older recovery point costs reading, an older log start brings records back that nobody
        // asks for: neither is worth waiting for the disk.
        replace_soon(&path, text.as_bytes()).map_err(|error| errors::io("write", &path, error))
    }

    fn topics(&self) -> PathBuf {
        self.root.join("topics")
    }

    fn topic_files(&self, extension: &str) -> Result<Vec<PathBuf>, BrokerError> {
        let list = || -> io::Result<Vec<PathBuf>> {
            let mut paths = Vec::new();
            for entry in fs::read_dir(self.topics())? {
                let path = entry?.path();
                if path.extension().is_some_and(|found| found == extension) {
                    paths.push(path);
                }
            }
            paths.sort();
            Ok(paths)
        };
        list().map_err(|error| errors::io("list", &self.topics(), error))
    }

    fn check_version(&self) -> Result<(), BrokerError> {
        let path = self.root.join("version");
        match fs::read_to_string(&path) {
            Ok(text) => match text.trim().parse::<u32>() {
                Ok(version) if version <= VERSION => Ok(()),
                found => Err(unknown_version(&self.root, found.ok(), text.trim())),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.check_unused()?;
                replace(&path, format!("{VERSION}\n").as_bytes())
                    .map_err(|error| errors::io("write", &path, error))
            }
            Err(error) => Err(errors::io("read", &path, error)),
        }
    }

    /// A folder without a version is ours only if nothing is in it.
    fn check_unused(&self) -> Result<(), BrokerError> {
        let entries = fs::read_dir(&self.root);
        let entries = entries.map_err(|error| errors::io("list", &self.root, error))?;
        let ours = [".lock", "version.tmp"];
        let foreign = entries.flatten().map(|entry| entry.file_name());
        match foreign.into_iter().find(|name| !ours.iter().any(|ours| name == ours)) {
            None => Ok(()),
            Some(name) => Err(BrokerError::invalid_request(format!(
                "folder {} holds {} and no log: choose an empty folder or one that a log was in",
                self.root.display(),
                name.display()
            ))),
        }
    }

    fn finish_interrupted(&self) -> Result<(), BrokerError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |error| errors::io("finish", &path, error)
        };
        for path in self.topic_files("creating")? {
            let name = topic_name(&path);
            let from = fs::read_to_string(&path).ok().and_then(|text| text.parse().ok());
            let stored = self.read_topics()?.get(&name).map_or(0, |topic| topic.partitions);
            let from: i32 = from.unwrap_or(stored);
            self.remove_partitions(&name, from.max(stored)).map_err(failed(&path))?;
            fs::remove_file(&path).map_err(failed(&path))?;
        }
        for path in self.topic_files("deleting")? {
            self.remove_partitions(&topic_name(&path), 0).map_err(failed(&path))?;
            fs::remove_file(&path).map_err(failed(&path))?;
        }
        Ok(())
    }

    fn remove_partitions(&self, topic: &str, from: i32) -> io::Result<()> {
        for entry in fs::read_dir(&self.root)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let number = name.rsplit_once('-').filter(|(found, _)| *found == topic);
            let number = number.and_then(|(_, number)| number.parse::<i32>().ok());
            if number.is_some_and(|number| number >= from) {
                fs::remove_dir_all(&path)?;
            }
        }
        Ok(())
    }
}

fn in_use(root: &Path) -> BrokerError {
    BrokerError::invalid_request(format!(
        "folder {} is in use: another process, or another broker of this one, has it open; stop \
         that one, share it (a clone of the broker is the same log), or choose another folder",
        root.display()
    ))
}

fn unknown_version(root: &Path, found: Option<u32>, text: &str) -> BrokerError {
    let root = root.display();
    BrokerError::invalid_request(match found {
        Some(found) => format!(
            "folder {root} was written by a newer version of this library (layout {found}, this \
             one knows up to {VERSION}): use that version"
        ),
        None => format!("folder {root} has an unreadable version {text:?}: restore the file"),
    })
}

fn topic_name(path: &Path) -> String {
    path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned()
}

fn topic_text(topic: &StoredTopic) -> String {
    let mut text = format!("partitions={}\n", topic.partitions);
    for (name, value) in &topic.configs {
        // Writing to a string cannot fail.
        writeln!(text, "config.{name}={value}").unwrap_or_default();
    }
    text
}

fn parse_topic(text: &str) -> Option<StoredTopic> {
    let mut topic = StoredTopic::default();
    for line in text.lines() {
        let (name, value) = line.split_once('=')?;
        match name.strip_prefix("config.") {
            Some(config) => {
                topic.configs.insert(config.to_owned(), value.to_owned());
            }
            None if name == "partitions" => topic.partitions = value.parse().ok()?,
            None => return None,
        }
    }
    (topic.partitions > 0).then_some(topic)
}

fn parse_entry(line: &str) -> Option<(TopicPartition, i64)> {
    let mut words = line.split(' ');
    let (topic, partition, offset) = (words.next()?, words.next()?, words.next()?);
    Some((TopicPartition::new(topic, partition.parse().ok()?), offset.parse().ok()?))
}
