//! `cargo xtask services`: the real servers that tests need: which are there, and, with `--install`, how they
//! come. Tests start them themselves, on free ports, and stop them; a test whose server is not there says so and
//! is skipped.

use crate::{Failure, Outcome};

/// A server.
struct Service {
    /// Its name.
    name: &'static str,
    /// What it is, where it comes from and what for.
    about: &'static str,
    /// Why it can't be used, if so.
    hindrance: fn() -> Option<String>,
    /// Installs it.
    install: fn() -> Result<(), String>,
}

const SERVICES: &[Service] = &[Service {
    name: "kafka",
    about: "Apache Kafka, by Maven: the log in Kafka",
    hindrance: servers::kafka::hindrance,
    install: servers::kafka::install,
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
            (service.install)().map_err(Failure::Found)?;
        }
        let state = (service.hindrance)().unwrap_or_else(|| "there".to_owned());
        println!("{:10} {}; {state}", service.name, service.about);
    }
    Ok(())
}
