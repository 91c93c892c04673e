//! The arguments of `cargo xtask kafka`, and the addresses that follow from them.

use std::path::{Path, PathBuf, absolute};

/// All nodes listen on the loopback interface alone.
pub(super) const HOST: &str = "127.0.0.1";

const PORT: u16 = 19092;

/// The highest port to begin at: a node's listeners reach 108 above it.
const PORT_MAX: u16 = 65_000;

/// How a cluster is laid out and set up.
#[derive(Debug, PartialEq)]
pub(super) struct Options {
    /// How many nodes; each is a broker and a controller.
    pub(super) brokers: u16,
    /// Where the first node listens.
    pub(super) port: u16,
    /// The folder of the cluster, absolute: one folder a node, named by its number.
    pub(super) dir: PathBuf,
    pub(super) profile: Profile,
    /// Whether there are listeners with TLS and SASL, and an authorizer.
    pub(super) secure: bool,
    /// Lines of server.properties that override ours.
    pub(super) settings: Vec<(String, String)>,
}

/// What the cluster is for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Profile {
    /// Kafka's own timeouts, memory and compilers for benchmarks.
    Default,
    /// Short timeouts, little memory, a quick start.
    Test,
}

impl Options {
    /// Reads the arguments after `start`, `stop` or `status`. Without `--dir` a cluster lies in
    /// `home`, named by its port.
    pub(super) fn parse(arguments: &[String], home: &Path) -> Result<Self, String> {
        let (mut brokers, mut port, mut dir) = (1, PORT, None);
        let (mut profile, mut secure, mut settings) = (Profile::Default, false, Vec::new());
        let mut rest = arguments.iter();
        while let Some(option) = rest.next() {
            let mut value = || rest.next().ok_or_else(|| format!("{option} needs a value"));
            match option.as_str() {
                "--brokers" => brokers = brokers_of(value()?)?,
                "--port" => port = port_of(value()?)?,
                "--dir" => dir = Some(PathBuf::from(value()?)),
                "--profile" => profile = profile_of(value()?)?,
                "--set" => settings.push(setting_of(value()?)?),
                "--secure" => secure = true,
                _ => return Err(format!("kafka has no option {option}")),
            }
        }
        let dir = dir.unwrap_or_else(|| home.join(port.to_string()));
        let dir = absolute(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
        Ok(Self { brokers, port, dir, profile, secure, settings })
    }

    /// The numbers of the nodes, from 1.
    pub(super) fn nodes(&self) -> impl Iterator<Item = u16> + use<> {
        1..=self.brokers
    }

    /// The listeners for clients of one node: the security protocol, by which a listener is named,
    /// and the port.
    pub(super) fn listeners(&self, node: u16) -> Vec<(&'static str, u16)> {
        let mut listeners = vec![("PLAINTEXT", self.port + 2 * (node - 1))];
        if self.secure {
            let first = self.port + 100 + 3 * (node - 1);
            let secure = ["SSL", "SASL_SSL", "SASL_PLAINTEXT"];
            listeners.extend(secure.into_iter().zip(first..));
        }
        listeners
    }

    /// Where one node's controller listens.
    pub(super) fn controller_port(&self, node: u16) -> u16 {
        self.port + 2 * (node - 1) + 1
    }

    /// What clients without security connect to: `HOST:PORT`, with commas between.
    pub(super) fn bootstrap(&self) -> String {
        let address = |node| format!("{HOST}:{}", self.port + 2 * (node - 1));
        self.nodes().map(address).collect::<Vec<_>>().join(",")
    }
}

fn brokers_of(text: &str) -> Result<u16, String> {
    match text {
        "1" => Ok(1),
        "3" => Ok(3),
        _ => Err(format!("--brokers is 1 or 3, not {text}")),
    }
}

fn port_of(text: &str) -> Result<u16, String> {
    let port = text.parse().ok().filter(|port| (1..=PORT_MAX).contains(port));
    port.ok_or_else(|| format!("--port is a number from 1 to {PORT_MAX}, not {text}"))
}

fn profile_of(text: &str) -> Result<Profile, String> {
    match text {
        "test" => Ok(Profile::Test),
        "default" => Ok(Profile::Default),
        _ => Err(format!("--profile is test or default, not {text}")),
    }
}

fn setting_of(text: &str) -> Result<(String, String), String> {
    let setting = text.split_once('=').map(|(key, value)| (key.trim(), value.trim()));
    match setting {
        Some((key, value)) if !key.is_empty() && !text.contains('\n') => {
            Ok((key.to_owned(), value.to_owned()))
        }
        _ => Err(format!("--set is one line KEY=VALUE of server.properties, not {text}")),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The options of a command line in words, with its folder in `/home-of-it`.
    pub(in crate::kafka) fn parsed(line: &str) -> Result<Options, String> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Options::parse(&words, Path::new("/home-of-it"))
    }

    #[test]
    fn without_arguments_one_broker_stands_at_the_usual_port() {
        let options = parsed("").unwrap();
        assert_eq!(options.bootstrap(), format!("{HOST}:19092"));
        assert_eq!(options.dir, Path::new("/home-of-it/19092"));
        assert_eq!((options.profile, options.secure), (Profile::Default, false));
    }

    #[test]
    fn each_option_is_taken() {
        let line = "--brokers 3 --port 20 --dir /d --profile test --secure --set a=1 --set b=x=y";
        let options = parsed(line).unwrap();
        let settings = [("a", "1"), ("b", "x=y")];
        let settings = settings.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let expected = Options {
            brokers: 3,
            port: 20,
            dir: PathBuf::from("/d"),
            profile: Profile::Test,
            secure: true,
            settings: settings.to_vec(),
        };
        assert_eq!(options, expected);
    }

    #[test]
    fn a_relative_folder_is_of_the_callers_folder() {
        assert!(parsed("--dir d").unwrap().dir.is_absolute());
    }

    #[test]
    fn addresses_do_not_meet() {
        let options = parsed("--brokers 3 --port 100 --secure").unwrap();
        assert_eq!(options.bootstrap(), [100, 102, 104].map(|p| format!("{HOST}:{p}")).join(","));
        let expected =
            [("PLAINTEXT", 102), ("SSL", 203), ("SASL_SSL", 204), ("SASL_PLAINTEXT", 205)];
        assert_eq!(options.listeners(2), expected);
        let clients = options.nodes().flat_map(|node| options.listeners(node));
        let mut ports: Vec<u16> = clients.map(|(_, port)| port).collect();
        ports.extend(options.nodes().map(|node| options.controller_port(node)));
        ports.sort_unstable();
        assert_eq!(ports, (100..106).chain(200..209).collect::<Vec<u16>>());
    }

    #[test]
    fn what_is_wrong_is_said() {
        let wrong = [
            ("--brokers 2", "--brokers is 1 or 3, not 2"),
            ("--port", "--port needs a value"),
            ("--port 65001", "--port is a number from 1 to 65000, not 65001"),
            ("--port 0", "--port is a number from 1 to 65000, not 0"),
            ("--profile quick", "--profile is test or default, not quick"),
            ("--set =1", "--set is one line KEY=VALUE of server.properties, not =1"),
            ("--bootstrap x", "kafka has no option --bootstrap"),
        ];
        for (line, message) in wrong {
            assert_eq!(parsed(line).unwrap_err(), message, "{line}");
        }
    }
}
