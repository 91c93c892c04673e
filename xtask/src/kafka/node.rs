//! One node: its files, its process, and how both are told from others.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use super::{at, java::Java, probe, properties};

/// How much of a log is shown when something went wrong.
const TAIL_LINES: usize = 20;

/// A node of a cluster, running or not.
#[derive(Debug)]
pub(super) struct Node {
    /// From 1 on.
    pub(super) id: u16,
    /// Where its files lie, named by its number.
    folder: PathBuf,
}

impl Node {
    pub(super) fn new(cluster: &Path, id: u16) -> Self {
        Self { id, folder: cluster.join(id.to_string()) }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    fn properties_path(&self) -> PathBuf {
        self.folder.join("server.properties")
    }

    fn pid_path(&self) -> PathBuf {
        self.folder.join("pid")
    }

    /// The settings it was started with last, empty if it never was.
    pub(super) fn properties(&self) -> String {
        fs::read_to_string(self.properties_path()).unwrap_or_default()
    }

    pub(super) fn write_properties(&self, text: &str) -> Result<(), String> {
        fs::create_dir_all(&self.folder).map_err(at(&self.folder))?;
        fs::write(self.properties_path(), text).map_err(at(&self.folder))
    }

    /// Whether its data folder was set up, which is done once.
    pub(super) fn is_formatted(&self) -> bool {
        self.folder.join("logs/meta.properties").is_file()
    }

    /// Sets the data folder up; `more` goes to Kafka's storage tool.
    pub(super) fn format(
        &self,
        java: &Java,
        cluster: &str,
        more: &[String],
    ) -> Result<Child, String> {
        let log = self.folder.join("format.log");
        let out = File::create(&log).map_err(at(&log))?;
        let mut command = java.tool("kafka.tools.StorageTool");
        command.args(["format", "--cluster-id", cluster, "--config"]).arg(self.properties_path());
        spawn(command.args(more), out)
    }

    /// What the storage tool said.
    pub(super) fn format_log(&self) -> String {
        tail(&self.folder.join("format.log"))
    }

    /// Starts its process, which outlives ours, and notes its id.
    pub(super) fn start(&self, java: &Java) -> Result<Child, String> {
        let log = self.folder.join("server.log");
        let out = File::options().create(true).append(true).open(&log).map_err(at(&log))?;
        let mut command = java.server("kafka.Kafka");
        command.arg(self.properties_path());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let child = spawn(&mut command, out)?;
        fs::write(self.pid_path(), format!("{}\n", child.id())).map_err(at(&self.pid_path()))?;
        Ok(child)
    }

    /// The last it wrote to its log.
    pub(super) fn log(&self) -> String {
        tail(&self.folder.join("server.log"))
    }

    /// The id of its process, if that runs: not of another one that got the same id since.
    pub(super) fn running(&self) -> Option<u32> {
        let pid = fs::read_to_string(self.pid_path()).ok()?.trim().parse().ok()?;
        let command = command_line(pid)?;
        mentions(&command, &self.properties_path()).then_some(pid)
    }

    /// Sends a signal to process `pid`. One that is gone already is as good.
    pub(super) fn signal(pid: u32, signal: &str) {
        // `kill` is a program of its own on few machines; every shell has it.
        let mut kill = Command::new("sh");
        kill.arg("-c").arg(format!("kill -{signal} {pid}")).stderr(Stdio::null());
        drop(kill.status());
    }

    /// Forgets a process that ended.
    pub(super) fn forget(&self) -> Result<(), String> {
        match fs::remove_file(self.pid_path()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(at(&self.pid_path())(error))
            }
            _ => Ok(()),
        }
    }

    /// Asks it about its cluster.
    pub(super) fn ask(&self) -> Result<probe::Cluster, String> {
        let properties = self.properties();
        let listeners = properties::listeners(&properties);
        let port = listeners.first().and_then(|(_, address)| address.rsplit(':').next());
        let port = port.and_then(|port| port.parse::<u16>().ok());
        let port = port.ok_or_else(|| format!("node {} has no listener", self.id))?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        probe::ask(address).map_err(|error| format!("node {} at {address}: {error}", self.id))
    }
}

fn spawn(command: &mut Command, log: File) -> Result<Child, String> {
    let errors = log.try_clone().map_err(|error| format!("log: {error}"))?;
    let child = command.stdin(Stdio::null()).stdout(log).stderr(errors).spawn();
    child.map_err(|error| format!("{} does not start: {error}", command.get_program().display()))
}

fn tail(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

/// The arguments of a process, each ended by a zero byte or a space; none once it ended.
fn command_line(pid: u32) -> Option<Vec<u8>> {
    if Path::new("/proc/self/cmdline").exists() {
        return fs::read(format!("/proc/{pid}/cmdline")).ok();
    }
    let output = Command::new("ps").args(["-o", "args=", "-p", &pid.to_string()]).output();
    output.ok().map(|output| output.stdout)
}

/// Whether a command line has `path` for its last argument.
fn mentions(command_line: &[u8], path: &Path) -> bool {
    let end = [b'\0', b' ', b'\n'];
    let command_line = command_line.trim_ascii_end();
    let command_line = command_line.strip_suffix(b"\0").unwrap_or(command_line);
    let before = command_line.strip_suffix(path.as_os_str().as_encoded_bytes());
    before.and_then(<[u8]>::last).is_some_and(|byte| end.contains(byte))
}

#[cfg(test)]
mod tests {
    use std::{env, io::Read, process};

    use super::*;

    /// A node in a folder of its own, whose pid file says `pid`.
    fn node_with_pid(name: &str, pid: u32) -> Node {
        let folder = env::temp_dir().join(format!("xtask-{name}-{}", process::id()));
        let node = Node::new(&folder, 1);
        node.write_properties("advertised.listeners=PLAINTEXT://localhost:1\n").unwrap();
        fs::write(node.pid_path(), format!("{pid}\n")).unwrap();
        node
    }

    fn remove(node: &Node) {
        fs::remove_dir_all(node.folder().parent().unwrap()).unwrap();
    }

    #[test]
    fn another_process_with_the_pid_is_not_the_node() {
        let node = node_with_pid("other", process::id());
        assert!(command_line(process::id()).is_some_and(|command| !command.is_empty()));
        assert_eq!(node.running(), None);
        node.forget().unwrap();
        node.forget().unwrap();
        assert_eq!(node.running(), None);
        remove(&node);
    }

    #[test]
    fn a_process_with_the_nodes_settings_is_the_node_until_it_ends() {
        let node = node_with_pid("own", 0);
        // It says that it is there, then waits for its input to end; the last argument is only there
        // to be seen.
        let mut shell = Command::new("sh");
        shell.args(["-c", "echo there; read -r line", "sh"]).arg(node.properties_path());
        let mut child = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut there = [0; 5];
        child.stdout.as_mut().unwrap().read_exact(&mut there).unwrap();
        fs::write(node.pid_path(), child.id().to_string()).unwrap();
        assert_eq!(node.running(), Some(child.id()));
        Node::signal(child.id(), "KILL");
        child.wait().unwrap();
        assert_eq!(node.running(), None);
        remove(&node);
    }

    #[test]
    fn a_command_line_names_its_last_argument() {
        let path = Path::new("/d/1/server.properties");
        assert!(mentions(b"java\0kafka.Kafka\0/d/1/server.properties\0", path));
        assert!(mentions(b"java kafka.Kafka /d/1/server.properties\n", path));
        assert!(!mentions(b"java\0kafka.Kafka\0/other/d/1/server.properties\0", path));
        assert!(!mentions(b"less\0/d/1/server.properties\0+G\0", path));
        assert!(!mentions(b"", path));
    }

    #[test]
    fn the_end_of_a_log_is_shown() {
        let node = node_with_pid("log", 0);
        let lines: Vec<String> = (1..=30).map(|line| line.to_string()).collect();
        fs::write(node.folder().join("server.log"), lines.join("\n")).unwrap();
        assert!(node.log().starts_with("11\n12\n") && node.log().ends_with("\n30"));
        assert_eq!(node.format_log(), "");
        remove(&node);
    }
}
