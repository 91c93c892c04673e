//! Names of nodes.

use std::sync::Arc;

/// The name of a node; without one it is generated, as `KSTREAM-FILTER-0000000003`.
///
/// Names may have ASCII letters and digits, `.`, `_` and `-`; the build reports others. A generated
/// name changes when operators are added before it: name what has to stay the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    pub(crate) name: Option<Arc<str>>,
}

impl Named {
    /// This name.
    pub fn new(name: &str) -> Self {
        Self { name: Some(name.into()) }
    }

    /// A generated name.
    pub fn generated() -> Self {
        Self { name: None }
    }
}

impl From<&str> for Named {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

impl From<Option<&str>> for Named {
    fn from(name: Option<&str>) -> Self {
        Self { name: name.map(Arc::from) }
    }
}
