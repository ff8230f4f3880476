//! `cargo xtask services`: the real servers that tests need: which are there, and, with `--install`, how they
//! come. Tests start them themselves, on free ports, and stop them; a test whose server is not there says
//! so and is skipped.
//!
//! Each is an entry of [`SERVICES`], and is kept in `services/NAME` of the target directory, where its tests
//! look for it.

use std::path::{Path, PathBuf};

use crate::process::{cargo, passes, target_dir};
use crate::{Failure, Outcome, root, venv};

/// A server.
struct Service {
    /// Its name, and that of its folder.
    name: &'static str,
    /// What it is, where it comes from and what for.
    about: &'static str,
    /// Whether it is there, given its folder.
    is_there: fn(&Path) -> bool,
    /// Installs it into its folder.
    install: fn(&Path) -> Outcome,
}

const SERVICES: &[Service] = &[Service {
    name: "s3",
    about: "moto, from PyPI: checkpoints in a bucket",
    is_there: |folder| venv::has(&folder.join("venv"), &pinned("s3")),
    install: |folder| venv::install(&folder.join("venv"), &pinned("s3")),
}];

/// What `cargo xtask services` takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Install what is missing
    #[arg(long)]
    install: bool,
    /// Only this one
    name: Option<String>,
}

/// The file that pins what a server of Python's consists of.
fn pinned(name: &str) -> PathBuf {
    root().join("xtask/services").join(format!("{name}.txt"))
}

impl Service {
    fn folder(&self) -> PathBuf {
        target_dir().join("services").join(self.name)
    }

    fn is_there(&self) -> bool {
        (self.is_there)(&self.folder())
    }
}

/// Why a server can't be had here, if so. Installs it where it is not.
#[must_use]
pub fn hindrance(name: &str) -> Option<String> {
    let service = SERVICES.iter().find(|service| service.name == name)?;
    let installed = (service.install)(&service.folder());
    installed.err().map(|failure| failure.to_string())
}

/// Runs the command.
///
/// # Errors
/// If there is no server of that name, or one can't be installed.
pub fn run(args: &Args) -> Outcome {
    let wanted = |service: &&Service| args.name.as_deref().is_none_or(|name| name == service.name);
    if !SERVICES.iter().any(|service| wanted(&service)) {
        let names: Vec<&str> = SERVICES.iter().map(|service| service.name).collect();
        return Err(Failure::Found(format!("there are {}", names.join(", "))));
    }
    for service in SERVICES.iter().filter(wanted) {
        if args.install && !service.is_there() {
            (service.install)(&service.folder())?;
        }
        let state = if service.is_there() { "there" } else { "missing" };
        println!("{:10} {state:8} {}", service.name, service.about);
    }
    Ok(())
}

/// Lints and tests of what needs the feature `s3`, which nothing else builds.
///
/// # Errors
/// If one fails.
pub fn test_s3() -> Outcome {
    let feature = [
        "--package",
        "millrace",
        "--package",
        "millrace-runtime",
        "--features",
        "millrace/s3",
    ];
    let mut lints = cargo(&["clippy", "--all-targets"]);
    passes(lints.args(feature).args(["--", "-D", "warnings"]), "see above")?;
    let mut unit = cargo(&[
        "test",
        "--package",
        "millrace-runtime",
        "--features",
        "s3",
        "--lib",
    ]);
    passes(unit.arg("checkpoint"), "see above")?;
    let mut tests = cargo(&[
        "test",
        "--package",
        "millrace",
        "--features",
        "s3",
        "--test",
        "cli",
    ]);
    passes(tests.args(["--", "s3::"]), "see above")
}
