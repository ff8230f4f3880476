//! `millrace query`: SQL on the views, read-only, as of one epoch, beside whatever runs.

pub mod form;
mod json;
mod table;

use std::io::{IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sinks::Frontier;
use sinks::sqlite::{Analyst, AskError, Rows};

use self::form::{Csv, WithEpoch};
use self::json::{Array, Lines};
use self::table::Table;
use crate::Failure;
use crate::diff;
use crate::signals::Signals;

/// SQL may have so many bytes.
const SQL_BYTES_MAX: u64 = 1 << 20;

/// What an answer looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people; what is too wide for a terminal is cut.
    Table,
    /// As in RFC 4180, with names in the first line. Null is nothing, an empty text is "".
    Csv,
    /// A JSON array of objects.
    Json,
    /// An object a line.
    Ndjson,
}

/// What is asked for.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("what").required(true).args(["sql", "file", "tables"])))]
pub struct Args {
    /// One statement that reads; - takes it from stdin.
    sql: Option<String>,
    /// Take it from a file.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// List tables and columns, with what they mean; of one of them if it is named.
    #[arg(long, value_name = "TABLE", num_args = 0..=1, default_missing_value = "")]
    tables: Option<String>,
    /// What the answer looks like.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Rows of a table that are shown, at most; the other formats have no limit.
    #[arg(long, value_name = "N", default_value_t = 1000,
          value_parser = clap::value_parser!(u64).range(1..=100_000))]
    rows: u64,
    /// Give up after so many seconds.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    timeout: Option<u32>,
    /// Add the epoch to each row, as the column as_of.
    #[arg(long)]
    epoch: bool,
    /// Don't say on stderr as of which epoch it is.
    #[arg(long)]
    quiet: bool,
    /// The data directory, or a view store's file.
    #[arg(long, value_name = "DIR", default_value = "./millrace-data")]
    data: PathBuf,
}

/// Asks, and prints the answer.
pub fn run(args: &Args) -> Result<(), Failure> {
    let sql = sql(args)?;
    let mut asking = Asking::open(&args.data, args.timeout)?;
    let sql = match &args.tables {
        Some(table) => asking.listing(table)?,
        None => sql,
    };
    if !args.quiet {
        eprintln!("{}", as_of(asking.frontier()));
    }
    let out = std::io::BufWriter::new(std::io::stdout().lock());
    match args.format {
        Format::Table if args.tables.is_some() => asking.ask(&sql, args, table::Listing::new(out)),
        Format::Table => {
            let width = std::io::stdout().is_terminal().then(table::terminal_columns);
            asking.ask(&sql, args, Table::new(out, args.rows, width))
        }
        Format::Csv => asking.ask(&sql, args, Csv::new(out)),
        Format::Json => asking.ask(&sql, args, Array::new(out)),
        Format::Ndjson => asking.ask(&sql, args, Lines::new(out)),
    }
}

/// What is asked, as it was given.
fn sql(args: &Args) -> Result<String, Failure> {
    let failed = |what: &str, error: std::io::Error| Failure::Undone(format!("{what}: {error}"));
    let mut text = String::new();
    let (name, read) = match (&args.file, args.sql.as_deref()) {
        (Some(file), _) => {
            let name = file.display().to_string();
            let opened = std::fs::File::open(file).map_err(|error| failed(&name, error))?;
            (name, opened.take(SQL_BYTES_MAX + 1).read_to_string(&mut text))
        }
        (None, Some("-")) => {
            let read = std::io::stdin().take(SQL_BYTES_MAX + 1).read_to_string(&mut text);
            ("stdin".to_owned(), read)
        }
        (None, sql) => return Ok(sql.unwrap_or_default().to_owned()),
    };
    read.map_err(|error| failed(&name, error))?;
    if text.len() as u64 > SQL_BYTES_MAX {
        return Err(Failure::Usage(format!(
            "{name} has more than {SQL_BYTES_MAX} bytes"
        )));
    }
    Ok(text)
}

/// Somebody who takes an answer and has an end to write.
pub trait Answer: Rows {
    /// Writes what is left.
    fn end(&mut self) -> std::io::Result<()>;
}

/// A view store that is asked.
pub struct Asking {
    analyst: Analyst,
    signals: Signals,
    limit: Option<(Instant, u32)>,
}

impl Asking {
    /// Opens the store of a data directory.
    pub fn open(data: &Path, timeout_s: Option<u32>) -> Result<Asking, Failure> {
        let store = diff::store(data)?;
        let signals = Signals::new()?;
        let in_time = |seconds: u32| (Instant::now() + Duration::from_secs(seconds.into()), seconds);
        let limit = timeout_s.map(in_time);
        let heard = signals.clone();
        let go_on = move || !heard.stop() && limit.is_none_or(|(until, _)| Instant::now() < until);
        let analyst = Analyst::open(&store, go_on);
        let analyst = analyst.map_err(|error| Failure::Undone(error.to_string()))?;
        Ok(Asking {
            analyst,
            signals,
            limit,
        })
    }

    /// Where the store stands.
    pub fn frontier(&self) -> Option<&Frontier> {
        self.analyst.frontier()
    }

    /// Why it was stopped.
    fn stopped(&self) -> Failure {
        let what = match self.limit.filter(|(until, _)| Instant::now() >= *until) {
            Some((_, seconds)) if !self.signals.stop() => format!("not done within {seconds} s"),
            _ => "interrupted".to_owned(),
        };
        Failure::Undone(what)
    }

    fn ask<A: Answer>(&mut self, sql: &str, args: &Args, answer: A) -> Result<(), Failure> {
        if args.epoch {
            let epoch = self.analyst.frontier().map_or(0, |found| found.epoch.0);
            return self.answer(sql, &mut WithEpoch::new(answer, epoch));
        }
        let mut answer = answer;
        self.answer(sql, &mut answer)
    }

    /// Has a question answered. A reader that went away is no failure.
    pub fn answer(&mut self, sql: &str, answer: &mut dyn Answer) -> Result<(), Failure> {
        let asked = self.try_answer(sql, answer);
        asked.map_err(|error| self.failure(&error))
    }

    /// The same; why it was not answered.
    pub fn try_answer(&mut self, sql: &str, answer: &mut dyn Answer) -> Result<(), AskError> {
        let asked = self.analyst.ask(sql, answer);
        match asked.and_then(|()| answer.end().map_err(AskError::Taking)) {
            Err(AskError::Taking(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            ended => ended,
        }
    }

    /// What it means that something was not answered.
    pub fn failure(&self, error: &AskError) -> Failure {
        let text = error.to_string();
        let line = text
            .split(['\n', '\r'])
            .map(str::trim)
            .collect::<Vec<_>>()
            .join(" ");
        match error {
            AskError::Stopped => self.stopped(),
            AskError::NotAQuery(_) | AskError::Sql { .. } => Failure::Usage(line),
            AskError::Taking(error) if error.raw_os_error().is_some() => {
                Failure::Undone(format!("stdout: {line}"))
            }
            _ => Failure::Undone(line),
        }
    }

    /// The question for what `--tables` lists.
    fn listing(&mut self, table: &str) -> Result<String, Failure> {
        let mut names = Names::default();
        self.answer(
            "SELECT name FROM millrace_views WHERE \"column\" = ''",
            &mut names,
        )?;
        if !table.is_empty() && !names.0.iter().any(|name| name == table) {
            return Err(Failure::Usage(format!(
                "there is no table {table}; millrace query --tables lists them"
            )));
        }
        let only = match table {
            "" => String::new(),
            // A name that is in the store: it has no quote in it.
            name => format!("WHERE v.name = '{name}' "),
        };
        Ok(format!(
            "SELECT v.name AS \"table\", v.\"column\", v.type, v.meaning FROM millrace_views AS v \
             JOIN sqlite_schema AS s ON s.name = v.name \
             LEFT JOIN pragma_table_info(v.name) AS c ON c.name = v.\"column\" \
             {only}ORDER BY s.rowid, coalesce(c.cid, -1)"
        ))
    }
}

/// As of when an answer is.
pub fn as_of(frontier: Option<&Frontier>) -> String {
    frontier.map_or("the view store is empty".to_owned(), |found| {
        format!("as of epoch {}, {}", found.epoch.0, found.clock)
    })
}

/// Takes texts.
#[derive(Default)]
struct Names(Vec<String>);

impl Rows for Names {
    fn columns(&mut self, _: &[&str]) -> std::io::Result<()> {
        Ok(())
    }

    fn row(&mut self, cells: &[sinks::sqlite::Cell<'_>]) -> std::io::Result<std::ops::ControlFlow<()>> {
        if let [sinks::sqlite::Cell::Text(name)] = cells {
            self.0.push((*name).to_owned());
        }
        Ok(std::ops::ControlFlow::Continue(()))
    }
}

impl Answer for Names {
    fn end(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
