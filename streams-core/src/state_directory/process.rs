//! Who this process is in its group, from one start to the next.

use std::{collections::BTreeMap, fs, io, path::Path, path::PathBuf};

use uuid::Uuid;

use super::{unusable, write_whole};
use crate::error::StreamsError;

/// The id of the process and of the member that each thread is, kept in a file where the
/// application keeps state: a restarted instance takes its tasks back at once.
#[derive(Debug)]
pub(crate) struct ProcessIds {
    process: Uuid,
    members: BTreeMap<usize, Uuid>,
    file: Option<PathBuf>,
}

impl ProcessIds {
    /// Ids that end with the process.
    pub(crate) fn passing(random: &dyn Fn() -> u128) -> Self {
        Self { process: Uuid::from_u128(random()), members: BTreeMap::new(), file: None }
    }

    /// The ids in a file of lines `name=uuid`. What cannot be read is made anew: nothing but
    /// a faster restart is lost.
    pub(super) fn load(file: &Path, random: &dyn Fn() -> u128) -> Result<Self, StreamsError> {
        let text = match fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(unusable(file, error)),
        };
        let mut process = None;
        let mut members = BTreeMap::new();
        for (name, id) in text.lines().filter_map(|line| line.split_once('=')) {
            let Ok(id) = Uuid::parse_str(id.trim()) else { continue };
            if name == "process.id" {
                process = Some(id);
            } else if let Some(thread) = name.strip_prefix("member.").and_then(|n| n.parse().ok()) {
                members.insert(thread, id);
            }
        }
        let is_new = process.is_none();
        let process = process.unwrap_or_else(|| Uuid::from_u128(random()));
        let ids = Self { process, members, file: Some(file.to_owned()) };
        if is_new {
            ids.save()?;
        }
        Ok(ids)
    }

    pub(crate) fn process_id(&self) -> String {
        self.process.to_string()
    }

    /// The member id of a thread.
    pub(crate) fn member_id(
        &mut self,
        thread: usize,
        random: &dyn Fn() -> u128,
    ) -> Result<String, StreamsError> {
        if let Some(id) = self.members.get(&thread) {
            return Ok(id.to_string());
        }
        let id = Uuid::from_u128(random());
        self.members.insert(thread, id);
        self.save()?;
        Ok(id.to_string())
    }

    fn save(&self) -> Result<(), StreamsError> {
        let Some(file) = &self.file else { return Ok(()) };
        let mut text = format!("process.id={}\n", self.process);
        for (thread, id) in &self.members {
            text.push_str(&format!("member.{thread}={id}\n"));
        }
        write_whole(file, &text).map_err(|error| unusable(file, error))
    }
}
