//! Changes as SQL: statements of many rows each, of a few fixed sizes, so that each is prepared once.
//!
//! Changes come sorted by key and are written so: the pages of an index are visited once, in order. A
//! statement that fails rolls everything back (`OR ROLLBACK`), as its commit would anyway: so SQLite need not
//! keep what it takes to undo that statement alone.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use contract::delta::{Change, Delta, Op};
use contract::value::ValueRef;
use contract::views::View;
use sqlx::SqlStr;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, AssertSqlSafe, Encode, SqlSafeStr as _, Sqlite, Type};

use super::connection::{Connection, MOVE_AWAY};
use super::schema::{key, list, quoted};
use crate::SinkError;

/// How many rows a statement takes, from the most. A row of the widest view has 20 values; 32,766 are
/// allowed.
const ROWS: [usize; 4] = [64, 16, 4, 1];

/// A statement for each of [`ROWS`], made when it is first needed.
type Sizes = [Option<SqlStr>; ROWS.len()];

/// Writes the changes of one view.
pub(super) struct ViewWriter {
    view: View,
    upsert: Sizes,
    delete: Sizes,
    /// By the columns that are set.
    patch: BTreeMap<Vec<u8>, Sizes>,
}

/// Adds a value to a statement's arguments.
pub(super) fn bind<'q, T: Encode<'q, Sqlite> + Type<Sqlite>>(arguments: &mut SqliteArguments, value: T) {
    Arguments::add(arguments, value).expect("numbers and texts are always encoded");
}

/// Adds a value of a row to a statement's arguments.
pub(super) fn bind_value(arguments: &mut SqliteArguments, value: ValueRef<'_>) {
    match value {
        ValueRef::Null => bind(arguments, None::<i64>),
        ValueRef::Int(number) => bind(arguments, number),
        ValueRef::Bool(flag) => bind(arguments, i64::from(flag)),
        // As Arc<str> it takes one allocation; as &str it takes two.
        ValueRef::Text(text) | ValueRef::Json(text) => bind(arguments, Arc::<str>::from(text)),
        ValueRef::Time(time) => bind(arguments, time.to_string()),
        ValueRef::Double(number) => bind(arguments, number),
    }
}

/// `(?, ?), (?, ?)`: so many rows of so many values.
fn placeholders(rows: usize, values: usize) -> String {
    let row = format!("({})", vec!["?"; values].join(", "));
    vec![row; rows].join(", ")
}

fn upsert(view: View, rows: usize) -> String {
    let schema = view.schema();
    let mut sql = format!(
        "INSERT OR ROLLBACK INTO {} ({}) VALUES {} ON CONFLICT ({}) DO UPDATE SET ",
        schema.name,
        list(schema.columns.iter().map(|column| column.name)),
        placeholders(rows, schema.columns.len()),
        list(key(view))
    );
    for (index, column) in schema.columns[schema.key_len..].iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        let name = quoted(column.name);
        let _ = write!(sql, "{comma}{name} = excluded.{name}");
    }
    sql
}

fn delete(view: View, rows: usize) -> String {
    let schema = view.schema();
    let values = placeholders(rows, schema.key_len);
    format!(
        "DELETE FROM {} WHERE ({}) IN (VALUES {values})",
        schema.name,
        list(key(view))
    )
}

/// The values stand first in the join, so each row is sought by its key.
fn patch(view: View, columns: &[u8], rows: usize) -> String {
    let schema = view.schema();
    let mut sql = format!("UPDATE OR ROLLBACK {} AS t SET ", schema.name);
    for (index, column) in columns.iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        let name = quoted(schema.columns[usize::from(*column)].name);
        let _ = write!(sql, "{comma}{name} = v.column{}", schema.key_len + index + 1);
    }
    let values = placeholders(rows, schema.key_len + columns.len());
    let _ = write!(sql, " FROM (VALUES {values}) AS v WHERE ");
    for (index, name) in key(view).enumerate() {
        let and = if index == 0 { "" } else { " AND " };
        let _ = write!(sql, "{and}t.{} = v.column{}", quoted(name), index + 1);
    }
    sql
}

impl ViewWriter {
    /// A writer for a view.
    pub(super) fn new(view: View) -> ViewWriter {
        ViewWriter {
            view,
            upsert: Sizes::default(),
            delete: Sizes::default(),
            patch: BTreeMap::new(),
        }
    }

    /// Writes a delta's changes.
    ///
    /// # Errors
    /// If a row to be patched is not there, or SQLite fails.
    pub(super) async fn write(
        &mut self,
        connection: &mut Connection,
        delta: &Delta,
    ) -> Result<(), SinkError> {
        let view = self.view;
        let (mut upserts, mut deletes) = (Vec::new(), Vec::new());
        let mut patches: BTreeMap<Vec<u8>, Vec<Change<'_>>> = BTreeMap::new();
        let mut columns = Vec::new();
        for change in delta.changes() {
            match change.op {
                Op::Upsert => upserts.push(change),
                Op::Delete => deletes.push(change),
                Op::Patch => {
                    columns.clear();
                    columns.extend(change.columns().map(|(column, _)| column_number(column)));
                    match patches.get_mut(&columns) {
                        Some(same) => same.push(change),
                        // A patch of nothing changes nothing.
                        None if columns.is_empty() => {}
                        None => {
                            patches.insert(columns.clone(), vec![change]);
                        }
                    }
                }
            }
        }
        batches(connection, &deletes, &mut self.delete, |rows| delete(view, rows)).await?;
        batches(connection, &upserts, &mut self.upsert, |rows| upsert(view, rows)).await?;
        for (columns, changes) in patches {
            let sizes = self.patch.entry(columns.clone()).or_default();
            let changed = batches(connection, &changes, sizes, |rows| patch(view, &columns, rows)).await?;
            if changed != changes.len() as u64 {
                let missing = changes.len() as u64 - changed.min(changes.len() as u64);
                let name = view.schema().name;
                let what =
                    format!("{missing} rows of {name} that change are not there: somebody edited the file");
                return Err(connection.refused(format!("{what}; {MOVE_AWAY}")));
            }
        }
        Ok(())
    }
}

fn column_number(column: usize) -> u8 {
    u8::try_from(column).expect("no view has 256 columns")
}

/// Executes a statement over all changes, as many at once as possible; how many rows were changed.
async fn batches(
    connection: &mut Connection,
    changes: &[Change<'_>],
    sizes: &mut Sizes,
    sql: impl Fn(usize) -> String,
) -> Result<u64, SinkError> {
    let mut changed = 0;
    let mut rest = changes;
    for (rows, statement) in ROWS.into_iter().zip(sizes) {
        while rest.len() >= rows {
            let (batch, after) = rest.split_at(rows);
            let statement = statement.get_or_insert_with(|| {
                let text: Arc<str> = sql(rows).into();
                AssertSqlSafe(text).into_sql_str()
            });
            let mut arguments = SqliteArguments::default();
            for change in batch {
                change.key().for_each(|value| bind_value(&mut arguments, value));
                change
                    .columns()
                    .for_each(|(_, value)| bind_value(&mut arguments, value));
            }
            changed += connection.execute(statement.clone(), arguments).await?;
            rest = after;
        }
    }
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use sqlx::Row as _;

    use super::*;
    use crate::sqlite::schema;

    /// The plan of a statement, a line a step.
    async fn plan(connection: &mut Connection, sql: String) -> Vec<String> {
        let sql = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
        let rows = connection.rows(sql, SqliteArguments::default()).await;
        let rows = rows.expect("the statement is prepared");
        rows.iter().map(|row| row.get::<String, _>(3)).collect()
    }

    #[test]
    fn every_row_is_sought_by_its_key() {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(async {
            let path = Path::new(":memory:");
            let connection = Connection::open(path, "views", Duration::ZERO).await;
            let mut connection = connection.unwrap();
            let config = crate::sqlite::Config::new(path, View::ALL);
            schema::open(&mut connection, &config).await.unwrap();
            schema::build_indexes(&mut connection, View::ALL).await.unwrap();
            for view in View::ALL {
                let schema = view.schema();
                let last = column_number(schema.columns.len() - 1);
                for rows in ROWS {
                    for (sql, name) in [
                        (patch(*view, &[last], rows), "t"),
                        (delete(*view, rows), schema.name),
                    ] {
                        let steps = plan(&mut connection, sql).await;
                        let sought = steps.iter().any(|step| {
                            step.starts_with(&format!("SEARCH {name} USING"))
                                && step.matches("=?").count() == schema.key_len
                        });
                        assert!(sought, "{}: {steps:?}", schema.name);
                    }
                    let steps = plan(&mut connection, upsert(*view, rows)).await;
                    assert!(!steps.iter().any(|s| s.contains(schema.name)), "{steps:?}");
                }
            }
        });
    }
}
