//! The `millrace` command: the command line and its wiring; nothing else.
//!
//! Exit status (contract, section 4): 0 well, 1 the answer is bad, 2 wrong usage or configuration, 3 it
//! could not be done. What went wrong is one line on stderr.

mod bench;
mod demo;
mod progress;

use std::path::PathBuf;
use std::process::ExitCode;

use ::bench::Settings;
use clap::{Parser, Subcommand};

/// Commerce on a log: orders, payments, stock and coupons as streams, everything read as incremental views.
#[derive(Debug, Parser)]
#[command(name = "millrace", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Decide a real month of orders and show what became of them.
    ///
    /// The month is December 2010 of the UCI Online Retail data (Daqing Chen, CC BY 4.0), which comes with
    /// the program. Every figure is read from the views; an oracle that knows nothing of the job decides
    /// the month a second time.
    #[command(
        after_help = "Examples:\n  millrace demo --exit\n  millrace demo --exit --file online_retail.csv.gz"
    )]
    Demo {
        /// Stop after the table. (Nothing stays running yet, so this changes nothing today.)
        #[arg(long)]
        exit: bool,
        /// Another file of the same form, plain or gzip, instead of the month.
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Measure how fast and how big, on this machine.
    #[command(after_help = "Examples:\n  millrace bench decide\n  millrace bench memory --json")]
    Bench {
        /// Which: decide, ledger, memory or replay.
        name: String,
        /// How many orders, in a bench of a log of orders.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
        orders: Option<u64>,
        /// Print lines of JSON {bench, metric, value, unit, aim, holds}.
        #[arg(long)]
        json: bool,
    },
}

/// Why a command did not do well.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// The answer is bad: differences, violations.
    #[error("{0}")]
    Bad(String),
    /// Wrong usage or configuration.
    #[error("{0}")]
    Usage(String),
    /// It could not be done.
    #[error("{0}")]
    Undone(String),
}

impl Failure {
    fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Failure::Bad(_) => 1,
            Failure::Usage(_) => 2,
            Failure::Undone(_) => 3,
        })
    }
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let done = match cli.command {
        Command::Demo { exit: _, file } => demo::run(file.as_deref()),
        Command::Bench { name, orders, json } => bench::run(&name, json, Settings { orders }),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("millrace: {failure}");
            failure.exit_code()
        }
    }
}

/// Help and version go to stdout with status 0; a wrong usage is one line on stderr with status 2.
fn usage(error: &clap::Error) -> ExitCode {
    use clap::error::ErrorKind;
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        // Nobody is left to tell if stdout is closed.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let text = error.render().to_string();
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines
        .next()
        .unwrap_or("wrong usage")
        .trim_start_matches("error: ")
        .to_owned();
    let what = if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        "a command is missing".to_owned()
    } else {
        first
    };
    eprintln!("millrace: {what}; see millrace --help");
    ExitCode::from(2)
}
