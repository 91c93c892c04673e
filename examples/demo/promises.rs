//! What the demo promises, on the program itself: it resumes, whatever its end was.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use streams_dsl::{
    EmbeddedBroker, EmbeddedOptions,
    client::{ReadOptions, RecordReader},
};

type Counts = BTreeMap<String, i64>;

/// A folder with a text in it, and what the demo makes of it.
struct Desk {
    folder: PathBuf,
    text: PathBuf,
}

/// What a run printed: the numbers behind `processed`, `restored` and `read`, and all counts.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    processed: u64,
    restored: u64,
    read: u64,
    counts: Counts,
}

impl Desk {
    fn new(name: &str, text: &[u8]) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder).unwrap();
        }
        fs::create_dir_all(&folder).unwrap();
        let desk = Self { text: folder.join("text.txt"), folder };
        fs::write(&desk.text, text).unwrap();
        desk
    }

    fn append(&self, text: &[u8]) {
        fs::OpenOptions::new().append(true).open(&self.text).unwrap().write_all(text).unwrap();
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_demo"));
        command.arg("--dir").arg(self.folder.join("demo")).arg("--input").arg(&self.text);
        command.arg("--output").arg(self.folder.join("counts.tsv")).stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Told {
        let output = self.command().args(arguments).output().unwrap();
        let (told, errors) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{told}\n{errors}");
        let number = |line: &str| {
            let line = told.lines().find_map(|other| other.strip_prefix(line));
            let line = line.unwrap_or_else(|| panic!("{told}"));
            line.split_whitespace().next().unwrap().parse().unwrap()
        };
        let counts = fs::read_to_string(self.folder.join("counts.tsv")).unwrap();
        let rows: Vec<_> = counts.lines().map(|line| line.split_once('\t').unwrap()).collect();
        assert!(rows.is_sorted_by(|a, b| a.0 < b.0), "sorted by the bytes of the words");
        let counts = rows.into_iter().map(|(word, count)| (word.into(), count.parse().unwrap()));
        Told {
            processed: number("processed "),
            restored: number("restored "),
            read: number("read "),
            counts: counts.collect(),
        }
    }

    /// Starts a run and comes back when part of the text is counted.
    fn run_to_the_middle(&self) -> Child {
        let mut child =
            self.command().stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut progress = BufReader::new(child.stderr.take().unwrap()).lines();
        let line = progress.next().expect("the run ends with progress").unwrap();
        assert!(line.starts_with("read ") && line.contains("counted"), "{line}");
        // Whoever writes on must find a reader.
        std::thread::spawn(move || progress.for_each(drop));
        child
    }

    /// Where log and state are: the one folder in the demo's folder.
    fn folder_of(&self, what: &str) -> PathBuf {
        let entries = fs::read_dir(self.folder.join("demo")).unwrap();
        let folder = entries.map(|entry| entry.unwrap().path()).find(|path| path.is_dir());
        folder.unwrap().join(what)
    }

    fn lines_in_the_log(&self) -> usize {
        let log = self.folder_of("log");
        let broker = EmbeddedBroker::open(log, EmbeddedOptions::default()).unwrap();
        let reader = RecordReader::topic(&broker, "lines", &ReadOptions::all()).unwrap();
        reader.read_to_end().unwrap().len()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn counts_of(text: &str) -> Counts {
    let mut counts = Counts::new();
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        *counts.entry(word.to_lowercase()).or_default() += 1;
    }
    counts
}

/// Lines of words from a vocabulary of some thousands, always the same.
fn long_text(lines: usize) -> String {
    let mut state = 1_u64;
    let mut word = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let random = state >> 33;
        format!("w{}", (random % 97) * (random % 89))
    };
    let mut line = || (0..12).map(|_| word()).collect::<Vec<_>>().join(" ") + "\n";
    (0..lines).map(|_| line()).collect()
}

const LONG: usize = 200_000;

#[test]
fn a_second_run_processes_nothing_and_tells_the_same() {
    let desk = Desk::new("second", b"To be, or not to be\nthat is the question\n");
    let first = desk.run(&[]);
    assert_eq!(first.counts, counts_of("To be, or not to be that is the question"));
    assert_eq!((first.processed, first.restored, first.read), (2 + 10, 0, 2));
    let second = desk.run(&[]);
    assert_eq!(second, Told { processed: 0, restored: 0, read: 0, counts: first.counts });
}

#[test]
fn a_line_that_was_appended_is_all_that_is_processed() {
    let desk = Desk::new("appended", b"to be\n");
    desk.run(&[]);
    desk.append(b"or not to be\n");
    let told = desk.run(&[]);
    assert_eq!(told.counts, counts_of("to be or not to be"));
    assert_eq!((told.processed, told.read), (1 + 4, 1));
}

#[test]
fn state_that_was_deleted_is_restored_from_the_log() {
    let desk = Desk::new("deleted", b"to be or not to be\n");
    let first = desk.run(&[]);
    fs::remove_dir_all(desk.folder_of("state")).unwrap();
    let second = desk.run(&[]);
    assert_eq!(second.counts, first.counts);
    assert_eq!(second.processed, 0);
    assert!(second.restored >= 4, "{} words", second.restored);
}

#[test]
fn a_kill_in_the_middle_loses_no_count_and_reads_no_line_twice() {
    let text = long_text(LONG);
    let desk = Desk::new("killed", text.as_bytes());
    let mut child = desk.run_to_the_middle();
    child.kill().unwrap();
    child.wait().unwrap();
    let told = desk.run(&[]);
    for (word, count) in counts_of(&text) {
        assert!(told.counts[&word] >= count, "{word}: {} of {count}", told.counts[&word]);
    }
    assert_eq!(desk.lines_in_the_log(), LONG);
}

#[test]
fn after_a_clean_stop_in_the_middle_every_count_is_exact() {
    let text = long_text(LONG);
    for signal in ["-TERM", "-INT"] {
        let desk = Desk::new(&format!("stopped{signal}"), text.as_bytes());
        let child = desk.run_to_the_middle();
        let sent = Command::new("kill").arg(signal).arg(child.id().to_string()).status().unwrap();
        assert!(sent.success());
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", self::text(&output.stdout));
        let told = desk.run(&[]);
        assert_eq!(told.counts, counts_of(&text), "{signal}");
        assert_eq!(desk.lines_in_the_log(), LONG);
    }
}

#[test]
fn fresh_forgets_what_was_counted() {
    let desk = Desk::new("fresh", b"to be\n");
    desk.run(&[]);
    fs::write(&desk.text, b"or not\n").unwrap();
    assert_eq!(desk.run(&[]).counts, counts_of("to be"), "a changed text stays as it was counted");
    assert_eq!(desk.run(&["--fresh"]).counts, counts_of("or not"));
}

#[test]
fn bytes_that_are_no_text_part_words_and_the_last_line_needs_no_end() {
    let desk = Desk::new("bytes", b"to\xffbe\r\n\r\n\xc3\x84pfel");
    let told = desk.run(&[]);
    assert_eq!(told.counts, counts_of("to be \u{e4}pfel"));
    assert_eq!(told.read, 3);
}

#[test]
fn other_texts_have_other_counts() {
    let desk = Desk::new("others", b"to be\n");
    desk.run(&[]);
    let other = desk.folder.join("other.txt");
    fs::write(&other, b"or not\n").unwrap();
    let both = desk.command().arg("--input").arg(&other).output().unwrap();
    assert!(both.status.success());
    assert_eq!(desk.run(&[]).counts, counts_of("to be"));
}

#[test]
fn a_missing_text_is_named() {
    let desk = Desk::new("missing", b"");
    fs::remove_file(&desk.text).unwrap();
    let output = desk.command().output().unwrap();
    assert!(!output.status.success());
    let told = text(&output.stderr);
    assert!(told.starts_with("demo: ") && told.contains("text.txt: No such file"), "{told}");
}
