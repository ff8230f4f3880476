//! Two view stores side by side: the rows that they do not have alike.
//!
//! Both are read at one moment each, which stays until the comparison is over, and neither is held in memory.
//! Stores of different versions are compared in what both have; what only one has is told.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqliteRow};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Row as _, SqliteConnection, query_with};
use tokio::runtime::Runtime;

use super::connection::{refused, sink_error};
use super::frontier;
use super::write::bind;
use crate::{Frontier, SinkError};

/// Letters of a value that are shown, at most.
const LETTERS_MAX: usize = 60;

/// Lines of one view that are shown, at most.
const LINES_MAX: usize = 1 << 20;

/// Two stores, each as of one moment.
pub struct Pair {
    runtime: Runtime,
    connection: SqliteConnection,
    name: String,
    frontiers: [Option<Frontier>; 2],
}

/// How two stores differ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// How many views were compared.
    pub views: usize,
    /// How many rows the first has in them.
    pub rows: u64,
    /// How many rows differ.
    pub count: u64,
    /// The first of them, a line each: view, key, and the columns that differ.
    pub shown: Vec<String>,
    /// What was not compared since only one has it.
    pub left_out: Vec<String>,
}

/// A view's table: its columns, and those of the key in order.
#[derive(Debug, Default)]
struct Table {
    columns: Vec<String>,
    key: Vec<String>,
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A value as SQL writes it, not all of a long one.
fn short(value: &str) -> String {
    if value.chars().count() <= LETTERS_MAX {
        return value.to_owned();
    }
    value.chars().take(LETTERS_MAX).chain("..".chars()).collect()
}

/// Opens both on one connection; where they stand.
async fn open(a: &Path, b: &Path) -> Result<(SqliteConnection, [Option<Frontier>; 2]), SinkError> {
    let (first, second) = (a.display().to_string(), b.display().to_string());
    let options = SqliteConnectOptions::new()
        .filename(a)
        .read_only(true)
        .busy_timeout(Duration::from_secs(5))
        .disable_statement_logging();
    let mut connection = options.connect().await.map_err(|e| sink_error(&first, &e))?;
    let Some(path) = b.to_str() else {
        return Err(refused(&second, "SQLite needs a path in UTF-8: choose another"));
    };
    let mut arguments = SqliteArguments::default();
    bind(&mut arguments, path);
    let attached = query_with("ATTACH ? AS b", arguments)
        .execute(&mut connection)
        .await;
    attached.map_err(|e| sink_error(&second, &e))?;
    let none = SqliteArguments::default();
    let begun = query_with("BEGIN", none).execute(&mut connection).await;
    begun.map_err(|e| sink_error(&first, &e))?;
    let mut frontiers = [None, None];
    for ((side, name), found) in [("main", &first), ("b", &second)].iter().zip(&mut frontiers) {
        let select = frontier::SELECT.replace("FROM ", &format!("FROM {side}."));
        let none = SqliteArguments::default();
        let rows = query_with(AssertSqlSafe(select), none)
            .fetch_all(&mut connection)
            .await;
        let rows = rows.map_err(|e| sink_error(name, &e))?;
        let read = frontier::of_rows(&rows);
        *found = read.map_err(|column| refused(name, format!("millrace_frontier was edited ({column})")))?;
    }
    Ok((connection, frontiers))
}

impl Pair {
    /// Opens both for reading.
    ///
    /// # Errors
    /// If one can't be read, or is no view store.
    pub fn open(a: &Path, b: &Path) -> Result<Pair, SinkError> {
        let name = format!("{} and {}", a.display(), b.display());
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.map_err(|error| refused(&name, error.to_string()))?;
        let (connection, frontiers) = runtime.block_on(open(a, b))?;
        Ok(Pair {
            runtime,
            connection,
            name,
            frontiers,
        })
    }

    /// Where they stand.
    #[must_use]
    pub fn frontiers(&self) -> [Option<&Frontier>; 2] {
        self.frontiers.each_ref().map(Option::as_ref)
    }

    /// Compares every view; up to so many differences are shown, `each` hears of each view first.
    ///
    /// # Errors
    /// If one can't be read.
    pub fn compare(&mut self, shown_max: usize, mut each: impl FnMut(&str)) -> Result<Compared, SinkError> {
        let mut compared = Compared::default();
        let [first, second] = [self.views("main")?, self.views("b")?];
        for view in second.iter().filter(|view| !first.contains(view)) {
            let only = format!("view {view}, which only the second has");
            compared.left_out.push(only);
        }
        for view in first {
            if !second.contains(&view) {
                let only = format!("view {view}, which only the first has");
                compared.left_out.push(only);
                continue;
            }
            each(&view);
            self.view(&view, shown_max, &mut compared)?;
        }
        Ok(compared)
    }

    fn rows(&mut self, sql: String) -> Result<Vec<SqliteRow>, SinkError> {
        let query = query_with(AssertSqlSafe(sql), SqliteArguments::default());
        let found = self.runtime.block_on(query.fetch_all(&mut self.connection));
        found.map_err(|error| sink_error(&self.name, &error))
    }

    fn text(&self, row: &SqliteRow, index: usize) -> Result<String, SinkError> {
        let text = row.try_get::<String, _>(index);
        text.map_err(|error| sink_error(&self.name, &error))
    }

    fn number(&self, row: &SqliteRow, index: usize) -> Result<u64, SinkError> {
        let number = row.try_get::<i64, _>(index).map(i64::unsigned_abs);
        number.map_err(|error| sink_error(&self.name, &error))
    }

    fn views(&mut self, side: &str) -> Result<Vec<String>, SinkError> {
        let sql = format!(
            "SELECT name FROM {side}.millrace_views WHERE \"column\" = '' AND type = 'view' ORDER BY name"
        );
        let rows = self.rows(sql)?;
        rows.iter().map(|row| self.text(row, 0)).collect()
    }

    fn table(&mut self, side: &str, view: &str) -> Result<Table, SinkError> {
        let rows = self.rows(format!("PRAGMA {side}.table_info({})", quoted(view)))?;
        let (mut table, mut key) = (Table::default(), Vec::new());
        for row in &rows {
            let (column, place) = (self.text(row, 1)?, self.number(row, 5)?);
            table.columns.push(column.clone());
            if place > 0 {
                key.push((place, column));
            }
        }
        key.sort_unstable();
        table.key = key.into_iter().map(|(_, column)| column).collect();
        Ok(table)
    }

    fn view(&mut self, view: &str, shown_max: usize, compared: &mut Compared) -> Result<(), SinkError> {
        let [first, second] = [self.table("main", view)?, self.table("b", view)?];
        if first.key != second.key || first.key.is_empty() {
            let other = format!("view {view}, whose key is another");
            compared.left_out.push(other);
            return Ok(());
        }
        for (table, other, which) in [(&first, &second, "first"), (&second, &first, "second")] {
            for column in table.columns.iter().filter(|c| !other.columns.contains(c)) {
                let only = format!("{view}.{column}, which only the {which} has");
                compared.left_out.push(only);
            }
        }
        let is_common = |column: &&String| second.columns.contains(column) && !first.key.contains(column);
        let columns: Vec<&String> = first.columns.iter().filter(is_common).collect();
        let limit = shown_max.saturating_sub(compared.shown.len()).clamp(1, LINES_MAX);
        let rows = self.rows(statement(view, &first.key, &columns, limit))?;
        let all = self.rows(format!("SELECT count(*) FROM main.{}", quoted(view)))?;
        compared.rows += all.first().map_or(Ok(0), |row| self.number(row, 0))?;
        compared.views += 1;
        compared.count += rows.first().map_or(Ok(0), |row| self.number(row, 0))?;
        for row in rows.iter().take(shown_max.saturating_sub(compared.shown.len())) {
            let line = self.line(view, row, first.key.len(), &columns)?;
            compared.shown.push(line);
        }
        Ok(())
    }

    /// What a row of [`statement`] says.
    fn line(
        &self,
        view: &str,
        row: &SqliteRow,
        key: usize,
        columns: &[&String],
    ) -> Result<String, SinkError> {
        let parts: Result<Vec<String>, _> = (3..3 + key).map(|index| self.text(row, index)).collect();
        let mut line = format!("{view} {}: ", parts?.join("/"));
        if self.number(row, 1)? > 0 {
            line.push_str("only in the second");
            return Ok(line);
        }
        if self.number(row, 2)? > 0 {
            line.push_str("only in the first");
            return Ok(line);
        }
        let mut comma = "";
        for (index, column) in columns.iter().enumerate() {
            let at = 3 + key + 2 * index;
            let (mine, theirs) = (self.text(row, at)?, self.text(row, at + 1)?);
            if mine != theirs {
                let _ = write!(line, "{comma}{column} {} | {}", short(&mine), short(&theirs));
                comma = "; ";
            }
        }
        Ok(line)
    }
}

/// The rows that differ: how many in all, whether the first or the second lacks it, the key's parts, then of
/// each column both values.
fn statement(view: &str, key: &[String], columns: &[&String], limit: usize) -> String {
    let name = quoted(view);
    let both = |name: &String, with: &str| format!("a.{0} {with} b.{0}", quoted(name));
    let first = key.first().map(|part| quoted(part)).unwrap_or_default();
    let mut sql = format!("SELECT count(*) OVER (), a.{first} IS NULL, b.{first} IS NULL");
    for part in key.iter().map(|part| quoted(part)) {
        let _ = write!(sql, ", CAST(coalesce(a.{part}, b.{part}) AS TEXT)");
    }
    for column in columns.iter().map(|column| quoted(column)) {
        let _ = write!(sql, ", quote(a.{column}), quote(b.{column})");
    }
    let same: Vec<String> = key.iter().map(|part| both(part, "=")).collect();
    let _ = write!(
        sql,
        " FROM main.{name} AS a FULL OUTER JOIN b.{name} AS b ON {} \
         WHERE a.{first} IS NULL OR b.{first} IS NULL",
        same.join(" AND ")
    );
    for column in columns {
        let _ = write!(sql, " OR {}", both(column, "IS NOT"));
    }
    let order: Vec<String> = (4..4 + key.len()).map(|at| at.to_string()).collect();
    let _ = write!(sql, " ORDER BY {} LIMIT {limit}", order.join(", "));
    sql
}
