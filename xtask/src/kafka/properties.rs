//! The text of a node's server.properties, and what is read from it again.

use std::path::Path;

use super::{
    options::{HOST, Options, Profile},
    secure,
};

const COMMON: &str = include_str!("../../kafka/server.properties");
const TEST: &str = include_str!("../../kafka/test.properties");

/// The settings of one node, from 1, whose files lie in `folder`. The same options make the same
/// text. What `--set` says comes last, as the last of two lines with one key counts.
pub(super) fn server_properties(options: &Options, node: u16, folder: &Path) -> String {
    let mut text = COMMON.to_owned();
    if options.profile == Profile::Test {
        text += TEST;
    }
    text += &place(options, node, folder);
    text += &replication(options.brokers);
    if options.secure {
        text += &secure::properties(&options.dir);
    }
    for (key, value) in &options.settings {
        text += &format!("{key}={value}\n");
    }
    text
}

/// Who the node is, where it listens and where its data lies.
fn place(options: &Options, node: u16, folder: &Path) -> String {
    let voter = |node| format!("{node}@{HOST}:{}", options.controller_port(node));
    let voters = options.nodes().map(voter).collect::<Vec<_>>().join(",");
    let listeners = options.listeners(node);
    let listeners = listeners.iter().map(|(name, port)| format!("{name}://{HOST}:{port}"));
    let listeners = listeners.collect::<Vec<_>>().join(",");
    let controller = options.controller_port(node);
    let logs = folder.join("logs");
    format!(
        "node.id={node}\n\
         controller.quorum.voters={voters}\n\
         listeners={listeners},CONTROLLER://{HOST}:{controller}\n\
         advertised.listeners={listeners}\n\
         log.dirs={}\n",
        logs.display()
    )
}

/// Three brokers keep each record three times and lose none of them with one broker down.
fn replication(brokers: u16) -> String {
    let (replicas, in_sync) = if brokers >= 3 { (3, 2) } else { (1, 1) };
    format!(
        "default.replication.factor={replicas}\n\
         min.insync.replicas={in_sync}\n\
         offsets.topic.replication.factor={replicas}\n\
         transaction.state.log.replication.factor={replicas}\n\
         transaction.state.log.min.isr={in_sync}\n\
         share.coordinator.state.topic.replication.factor={replicas}\n\
         share.coordinator.state.topic.min.isr={in_sync}\n"
    )
}

/// The listeners for clients of a server.properties: names and addresses, the one without security
/// first.
pub(super) fn listeners(server_properties: &str) -> Vec<(&str, &str)> {
    let advertised = |line: &'_ str| line.starts_with("advertised.listeners=");
    let line = server_properties.lines().rfind(|line| advertised(line)).unwrap_or_default();
    let list = line.split_once('=').map_or("", |(_, list)| list);
    list.split(',').filter_map(|listener| listener.split_once("://")).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::kafka::options::tests::parsed;

    /// As Java reads it: of two lines with one key the last counts.
    fn read(text: &str) -> BTreeMap<&str, &str> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.map(|line| line.split_once('=').unwrap()).collect()
    }

    fn second_of_three(more: &str) -> String {
        let options = parsed(&format!("--brokers 3 --port 100 --dir /d {more}")).unwrap();
        server_properties(&options, 2, Path::new("/d/2"))
    }

    #[test]
    fn a_node_knows_its_place_and_its_peers() {
        let text = second_of_three("");
        let properties = read(&text);
        assert_eq!(properties["node.id"], "2");
        let voters = [(1, 101), (2, 103), (3, 105)].map(|(id, port)| format!("{id}@{HOST}:{port}"));
        assert_eq!(properties["controller.quorum.voters"], voters.join(","));
        let clients = format!("PLAINTEXT://{HOST}:102");
        assert_eq!(properties["advertised.listeners"], clients);
        assert_eq!(properties["listeners"], format!("{clients},CONTROLLER://{HOST}:103"));
        assert_eq!(properties["log.dirs"], "/d/2/logs");
    }

    #[test]
    fn three_brokers_replicate_and_one_does_not() {
        let three = second_of_three("");
        let one = server_properties(&parsed("").unwrap(), 1, Path::new("/d/1"));
        for (text, replicas, in_sync) in [(three, "3", "2"), (one, "1", "1")] {
            let properties = read(&text);
            assert_eq!(properties["offsets.topic.replication.factor"], replicas);
            assert_eq!(properties["transaction.state.log.replication.factor"], replicas);
            assert_eq!(properties["transaction.state.log.min.isr"], in_sync);
            assert_eq!(properties["min.insync.replicas"], in_sync);
        }
    }

    #[test]
    fn the_test_profile_has_short_sessions_within_its_own_limits() {
        let text = second_of_three("--profile test");
        let properties = read(&text);
        let number = |key: &str| properties[key].parse::<u32>().unwrap();
        for group in ["group.streams", "group.consumer"] {
            let session = number(&format!("{group}.session.timeout.ms"));
            assert!(session >= number(&format!("{group}.min.session.timeout.ms")));
            let heartbeat = number(&format!("{group}.heartbeat.interval.ms"));
            assert!(heartbeat >= number(&format!("{group}.min.heartbeat.interval.ms")));
            assert!(heartbeat * 3 <= session && session <= 6000);
        }
        assert!(!read(&second_of_three("")).contains_key("group.streams.session.timeout.ms"));
    }

    #[test]
    fn what_is_set_on_the_command_line_overrides() {
        let text = second_of_three("--set num.partitions=7 --set num.partitions=8 --set x.y=a=b");
        let properties = read(&text);
        assert_eq!((properties["num.partitions"], properties["x.y"]), ("8", "a=b"));
    }

    #[test]
    fn listeners_are_read_back() {
        let text = second_of_three("--secure");
        let expected = [
            ("PLAINTEXT", format!("{HOST}:102")),
            ("SSL", format!("{HOST}:203")),
            ("SASL_SSL", format!("{HOST}:204")),
            ("SASL_PLAINTEXT", format!("{HOST}:205")),
        ];
        let read_back = listeners(&text);
        assert!(
            read_back.iter().copied().eq(expected.iter().map(|(n, a)| (*n, a.as_str()))),
            "{read_back:?}"
        );
        assert!(listeners("").is_empty());
    }
}
