//! The store's own rows: where it stands, and the digests on the way there.

use contract::digest::Digest;
use contract::installation::Installation;
use contract::log::Epoch;
use contract::time::Time;
use sqlx::Row as _;
use sqlx::sqlite::{SqliteArguments, SqliteRow};

use super::connection::{Connection, MOVE_AWAY};
use super::write::bind;
use crate::decide::{KEPT_EVERY, KEPT_EXACTLY};
use crate::ends::{ends_json, ends_of};
use crate::{Frontier, SinkError};

/// Reads the frontier's row.
pub(super) const SELECT: &str =
    "SELECT installation, generation, epoch, clock, ends, digest, logic FROM millrace_frontier";

/// The same, followed by a 0, which tells its row from those of other statements.
pub(super) const SELECT_TAGGED: &str =
    "SELECT installation, generation, epoch, clock, ends, digest, logic, 0 FROM millrace_frontier";

const STORE: &str = "INSERT OR REPLACE INTO millrace_frontier (rowid, installation, generation, epoch, \
                     clock, ends, digest, logic) VALUES (1, ?, ?, ?, ?, ?, ?, ?)";

/// Where the store stands; `None`: it is empty.
pub(super) async fn load(connection: &mut Connection) -> Result<Option<Frontier>, SinkError> {
    let rows = connection.rows(SELECT, SqliteArguments::default()).await?;
    let frontier = of_rows(&rows);
    frontier
        .map_err(|column| connection.refused(format!("millrace_frontier was edited ({column}): {MOVE_AWAY}")))
}

/// The frontier that [`SELECT`] found, or the column that can't be one.
pub(super) fn of_rows(rows: &[SqliteRow]) -> Result<Option<Frontier>, &'static str> {
    let row = match rows {
        [] => return Ok(None),
        [row] => row,
        _ => return Err("several rows"),
    };
    let text = |index: usize| row.try_get::<&str, _>(index).ok();
    let number = |index: usize| u64::try_from(row.try_get::<i64, _>(index).ok()?).ok();
    Ok(Some(Frontier {
        installation: text(0).and_then(Installation::parse).ok_or("installation")?,
        generation: number(1).ok_or("generation")?,
        epoch: Epoch(number(2).ok_or("epoch")?),
        clock: text(3).and_then(Time::parse).ok_or("clock")?,
        ends: text(4)
            .and_then(|text| ends_of(&serde_json::from_str(text).ok()?))
            .ok_or("ends")?,
        digest: text(5).and_then(Digest::parse).ok_or("digest")?,
        logic: number(6).and_then(|n| u32::try_from(n).ok()).ok_or("logic")?,
    }))
}

/// Stores the frontier, and the digests after the epochs that led to it from `before` on; forgets those that
/// are too old.
pub(super) async fn store(
    connection: &mut Connection,
    before: Option<Epoch>,
    frontier: &Frontier,
    digests: &[(Epoch, Digest)],
) -> Result<(), SinkError> {
    let mut arguments = SqliteArguments::default();
    bind(&mut arguments, frontier.installation.to_string().as_str());
    bind(&mut arguments, whole(connection, frontier.generation)?);
    bind(&mut arguments, whole(connection, frontier.epoch.0)?);
    bind(&mut arguments, frontier.clock.to_string().as_str());
    bind(&mut arguments, ends_json(&frontier.ends).to_string().as_str());
    bind(&mut arguments, frontier.digest.to_string().as_str());
    bind(&mut arguments, i64::from(frontier.logic));
    connection.execute(STORE, arguments).await?;
    for (epoch, digest) in digests {
        let mut arguments = SqliteArguments::default();
        bind(&mut arguments, whole(connection, epoch.0)?);
        bind(&mut arguments, digest.to_string().as_str());
        connection
            .execute("INSERT OR REPLACE INTO millrace_epochs VALUES (?, ?)", arguments)
            .await?;
    }
    let until = frontier.epoch.0.saturating_sub(KEPT_EXACTLY);
    let from = before.map_or(0, |epoch| epoch.0.saturating_sub(KEPT_EXACTLY));
    if until > from {
        let sql = "DELETE FROM millrace_epochs WHERE epoch > ? AND epoch <= ? AND epoch % ? <> 0";
        let mut arguments = SqliteArguments::default();
        for number in [from, until, KEPT_EVERY] {
            bind(&mut arguments, whole(connection, number)?);
        }
        connection.execute(sql, arguments).await?;
    }
    Ok(())
}

fn whole(connection: &Connection, number: u64) -> Result<i64, SinkError> {
    i64::try_from(number).map_err(|_| connection.refused(format!("{number} is above 2^63-1")))
}

/// The digests that are kept, in order.
pub(super) async fn digests(connection: &mut Connection) -> Result<Vec<(Epoch, Digest)>, SinkError> {
    let sql = "SELECT epoch, digest FROM millrace_epochs ORDER BY epoch";
    let rows = connection.rows(sql, SqliteArguments::default()).await?;
    let pair = |row: &SqliteRow| {
        let epoch = u64::try_from(row.try_get::<i64, _>(0).ok()?).ok()?;
        Some((Epoch(epoch), Digest::parse(row.try_get(1).ok()?)?))
    };
    let pairs: Option<Vec<_>> = rows.iter().map(pair).collect();
    pairs.ok_or_else(|| connection.refused(format!("millrace_epochs was edited: {MOVE_AWAY}")))
}
