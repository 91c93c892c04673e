use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{StateDirectory, clean_up};
use crate::{broker::TaskId, error::ErrorKind};

/// A folder of its own for one test, deleted at its end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("state-directory-{}-{n}", std::process::id()));
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A test that made nothing has nothing to delete.
        fs::remove_dir_all(&self.0).unwrap_or_default();
    }
}

fn ids() -> impl Fn() -> u128 {
    let next = AtomicU64::new(1);
    move || u128::from(next.fetch_add(1, Ordering::Relaxed))
}

#[test]
fn a_folder_in_use_is_refused_by_name_until_it_is_free() {
    let scratch = Scratch::new();
    let first = StateDirectory::open(&scratch.0, "app").unwrap();
    let refused = StateDirectory::open(&scratch.0, "app").unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::StateDirectory);
    let text = refused.to_string();
    assert!(text.contains("native-v1") && text.contains("another instance"), "{text}");
    assert!(clean_up(&scratch.0, "app").is_err());
    assert!(StateDirectory::open(&scratch.0, "other").is_ok());
    drop(first);
    assert!(StateDirectory::open(&scratch.0, "app").is_ok());
}

#[test]
fn another_version_is_refused_and_left_as_it_is() {
    let scratch = Scratch::new();
    let path = StateDirectory::open(&scratch.0, "app").unwrap().path().join("version");
    for (version, says) in [("2", "newer than 1"), ("", "delete the folder"), ("x", "\"x\"")] {
        fs::write(&path, version).unwrap();
        let text = StateDirectory::open(&scratch.0, "app").unwrap_err().to_string();
        assert!(text.contains(says), "{text}");
        assert_eq!(fs::read_to_string(&path).unwrap(), version);
    }
}

#[test]
fn ids_are_the_same_after_a_restart() {
    let scratch = Scratch::new();
    let random = ids();
    let first = {
        let directory = StateDirectory::open(&scratch.0, "app").unwrap();
        let mut ids = directory.process_ids(&random).unwrap();
        (ids.process_id(), ids.member_id(1, &random).unwrap(), ids.member_id(2, &random).unwrap())
    };
    let directory = StateDirectory::open(&scratch.0, "app").unwrap();
    let mut again = directory.process_ids(&random).unwrap();
    assert_eq!(again.process_id(), first.0);
    assert_eq!(again.member_id(2, &random).unwrap(), first.2);
    assert_eq!(again.member_id(1, &random).unwrap(), first.1);
}

#[test]
fn a_task_folder_has_one_owner() {
    let scratch = Scratch::new();
    let directory = Arc::new(StateDirectory::open(&scratch.0, "app").unwrap());
    let task = TaskId::new(0, 3);
    let owner = directory.take(task).unwrap();
    assert!(owner.path().ends_with("0_3"));
    assert!(directory.take(task).is_none());
    assert!(directory.take(TaskId::new(1, 3)).is_some());
    drop(owner);
    assert!(directory.take(task).is_some());
}

#[test]
fn cleaning_up_deletes_this_application_alone() {
    let scratch = Scratch::new();
    drop(StateDirectory::open(&scratch.0, "app").unwrap());
    drop(StateDirectory::open(&scratch.0, "other").unwrap());
    fs::create_dir_all(scratch.0.join("app/0_0")).unwrap();
    clean_up(&scratch.0, "app").unwrap();
    clean_up(&scratch.0, "app").unwrap();
    assert!(!scratch.0.join("app/native-v1").exists());
    assert!(scratch.0.join("app/0_0").exists(), "a Java application's folder");
    assert!(scratch.0.join("other/native-v1").exists());
}

/// The state folder, the config key and what to do are named, and the cause is.
fn assert_unusable(state_dir: &Path) {
    let error = StateDirectory::open(state_dir, "app").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StateDirectory);
    let folder = state_dir.join("app/native-v1");
    let says = format!(
        "the state folder {} cannot be used: make it writable, or set another state.dir",
        folder.display()
    );
    assert_eq!(error.to_string(), says);
    let cause = std::error::Error::source(&error).expect("what the system says");
    assert!(cause.is::<io::Error>(), "{cause}");
    assert!(clean_up(state_dir, "app").is_ok(), "there is nothing to delete");
}

#[test]
fn a_file_in_the_place_of_the_folder_is_an_error() {
    let scratch = Scratch::new();
    fs::create_dir_all(&scratch.0).unwrap();
    let file = scratch.0.join("file");
    fs::write(&file, "").unwrap();
    assert_unusable(&file);
}

/// Nobody makes folders there: not root either, whom no permission bits hold back.
#[cfg(target_os = "linux")]
#[test]
fn a_place_that_cannot_be_written_is_an_error() {
    assert_unusable(Path::new("/sys"));
    assert_unusable(Path::new("/proc/self"));
}
