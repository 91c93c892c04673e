//! The folder of an instance's state.
//!
//! ```text
//!  <state.dir>/<application.id>/native-v1/
//!      version       "1": the format of everything below
//!      .lock         held by the process that uses the folder
//!      process       process id and member ids
//!      <sub>_<part>/ the stores of one task
//! ```
//! A Java application's files lie beside `native-v1` and are left alone.

mod process;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeSet,
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use crate::{
    broker::TaskId,
    error::{ErrorKind, StreamsError},
};

pub(crate) use process::ProcessIds;

/// The format of the folder.
const VERSION: u32 = 1;
const FOLDER: &str = "native-v1";
const LOCK: &str = ".lock";

/// The folder of one instance, locked for as long as this value lives.
#[derive(Debug)]
pub(crate) struct StateDirectory {
    root: PathBuf,
    /// Tasks whose stores a thread of this process has open.
    owned: Mutex<BTreeSet<TaskId>>,
    /// Closing the file ends the lock.
    _lock: File,
}

/// A task's folder, owned until dropped.
#[derive(Debug)]
pub(crate) struct TaskDirectory {
    directory: std::sync::Arc<StateDirectory>,
    task: TaskId,
    path: PathBuf,
}

impl StateDirectory {
    /// Makes the folder unless it is there, locks it, and checks its version.
    ///
    /// # Errors
    /// If another process uses the folder, if a newer version of the library wrote it, or if it
    /// cannot be read and written.
    pub(crate) fn open(state_dir: &Path, application_id: &str) -> Result<Self, StreamsError> {
        let root = folder(state_dir, application_id);
        fs::create_dir_all(&root).map_err(|error| unusable(&root, error))?;
        let lock = lock(&root)?;
        check_version(&root)?;
        Ok(Self { root, owned: Mutex::default(), _lock: lock })
    }

    #[cfg(test)]
    pub(crate) fn path(&self) -> &Path {
        &self.root
    }

    /// Process and member ids of the last time, or new ones.
    pub(crate) fn process_ids(
        &self,
        random: &dyn Fn() -> u128,
    ) -> Result<ProcessIds, StreamsError> {
        ProcessIds::load(&self.root.join("process"), random)
    }

    /// Takes a task's folder; `None` while another thread of this process has it.
    pub(crate) fn take(self: &std::sync::Arc<Self>, task: TaskId) -> Option<TaskDirectory> {
        let path = self.root.join(task.to_string());
        let taken = self.owned.lock().unwrap_or_else(PoisonError::into_inner).insert(task);
        taken.then(|| TaskDirectory { directory: std::sync::Arc::clone(self), task, path })
    }
}

impl TaskDirectory {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Deletes the stores of the task, which are closed.
    pub(crate) fn wipe(&self) -> Result<(), StreamsError> {
        remove(&self.path)
    }
}

impl Drop for TaskDirectory {
    fn drop(&mut self) {
        let mut owned = self.directory.owned.lock().unwrap_or_else(PoisonError::into_inner);
        owned.remove(&self.task);
    }
}

/// Deletes the state of an application that does not run.
///
/// # Errors
/// If another process uses the folder, or it cannot be deleted.
pub(crate) fn clean_up(state_dir: &Path, application_id: &str) -> Result<(), StreamsError> {
    let root = folder(state_dir, application_id);
    if !root.exists() {
        return Ok(());
    }
    let _lock = lock(&root)?;
    remove(&root)
}

fn folder(state_dir: &Path, application_id: &str) -> PathBuf {
    state_dir.join(application_id).join(FOLDER)
}

fn remove(path: &Path) -> Result<(), StreamsError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            let what = format!("the state folder {} cannot be deleted", path.display());
            Err(StreamsError::caused_by(ErrorKind::StateDirectory, what, error))
        }
        _ => Ok(()),
    }
}

fn lock(root: &Path) -> Result<File, StreamsError> {
    let path = root.join(LOCK);
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(|error| unusable(root, error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StreamsError::new(
            ErrorKind::StateDirectory,
            format!(
                "the state folder {} is used by another instance: \
                 stop that one, or give this one another state.dir",
                root.display()
            ),
        )),
        Err(TryLockError::Error(error)) => Err(unusable(root, error)),
    }
}

fn check_version(root: &Path) -> Result<(), StreamsError> {
    let path = root.join("version");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return write_whole(&path, &format!("{VERSION}\n")).map_err(|e| unusable(root, e));
        }
        Err(error) => return Err(unusable(root, error)),
    };
    let problem = match text.trim().parse::<u32>() {
        Ok(VERSION) => return Ok(()),
        Ok(found) if found > VERSION => {
            format!(
                "has format version {found}, newer than {VERSION}: use a newer version of the library, or delete the folder and let it restore"
            )
        }
        _ => format!(
            "has a version file that says {:?}: delete the folder and let it restore",
            text.trim()
        ),
    };
    let what = format!("the state folder {} {problem}", root.display());
    Err(StreamsError::new(ErrorKind::StateDirectory, what))
}

/// Replaces a small file as a whole: a crash leaves the old or the new content.
fn write_whole(path: &Path, content: &str) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = File::create(&beside)?;
    io::Write::write_all(&mut file, content.as_bytes())?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

fn unusable(path: &Path, error: io::Error) -> StreamsError {
    let what = format!(
        "the state folder {} cannot be used: make it writable, or set another state.dir",
        path.display()
    );
    StreamsError::caused_by(ErrorKind::StateDirectory, what, error)
}
