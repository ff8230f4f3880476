//! Running other programs, mostly cargo.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::{Failure, Outcome, root};

/// How often a program with a time limit is looked at.
const POLL: Duration = Duration::from_millis(50);

/// Cargo, in the workspace's root, without input.
#[must_use]
pub fn cargo(args: &[&str]) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    command.args(args).current_dir(root()).stdin(Stdio::null());
    command
}

/// Where cargo puts what it builds of the workspace.
#[must_use]
pub fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

fn program(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

fn failure(command: &Command) -> impl FnOnce(std::io::Error) -> Failure {
    let program = program(command);
    move |cause| Failure::Program { program, cause }
}

/// Runs a program to its end. Whether it succeeded.
///
/// # Errors
/// If it can't be run.
pub fn succeeds(command: &mut Command) -> Outcome<bool> {
    let status = command.status().map_err(failure(command))?;
    Ok(status.success())
}

/// Fails with a hint if a program does.
///
/// # Errors
/// If the program fails or can't be run.
pub fn passes(command: &mut Command, hint: &str) -> Outcome {
    if succeeds(command)? {
        return Ok(());
    }
    Err(Failure::Found(hint.to_owned()))
}

/// Runs a program to its end, passing each line of its output on, and showing it to `line`. Whether it
/// succeeded.
///
/// # Errors
/// If it can't be run.
pub fn watched(command: &mut Command, mut line: impl FnMut(&str)) -> Outcome<bool> {
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(failure(command))?;
    if let Some(stdout) = child.stdout.take() {
        for text in BufReader::new(stdout).split(b'\n') {
            let text = text.map_err(failure(command))?;
            let text = String::from_utf8_lossy(&text);
            println!("{text}");
            line(&text);
        }
    }
    let status = child.wait().map_err(failure(command))?;
    Ok(status.success())
}

/// How a program with a time limit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// By itself.
    Exited(ExitStatus),
    /// It was stopped when its time was over.
    TimedOut,
}

/// Runs a program and all that it starts, but no longer than `limit`.
///
/// # Errors
/// If it can't be run.
pub fn limited(command: &mut Command, limit: Duration) -> Outcome<Ended> {
    let started = Instant::now();
    let mut child = command.process_group(0).spawn().map_err(failure(command))?;
    loop {
        if let Some(status) = child.try_wait().map_err(failure(command))? {
            return Ok(Ended::Exited(status));
        }
        if started.elapsed() > limit {
            stop(&mut child)?;
            return Ok(Ended::TimedOut);
        }
        std::thread::sleep(POLL);
    }
}

/// Stops a program that leads a process group, and the group.
fn stop(child: &mut Child) -> Outcome {
    let group = format!("-{}", child.id());
    succeeds(Command::new("kill").args(["-KILL", "--", &group]))?;
    child.wait().map_err(|cause| Failure::Program {
        program: group,
        cause,
    })?;
    Ok(())
}
