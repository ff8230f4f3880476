//! An analyst's questions to the file: any SQL that reads, at one epoch, in rows as they come.
//!
//! # Guarantees
//! - Nothing is changed: only one statement that reads is taken ([`super::statement`]), and the connection is
//!   one that can't write, neither to the file nor to another.
//! - All questions of one [`Analyst`] are answered as of the epoch of its frontier, while the store goes on.
//! - Memory does not grow with the answer: rows are handed on as SQLite finds them.
//!
//! While an [`Analyst`] lives the store's write-ahead log can't be emptied, as with any reader that stays.

use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqliteRow};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Decode as _, Row as _, SqliteConnection};
use sqlx::{Executor as _, SqlSafeStr as _, Statement as _, TypeInfo as _, ValueRef as _, query_with};
use tokio::runtime::Runtime;

use super::connection::{code, code_of};
use super::frontier;
use super::schema::{APPLICATION_ID, FORMAT};
use super::statement::{NotAQuery, Place, one_that_reads, places_named};
use crate::Frontier;

/// Instructions of SQLite's after which it asks whether to go on: some milliseconds.
const ASK_EVERY: i32 = 100_000;

/// How long it waits for a lock: there is one while a write-ahead log is recovered.
const BUSY: Duration = Duration::from_secs(5);

/// Why a question was not answered.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The file is no view store that can be read here.
    #[error("{path}: {what}")]
    Store {
        /// The file.
        path: String,
        /// What is wrong, and what to do.
        what: String,
    },
    /// It is not one statement that reads.
    #[error("{0}")]
    NotAQuery(#[from] NotAQuery),
    /// SQLite refused the statement, or failed at it.
    #[error("{what}{}", place.map_or(String::new(), |place| format!(" ({place})")))]
    Sql {
        /// SQLite's message.
        what: String,
        /// Where in the statement.
        place: Option<Place>,
    },
    /// Somebody did not want it to go on.
    #[error("it was stopped")]
    Stopped,
    /// Who took the rows could not.
    #[error("{0}")]
    Taking(#[from] io::Error),
}

/// A value of an answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'a> {
    /// Nothing.
    Null,
    /// A whole number.
    Int(i64),
    /// A double.
    Real(f64),
    /// A text.
    Text(&'a str),
    /// Bytes, or a text that is not UTF-8.
    Blob(&'a [u8]),
}

/// Who takes an answer.
pub trait Rows {
    /// Hears the names of the columns, once, before any row.
    ///
    /// # Errors
    /// If it can't go on.
    fn columns(&mut self, names: &[&str]) -> io::Result<()>;

    /// Takes a row; breaks if it wants no more.
    ///
    /// # Errors
    /// If it can't go on.
    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<ControlFlow<()>>;
}

/// Somebody who asks a view store's file.
pub struct Analyst {
    runtime: Runtime,
    connection: SqliteConnection,
    path: String,
    frontier: Option<Frontier>,
}

impl Analyst {
    /// Opens the file for reading, as of now. What is asked goes on as long as `go_on` says so.
    ///
    /// # Errors
    /// If it is no view store, or one of a newer format, or can't be read.
    pub fn open(path: &Path, go_on: impl FnMut() -> bool + Send + 'static) -> Result<Analyst, AskError> {
        let name = path.display().to_string();
        let failed = |what: String| AskError::Store {
            path: name.clone(),
            what,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.map_err(|error| failed(error.to_string()))?;
        let (connection, frontier) = runtime
            .block_on(async {
                let mut connection = connect(path, go_on).await?;
                check(&mut connection).await?;
                run(&mut connection, "BEGIN").await?;
                let query = query_with(frontier::SELECT, SqliteArguments::default());
                let found = query.fetch_all(&mut connection).await.map_err(|e| unread(&e))?;
                let frontier = frontier::of_rows(&found)
                    .map_err(|column| format!("millrace_frontier was edited ({column})"))?;
                Ok((connection, frontier))
            })
            .map_err(failed)?;
        Ok(Analyst {
            runtime,
            connection,
            path: path.display().to_string(),
            frontier,
        })
    }

    /// Where the store stands; `None`: it is empty.
    #[must_use]
    pub fn frontier(&self) -> Option<&Frontier> {
        self.frontier.as_ref()
    }

    /// Asks.
    ///
    /// # Errors
    /// If it is not one statement that reads, SQLite can't answer it, or `rows` fails.
    pub fn ask(&mut self, sql: &str, rows: &mut dyn Rows) -> Result<(), AskError> {
        let statement = one_that_reads(sql)?;
        let asked = self
            .runtime
            .block_on(answer(&mut self.connection, statement, rows));
        asked.map_err(|error| match error {
            Unanswered::Taking(error) => AskError::Taking(error),
            Unanswered::Sql(error) => self.explained(sql, statement, &error),
        })
    }

    fn explained(&mut self, sql: &str, statement: &str, error: &sqlx::Error) -> AskError {
        match code_of(error) {
            Some(code::INTERRUPT) => return AskError::Stopped,
            Some(code::CORRUPT | code::NOT_A_DATABASE) => {
                return AskError::Store {
                    path: self.path.clone(),
                    what: unread(error),
                };
            }
            _ => {}
        }
        let what = message(error);
        let before = sql.find(statement).unwrap_or(0);
        let at = self.place(statement, &what);
        let place = at.map(|at| Place::of(sql, before + at));
        AskError::Sql { what, place }
    }

    /// Where a message points. A grammar's error is at the first of the places that it may be at with which
    /// the statement can't begin; a name that is unknown is so wherever it stands.
    fn place(&mut self, statement: &str, what: &str) -> Option<usize> {
        let places = places_named(statement, what);
        if !what.starts_with("near ") || places.len() < 2 {
            return places.first().copied();
        }
        let named = what.len() - "near \"\": syntax error".len();
        let runtime = &self.runtime;
        let connection = &mut self.connection;
        places.into_iter().find(|at| {
            let until = (*at + named).min(statement.len());
            let Some(begin) = statement.get(..until) else {
                return false;
            };
            let sql = AssertSqlSafe(begin.to_owned()).into_sql_str();
            let prepared = runtime.block_on(connection.prepare(sql));
            prepared.is_err_and(|error| message(&error) == what)
        })
    }
}

/// Why there is no answer.
enum Unanswered {
    Sql(sqlx::Error),
    Taking(io::Error),
}

impl From<sqlx::Error> for Unanswered {
    fn from(error: sqlx::Error) -> Unanswered {
        Unanswered::Sql(error)
    }
}

impl From<io::Error> for Unanswered {
    fn from(error: io::Error) -> Unanswered {
        Unanswered::Taking(error)
    }
}

async fn connect(
    path: &Path,
    go_on: impl FnMut() -> bool + Send + 'static,
) -> Result<SqliteConnection, String> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .busy_timeout(BUSY)
        .thread_name(|_| "views-analyst".to_owned())
        .disable_statement_logging();
    let mut connection = options.connect().await.map_err(|error| unread(&error))?;
    let handle = connection.lock_handle().await;
    handle
        .map_err(|error| unread(&error))?
        .set_progress_handler(ASK_EVERY, go_on);
    run(&mut connection, "PRAGMA query_only = ON").await?;
    run(&mut connection, "PRAGMA temp_store = MEMORY").await?;
    Ok(connection)
}

/// Sees that the file is a view store of a format that is known here.
async fn check(connection: &mut SqliteConnection) -> Result<(), String> {
    let mut numbers = [0, 0];
    for (number, sql) in numbers
        .iter_mut()
        .zip(["PRAGMA application_id", "PRAGMA user_version"])
    {
        let rows = query_with(sql, SqliteArguments::default())
            .fetch_all(&mut *connection)
            .await;
        let rows = rows.map_err(|error| unread(&error))?;
        *number = rows.first().and_then(|row| row.try_get(0).ok()).unwrap_or(0);
    }
    match numbers {
        [id, _] if id != APPLICATION_ID => Err("the file is no view store of millrace".to_owned()),
        [_, FORMAT] => Ok(()),
        [_, format] if format > FORMAT => Err(format!(
            "the file has format {format}, made by a newer millrace: use that"
        )),
        [_, format] => Err(format!(
            "the file has format {format}, made by an older millrace: use that"
        )),
    }
}

async fn run(connection: &mut SqliteConnection, sql: &'static str) -> Result<(), String> {
    let done = query_with(sql, SqliteArguments::default())
        .execute(connection)
        .await;
    done.map(drop).map_err(|error| unread(&error))
}

async fn answer(connection: &mut SqliteConnection, sql: &str, to: &mut dyn Rows) -> Result<(), Unanswered> {
    let sql = AssertSqlSafe(sql.to_owned()).into_sql_str();
    let statement = connection.prepare(sql.clone()).await?;
    let names: Vec<&str> = statement.columns().iter().map(sqlx::Column::name).collect();
    to.columns(&names)?;
    let mut rows = query_with(sql, SqliteArguments::default()).fetch(connection);
    while let Some(row) = rows.try_next().await? {
        if to.row(&cells(&row)?)?.is_break() {
            break;
        }
    }
    Ok(())
}

fn cells(row: &SqliteRow) -> Result<Vec<Cell<'_>>, sqlx::Error> {
    let cell = |index| {
        let raw = row.try_get_raw(index)?;
        if raw.is_null() {
            return Ok(Cell::Null);
        }
        let decoded = match raw.type_info().name() {
            "INTEGER" => i64::decode(raw).map(Cell::Int),
            "REAL" => f64::decode(raw).map(Cell::Real),
            _ => <&[u8]>::decode(raw).map(Cell::Blob),
        };
        let cell = decoded.map_err(sqlx::Error::Decode)?;
        let is_text = row.try_get_raw(index)?.type_info().name() == "TEXT";
        Ok(match cell {
            Cell::Blob(bytes) if is_text => std::str::from_utf8(bytes).map_or(cell, Cell::Text),
            cell => cell,
        })
    };
    (0..row.len()).map(cell).collect()
}

/// SQLite's own words.
fn message(error: &sqlx::Error) -> String {
    let database = error.as_database_error();
    database.map_or_else(|| error.to_string(), |error| error.message().to_owned())
}

/// Why the file can't be read.
fn unread(error: &sqlx::Error) -> String {
    match code_of(error) {
        Some(code::CORRUPT) => format!("the file is damaged ({}): millrace verify", message(error)),
        Some(code::NOT_A_DATABASE) => "the file is no SQLite database, or damaged".to_owned(),
        Some(code::BUSY | code::LOCKED) => "another program holds a lock on the file".to_owned(),
        Some(code::CAN_NOT_OPEN) => {
            "the file can't be opened: look at its rights, and at those of its folder".to_owned()
        }
        _ => message(error),
    }
}
