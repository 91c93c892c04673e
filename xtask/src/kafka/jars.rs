//! The jars of Kafka, fetched once by Maven.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::at;
use crate::cargo;

/// Which jars: what Maven reads, and once they are all there, what lies beside them.
const POM: &str = include_str!("../../kafka/pom.xml");

/// The folder of the jars, in `home`. They are fetched when it was another list last time.
pub(super) fn ensure(home: &Path) -> Result<PathBuf, String> {
    fs::create_dir_all(home).map_err(at(home))?;
    let _locked = lock(home)?;
    let lib = home.join("lib");
    if fs::read_to_string(lib.join("pom.xml")).is_ok_and(|fetched| fetched == POM) {
        return Ok(lib);
    }
    eprintln!("fetching Kafka's jars by Maven, once");
    // Elsewhere first, so that a run that is interrupted leaves no half of them.
    let fresh = home.join("lib.new");
    remove(&fresh)?;
    fetch(&fresh)?;
    fs::write(fresh.join("pom.xml"), POM).map_err(at(&fresh))?;
    remove(&lib)?;
    fs::rename(&fresh, &lib).map_err(at(&lib))?;
    Ok(lib)
}

fn fetch(folder: &Path) -> Result<(), String> {
    let mut maven = Command::new("mvn");
    maven
        .args(["--quiet", "--batch-mode", "--file"])
        .arg(cargo::root().join("xtask/kafka/pom.xml"));
    maven.arg("dependency:copy-dependencies");
    maven.arg(format!("-DoutputDirectory={}", folder.display()));
    // Nothing but the addresses of the brokers may go to our output.
    let status = maven.stdin(Stdio::null()).stdout(io::stderr()).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("Maven could not fetch Kafka's jars, see above: {status}")),
        Err(error) => Err(format!("mvn does not start: {error}")),
    }
}

/// Holds others off `folder` until the file is dropped.
pub(super) fn lock(folder: &Path) -> Result<File, String> {
    let path = folder.join("lock");
    let file = File::options().create(true).append(true).open(&path).map_err(at(&path))?;
    file.lock().map_err(at(&path))?;
    Ok(file)
}

/// Removes a folder that may not be there.
fn remove(folder: &Path) -> Result<(), String> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(folder)(error)),
        _ => Ok(()),
    }
}
