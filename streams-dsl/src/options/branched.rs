//! Names of branches.

use super::Named;

/// How a branch of [`split`](crate::KStream::split) is named: `<name of the split>` and this,
/// without anything between; else and the number of the branch, 0 for the default one.
#[derive(Clone, Debug, Default)]
pub struct Branched {
    pub(crate) named: Named,
}

impl Branched {
    /// The number of the branch.
    pub fn numbered() -> Self {
        Self::default()
    }

    /// This name.
    pub fn named(name: &str) -> Self {
        Self { named: name.into() }
    }
}
