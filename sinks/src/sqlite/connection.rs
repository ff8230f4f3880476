//! A connection to the file, and what its failures mean for a sink.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqliteRow};
use sqlx::{ConnectOptions, Connection as _, SqlSafeStr, SqliteConnection, query_with};

use crate::SinkError;

/// SQLite's result codes that we tell apart (the low byte of what it reports).
pub(super) mod code {
    pub(in crate::sqlite) const BUSY: i32 = 5;
    pub(in crate::sqlite) const LOCKED: i32 = 6;
    pub(in crate::sqlite) const NO_MEMORY: i32 = 7;
    pub(in crate::sqlite) const READ_ONLY: i32 = 8;
    pub(in crate::sqlite) const INTERRUPT: i32 = 9;
    pub(in crate::sqlite) const IO: i32 = 10;
    pub(in crate::sqlite) const CORRUPT: i32 = 11;
    pub(in crate::sqlite) const FULL: i32 = 13;
    pub(in crate::sqlite) const CAN_NOT_OPEN: i32 = 14;
    pub(in crate::sqlite) const NOT_A_DATABASE: i32 = 26;
}

/// The result code of a failure, if SQLite reported it.
pub(super) fn code_of(error: &sqlx::Error) -> Option<i32> {
    let code: i32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(code & 0xff)
}

/// The writer's connection.
pub(super) struct Connection {
    inner: SqliteConnection,
    /// The sink's name.
    name: String,
}

impl Connection {
    /// Opens the file, or makes an empty one. Nothing is written.
    pub(super) async fn open(path: &Path, name: &str, busy: Duration) -> Result<Connection, SinkError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .busy_timeout(busy)
            .statement_cache_capacity(1024)
            .thread_name(|_| "views-writer".to_owned())
            .disable_statement_logging();
        let inner = options.connect().await.map_err(|e| sink_error(name, &e))?;
        Ok(Connection {
            inner,
            name: name.to_owned(),
        })
    }

    /// Executes a statement; how many rows it changed.
    pub(super) async fn execute(
        &mut self,
        sql: impl SqlSafeStr,
        arguments: SqliteArguments,
    ) -> Result<u64, SinkError> {
        let done = query_with(sql, arguments).execute(&mut self.inner).await;
        match done {
            Ok(done) => Ok(done.rows_affected()),
            Err(error) => Err(sink_error(&self.name, &error)),
        }
    }

    /// Executes a statement without arguments.
    pub(super) async fn run(&mut self, sql: impl SqlSafeStr) -> Result<(), SinkError> {
        self.execute(sql, SqliteArguments::default()).await.map(|_| ())
    }

    /// All rows of a query.
    pub(super) async fn rows(
        &mut self,
        sql: impl SqlSafeStr,
        arguments: SqliteArguments,
    ) -> Result<Vec<SqliteRow>, SinkError> {
        let rows = query_with(sql, arguments).fetch_all(&mut self.inner).await;
        rows.map_err(|error| sink_error(&self.name, &error))
    }

    /// Closes it.
    pub(super) async fn close(self) -> Result<(), SinkError> {
        let closed = self.inner.close().await;
        closed.map_err(|error| sink_error(&self.name, &error))
    }

    /// A refusal in the sink's name.
    pub(super) fn refused(&self, what: impl Into<String>) -> SinkError {
        refused(&self.name, what)
    }
}

/// A refusal in the name of the sink `name`.
pub(super) fn refused(name: &str, what: impl Into<String>) -> SinkError {
    SinkError::Refused {
        sink: name.to_owned(),
        what: what.into(),
    }
}

/// What a failure means: whether trying again may help, and what to do.
pub(super) fn sink_error(name: &str, error: &sqlx::Error) -> SinkError {
    let text = || {
        error
            .as_database_error()
            .map_or_else(|| error.to_string(), |e| e.message().to_owned())
    };
    let retry = |what: &str| SinkError::Retry {
        sink: name.to_owned(),
        what: format!("{what} ({})", text()),
    };
    let Some(code) = code_of(error) else {
        return match error {
            sqlx::Error::WorkerCrashed => retry("its connection broke"),
            sqlx::Error::Io(_) => retry("it can't be opened"),
            _ => refused(name, format!("{error}: a bug, please report it")),
        };
    };
    match code {
        code::BUSY | code::LOCKED => retry("another program holds a lock on the file: close its transaction"),
        code::FULL => retry("the disk is full: make room"),
        code::IO => retry("the disk fails"),
        code::NO_MEMORY => retry("there is no memory left"),
        code::INTERRUPT => retry("it was interrupted"),
        code::CAN_NOT_OPEN => retry("the file can't be opened: look at its folder and its rights"),
        code::READ_ONLY => refused(name, "the file, or its folder, is read-only"),
        code::CORRUPT => {
            let what = format!("the file is damaged ({}): {MOVE_AWAY}", text());
            refused(name, what)
        }
        code::NOT_A_DATABASE => refused(
            name,
            format!("the file is no SQLite database, or damaged: {MOVE_AWAY}"),
        ),
        _ => {
            let what = format!("the file is not as millrace made it ({}): {MOVE_AWAY}", text());
            refused(name, what)
        }
    }
}

/// The way out where the file can't be used.
pub(super) const MOVE_AWAY: &str = "move it away, and it is made anew from the log";
