//! Calling cargo from within cargo.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

/// The folder of the workspace.
pub(crate) fn root() -> &'static Path {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest)
}

/// Where cargo builds, however it was told to: two folders above this executable.
pub(crate) fn target() -> PathBuf {
    let executable = env::current_exe().ok();
    let target = executable.as_deref().and_then(|path| path.ancestors().nth(2));
    target.map_or_else(|| root().join("target"), Path::to_owned)
}

/// The cargo that runs this command, in the folder of its user; `subcommand` gets the workspace's
/// manifest, so that any folder will do.
pub(crate) fn cargo(subcommand: &str) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.arg(subcommand).arg("--manifest-path").arg(root().join("Cargo.toml"));
    command.env("CARGO_TARGET_DIR", target());
    // What cargo told this program about its own package is no setting of another build: build
    // scripts that look at it (ring's does) would run again.
    let own = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(own) {
            command.env_remove(name);
        }
    }
    command
}

/// Becomes `command`: signals reach it, and nothing is left between it and the terminal.
#[cfg(unix)]
pub(crate) fn become_command(mut command: Command) -> crate::Outcome {
    use std::os::unix::process::CommandExt;
    let error = command.exec();
    Err(format!("{} could not be started: {error}", command.get_program().display()))
}

/// Runs `command` to its end.
#[cfg(not(unix))]
pub(crate) fn become_command(mut command: Command) -> crate::Outcome {
    let status =
        command.status().map_err(|error| format!("cargo could not be started: {error}"))?;
    Ok(if status.success() {
        std::process::ExitCode::SUCCESS
    } else {
        std::process::ExitCode::FAILURE
    })
}
