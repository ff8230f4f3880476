//! Environments of Python's, with exactly what a file pins.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::process::{passes, succeeds};
use crate::{Failure, Outcome};

/// Whether an environment has what `wanted` pins.
#[must_use]
pub fn has(venv: &Path, wanted: &Path) -> bool {
    let text = fs::read(wanted);
    text.is_ok_and(|text| fs::read(venv.join("installed.txt")).is_ok_and(|there| there == text))
}

/// Installs what is pinned, unless it is there.
///
/// # Errors
/// If there is no Python, or pip can't install it.
pub fn install(venv: &Path, wanted: &Path) -> Outcome {
    if has(venv, wanted) {
        return Ok(());
    }
    let text = fs::read(wanted).map_err(Failure::of_file(wanted))?;
    let mut python = Command::new("python3");
    let made = succeeds(python.args(["-m", "venv", "--clear"]).arg(venv));
    if !made.unwrap_or(false) {
        return Err(Failure::Found(
            "there is no python3 that makes environments".to_owned(),
        ));
    }
    let mut pip = Command::new(venv.join("bin/python"));
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--requirement",
    ]);
    passes(pip.arg(wanted), "pip can't install it")?;
    let installed = venv.join("installed.txt");
    fs::write(&installed, text).map_err(Failure::of_file(&installed))
}
