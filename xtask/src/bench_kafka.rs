//! `cargo xtask bench-kafka`: `millrace bench kafka` against a broker of our own, which ends with it.

use crate::process::{cargo, passes, target_dir};
use crate::{Failure, Outcome};
use servers::kafka::{Kafka, hindrance};
use std::process::Command;

/// What `cargo xtask bench-kafka` takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What goes to `millrace bench kafka`, such as `--orders 50000`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    bench: Vec<String>,
}

/// Runs the command.
///
/// # Errors
/// If there is no broker, or the bench fails.
pub fn run(args: &Args) -> Outcome {
    if let Some(why) = hindrance() {
        return Err(Failure::Found(why));
    }
    let build = &[
        "build",
        "--release",
        "--package",
        "millrace",
        "--features",
        "kafka",
    ];
    passes(&mut cargo(build), "millrace could not be built")?;
    let kafka = Kafka::start().map_err(Failure::Found)?;
    let mut bench = Command::new(target_dir().join("release/millrace"));
    bench
        .args(["bench", "kafka", "--brokers", &kafka.brokers()])
        .args(&args.bench);
    passes(&mut bench, "the bench failed")
}
