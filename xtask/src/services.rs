//! `cargo xtask services`: the real servers that tests need: which are there, and, with `--install`, how they
//! come. Tests start them themselves, on free ports, and stop them; a test whose server is not there says so and
//! is skipped.

use std::path::PathBuf;

use crate::process::target_dir;
use crate::summary::Summary;
use crate::{Failure, Outcome, root, venv};

/// A server.
struct Service {
    /// Its name.
    name: &'static str,
    /// What it is, where it comes from and what for.
    about: &'static str,
    /// Why it can't be used, if so.
    hindrance: fn() -> Option<String>,
    /// Installs it.
    install: fn() -> Outcome,
}

const SERVICES: &[Service] = &[
    Service {
        name: "kafka",
        about: "Apache Kafka, by Maven: the log in Kafka",
        hindrance: servers::kafka::hindrance,
        install: || servers::kafka::install().map_err(Failure::Found),
    },
    Service {
        name: "s3",
        about: "moto, from PyPI: checkpoints in a bucket",
        hindrance: || (!venv::has(&environment("s3"), &pinned("s3"))).then(|| "missing".to_owned()),
        install: || venv::install(&environment("s3"), &pinned("s3")),
    },
];

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

/// Where it lies, and its tests look for it.
fn environment(name: &str) -> PathBuf {
    target_dir().join("services").join(name).join("venv")
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
        if args.install && (service.hindrance)().is_some() {
            (service.install)()?;
        }
        let state = (service.hindrance)().unwrap_or_else(|| "there".to_owned());
        println!("{:10} {}; {state}", service.name, service.about);
    }
    Ok(())
}

/// Installs what is missing; what can't be had is told, and its tests are skipped.
pub fn install_all(summary: &mut Summary) {
    for service in SERVICES {
        let hindrance = (service.hindrance)()
            .and_then(|_| (service.install)().err())
            .map(|failure| failure.to_string());
        summary.step_unless(hindrance, &format!("server {}", service.name), || Ok(()));
    }
}
