//! The project's tooling: `cargo xtask <command>`. Nothing here ships.
//!
//! - `test`: every test, then the fuzz targets briefly.
//! - `fuzz`: the fuzz targets, for as long as asked.
//! - `schema`: writes the files that are generated from the contract.
//! - `mutants`: breaks the job in many ways and reports what the tests don't notice.
//! - `crash`: kills a running millrace at random and at named points, and looks what it left.
//! - `schemathesis`: asks a running millrace for what its openapi.json does not say.
//! - `services`: the real servers that tests need, and how they come.
//! - `bench-kafka`: `millrace bench kafka` against a broker of our own.
//! - `ci`: everything that must pass before a change is taken; what `.ci/run` calls.

mod bench_kafka;
mod ci;
mod crash;
mod fuzz;
mod mutants;
mod process;
mod schema;
mod schemathesis;
mod services;
mod summary;
mod test;
mod venv;

use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Something that keeps a command from doing its work, in words for whoever called it.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The command found what it looks for: tests that fail, mutants that survive.
    #[error("{0}")]
    Found(String),
    /// A program could not be started or waited for.
    #[error("{program} could not be run: {cause}")]
    Program {
        /// The program.
        program: String,
        /// Why.
        cause: std::io::Error,
    },
    /// A file could not be read or written.
    #[error("{path}: {cause}")]
    File {
        /// The file.
        path: String,
        /// Why.
        cause: std::io::Error,
    },
}

impl Failure {
    /// What becomes of an error of a file.
    pub fn of_file(path: &Path) -> impl FnOnce(std::io::Error) -> Failure {
        let path = path.display().to_string();
        move |cause| Failure::File { path, cause }
    }
}

/// What a command ends with.
pub type Outcome<T = ()> = Result<T, Failure>;

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    about = "The project's own tooling",
    max_term_width = 100
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs every test, then each fuzz target for a few seconds
    Test {
        /// Seconds for each fuzz target; 0 leaves them out
        #[arg(long, default_value_t = 5)]
        fuzz_seconds: u64,
    },
    /// Fuzzes each target, or one
    Fuzz {
        /// Seconds for each target
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        /// Only this target
        target: Option<String>,
    },
    /// Writes the files that are generated from the contract
    Schema,
    /// Breaks the job in many ways, one at a time, and reports what no test notices
    Mutants(mutants::Args),
    /// Kills a running millrace again and again, at random and at named points, and verifies what it left
    Crash(crash::Args),
    /// Asks a running millrace for what its openapi.json does not say, with schemathesis from PyPI
    Schemathesis(schemathesis::Args),
    /// Lists the real servers that tests need, and installs them
    Services(services::Args),
    /// Runs `millrace bench kafka` against a broker of our own
    BenchKafka(bench_kafka::Args),
    /// Everything that must pass before a change is taken: README's command, formatting, lints, tests
    Ci,
}

/// The workspace's root.
#[must_use]
pub fn root() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask)
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Test { fuzz_seconds } => test::run(fuzz_seconds),
        Command::Fuzz { seconds, target } => fuzz::run(seconds, target.as_deref()),
        Command::Schema => schema::run(),
        Command::Mutants(args) => mutants::run(&args),
        Command::Crash(args) => crash::run(&args),
        Command::Schemathesis(args) => schemathesis::run(&args),
        Command::Services(args) => services::run(&args),
        Command::BenchKafka(args) => bench_kafka::run(&args),
        Command::Ci => ci::run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}
