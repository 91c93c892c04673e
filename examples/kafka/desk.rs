//! A text, its topics on the cluster, and the processes that count it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{BufRead, BufReader, Lines, Read},
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use streams_dsl::{Broker, KafkaBroker, KafkaConfig, core::broker::MemberDescription};

pub(crate) type Counts = BTreeMap<String, i64>;

/// A text with topics and an application id of its own.
pub(crate) struct Desk {
    id: String,
    folder: PathBuf,
    text: String,
}

/// What a process printed as it ended, and the table it wrote, if it came to its end.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) loaded: u64,
    pub(crate) processed: u64,
    pub(crate) restored: u64,
    pub(crate) counts: Option<Counts>,
}

/// A process that counts.
pub(crate) struct Run {
    child: Child,
    progress: Lines<BufReader<ChildStderr>>,
    counts: PathBuf,
    lines: i64,
}

impl Desk {
    /// Lines of words from a vocabulary of some thousands, always the same.
    pub(crate) fn new(name: &str, lines: usize) -> Self {
        let mut state = 1_u64;
        let mut word = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let random = state >> 33;
            format!("w{}", (random % 97) * (random % 89))
        };
        let mut line = || (0..12).map(|_| word()).collect::<Vec<_>>().join(" ") + "\n";
        let text: String = (0..lines).map(|_| line()).collect();

        static COUNT: AtomicU32 = AtomicU32::new(0);
        #[expect(clippy::disallowed_methods, reason = "a name that no earlier run had")]
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let id = format!("words-{name}-{now:x}-{}", COUNT.fetch_add(1, Relaxed));
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(&id);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("text.txt"), &text).unwrap();
        Self { id, folder, text }
    }

    /// What has to be counted.
    pub(crate) fn expected(&self) -> Counts {
        let mut counts = Counts::new();
        for word in self.text.split_whitespace() {
            *counts.entry(word.to_owned()).or_default() += 1;
        }
        counts
    }

    /// Lines and words: what has to be processed.
    pub(crate) fn records(&self) -> u64 {
        self.lines() as u64 + self.expected().values().sum::<i64>() as u64
    }

    fn lines(&self) -> i64 {
        self.text.lines().count() as i64
    }

    /// Starts an instance, which keeps its state under a name of its own.
    pub(crate) fn start(&self, instance: &str) -> Run {
        let counts = self.folder.join(format!("{instance}.tsv"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_word_count_on_kafka"));
        command.arg("--bootstrap").arg(bootstrap()).arg("--application-id").arg(&self.id);
        command.arg("--topic-prefix").arg(format!("{}-", self.id));
        command.arg("--state-dir").arg(self.folder.join(instance));
        command.arg("--input").arg(self.folder.join("text.txt"));
        command.arg("--output").arg(&counts).arg("--exit-when-idle");
        // Where instances that feed one text lock each other out.
        command.env("TMPDIR", &self.folder);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let progress = BufReader::new(child.stderr.take().unwrap()).lines();
        Run { child, progress, counts, lines: self.lines() }
    }

    /// As long as the file lives, no instance feeds the text.
    pub(crate) fn hold(&self) -> File {
        let cluster = bootstrap().replace(':', "-");
        let lock = format!("streams-feed-{cluster}-{}-lines.lock", self.id);
        let file = File::create(self.folder.join(lock)).unwrap();
        file.lock().unwrap();
        file
    }

    /// Comes back when so many instances have tasks, and none has to move.
    pub(crate) fn until_shared_by(&self, instances: usize) {
        let broker = KafkaBroker::new(KafkaConfig::new(&bootstrap()).unwrap()).unwrap();
        #[expect(clippy::disallowed_methods, reason = "how long a test is patient")]
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(120) {
            let Some(group) = broker.group_admin().describe_group(&self.id).unwrap() else {
                continue;
            };
            let has_tasks = |member: &&MemberDescription| !member.owned.active.is_empty();
            let owners = group.members.iter().filter(has_tasks).map(|member| &member.process_id);
            if group.state == "Stable" && owners.collect::<BTreeSet<_>>().len() == instances {
                return;
            }
        }
        panic!("the tasks were not shared within two minutes");
    }

    /// Runs an instance to its end.
    pub(crate) fn run(&self, instance: &str) -> Told {
        self.start(instance).end()
    }
}

fn bootstrap() -> String {
    std::env::var("STREAMS_KAFKA").unwrap_or_else(|_| {
        panic!(
            "STREAMS_KAFKA is not set: run `cargo xtask test kafka`, or give the address of a \
             Kafka that `cargo xtask kafka start --profile test` has started"
        )
    })
}

impl Drop for Desk {
    fn drop(&mut self) {
        // A failed test leaves what there is to look at.
        if !std::thread::panicking() {
            fs::remove_dir_all(&self.folder).unwrap();
        }
    }
}

impl Run {
    /// Comes back when so much of the text, in percent, is processed and committed.
    pub(crate) fn until(&mut self, percent: i64) {
        let enough = self.lines * percent / 100;
        for line in self.progress.by_ref() {
            let line = line.unwrap();
            // Warnings are told there, too.
            let committed = line.split("; ").find_map(|part| part.strip_prefix("committed "));
            let Some((lines, _)) = committed.and_then(|part| part.split_once(' ')) else {
                continue;
            };
            let lines: i64 = lines.parse().unwrap();
            if lines >= enough {
                return;
            }
        }
        panic!("the run ended before {percent} % of the text was processed");
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop.
    pub(crate) fn stop(self) -> Told {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").arg("-TERM").arg(id).status().unwrap().success());
        self.end()
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Told {
        // Whoever writes on must find a reader.
        let errors: Vec<String> = self.progress.by_ref().map(Result::unwrap).collect();
        let mut told = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut told).unwrap();
        assert!(self.child.wait().unwrap().success(), "{told}\n{errors:#?}");
        let number = |what: &str| {
            let number = told.lines().find_map(|line| line.strip_prefix(what));
            let number = number.unwrap_or_else(|| panic!("{told}"));
            number.split_whitespace().next().unwrap().parse().unwrap()
        };
        let table = fs::read_to_string(&self.counts).ok();
        let counts = table.map(|table| {
            let rows: Vec<_> = table.lines().map(|line| line.split_once('\t').unwrap()).collect();
            assert!(rows.is_sorted_by(|a, b| a.0 < b.0), "sorted by the bytes of the words");
            rows.into_iter().map(|(word, count)| (word.into(), count.parse().unwrap())).collect()
        });
        Told {
            loaded: number("loaded "),
            processed: number("processed "),
            restored: number("restored "),
            counts,
        }
    }
}

/// A test that fails leaves no process behind.
impl Drop for Run {
    fn drop(&mut self) {
        // It may have ended long ago.
        self.child.kill().unwrap_or_default();
        self.child.wait().map(drop).unwrap_or_default();
    }
}
