//! How records are printed.

use std::{
    fmt::{self, Debug},
    fs::File,
    io::{self, Write},
    path::Path,
    sync::{Arc, Mutex},
};

use super::Named;

/// Makes the text of a record.
type Format<K, V> = Arc<dyn Fn(&K, &V) -> String + Send + Sync>;

/// Where and how [`print`](crate::KStream::print_with) prints: lines of `[label]: key, value`.
pub struct Printed<K, V> {
    pub(crate) out: Result<Arc<Mutex<dyn Write + Send>>, String>,
    pub(crate) label: Option<Arc<str>>,
    pub(crate) format: Format<K, V>,
    pub(crate) named: Named,
}

impl<K, V> Debug for Printed<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Printed").field("label", &self.label).finish_non_exhaustive()
    }
}

impl<K: Debug, V: Debug> Printed<K, V> {
    /// To standard output.
    pub fn to_stdout() -> Self {
        Self::to_writer(io::stdout())
    }

    /// To a file, which is emptied first. A file that cannot be opened is a mistake of the
    /// topology, which its build reports.
    pub fn to_file(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        match File::create(path) {
            Ok(file) => Self::to_writer(file),
            Err(error) => Self {
                out: Err(format!("file {} cannot be written: {error}", path.display())),
                ..Self::to_writer(io::sink())
            },
        }
    }

    /// To any writer; it is flushed after each record.
    pub fn to_writer(out: impl Write + Send + 'static) -> Self {
        Self {
            out: Ok(Arc::new(Mutex::new(out))),
            label: None,
            format: Arc::new(|key, value| format!("{key:?}, {value:?}")),
            named: Named::generated(),
        }
    }
}

impl<K, V> Printed<K, V> {
    /// The label, in place of the name of the node before.
    #[must_use]
    pub fn label(mut self, label: &str) -> Self {
        self.label = Some(label.into());
        self
    }

    /// The text of a record, in place of `key, value` in their `Debug` form.
    #[must_use]
    pub fn format(mut self, format: impl Fn(&K, &V) -> String + Send + Sync + 'static) -> Self {
        self.format = Arc::new(format);
        self
    }

    /// Names the node.
    #[must_use]
    pub fn name(mut self, named: impl Into<Named>) -> Self {
        self.named = named.into();
        self
    }
}
