//! Which texts are counted.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use streams_examples::{Result, at};

/// Texts that are counted together, apart from all others.
pub(crate) struct Texts {
    /// A folder name of their own: other texts have another log and other counts.
    pub(crate) name: String,
    /// Their absolute paths, sorted.
    pub(crate) files: Vec<PathBuf>,
}

/// The files named, or else the Markdown texts of the repository.
pub(crate) fn find(inputs: &[PathBuf]) -> Result<Texts> {
    if inputs.is_empty() {
        let files = markdown(&repository())?;
        return Ok(Texts { name: "markdown".to_owned(), files });
    }
    let mut files = BTreeSet::new();
    for input in inputs {
        let path = fs::canonicalize(input).map_err(|error| at(input, &error))?;
        if !path.is_file() {
            return Err(format!("{}: not a file", input.display()).into());
        }
        files.insert(path);
    }
    let files: Vec<PathBuf> = files.into_iter().collect();
    Ok(Texts { name: format!("input-{:016x}", fingerprint(&files)), files })
}

fn repository() -> PathBuf {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR"));
    examples.parent().unwrap_or(examples).to_owned()
}

/// The Markdown files that git knows; without git, all that are neither hidden nor built.
fn markdown(repository: &Path) -> Result<Vec<PathBuf>> {
    let git =
        Command::new("git").arg("-C").arg(repository).args(["ls-files", "-z", "*.md"]).output();
    let mut files: Vec<PathBuf> = match git {
        Ok(output) if output.status.success() => {
            let names = String::from_utf8_lossy(&output.stdout).into_owned();
            let names = names.split('\0').filter(|name| !name.is_empty());
            names.map(|name| repository.join(name)).filter(|path| path.is_file()).collect()
        }
        _ => walk(repository)?,
    };
    files.sort();
    if files.is_empty() {
        return Err(format!("no Markdown texts in {}", repository.display()).into());
    }
    Ok(files)
}

fn walk(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| at(folder, &error))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && !name.starts_with('.') && name != "target" {
            found.extend(walk(&path)?);
        } else if path.is_file() && name.ends_with(".md") {
            found.push(path);
        }
    }
    Ok(found)
}

/// FNV-1a over the paths: the same today and after any update.
fn fingerprint(files: &[PathBuf]) -> u64 {
    let paths =
        files.iter().flat_map(|path| path.as_os_str().as_encoded_bytes().iter().chain(&[0]));
    paths.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_has_texts_with_git_and_without() {
        let root = repository();
        assert!(markdown(&root).unwrap().contains(&root.join("README.md")));
        assert!(walk(&root).unwrap().contains(&root.join("README.md")));
    }

    #[test]
    fn the_same_texts_have_one_name_in_any_order_and_others_another() {
        let root = repository();
        let (a, b) = (root.join("README.md"), root.join("ARCHITECTURE.md"));
        let name = |files: &[&PathBuf]| {
            find(&files.iter().map(|file| (*file).clone()).collect::<Vec<_>>()).unwrap().name
        };
        assert_eq!(name(&[&a, &b]), name(&[&b, &a, &b]));
        assert_ne!(name(&[&a, &b]), name(&[&a]));
    }

    #[test]
    fn a_file_that_is_missing_or_a_folder_is_named() {
        let told = |path: &str| find(&[path.into()]).err().unwrap().to_string();
        assert!(told("no-such-text.txt").starts_with("no-such-text.txt: "));
        assert_eq!(told("."), ".: not a file");
    }
}
