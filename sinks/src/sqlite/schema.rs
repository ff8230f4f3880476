//! The tables of the file, and how it is told from other files.
//!
//! Each view is a STRICT table of its name. The file carries our application id and a format number, so that
//! no other file is ever written to, and our own only if its tables are, word for word, those that this
//! version makes. The one exception: what views have gained since, nullable columns and whole views, is added
//! to a file whose rows the same logic decided. SQL views ([`analysts`]) are made anew where they differ.
//! Secondary indexes are those that the API's reads need, and no others; they are not there while the file
//! is filled ([`super::SqliteViews::caught_up`]).

use std::fmt::Write as _;

use contract::views::{Column, Type, View};
use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, Row as _};

use super::connection::{Connection, MOVE_AWAY};
use super::{Config, analysts};
use crate::SinkError;

/// `MILL`.
pub(super) const APPLICATION_ID: i32 = 0x4d49_4c4c;

/// The format of the file.
pub(super) const FORMAT: i32 = 1;

/// What `millrace_views` calls a view that the jobs keep.
const VIEW: &str = "view";

/// What the store itself keeps.
const OWN_TABLES: [(&str, &str); 3] = [
    (
        "millrace_frontier",
        "CREATE TABLE millrace_frontier (installation TEXT NOT NULL, generation INTEGER NOT NULL, \
         epoch INTEGER NOT NULL, clock TEXT NOT NULL, ends TEXT NOT NULL, digest TEXT NOT NULL, \
         logic INTEGER NOT NULL) STRICT",
    ),
    (
        "millrace_epochs",
        "CREATE TABLE millrace_epochs (epoch INTEGER PRIMARY KEY, digest TEXT NOT NULL) STRICT",
    ),
    (
        "millrace_views",
        "CREATE TABLE millrace_views (name TEXT NOT NULL, column TEXT NOT NULL, type TEXT NOT NULL, \
         meaning TEXT NOT NULL, PRIMARY KEY (name, column)) STRICT, WITHOUT ROWID",
    ),
];

/// The secondary indexes: name, view, columns.
const INDEXES: &[(&str, View, &str)] = &[
    (
        "orders_by_customer",
        View::Orders,
        "customer_id, placed_at DESC, order_id",
    ),
    (
        "orders_by_status",
        View::Orders,
        "status, placed_at DESC, order_id",
    ),
    ("orders_by_time", View::Orders, "placed_at DESC, order_id"),
    (
        "payment_commands_unanswered",
        View::PaymentCommands,
        "idempotency_key) WHERE (answered = 0",
    ),
    ("coupon_grants_by_rank", View::CouponGrants, "campaign_id, rank"),
    (
        "wallet_entries_by_customer",
        View::WalletEntries,
        "customer_id, kind, entry_id",
    ),
    ("products_by_category", View::Products, "category, sku"),
    ("products_by_store", View::Products, "store_id, sku"),
    ("reviews_by_product", View::ReviewDocuments, "sku, review_id"),
];

/// The name of a type in SQL.
fn sql_type(ty: Type) -> &'static str {
    match ty {
        Type::Text | Type::Time | Type::Json => "TEXT",
        Type::Int | Type::Bool => "INTEGER",
        Type::Double => "REAL",
    }
}

/// The name of a type for people.
fn type_name(ty: Type) -> &'static str {
    match ty {
        Type::Text => "text",
        Type::Int => "integer",
        Type::Bool => "flag, 0 or 1",
        Type::Time => "time, RFC 3339 in UTC",
        Type::Json => "JSON",
        Type::Double => "double",
    }
}

/// A column's name in SQL: one of them is a keyword.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}

/// The names of some columns, quoted, with commas between.
pub(super) fn list(names: impl IntoIterator<Item = &'static str>) -> String {
    names.into_iter().map(quoted).collect::<Vec<_>>().join(", ")
}

/// The names of a view's key columns.
pub(super) fn key(view: View) -> impl Iterator<Item = &'static str> {
    let schema = view.schema();
    schema.columns[..schema.key_len].iter().map(|column| column.name)
}

/// The statement that makes a view's table. Not WITHOUT ROWID: rows then lie in the order of their making, so
/// that what changes together (the orders of the last minutes) lies together, whatever the keys. Measured, of
/// random keys that saves a third of the processor's time; of ordered ones it costs nothing but a third
/// more disk.
fn create(view: View) -> String {
    let (head, tail) = around(view);
    let mut sql = head;
    for column in view.schema().columns {
        let _ = write!(sql, "{}, ", definition(column));
    }
    sql + &tail
}

/// What stands before and after the columns.
fn around(view: View) -> (String, String) {
    let head = format!("CREATE TABLE {} (", view.schema().name);
    (head, format!("PRIMARY KEY ({})) STRICT", list(key(view))))
}

fn definition(column: &Column) -> String {
    let null = if column.nullable { "" } else { " NOT NULL" };
    format!("{} {}{null}", quoted(column.name), sql_type(column.ty))
}

/// The columns that a view's table lacks which was made by `sql`; `None`: it is not as any version makes it
/// whose rows can be kept. The order of columns is of no matter: those that were added stand last.
fn lacking(view: View, sql: &str) -> Option<Vec<&'static Column>> {
    let (head, tail) = around(view);
    let columns = sql.strip_prefix(&head)?.strip_suffix(&tail)?.strip_suffix(", ")?;
    let mut lacking: Vec<_> = view.schema().columns.iter().collect();
    for there in columns.split(", ") {
        let at = lacking.iter().position(|column| definition(column) == there)?;
        lacking.remove(at);
    }
    // Rows that were made without it say nothing else of it.
    lacking.iter().all(|column| column.nullable).then_some(lacking)
}

async fn number(connection: &mut Connection, sql: &'static str) -> Result<i64, SinkError> {
    let rows = connection.rows(sql, SqliteArguments::default()).await?;
    let number = rows.first().and_then(|row| row.try_get::<i64, _>(0).ok());
    number.ok_or_else(|| connection.refused(format!("{sql} answers nothing")))
}

/// Every table of the file: its name and the statement that made it.
async fn tables(connection: &mut Connection) -> Result<Vec<(String, String)>, SinkError> {
    let sql = "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' \
               ESCAPE '!'";
    let rows = connection.rows(sql, SqliteArguments::default()).await?;
    let pair = |row: &sqlx::sqlite::SqliteRow| Some((row.try_get(0).ok()?, row.try_get(1).ok()?));
    let tables: Option<Vec<_>> = rows.iter().map(pair).collect();
    tables.ok_or_else(|| connection.refused("its schema can't be read"))
}

/// Makes the tables of the views in an empty file, or checks that they are there and as we make them. What
/// views have gained since is added.
pub(super) async fn open(connection: &mut Connection, config: &Config) -> Result<(), SinkError> {
    let (views, page_bytes) = (&config.views, config.page_bytes);
    let id = number(connection, "PRAGMA application_id").await?;
    let format = number(connection, "PRAGMA user_version").await?;
    let found = tables(connection).await?;
    let ours = id == i64::from(APPLICATION_ID);
    if !ours && (id != 0 || format != 0 || !found.is_empty()) {
        return Err(
            connection.refused("the file is another program's database: point millrace at another place")
        );
    }
    if ours && format != i64::from(FORMAT) {
        let what = if format > i64::from(FORMAT) {
            format!("the file has format {format}, made by a newer millrace: use that, or {MOVE_AWAY}")
        } else {
            format!("the file has format {format}, made by an older millrace: {MOVE_AWAY}")
        };
        return Err(connection.refused(what));
    }
    if ours {
        let gained = check(connection, &found, views)?;
        migrate(connection, &gained, config.logic).await?;
        return analysts::keep(connection, views).await;
    }
    connection
        .run(AssertSqlSafe(format!("PRAGMA page_size = {page_bytes}")))
        .await?;
    connection.run("BEGIN IMMEDIATE").await?;
    let made = make(connection, views).await;
    let end = if made.is_ok() { "COMMIT" } else { "ROLLBACK" };
    let ended = connection.run(end).await;
    made.and(ended)?;
    analysts::keep(connection, views).await
}

async fn make(connection: &mut Connection, views: &[View]) -> Result<(), SinkError> {
    let found = tables(connection).await?;
    if !found.is_empty() {
        // Somebody was quicker.
        return check(connection, &found, views).map(drop);
    }
    connection
        .run(AssertSqlSafe(format!("PRAGMA application_id = {APPLICATION_ID}")))
        .await?;
    connection
        .run(AssertSqlSafe(format!("PRAGMA user_version = {FORMAT}")))
        .await?;
    for (_, sql) in OWN_TABLES {
        connection.run(sql).await?;
    }
    for view in views {
        connection.run(AssertSqlSafe(create(*view))).await?;
        describe_view(connection, *view).await?;
    }
    Ok(())
}

async fn describe_view(connection: &mut Connection, view: View) -> Result<(), SinkError> {
    let schema = view.schema();
    let meaning = schema.meaning.trim();
    describe(connection, schema.name, VIEW, meaning, schema.columns.iter()).await
}

/// Fills `millrace_views` with a view's columns; the row with the empty column is about the view itself.
pub(super) async fn describe(
    connection: &mut Connection,
    name: &str,
    kind: &str,
    meaning: &str,
    columns: impl Iterator<Item = &Column>,
) -> Result<(), SinkError> {
    let mut arguments = SqliteArguments::default();
    super::write::bind(&mut arguments, name);
    connection
        .execute("DELETE FROM millrace_views WHERE name = ?", arguments)
        .await?;
    let columns = columns.map(|c| (c.name, type_name(c.ty), c.meaning));
    for (column, ty, meaning) in std::iter::once(("", kind, meaning)).chain(columns) {
        let mut arguments = SqliteArguments::default();
        for text in [name, column, ty, meaning] {
            super::write::bind(&mut arguments, text);
        }
        connection
            .execute("INSERT INTO millrace_views VALUES (?, ?, ?, ?)", arguments)
            .await?;
    }
    Ok(())
}

/// What a view has gained since the file was made; no columns: it is new as a whole.
type Gained = (View, Vec<&'static Column>);

const OTHER_COLUMNS: &str = "has other columns than this version of millrace makes";
const MISSING: &str = "is missing";

fn check(
    connection: &Connection,
    found: &[(String, String)],
    views: &[View],
) -> Result<Vec<Gained>, SinkError> {
    let there = |name: &str| found.iter().find(|(found, _)| found == name).map(|(_, sql)| sql);
    for (name, sql) in OWN_TABLES {
        match there(name) {
            Some(there) if there == sql => {}
            Some(_) => return Err(other(connection, name, OTHER_COLUMNS)),
            None => return Err(other(connection, name, MISSING)),
        }
    }
    let mut gained = Vec::new();
    for view in views {
        let name = view.schema().name;
        let Some(sql) = there(name) else {
            gained.push((*view, Vec::new()));
            continue;
        };
        let columns = lacking(*view, sql).ok_or_else(|| other(connection, name, OTHER_COLUMNS))?;
        if !columns.is_empty() {
            gained.push((*view, columns));
        }
    }
    Ok(gained)
}

fn other(connection: &Connection, name: &str, what: &str) -> SinkError {
    let rebuild = "make a new store beside it with millrace rebuild";
    connection.refused(format!("table {name} {what}: {rebuild}, or {MOVE_AWAY}"))
}

/// Adds what views have gained, if the rows that are there were decided by the same logic: then null is what
/// they have in a new column, and a new view has no rows yet.
async fn migrate(
    connection: &mut Connection,
    gained: &[Gained],
    logic: Option<u32>,
) -> Result<(), SinkError> {
    let Some((first, columns)) = gained.first() else {
        return Ok(());
    };
    let found = super::frontier::load(connection).await?.map(|found| found.logic);
    if logic.is_none() || found.is_some_and(|found| Some(found) != logic) {
        let what = if columns.is_empty() {
            MISSING
        } else {
            OTHER_COLUMNS
        };
        return Err(other(connection, first.schema().name, what));
    }
    connection.run("BEGIN IMMEDIATE").await?;
    let added = add(connection, gained).await;
    let end = if added.is_ok() { "COMMIT" } else { "ROLLBACK" };
    let ended = connection.run(end).await;
    added.and(ended)
}

async fn add(connection: &mut Connection, gained: &[Gained]) -> Result<(), SinkError> {
    for (view, columns) in gained {
        let name = view.schema().name;
        if columns.is_empty() {
            connection.run(AssertSqlSafe(create(*view))).await?;
        }
        for column in columns {
            let sql = format!("ALTER TABLE {name} ADD COLUMN {}", definition(column));
            connection.run(AssertSqlSafe(sql)).await?;
        }
        describe_view(connection, *view).await?;
        let columns: Vec<&str> = columns.iter().map(|column| column.name).collect();
        tracing::info!(
            view = name,
            ?columns,
            "added to the view store, which an older version made"
        );
    }
    Ok(())
}

/// Removes all rows, and the indexes.
pub(super) async fn clear(connection: &mut Connection, views: &[View]) -> Result<(), SinkError> {
    for view in views {
        // Quicker than DELETE where there are indexes, and takes them along.
        let name = view.schema().name;
        connection
            .run(AssertSqlSafe(format!("DROP TABLE {name}")))
            .await?;
        connection.run(AssertSqlSafe(create(*view))).await?;
    }
    connection.run("DELETE FROM millrace_epochs").await?;
    connection.run("DELETE FROM millrace_frontier").await
}

/// Builds the indexes that are not there, each in a transaction of its own.
pub(super) async fn build_indexes(connection: &mut Connection, views: &[View]) -> Result<(), SinkError> {
    for (name, view, columns) in INDEXES {
        if views.contains(view) {
            let table = view.schema().name;
            let sql = format!("CREATE INDEX IF NOT EXISTS {name} ON {table} ({columns})");
            connection.run(AssertSqlSafe(sql)).await?;
        }
    }
    Ok(())
}
