//! The `millrace` command: what was asked for is loaded and run; nothing else.
//!
//! Exit status (contract, section 4): 0 well, 1 the answer is bad, 2 wrong usage or configuration, 3 it
//! could not be done. What went wrong is one line on stderr.

mod backup;
mod bench;
mod changelog;
mod checkpoints;
mod cli;
mod client;
mod config;
mod data;
mod demo;
mod diff;
mod export;
mod generate;
mod import;
#[cfg(feature = "kill-points")]
mod kill;
mod log;
mod output;
mod progress;
mod query;
mod rebuild;
mod reference;
mod serve;
mod signals;
mod up;
mod verify;

use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};
use cli::{CheckpointCommand, Cli, ClockCommand, Command, ConfigCommand, LogCommand, Source};
use config::Config;
use runtime::panics;
use tracing_subscriber::EnvFilter;

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
        Command::Up { settings, .. } => Some(settings.load()?),
        _ => None,
    };
    logging(config.as_ref())?;
    match command {
        Command::Up { skip, .. } => up::run(&config.unwrap_or_default(), &skip),
        Command::Config(command) => configured(&command),
        Command::Demo(args) => demo::run(&args),
        Command::Generate(args) => generate::run(&args),
        Command::Import(Source::OnlineRetail { file, data }) => import::run(&file, &data.data),
        Command::Import(Source::FilmReviews { file, data }) => import::film_reviews(&file, &data.data),
        Command::Log(LogCommand::Cat { topic, range, place }) => log::cat(&place.load()?, &topic, range),
        Command::Log(LogCommand::Append { topic, place }) => log::append(&place.load()?, &topic),
        Command::Log(LogCommand::Trim { place }) => checkpoints::trim(&place.load()?),
        Command::Checkpoints(CheckpointCommand::List { place }) => checkpoints::list(&place.load()?),
        Command::Checkpoints(CheckpointCommand::Verify { place }) => checkpoints::verify(&place.load()?),
        Command::Checkpoints(CheckpointCommand::Prune { keep, place }) => {
            checkpoints::remove(&place.load()?, keep.map(usize::from))
        }
        Command::Backup { dir, place } => backup::take(&place.load()?, &dir),
        Command::Restore { dir, place } => backup::restore(&place.load()?, &dir),
        Command::Rebuild {
            settings,
            accept: true,
            ..
        } => rebuild::accept(&settings.load()?),
        Command::Rebuild { until, settings, .. } => rebuild::run(&settings.load()?, until),
        Command::Diff {
            a,
            b,
            at,
            show,
            token,
        } => diff::run([&a, &b], at, show, token),
        Command::Query(args) => query::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Verify { place } => verify::run(&place.load()?),
        Command::Clock(ClockCommand::Accept { data }) => up::accept_clock(&data.data),
        Command::Completions { shell } => reference::completions(Cli::command(), shell),
        Command::Man { dir } => reference::man(Cli::command(), dir.as_deref()),
        #[cfg(feature = "kill-points")]
        Command::KillPoints => kill::list(),
        Command::Bench {
            name,
            orders,
            rate,
            brokers,
            bare,
            restart,
            json,
        } => {
            let settings = ::bench::Settings {
                orders,
                rate: rate.map(f64::from),
                brokers,
                bare,
                restart,
                ..::bench::Settings::default()
            };
            bench::run(&name, json, settings)
        }
    }
}

fn configured(command: &ConfigCommand) -> Result<(), Failure> {
    match command {
        ConfigCommand::Show { settings } => output::print(&settings.load()?.show()),
        ConfigCommand::Check { settings } => {
            settings.load()?.check()?;
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
    let mut first = lines
        .next()
        .unwrap_or("wrong usage")
        .trim_start_matches("error: ")
        .to_owned();
    if first.ends_with(':') {
        // What it is about stands in the lines below.
        for line in lines.take_while(|line| !line.starts_with("Usage")) {
            first = format!("{first} {line}");
        }
    }
    let what = if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        "a command is missing".to_owned()
    } else {
        first
    };
    eprintln!("millrace: {what}; see millrace --help");
    ExitCode::from(2)
}
