//! A copy of the view store as of one frontier, made while others write.
//!
//! SQLite writes what one read transaction sees into a new file. While that lasts the store's write-ahead log
//! can't be emptied, as with any reader that stays.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions};
use sqlx::{ConnectOptions as _, Connection as _, query_with};

use super::connection::{refused, sink_error};
use super::write::bind;
use super::{Config, Readers};
use crate::{Frontier, SinkError};

/// Instructions of SQLite's after which it asks whether to go on: some milliseconds.
const ASK_EVERY: i32 = 100_000;

/// Copies the store at `from` to a new file at `to`, as long as `go_on`; where the copy stands (`None`: it is
/// empty). The copy is not synced.
///
/// # Errors
/// If `from` can't be read, or `to` can't be written or is there already; what is left at `to` is to be
/// removed.
pub fn copy(
    from: &Path,
    to: &Path,
    go_on: impl FnMut() -> bool + Send + 'static,
) -> Result<Option<Frontier>, SinkError> {
    let (source, name) = (from.display().to_string(), to.display().to_string());
    let Some(path) = to.to_str() else {
        return Err(refused(&name, "SQLite needs a path in UTF-8: choose another"));
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.map_err(|error| refused(&name, error.to_string()))?;
    runtime.block_on(async {
        let options = SqliteConnectOptions::new()
            .filename(from)
            .read_only(true)
            .busy_timeout(Duration::from_secs(5))
            .disable_statement_logging();
        let mut connection = options.connect().await.map_err(|e| sink_error(&source, &e))?;
        let handle = connection.lock_handle().await;
        handle
            .map_err(|e| sink_error(&source, &e))?
            .set_progress_handler(ASK_EVERY, go_on);
        let mut arguments = SqliteArguments::default();
        bind(&mut arguments, path);
        let copied = query_with("VACUUM INTO ?", arguments)
            .execute(&mut connection)
            .await;
        copied.map_err(|e| sink_error(&name, &e))?;
        connection.close().await.map_err(|e| sink_error(&source, &e))
    })?;
    let copied = Readers::new(&Config::new(to, &[])).tables(&[]);
    let copied = copied.map_err(|error| refused(&name, error.to_string()));
    copied.map(|(frontier, _)| frontier)
}
