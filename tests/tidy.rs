//! What holds for the source tree as a whole: who may know whom, what stands where, and that the
//! documents keep up with the code.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// What each crate may name in `[dependencies]` of the workspace's own crates. Arrows point down.
const EDGES: &[(&str, &[&str])] = &[
    ("state-stores", &[]),
    ("streams-core", &["state-stores"]),
    ("brokers/embedded", &["streams-core"]),
    ("brokers/kafka", &["streams-core"]),
    ("streams-test", &["streams-core"]),
    ("streams-dsl", &["streams-core", "broker-embedded", "broker-kafka"]),
    ("examples", &["streams-dsl"]),
    ("bench", &["streams-dsl", "streams-core", "broker-embedded"]),
    ("tests", &["streams-dsl", "streams-core", "streams-test", "broker-embedded", "broker-kafka"]),
    ("xtask", &[]),
];

/// The packages of the workspace, as manifests name them.
const PACKAGES: &[&str] = &[
    "state-stores",
    "streams-core",
    "streams-dsl",
    "streams-test",
    "broker-embedded",
    "broker-kafka",
];

/// The crates an application is made of.
const LIBRARIES: &[&str] =
    &["state-stores", "streams-core", "streams-dsl", "streams-test", "brokers"];

const FILE_LINES_MAX: usize = 800;

/// What library code may say only where it is said why: the words, the places, the reason.
const PLACES: &[(&[&str], &[&str], &str)] = &[
    (
        &["dyn Any"],
        &[
            "state-stores/src/store.rs",
            "state-stores/src/key_value.rs",
            "state-stores/src/window.rs",
            "streams-core/src/processor/chain.rs",
            "streams-core/src/processor/state.rs",
            "streams-core/src/topology/wire.rs",
        ],
        "types are erased at wiring and where a store is handed out, never per record",
    ),
    (
        &["SystemTime", "Instant::now"],
        &["streams-core/src/clock.rs"],
        "time comes from a `Clock`: the test driver and the simulation own it",
    ),
    (
        &["thread::spawn(", "thread::Builder", "tokio::spawn("],
        &[
            "streams-core/src/runtime/",
            "streams-core/src/restore/updater.rs",
            "streams-core/src/broker/client/producer.rs",
            "brokers/embedded/src/flusher.rs",
            "brokers/kafka/src/transport/krafka.rs",
        ],
        "threads start at the edge; everything else is synchronous and runs to completion",
    ),
    (
        &["tokio::"],
        &["streams-core/src/runtime/", "streams-core/src/broker/", "brokers/kafka/src/"],
        "state machines know no runtime",
    ),
    (&["rocksdb::"], &["state-stores/src/backend/"], "backends are exchangeable"),
    (
        &["__private"],
        &["brokers/kafka/src/transport/krafka.rs"],
        "what is outside of krafka's semantic versioning can be replaced in one file",
    ),
    (
        &["std::fs", "fs::{self", "File::"],
        &[
            "brokers/embedded/src/",
            "brokers/kafka/src/transport/krafka.rs",
            "state-stores/src/backend/",
            "streams-core/src/state_directory/",
            "streams-dsl/src/options/printed.rs",
        ],
        "the disk is reached through the log, the backends and the state directory",
    ),
];

#[test]
fn dependencies_point_one_way() {
    for (krate, allowed) in EDGES {
        let manifest = read(&root().join(krate).join("Cargo.toml"));
        for line in section(&manifest, "[dependencies]") {
            let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
            let ours = PACKAGES.contains(&name);
            assert!(!ours || allowed.contains(&name), "{krate} may not depend on {name}");
            assert!(*krate != "xtask", "xtask has to build on a bare machine, without {name}");
        }
    }
    let members = read(&root().join("Cargo.toml"));
    for (krate, _) in EDGES {
        assert!(members.contains(&format!("\"{krate}\"")), "{krate} is no member of the workspace");
    }
    assert_eq!(members.matches("    \"").count(), EDGES.len(), "a member is missing in EDGES");
}

#[test]
fn files_fit_in_one_sitting() {
    let long = sources().into_iter().filter(|source| source.text.lines().count() > FILE_LINES_MAX);
    let long: Vec<String> = long.map(|source| source.path).collect();
    assert!(long.is_empty(), "files over {FILE_LINES_MAX} lines: {long:#?}");
}

#[test]
fn sources_are_ascii_and_finished() {
    // Put together here, so that this file is none of the findings.
    let unfinished = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("#[ig", "nore"),
        concat!("dbg", "!("),
        concat!("to", "do!("),
        concat!("unimple", "mented!("),
    ];
    let mut found = Vec::new();
    for Source { path, text } in sources() {
        if !text.is_ascii() {
            found.push(format!("{path}: not ASCII"));
        }
        for word in unfinished {
            if text.contains(word) {
                found.push(format!("{path}: {word}"));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn no_path_of_a_machine_is_written_down() {
    let homes = ["work", "root", "home", "Users"].map(|folder| format!("/{folder}/"));
    let documents = files(&root(), &|path| {
        ["rs", "md", "toml", "jsonl"].iter().any(|known| path.extension() == Some(known.as_ref()))
    });
    let mut found = Vec::new();
    for path in documents.into_iter().filter(|path| !path.ends_with("tests/tidy.rs")) {
        let text = read(&path);
        for home in &homes {
            // A part of a longer path, as `streams/work/`, is no home.
            let is_home = |at: usize| {
                !text[..at].ends_with(|c: char| c.is_alphanumeric() || "._-*>)]".contains(c))
            };
            if text.match_indices(home.as_str()).any(|(at, _)| is_home(at)) {
                found.push(format!("{}: {home}", shown(&path)));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn rare_things_stand_in_their_places() {
    let mut found = Vec::new();
    for Source { path, text } in sources().into_iter().filter(Source::is_of_a_library) {
        for (words, places, reason) in PLACES {
            let line =
                library_lines(&text).find(|line| words.iter().any(|word| line.contains(word)));
            if let Some(line) = line
                && !places.iter().any(|place| path.starts_with(place))
            {
                found.push(format!("{path}: `{}`, but {reason}", line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn every_place_of_a_rare_thing_exists() {
    let gone = PLACES.iter().flat_map(|(_, places, _)| places.iter());
    let gone: Vec<&&str> = gone.filter(|place| !root().join(place).exists()).collect();
    assert!(gone.is_empty(), "{gone:#?}");
}

#[test]
fn every_operator_has_a_row_and_a_test() {
    let readme = read(&root().join("README.md"));
    let mut missing = Vec::new();
    for Source { path, text } in sources() {
        let Some(file) = path.strip_prefix("streams-dsl/src/op/") else { continue };
        if !text.contains("\n    pub fn ") {
            continue; // what operators share
        }
        if !readme.contains(&format!("]({path})")) {
            missing.push(format!("{path}: no row in the README's table of operators"));
        }
        let is_tested = text.contains("\nmod tests")
            || root().join("tests/dsl").join(file).exists()
            || text.contains("\n    /// ```\n");
        if !is_tested {
            missing.push(format!("{path}: no test"));
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn every_link_of_the_documents_leads_somewhere() {
    let mut broken = Vec::new();
    for document in ["README.md", "ARCHITECTURE.md"] {
        let text = read(&root().join(document));
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.contains("://") && !link.starts_with('#')) {
            let path = link.split('#').next().unwrap_or_default();
            if !root().join(path).exists() {
                broken.push(format!("{document}: {link}"));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn the_architecture_names_every_module() {
    let text = read(&root().join("ARCHITECTURE.md"));
    let mut missing = Vec::new();
    for (krate, _) in
        EDGES.iter().filter(|(krate, _)| LIBRARIES.iter().any(|it| krate.starts_with(it)))
    {
        let source = root().join(krate).join("src");
        for module in modules(&source) {
            let link = [format!("]({krate}/src/{module}.rs)"), format!("]({krate}/src/{module})")];
            if !link.iter().any(|link| text.contains(link.as_str())) {
                missing.push(format!("{krate}/src/{module}"));
            }
        }
    }
    assert!(missing.is_empty(), "modules that ARCHITECTURE.md does not link: {missing:#?}");
}

#[test]
fn tests_neither_sleep_nor_fix_a_port() {
    let mut found = Vec::new();
    // The network's own thread waits before it tries again, as any client of a network has to.
    let waits_by_trade =
        |source: &Source| source.is_of_a_library() && source.path.starts_with("brokers/kafka/src/");
    for source in sources().into_iter().filter(|source| source.path != "tests/tidy.rs") {
        for word in ["thread::sleep(", "tokio::time::sleep(", "127.0.0.1:"] {
            if source.text.contains(word) && !(word.starts_with("tokio") && waits_by_trade(&source))
            {
                found.push(format!("{}: {word}", source.path));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

/// A Rust file of the workspace.
struct Source {
    /// From the root of the workspace on.
    path: String,
    text: String,
}

impl Source {
    fn is_of_a_library(&self) -> bool {
        let is_test = self.path.ends_with("tests.rs") || self.path.contains("/tests/");
        !is_test && LIBRARIES.iter().any(|krate| self.path.starts_with(krate))
    }
}

/// Code without comments, as far as the tests at the end of the file.
fn library_lines(text: &str) -> impl Iterator<Item = &str> {
    let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    code.lines().filter(|line| !line.trim_start().starts_with("//"))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn section<'a>(manifest: &'a str, header: &str) -> impl Iterator<Item = &'a str> {
    let rest = manifest.lines().skip_while(move |line| *line != header).skip(1);
    rest.take_while(|line| !line.starts_with('['))
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn sources() -> Vec<Source> {
    let paths = files(&root(), &|path| path.extension().is_some_and(|extension| extension == "rs"));
    paths.iter().map(|path| Source { path: shown(path), text: read(path) }).collect()
}

/// The modules right below `lib.rs`, each as a file, a folder or both.
fn modules(source: &Path) -> BTreeSet<String> {
    let names = fs::read_dir(source).unwrap().map(|entry| entry.unwrap().file_name());
    names
        .map(|name| name.to_string_lossy().trim_end_matches(".rs").to_owned())
        .filter(|name| name != "lib" && name != "tests" && !name.contains('.'))
        .collect()
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/")
}

/// Files in the order of their names, without what is built and what is hidden.
fn files(folder: &Path, wanted: &dyn Fn(&Path) -> bool) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    let mut found = Vec::new();
    for path in entries {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            found.extend(files(&path, wanted));
        } else if path.is_file() && wanted(&path) {
            found.push(path);
        }
    }
    found
}
