//! What the tests and the conformance runner share.

pub mod topologies;

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

/// A folder of its own for one test or one scenario, deleted at its end.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// A folder that nobody else has; it is made by whoever writes to it first.
    #[expect(clippy::new_without_default, reason = "each is another folder")]
    pub fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        Self(std::env::temp_dir().join(format!("streams-tests-{}-{n}", std::process::id())))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A test that made nothing has nothing to delete.
        std::fs::remove_dir_all(&self.0).unwrap_or_default();
    }
}
