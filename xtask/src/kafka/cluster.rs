//! The nodes of one folder: set up, started, waited for and stopped together.

use std::{
    fs::{self, File},
    io::Read,
    net::{Ipv4Addr, TcpListener},
    path::Path,
    process::Child,
    thread,
    time::{Duration, Instant},
};

use super::{
    at, jars::lock, java::Java, node::Node, options::Options, properties::server_properties, secure,
};

/// How long nodes may take until they answer, on a machine that has more to do.
const START_PATIENCE: Duration = Duration::from_secs(120);

/// How long nodes may take to stop by themselves.
const STOP_PATIENCE: Duration = Duration::from_secs(30);

/// How long a port may stay taken.
const PORT_PATIENCE: Duration = Duration::from_secs(3);

const PAUSE: Duration = Duration::from_millis(50);

/// The nodes whose folders are there, held against other commands.
pub(super) struct Cluster {
    pub(super) nodes: Vec<Node>,
    _locked: File,
}

impl Cluster {
    /// The cluster in `folder`; none if no node was ever started there.
    pub(super) fn find(folder: &Path) -> Result<Option<Self>, String> {
        let nodes = nodes(folder);
        if nodes.is_empty() {
            return Ok(None);
        }
        Ok(Some(Self { nodes, _locked: lock(folder)? }))
    }

    /// Makes the folder what `options` say, as far as nodes that run or hold data allow.
    pub(super) fn prepare(options: &Options) -> Result<Self, String> {
        fs::create_dir_all(&options.dir).map_err(at(&options.dir))?;
        let locked = lock(&options.dir)?;
        check_shape(options)?;
        let nodes: Vec<Node> = options.nodes().map(|id| Node::new(&options.dir, id)).collect();
        for node in &nodes {
            let text = server_properties(options, node.id, node.folder());
            match node.running() {
                Some(pid) if node.properties() != text => {
                    return Err(format!(
                        "node {} runs with other settings (process {pid}); stop it first: \
                         cargo xtask kafka stop --dir {}",
                        node.id,
                        options.dir.display()
                    ));
                }
                Some(_) => {}
                None => {
                    check_ports(options, node.id)?;
                    node.write_properties(&text)?;
                }
            }
        }
        Ok(Self { nodes, _locked: locked })
    }

    /// Starts the nodes that do not run, and waits until all answer. When that fails those it
    /// started are stopped again.
    pub(super) fn start(&self, options: &Options, java: &Java) -> Result<(), String> {
        let id = cluster_id(&options.dir)?;
        let idle: Vec<&Node> = self.nodes.iter().filter(|node| node.running().is_none()).collect();
        if options.secure {
            secure::ensure_certificates(&options.dir)?;
        }
        format(&idle, java, &id, options)?;
        let mut started = Vec::new();
        for node in idle {
            eprintln!("starting node {}", node.id);
            started.push((node, node.start(java)?));
        }
        let result = self.wait(&id, &mut started);
        if result.is_err() {
            for (node, mut child) in started {
                // One that ended already is as good.
                drop(child.kill());
                drop(child.wait());
                node.forget()?;
            }
        }
        result
    }

    /// Waits until each node counts all nodes among the brokers of cluster `id`.
    fn wait(&self, id: &str, started: &mut [(&Node, Child)]) -> Result<(), String> {
        let expected = self.nodes.len();
        let mut last = String::new();
        let all_answer = || {
            for (node, child) in &mut *started {
                if let Ok(Some(status)) = child.try_wait() {
                    return Err(format!("node {} ended: {status}\n{}", node.id, node.log()));
                }
            }
            last = match self.nodes.iter().map(Node::ask).collect::<Result<Vec<_>, _>>() {
                Err(error) => error,
                Ok(answers) => match answers.iter().find(|answer| answer.id != id) {
                    Some(other) => return Err(format!("a broker of cluster {} answers", other.id)),
                    None if answers.iter().all(|answer| answer.brokers == expected) => {
                        return Ok(true);
                    }
                    None => "not all brokers are known to all".to_owned(),
                },
            };
            Ok(false)
        };
        if poll(START_PATIENCE, all_answer)? {
            return Ok(());
        }
        let logs: Vec<String> = self.nodes.iter().map(Node::log).collect();
        let logs = logs.join("\n");
        Err(format!("no answer within {} s: {last}\n{logs}", START_PATIENCE.as_secs()))
    }

    /// Stops the nodes that run, and tells how each ended.
    pub(super) fn stop(&self) -> Result<Vec<String>, String> {
        let mut told = Vec::new();
        let mut running = Vec::new();
        for node in &self.nodes {
            match node.running() {
                Some(pid) => running.push((node, pid)),
                None => told.push(format!("node {} was down", node.id)),
            }
        }
        running.iter().for_each(|(_, pid)| Node::signal(*pid, "TERM"));
        let is_up = |(node, _): &&(&Node, u32)| node.running().is_some();
        poll(STOP_PATIENCE, || Ok(!running.iter().any(|node| is_up(&node))))?;
        let stubborn: Vec<u16> = running.iter().filter(is_up).map(|(node, _)| node.id).collect();
        running.iter().filter(is_up).for_each(|(_, pid)| Node::signal(*pid, "KILL"));
        if !poll(STOP_PATIENCE, || Ok(!running.iter().any(|node| is_up(&node))))? {
            return Err("a node does not even end when it is killed".to_owned());
        }
        for (node, pid) in running {
            node.forget()?;
            let way = if stubborn.contains(&node.id) { "had to be killed" } else { "is stopped" };
            told.push(format!("node {} {way} (process {pid})", node.id));
        }
        Ok(told)
    }
}

/// The nodes that were ever started in `folder`.
pub(super) fn nodes(folder: &Path) -> Vec<Node> {
    let node = |id| Node::new(folder, id);
    (1..).map(node).take_while(|node| !node.properties().is_empty()).collect()
}

/// Data that is there already decides how many nodes there are, and whether users are known.
fn check_shape(options: &Options) -> Result<(), String> {
    let formatted = nodes(&options.dir).iter().filter(|node| node.is_formatted()).count();
    let place = options.dir.display();
    if formatted != 0 && formatted != usize::from(options.brokers) {
        return Err(format!(
            "{place} holds a cluster of {formatted}: say --brokers {formatted}, take another --port \
             or --dir, or remove the folder"
        ));
    }
    if formatted != 0 && options.secure && !secure::has_certificates(&options.dir) {
        return Err(format!(
            "{place} was set up without --secure and knows no users: take another --port or --dir, \
             or remove the folder"
        ));
    }
    Ok(())
}

/// Makes sure that nobody else listens where a node is going to. A process that was killed just now
/// is gone before its ports are free.
fn check_ports(options: &Options, node: u16) -> Result<(), String> {
    let clients = options.listeners(node).into_iter().map(|(_, port)| port);
    for port in clients.chain([options.controller_port(node)]) {
        let is_free = || Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok());
        if !poll(PORT_PATIENCE, is_free)? {
            return Err(format!(
                "node {node} cannot listen at port {port}, which another program has: take another \
                 --port"
            ));
        }
    }
    Ok(())
}

/// A port at which a secured cluster of one node finds all its ports free.
pub(super) fn free_port() -> Result<u16, String> {
    let is_free = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    let mut ports = (20_000..32_000).step_by(200);
    let all_free = |port: &u16| [0, 1, 100, 101, 102].iter().all(|offset| is_free(port + offset));
    ports.find(all_free).ok_or_else(|| "no port between 20000 and 32000 is free".to_owned())
}

/// Sets up the nodes that were not yet, all at once, as a JVM takes its time.
fn format(nodes: &[&Node], java: &Java, cluster: &str, options: &Options) -> Result<(), String> {
    let more = if options.secure { secure::format_arguments() } else { Vec::new() };
    let mut formatting = Vec::new();
    for node in nodes.iter().filter(|node| !node.is_formatted()) {
        eprintln!("formatting node {}", node.id);
        formatting.push((node, node.format(java, cluster, &more)?));
    }
    for (node, mut child) in formatting {
        let status = child.wait().map_err(at(node.folder()))?;
        if !status.success() {
            return Err(format!("formatting node {}: {status}\n{}", node.id, node.format_log()));
        }
    }
    Ok(())
}

/// The id that all nodes of a folder share; made up at first.
fn cluster_id(folder: &Path) -> Result<String, String> {
    let path = folder.join("cluster.id");
    if let Ok(id) = fs::read_to_string(&path) {
        return Ok(id);
    }
    let mut random = [0; 11];
    let source = Path::new("/dev/urandom");
    File::open(source).and_then(|mut file| file.read_exact(&mut random)).map_err(at(source))?;
    // Kafka's ids are 16 bytes in base 64, that is 22 digits of which the last carries two bits.
    let digits: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let id = format!("{}A", &digits[..21]);
    fs::write(&path, &id).map_err(at(&path))?;
    Ok(id)
}

/// Asks again and again until the answer is yes; false if it never was within `patience`.
#[expect(clippy::disallowed_methods, reason = "processes outside are waited for in their time")]
fn poll(patience: Duration, mut ask: impl FnMut() -> Result<bool, String>) -> Result<bool, String> {
    let start = Instant::now();
    while start.elapsed() < patience {
        if ask()? {
            return Ok(true);
        }
        thread::park_timeout(PAUSE);
    }
    Ok(false)
}
