//! What the build needs of the machine: a compiler for RocksDB and libclang for its bindings.

use std::{
    env,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use crate::Outcome;

/// The oldest Rust that builds the workspace, as its manifest says.
const RUST_OLDEST: &str = env!("CARGO_PKG_RUST_VERSION");

/// Debian's words for the two. `libclang-dev` brings the library that bindgen loads and the
/// compiler's own headers (`stddef.h`), without which no C header can be read.
const INSTALL: &[&str] =
    &["apt-get", "install", "-y", "--no-install-recommends", "libclang-dev", "g++"];

/// `cargo xtask system`.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    if let Some(argument) = arguments.first() {
        return Err(format!("system takes no arguments, got {argument}"));
    }
    ensure()?;
    println!("rustc, a C++ compiler and libclang are there");
    Ok(ExitCode::SUCCESS)
}

/// Makes sure of everything: installs what is missing when root, else says what to install.
pub(crate) fn ensure() -> Result<(), String> {
    check_rustc()?;
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    let line = INSTALL.join(" ");
    eprintln!("missing: {}", missing.join(", "));
    if !is_root() || !is_on_path("apt-get") {
        return Err(format!("install what is missing, on Debian and Ubuntu with\n    {line}"));
    }
    eprintln!("$ {line}");
    // A machine that never ran `apt-get update`, or long ago, knows no packages or gone ones.
    if !succeeds(INSTALL) {
        eprintln!("$ apt-get update");
        if !succeeds(&["apt-get", "update"]) || !succeeds(INSTALL) {
            return Err(format!("this did not work, see above:\n    {line}"));
        }
    }
    match self::missing().as_slice() {
        [] => Ok(()),
        still => Err(format!("still missing after `{line}`: {}", still.join(", "))),
    }
}

fn check_rustc() -> Result<(), String> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(&rustc).arg("--version").output();
    let output = output.map_err(|error| format!("{} does not run: {error}", rustc.display()))?;
    let version = String::from_utf8_lossy(&output.stdout);
    if is_recent(&version) {
        return Ok(());
    }
    let version = version.trim();
    Err(format!(
        "Rust {RUST_OLDEST} or newer is needed, this is `{version}`: run `rustup update stable`"
    ))
}

/// Whether `rustc 1.96.0 (..)` is new enough.
fn is_recent(rustc_version: &str) -> bool {
    let numbers = |text: &str| {
        let mut numbers = text.split('.').map(|number| number.parse::<u32>().ok());
        Some((numbers.next()??, numbers.next()??))
    };
    let version = rustc_version.split_whitespace().nth(1).and_then(numbers);
    version.is_some() && version >= numbers(RUST_OLDEST)
}

fn missing() -> Vec<&'static str> {
    let mut missing = Vec::new();
    if env::var_os("CXX").is_none() && !is_on_path("c++") && !is_on_path("g++") {
        missing.push("a C++ compiler (g++)");
    }
    match find_libclang() {
        None => missing.push("libclang"),
        Some(library) if !has_compiler_headers(&library) => missing.push("libclang's own headers"),
        Some(_) => {}
    }
    missing
}

/// As clang-sys, which bindgen loads it by: `LIBCLANG_PATH` alone if set, else `llvm-config`'s
/// folder, the loader's folders, and the usual ones below.
fn find_libclang() -> Option<PathBuf> {
    if let Some(said) = env::var_os("LIBCLANG_PATH").map(PathBuf::from) {
        return if said.is_file() { Some(said) } else { libclang_in(&said) };
    }
    let mut folders = Vec::new();
    let llvm_config = env::var_os("LLVM_CONFIG_PATH").unwrap_or_else(|| "llvm-config".into());
    if let Ok(output) = Command::new(llvm_config).arg("--libdir").output() {
        folders.push(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    }
    if let Some(loader) = env::var_os("LD_LIBRARY_PATH") {
        folders.extend(env::split_paths(&loader));
    }
    for base in ["/usr/local", "/usr"] {
        // `lib*`, `lib*/*` and `lib*/*/*`: /usr/lib64, /usr/lib/x86_64-linux-gnu, /usr/lib/llvm-14/lib.
        let lib = |name: &OsStr| name.to_string_lossy().starts_with("lib");
        let first = subfolders(Path::new(base)).filter(|path| path.file_name().is_some_and(lib));
        for first in first {
            let second: Vec<PathBuf> = subfolders(&first).collect();
            folders.push(first);
            folders.extend(second.iter().flat_map(|folder| subfolders(folder)));
            folders.extend(second);
        }
    }
    folders.iter().find_map(|folder| libclang_in(folder))
}

fn libclang_in(folder: &Path) -> Option<PathBuf> {
    files(folder).find(|path| path.file_name().is_some_and(is_libclang))
}

/// `libclang.so`, `libclang-14.so`, `libclang.so.1`, `libclang-3.9.so`, but not the C++ library.
fn is_libclang(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    let Some(rest) = name.strip_prefix("libclang") else { return false };
    let kind = rest.trim_start_matches(|c: char| "-.".contains(c) || c.is_ascii_digit());
    kind == "so" || kind.starts_with("so.") || kind == "dylib"
}

/// Whether `clang/<version>/include/stddef.h` lies beside the library: it looks for its headers
/// from where it really is.
fn has_compiler_headers(library: &Path) -> bool {
    let library = fs::canonicalize(library).unwrap_or_else(|_| library.to_owned());
    let beside = library.parent().map(|folder| folder.join("clang"));
    let llvm = subfolders(Path::new("/usr/lib")).map(|folder| folder.join("lib/clang"));
    let mut versions = beside.into_iter().chain(llvm).chain([PathBuf::from("/usr/lib/clang")]);
    let has = versions
        .any(|clang| subfolders(&clang).any(|version| version.join("include/stddef.h").is_file()));
    // With gcc's headers named by hand nothing else is needed.
    has || env::var_os("BINDGEN_EXTRA_CLANG_ARGS").is_some()
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.filter_map(|entry| entry.ok().map(|entry| entry.path()))
}

fn subfolders(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    entries(folder).filter(|path| path.is_dir())
}

fn files(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    entries(folder).filter(|path| path.is_file())
}

fn is_on_path(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// Runs a command that asks nothing, with its output where ours goes.
fn succeeds(command: &[&str]) -> bool {
    let status = Command::new(command[0])
        .args(&command[1..])
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_is_known_by_each_of_its_names() {
        for name in ["libclang.so", "libclang-3.9.so", "libclang.so.1", "libclang-14.so.14.0.6"] {
            assert!(is_libclang(OsStr::new(name)), "{name}");
        }
        for name in ["libclang-cpp.so.14", "libclang.a", "libclangAST.so", "libc.so", "libclang"] {
            assert!(!is_libclang(OsStr::new(name)), "{name}");
        }
    }

    #[test]
    fn an_old_or_unknown_rustc_is_refused() {
        assert!(is_recent("rustc 1.95.0 (59807616e 2026-04-14)\n"));
        assert!(is_recent("rustc 1.101.0-nightly (abc 2027-01-01)"));
        assert!(is_recent("rustc 2.0.0"));
        assert!(!is_recent("rustc 1.94.1"));
        assert!(!is_recent("rustc 1.9.0"));
        assert!(!is_recent(""));
    }

    #[test]
    fn a_folder_without_the_library_has_none() {
        assert_eq!(libclang_in(Path::new(env!("CARGO_MANIFEST_DIR"))), None);
        assert_eq!(libclang_in(Path::new("no such folder")), None);
    }
}
