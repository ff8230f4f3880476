//! The write-ahead log of the file: moved into the file before it grows, and bounded.
//!
//! Commits go to the write-ahead log; a checkpoint moves them into the file, after which the log begins anew.
//! It can't while somebody reads an older snapshot. Our own readers are limited in time; a foreign one (an
//! analyst's shell with an open transaction) is not, and would let the log grow until the disk is full. So
//! commits stop when it passes a limit, say why, and go on once that reader is gone.
//!
//! SQLite's own checkpoints are off: they come at every 1,000 pages, which writes the same pages again and
//! again.

use sqlx::Row as _;
use sqlx::sqlite::SqliteArguments;

use super::Config;
use super::connection::Connection;
use crate::SinkError;

/// What is known of the log's size.
#[derive(Debug, Default)]
pub(super) struct Wal {
    /// Its size after the last commit.
    bytes: u64,
    /// A checkpoint is tried when it has this size.
    next_at_bytes: u64,
}

/// What a checkpoint found.
struct Checkpoint {
    /// The log's size.
    bytes: u64,
    /// Somebody else was in the way.
    blocked: bool,
}

async fn checkpoint(
    connection: &mut Connection,
    config: &Config,
    sql: &'static str,
) -> Result<Checkpoint, SinkError> {
    let rows = connection.rows(sql, SqliteArguments::default()).await?;
    let number = |index: usize| {
        let number = rows.first().and_then(|row| row.try_get::<i64, _>(index).ok());
        number.and_then(|n| u64::try_from(n).ok()).unwrap_or(0)
    };
    Ok(Checkpoint {
        bytes: number(1) * u64::from(config.page_bytes),
        blocked: number(0) != 0,
    })
}

impl Wal {
    /// Finds its size out, which grew without us where another process wrote.
    ///
    /// # Errors
    /// If SQLite fails.
    pub(super) async fn measure(
        &mut self,
        connection: &mut Connection,
        config: &Config,
    ) -> Result<(), SinkError> {
        let found = checkpoint(connection, config, "PRAGMA wal_checkpoint(NOOP)").await?;
        self.bytes = found.bytes;
        Ok(())
    }

    /// Called before a commit.
    ///
    /// # Errors
    /// [`SinkError::Retry`] if the log has passed its limit and can't be emptied.
    pub(super) async fn before_commit(
        &mut self,
        connection: &mut Connection,
        config: &Config,
        name: &str,
    ) -> Result<(), SinkError> {
        if self.bytes < config.wal_bytes_max {
            return Ok(());
        }
        let found = checkpoint(connection, config, "PRAGMA wal_checkpoint(TRUNCATE)").await?;
        self.bytes = found.bytes;
        if found.bytes < config.wal_bytes_max {
            return Ok(());
        }
        Err(SinkError::Retry {
            sink: name.to_owned(),
            what: format!(
                "a reader holds an old snapshot of the file, so that its write-ahead log has grown to {} MiB \
                 and can't be emptied: commits wait until that reader (a shell with an open transaction?) is \
                 gone",
                found.bytes >> 20
            ),
        })
    }

    /// Called after a commit: moves the log into the file when it is time.
    ///
    /// # Errors
    /// If SQLite fails. The commit counts all the same.
    pub(super) async fn after_commit(
        &mut self,
        connection: &mut Connection,
        config: &Config,
    ) -> Result<(), SinkError> {
        let step = config.checkpoint_bytes;
        self.measure(connection, config).await?;
        if self.bytes < step {
            self.next_at_bytes = step;
        }
        if self.bytes < self.next_at_bytes {
            return Ok(());
        }
        // Readers that overlap all the time never let the log begin anew; this waits for them.
        let insist = self.bytes >= 4 * step;
        let sql = if insist {
            "PRAGMA wal_checkpoint(TRUNCATE)"
        } else {
            "PRAGMA wal_checkpoint(PASSIVE)"
        };
        let found = checkpoint(connection, config, sql).await?;
        self.bytes = found.bytes;
        self.next_at_bytes = if found.bytes == 0 {
            step
        } else {
            found.bytes + step
        };
        if insist && found.blocked {
            tracing::warn!(
                file = %config.path.display(),
                wal_mib = found.bytes >> 20,
                "a reader holds an old snapshot: the write-ahead log can't be emptied"
            );
        }
        Ok(())
    }

    /// The log's size after the last commit.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}
