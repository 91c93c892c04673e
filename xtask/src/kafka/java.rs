//! How the JVM runs Kafka's classes.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use super::options::Profile;
use crate::system;

/// Kafka's classes, with the memory and compilers of a profile.
pub(super) struct Java {
    profile: Profile,
    lib: PathBuf,
}

impl Java {
    /// With the jars in `lib`.
    pub(super) fn new(profile: Profile, lib: &Path) -> Self {
        Self { profile, lib: lib.to_owned() }
    }

    /// A broker.
    pub(super) fn server(&self, class: &str) -> Command {
        let memory: &[&str] = match self.profile {
            Profile::Default => &["-Xms1g", "-Xmx1g", "-XX:+UseG1GC"],
            Profile::Test => {
                &["-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
            }
        };
        self.command(memory, class)
    }

    /// A tool that soon ends.
    pub(super) fn tool(&self, class: &str) -> Command {
        self.command(&["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"], class)
    }

    fn command(&self, options: &[&str], class: &str) -> Command {
        let mut command = Command::new(system::java());
        command.args(options);
        command.args([
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-Dorg.slf4j.simpleLogger.showDateTime=true",
            "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss.SSS",
        ]);
        command.arg("-classpath").arg(self.lib.join("*")).arg(class);
        command
    }
}
