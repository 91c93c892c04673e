//! Listeners with TLS and SASL: certificates, users, and the settings that name them.
//!
//! The certificates lie in the folder of the cluster, for clients too: `ca.pem` to trust,
//! `client.pem` and `client.key` for mutual TLS as [`CLIENT`].

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use super::at;
use crate::cargo;

const SETTINGS: &str = include_str!("../../kafka/secure.properties");

/// Who can log in, by PLAIN and by SCRAM; the password is the name with `-secret` behind.
const USERS: [&str; 3] = ["admin", "alice", "mallory"];

/// Whom the client's certificate names.
const CLIENT: &str = "alice";

/// SCRAM's mechanisms, as they are announced and as keys of settings spell them.
const SCRAM: [&str; 2] = ["SCRAM-SHA-256", "SCRAM-SHA-512"];

/// The listeners that ask for a user, as keys of settings spell them.
const SASL_LISTENERS: [&str; 2] = ["sasl_ssl", "sasl_plaintext"];

const DAYS: &str = "3650";

/// The lines of server.properties for a cluster in `folder`.
pub(super) fn properties(folder: &Path) -> String {
    let file = |name| folder.join(name).display().to_string();
    let mut text = SETTINGS.to_owned();
    text += &format!("ssl.keystore.location={}\n", file("server.pem"));
    text += &format!("ssl.truststore.location={}\n", file("ca.pem"));
    let user = |name: &&str| format!(" user_{name}=\"{}\"", password(name));
    let users: String = USERS.iter().map(user).collect();
    for listener in SASL_LISTENERS {
        let prefix = format!("listener.name.{listener}");
        let package = "org.apache.kafka.common.security";
        text += &format!("{prefix}.sasl.enabled.mechanisms=PLAIN,{}\n", SCRAM.join(","));
        text += &format!(
            "{prefix}.plain.sasl.jaas.config={package}.plain.PlainLoginModule required{users};\n"
        );
        for mechanism in SCRAM.map(str::to_lowercase) {
            text += &format!(
                "{prefix}.{mechanism}.sasl.jaas.config={package}.scram.ScramLoginModule required;\n"
            );
        }
    }
    text
}

/// What the storage tool has to know to let users log in by SCRAM.
pub(super) fn format_arguments() -> Vec<String> {
    let credential = |mechanism: &str, name: &str| {
        format!("{mechanism}=[name={name},password={}]", password(name))
    };
    let all = SCRAM.iter().flat_map(|mechanism| USERS.map(|name| credential(mechanism, name)));
    all.flat_map(|credential| ["--add-scram".to_owned(), credential]).collect()
}

fn password(name: &str) -> String {
    format!("{name}-secret")
}

/// Whether the cluster in `folder` was set up with security.
pub(super) fn has_certificates(folder: &Path) -> bool {
    folder.join("ca.pem").is_file()
}

/// Makes an authority, and certificates signed by it for the brokers and a client.
pub(super) fn ensure_certificates(folder: &Path) -> Result<(), String> {
    if has_certificates(folder) {
        return Ok(());
    }
    eprintln!("making certificates");
    let new_key = "req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -config CONFIG";
    let sign = format!("x509 -req -CA ca.crt -CAkey ca.key -days {DAYS} -extfile CONFIG");
    let names = [("server", "localhost"), ("client", CLIENT)];
    openssl(
        folder,
        &format!(
            "{new_key} -x509 -extensions ca -days {DAYS} -subj /CN=xtask -keyout ca.key -out ca.crt"
        ),
    )?;
    for (serial, (file, name)) in (1..).zip(names) {
        openssl(folder, &format!("{new_key} -subj /CN={name} -keyout {file}.key -out {file}.csr"))?;
        openssl(
            folder,
            &format!(
                "{sign} -in {file}.csr -extensions {file} -set_serial {serial} -out {file}.crt"
            ),
        )?;
    }
    let path = |name: &str| folder.join(name);
    let read = |name: &str| fs::read_to_string(path(name)).map_err(at(&path(name)));
    let write = |name: &str, text: String| fs::write(path(name), text).map_err(at(&path(name)));
    write("server.pem", read("server.key")? + &read("server.crt")?)?;
    write("client.pem", read("client.crt")?)?;
    // The last, as it tells that all others are there.
    write("ca.pem", read("ca.crt")?)
}

/// Runs openssl in `folder`. No argument has a space in it; `CONFIG` stands for our file.
fn openssl(folder: &Path, arguments: &str) -> Result<(), String> {
    let config = cargo::root().join("xtask/kafka/certificates.cnf");
    let mut command = Command::new("openssl");
    for argument in arguments.split(' ') {
        match argument {
            "CONFIG" => command.arg(&config),
            _ => command.arg(argument),
        };
    }
    let output = command.current_dir(folder).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("openssl does not start: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => {
            let told = String::from_utf8_lossy(&output.stderr);
            Err(format!("`openssl {arguments}` failed: {}\n{told}", output.status))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_can_log_in_at_both_listeners_by_each_mechanism() {
        let text = properties(Path::new("/d"));
        for listener in ["sasl_ssl", "sasl_plaintext"] {
            for mechanism in ["plain", "scram-sha-256", "scram-sha-512"] {
                let key = format!("listener.name.{listener}.{mechanism}.sasl.jaas.config=");
                assert!(text.lines().any(|line| line.starts_with(&key)), "{key}");
            }
        }
        assert!(
            text.contains(" required user_admin=\"admin-secret\" user_alice=\"alice-secret\" ")
        );
        assert!(text.contains("\nssl.truststore.location=/d/ca.pem\n"), "{text}");
    }

    #[test]
    fn the_storage_tool_is_told_each_user_with_each_mechanism() {
        let arguments = format_arguments();
        let credentials: Vec<&String> = arguments
            .chunks(2)
            .inspect(|pair| assert_eq!(pair[0], "--add-scram"))
            .map(|p| &p[1])
            .collect();
        assert_eq!(credentials.len(), 6);
        let expected = "SCRAM-SHA-512=[name=mallory,password=mallory-secret]";
        assert!(credentials.iter().any(|credential| *credential == expected), "{credentials:?}");
    }
}
