//! Point reads: a row by its key, or a thing with all its rows; from memory, if they are there.
//!
//! What is not there is read in one go: `BEGIN`, the frontier, the rows and `COMMIT` are one text, since each
//! visit to a connection's thread costs more than the reading.

use std::sync::Arc;

use contract::delta::{DeltaBuilder, key_of};
use contract::log::Epoch;
use contract::value::ValueRef;
use contract::views::View;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{AssertSqlSafe, Row as _};

use super::cache::Cached;
use super::read::{FoundRow, ReadError, Readers};
use super::schema::{key, list};
use super::{frontier, rows, write};
use crate::Frontier;
use crate::read::{Form, Row, Shown};

/// Rows of one view that belong to a thing, at most: more than an order's lines can be.
const ROWS_MAX: usize = 100_000;

/// Reads the rows of a view whose key begins with as many values as are bound; each row ends with `tag`.
fn statement(view: View, bound: usize, tag: usize) -> String {
    let columns = list(view.schema().columns.iter().map(|column| column.name));
    let wanted: Vec<String> = key(view)
        .take(bound)
        .map(|name| format!("\"{name}\" = ?"))
        .collect();
    format!(
        "SELECT {columns}, {tag} FROM {} WHERE {} ORDER BY {} LIMIT {ROWS_MAX}",
        view.schema().name,
        wanted.join(" AND "),
        list(key(view)),
    )
}

/// A row's tag.
fn tag(row: &SqliteRow) -> Option<usize> {
    usize::try_from(row.try_get::<i64, _>(row.len().checked_sub(1)?).ok()?).ok()
}

impl Readers {
    /// The rows of some views whose key begins with `parts`, as of one epoch: a list a view.
    async fn at_once(
        &self,
        views: &[View],
        parts: &[ValueRef<'_>],
    ) -> Result<(Option<Frontier>, Vec<Vec<SqliteRow>>), ReadError> {
        let mut sql = format!("BEGIN; {};", frontier::SELECT_TAGGED);
        let mut arguments = SqliteArguments::default();
        for (index, view) in views.iter().enumerate() {
            self.kept(*view)?;
            sql.push_str(&statement(*view, parts.len(), index + 1));
            sql.push(';');
            parts
                .iter()
                .for_each(|part| write::bind_value(&mut arguments, *part));
        }
        sql.push_str("COMMIT");
        let found = self.once(AssertSqlSafe(sql), arguments).await?;
        let mut by_tag: Vec<Vec<SqliteRow>> = Vec::new();
        by_tag.resize_with(views.len() + 1, Vec::new);
        for row in found {
            let place = tag(&row).and_then(|tag| by_tag.get_mut(tag));
            place.expect("each statement tags its rows").push(row);
        }
        let at = frontier::of_rows(&by_tag.remove(0)).map_err(|column| ReadError::Edited {
            table: "millrace_frontier",
            column,
        })?;
        Ok((at, by_tag))
    }

    /// A row and the epoch at which it is so (`None`: the store is empty): from memory if it is there. For
    /// one caller epochs never go back.
    ///
    /// # Errors
    /// If the file can't be read.
    pub async fn get(
        &self,
        view: View,
        key: &[ValueRef<'_>],
    ) -> Result<(Option<Epoch>, FoundRow), ReadError> {
        self.kept(view)?;
        let bytes = key_of(view, key);
        if let Some(bytes) = &bytes
            && let Cached::Found(epoch, row) = self.cache().get(view, bytes)
        {
            return Ok((Some(epoch), row));
        }
        let (at, found) = self.at_once(&[view], key).await?;
        let epoch = at.map(|at| at.epoch);
        let mut row = None;
        // What is no key is found nowhere.
        if let (Some(found), Some(_)) = (found.iter().flatten().next(), &bytes) {
            let mut builder = DeltaBuilder::new(view);
            rows::put(view, found, &mut builder)?;
            let delta = builder.finish(epoch.unwrap_or(Epoch(0)));
            row = delta
                .changes()
                .next()
                .map(|change| Arc::from(change.column_bytes()));
        }
        if let (Some(epoch), Some(bytes)) = (epoch, bytes) {
            self.cache().learn(epoch, view, &bytes, row.clone());
        }
        Ok((epoch, row))
    }

    /// The thing of the id `first` in a form, and the epoch at which it is so (`None`: the store is empty):
    /// from memory if it is there.
    ///
    /// # Errors
    /// If the file can't be read.
    pub async fn shown(&self, form: &'static Form, first: &str) -> Result<(Option<Epoch>, Shown), ReadError> {
        if let Some((epoch, shown)) = self.cache().shown(form, first) {
            return Ok((Some(epoch), shown));
        }
        let (at, found) = self.at_once(form.views, &[ValueRef::Text(first)]).await?;
        let rows = |(view, rows): (&View, &Vec<SqliteRow>)| {
            let rows = rows.iter().map(|row| rows::values(*view, row));
            rows.collect::<Result<Vec<Row>, ReadError>>()
        };
        let rows: Result<Vec<_>, ReadError> = form.views.iter().zip(&found).map(rows).collect();
        let shown = Shown::from((form.show)(&rows?));
        let epoch = at.map(|at| at.epoch);
        // No text of ours has a 0 in it, so no change would tell of such a thing.
        if let Some(epoch) = epoch.filter(|_| !first.contains('\0')) {
            self.cache().learn_shown(epoch, form, first, &shown);
        }
        Ok((epoch, shown))
    }
}
