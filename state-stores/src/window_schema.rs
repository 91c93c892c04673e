//! How the keys of window stores lie in a backend.

/// Which rows of a scan belong to it.
#[derive(Debug)]
pub(crate) struct WindowFilter;
