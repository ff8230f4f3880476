//! The `millrace` command: the command line and its wiring; nothing else.
//!
//! Exit status (contract, section 4): 0 well, 1 the answer is bad, 2 wrong usage or configuration, 3 it
//! could not be done. What went wrong is one line on stderr.

mod bench;
mod config;
mod data;
mod demo;
mod import;
#[cfg(feature = "kill-points")]
mod kill;
mod log;
mod output;
mod progress;
mod serve;
mod signals;
mod up;
mod verify;

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use config::Config;
use runtime::dataflow::WORKERS_MAX;
use runtime::panics;
use tracing_subscriber::EnvFilter;

/// Commerce on a log: orders, payments, stock and coupons as streams, everything read as incremental views.
#[derive(Debug, Parser)]
#[command(name = "millrace", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run on a data directory until asked to stop.
    ///
    /// Records that come are bound to epochs and decided; the views are in DIR/views.sqlite. SIGINT and
    /// SIGTERM stop it. HTTP is served at ADDR: commands, reads, live changes, /docs. With a token (api.token)
    /// every request must bring that as a bearer token.
    #[command(
        after_help = "Examples:\n  millrace up\n  millrace up --data /srv/shop --workers 4\n  \
                      MILLRACE_API_TOKEN=s3cret millrace up --listen 0.0.0.0:8080"
    )]
    Up {
        #[command(flatten)]
        settings: Settings,
    },
    /// Decide a real month of orders and show what became of them.
    ///
    /// The month is December 2010 of the UCI Online Retail data (Daqing Chen, CC BY 4.0), which comes with
    /// the program. It goes through the log and into the view store, in a directory that is gone afterwards.
    /// Every figure is read from the views; an oracle that knows nothing of the job decides the month a
    /// second time.
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
        /// Keep log and views in this directory, which must be new.
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        #[command(flatten)]
        workers: Workers,
    },
    /// Bring a shop's history into the log, bound with the clock of its own time.
    #[command(subcommand)]
    Import(Source),
    /// Read and write the log while nothing runs.
    #[command(subcommand)]
    Log(LogCommand),
    /// Compare the view store with what an oracle makes of the log. Status 1 if they differ.
    #[command(after_help = "Examples:\n  millrace verify\n  millrace verify --data /srv/shop")]
    Verify {
        #[command(flatten)]
        data: DataArg,
    },
    /// What is configured: by default, in millrace.toml, in the environment, by flags.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// The clock of a running millrace.
    #[command(subcommand)]
    Clock(ClockCommand),
    /// The points at which `MILLRACE_KILL=NAME:N` ends the process, a line each.
    #[cfg(feature = "kill-points")]
    KillPoints,
    /// Measure how fast and how big, on this machine.
    #[command(
        after_help = "Examples:\n  millrace bench decide\n  millrace bench memory --json\n  millrace bench latency --rate 5000"
    )]
    Bench {
        /// Which: decide, epoch, flash-sale, latency, ledger, memory, read or replay.
        name: String,
        /// How many orders, in a bench of a log of orders.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
        orders: Option<u64>,
        /// Requests a second, in a bench that keeps up a rate.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
        rate: Option<u32>,
        /// Serve a route that answers with so many bytes, for a bench that compares with it.
        #[arg(long, value_name = "BYTES", hide = true)]
        bare: Option<usize>,
        /// Print lines of JSON {bench, metric, value, unit, aim, holds}.
        #[arg(long)]
        json: bool,
    },
}

/// Flags that stand for settings.
#[derive(Debug, clap::Args)]
struct Settings {
    /// The file of settings; by default ./millrace.toml, if it is there.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The data directory (data.directory); by default ./millrace-data.
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
    /// How many threads decode and compute views (runtime.workers); by default the number of cores.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: Option<u16>,
    /// Where the API listens (api.listen); by default 127.0.0.1:8080. Port 0 takes any that is free.
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// Listen on other addresses than loopback without a token (api.insecure).
    #[arg(long)]
    insecure: bool,
}

impl Settings {
    fn load(&self) -> Result<Config, Failure> {
        let flags = [
            ("data.directory", self.data.clone()),
            ("runtime.workers", self.workers.map(|n| n.to_string())),
            ("api.listen", self.listen.clone()),
            ("api.insecure", self.insecure.then(|| "true".to_owned())),
        ];
        Config::load(self.config.as_deref(), std::env::vars(), &flags)
    }
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Print what is in force, and who said so.
    Show {
        #[command(flatten)]
        settings: Settings,
    },
    /// Say whether it can be used. Status 2 if not.
    Check {
        #[command(flatten)]
        settings: Settings,
    },
    /// Print a documented file with all defaults.
    Default,
}

#[derive(Debug, clap::Args)]
struct DataArg {
    /// The data directory.
    #[arg(long, value_name = "DIR", default_value = "./millrace-data")]
    data: PathBuf,
}

#[derive(Debug, clap::Args)]
struct Workers {
    /// How many threads decode and compute views: 1 to 256; by default the number of cores.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: Option<u16>,
}

impl Workers {
    fn count(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        self.workers.map_or_else(cores, usize::from).min(WORKERS_MAX)
    }
}

#[derive(Debug, Subcommand)]
enum Source {
    /// The UCI Online Retail data, or any file of its form, plain or gzip.
    #[command(after_help = "Examples:\n  millrace import online-retail online_retail.csv.gz")]
    OnlineRetail {
        /// The file.
        file: PathBuf,
        #[command(flatten)]
        data: DataArg,
    },
}

#[derive(Debug, Subcommand)]
enum LogCommand {
    /// Print records: a line of JSON {partition, offset, timestamp, key, value} each.
    ///
    /// Keys and values that are not UTF-8 are key_base64 and value_base64.
    #[command(
        after_help = "Examples:\n  millrace log cat orders\n  millrace log cat timeline --from 10 --until 20"
    )]
    Cat {
        /// The topic: operations to reviews, or timeline.
        topic: String,
        #[command(flatten)]
        range: log::Range,
        #[command(flatten)]
        data: DataArg,
    },
    /// Append records from stdin: a line of JSON {key, value} or {key_base64, value_base64} each.
    ///
    /// What they hold is not checked. A bad line appends nothing at all.
    #[command(after_help = "Examples:\n  millrace log append orders < orders.ndjson")]
    Append {
        /// The topic.
        topic: String,
        #[command(flatten)]
        data: DataArg,
    },
}

#[derive(Debug, Subcommand)]
enum ClockCommand {
    /// Take the wall clock as it is, after it jumped ahead and stopped the binding of epochs.
    Accept {
        #[command(flatten)]
        data: DataArg,
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
    panics::abort_on_panic();
    let done = run(cli.command);
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("millrace: {failure}");
            failure.exit_code()
        }
    }
}

fn run(command: Command) -> Result<(), Failure> {
    let config = match &command {
        Command::Up { settings } => Some(settings.load()?),
        _ => None,
    };
    logging(config.as_ref())?;
    match command {
        Command::Up { .. } => up::run(&config.unwrap_or_default()),
        Command::Config(command) => configured(&command),
        Command::Demo {
            exit: _,
            file,
            data,
            workers,
        } => demo::run(file.as_deref(), data.as_deref(), workers.count()),
        Command::Import(Source::OnlineRetail { file, data }) => import::run(&file, &data.data),
        Command::Log(LogCommand::Cat { topic, range, data }) => log::cat(&data.data, &topic, range),
        Command::Log(LogCommand::Append { topic, data }) => log::append(&data.data, &topic),
        Command::Verify { data } => verify::run(&data.data),
        Command::Clock(ClockCommand::Accept { data }) => up::accept_clock(&data.data),
        #[cfg(feature = "kill-points")]
        Command::KillPoints => kill::list(),
        Command::Bench {
            name,
            orders,
            rate,
            bare,
            json,
        } => {
            let rate = rate.map(f64::from);
            bench::run(&name, json, ::bench::Settings { orders, rate, bare })
        }
    }
}

fn configured(command: &ConfigCommand) -> Result<(), Failure> {
    match command {
        ConfigCommand::Show { settings } => output::print(&settings.load()?.show()),
        ConfigCommand::Check { settings } => {
            settings.load()?;
            output::print("the configuration can be used\n")
        }
        ConfigCommand::Default => output::print(&config::default_file()),
    }
}

/// Logs go to stderr: what `RUST_LOG` asks for, else warnings, or, of `millrace up`, what is configured.
fn logging(config: Option<&Config>) -> Result<(), Failure> {
    let terminal = std::io::stderr().is_terminal();
    let usual = config.map_or("warn", Config::log_filter);
    let filter = EnvFilter::try_from_default_env().or_else(|_| EnvFilter::try_new(usual));
    let filter = filter.map_err(|error| Failure::Usage(format!("logging.filter: {usual}: {error}")))?;
    let format = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    if config.is_some_and(|config| config.log_json(terminal)) {
        format.json().flatten_event(true).init();
    } else {
        format.with_target(false).with_ansi(terminal).init();
    }
    Ok(())
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
