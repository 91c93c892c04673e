//! What is needed of the machine: a compiler for RocksDB and libclang for its bindings to build,
//! a Java runtime and Maven to run a real Kafka.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use crate::Outcome;

/// The oldest Rust that builds the workspace, as its manifest says.
const RUST_OLDEST: &str = env!("CARGO_PKG_RUST_VERSION");

/// The oldest Java that runs Kafka 4.
const JAVA_OLDEST: u32 = 17;

const INSTALL: &[&str] = &["apt-get", "install", "-y", "--no-install-recommends"];

/// Something that has to be on the machine.
pub(crate) struct Need {
    /// What of it is missing.
    missing: fn() -> Option<&'static str>,
    /// Debian's name for it.
    package: &'static str,
}

/// What RocksDB is compiled with.
pub(crate) const BUILD: &[Need] = &[
    Need { missing: missing_compiler, package: "g++" },
    // Brings the library that bindgen loads and the compiler's own headers (`stddef.h`), without
    // which no C header can be read.
    Need { missing: missing_libclang, package: "libclang-dev" },
];

/// What fetches and runs a real Kafka.
pub(crate) const KAFKA: &[Need] = &[
    Need { missing: missing_java, package: "default-jre-headless" },
    Need { missing: missing_maven, package: "maven" },
];

/// What compiles the Java applications that tests compare with; a runtime comes with it.
pub(crate) const JAVA_COMPILER: &[Need] =
    &[Need { missing: missing_java_compiler, package: "default-jdk-headless" }];

/// What makes certificates for it.
pub(crate) const CERTIFICATES: &[Need] = &[Need { missing: missing_openssl, package: "openssl" }];

/// `cargo xtask system`.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    if let Some(argument) = arguments.first() {
        return Err(format!("system takes no arguments, got {argument}"));
    }
    ensure_build()?;
    println!("rustc, a C++ compiler and libclang are there");
    Ok(ExitCode::SUCCESS)
}

/// Makes sure of what the workspace is built with, as [`ensure`] does.
pub(crate) fn ensure_build() -> Result<(), String> {
    check_rustc()?;
    ensure(BUILD)
}

/// Makes sure of all `needs`: installs what is missing when root, else says what to install.
pub(crate) fn ensure(needs: &[Need]) -> Result<(), String> {
    let (missing, packages) = missing(needs);
    if missing.is_empty() {
        return Ok(());
    }
    let install = [INSTALL, &packages].concat();
    let line = install.join(" ");
    eprintln!("missing: {}", missing.join(", "));
    if !is_root() || !is_on_path("apt-get") {
        return Err(format!("install what is missing, on Debian and Ubuntu with\n    {line}"));
    }
    eprintln!("$ {line}");
    // A machine that never ran `apt-get update`, or long ago, knows no packages or gone ones.
    if !succeeds(&install) {
        eprintln!("$ apt-get update");
        if !succeeds(&["apt-get", "update"]) || !succeeds(&install) {
            return Err(format!("this did not work, see above:\n    {line}"));
        }
    }
    match self::missing(needs).0.as_slice() {
        [] => Ok(()),
        still => Err(format!("still missing after `{line}`: {}", still.join(", "))),
    }
}

/// What is missing, and the packages that bring it.
fn missing(needs: &[Need]) -> (Vec<&'static str>, Vec<&'static str>) {
    needs.iter().filter_map(|need| Some(((need.missing)()?, need.package))).unzip()
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

fn missing_compiler() -> Option<&'static str> {
    let has = env::var_os("CXX").is_some() || is_on_path("c++") || is_on_path("g++");
    (!has).then_some("a C++ compiler (g++)")
}

fn missing_libclang() -> Option<&'static str> {
    match find_libclang() {
        None => Some("libclang"),
        Some(library) if !has_compiler_headers(&library) => Some("libclang's own headers"),
        Some(_) => None,
    }
}

/// The Java to run: `JAVA_HOME`'s, else the one on the path.
pub(crate) fn java() -> OsString {
    let home = env::var_os("JAVA_HOME").map(|home| Path::new(&home).join("bin/java"));
    home.filter(|java| java.is_file()).map_or_else(|| "java".into(), Into::into)
}

fn missing_java() -> Option<&'static str> {
    let output = Command::new(java()).arg("-version").output();
    let version = output.map(|output| String::from_utf8_lossy(&output.stderr).into_owned());
    match version.ok().as_deref().and_then(java_release) {
        None => Some("a Java runtime"),
        Some(release) if release < JAVA_OLDEST => Some("a Java runtime of release 17 or newer"),
        Some(_) => None,
    }
}

/// The release in `openjdk version "17.0.15" 2025-04-15`, whatever lines stand before.
fn java_release(version: &str) -> Option<u32> {
    let number = version.split_once(" version \"")?.1;
    number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn missing_java_compiler() -> Option<&'static str> {
    let modules = Command::new(java()).arg("--list-modules").output();
    let modules = modules.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let is_there = modules.is_ok_and(|modules| modules.contains("jdk.compiler@"));
    (!is_there).then_some("Java's compiler (a JDK)")
}

fn missing_maven() -> Option<&'static str> {
    (!is_on_path("mvn")).then_some("Maven")
}

fn missing_openssl() -> Option<&'static str> {
    (!is_on_path("openssl")).then_some("openssl")
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
    fn the_release_of_java_is_read_past_what_stands_before() {
        let version =
            "Picked up JAVA_TOOL_OPTIONS: -Xmx1g\nopenjdk version \"17.0.15\" 2025-04-15\n";
        assert_eq!(java_release(version), Some(17));
        assert_eq!(java_release("openjdk version \"26-ea\" 2026-03-17"), Some(26));
        assert_eq!(java_release("java version \"1.8.0_392\""), Some(1));
        assert_eq!(java_release("The operation could not be completed."), None);
    }

    #[test]
    fn only_what_is_missing_is_installed() {
        let needs = [
            Need { missing: || None, package: "there" },
            Need { missing: || Some("a thing"), package: "not-there" },
        ];
        assert_eq!(missing(&needs), (vec!["a thing"], vec!["not-there"]));
        assert_eq!(ensure(&needs[..1]), Ok(()));
    }

    #[test]
    fn a_folder_without_the_library_has_none() {
        assert_eq!(libclang_in(Path::new(env!("CARGO_MANIFEST_DIR"))), None);
        assert_eq!(libclang_in(Path::new("no such folder")), None);
    }
}
