//! The SQL of lists: each [`Select`] becomes one statement, made of the schema's names; values are bound.
//!
//! Lists go on by their last row's values (never by a count), so that a page costs the same wherever it
//! lies. Where an index of [`super::schema`] has the filter's column first and then the order's columns,
//! SQLite reads no more rows than it gives out.

use std::fmt::Write as _;

use contract::delta::row;
use contract::log::Epoch;
use contract::value::{Value, ValueRef};
use contract::views::View;
use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, Row as _};

use super::read::{FoundRow, ReadError, Readers, Snapshot};
use super::schema::{list, quoted};
use super::{rows, write};
use crate::Frontier;
use crate::read::{Form, Later, Moment, Order, Row, RowAt, Select, Shown, Views};

fn name(view: View, column: usize) -> String {
    quoted(view.schema().columns[column].name)
}

/// The conditions on what stands in a row; what they compare with is bound.
fn conditions(wanted: &Select, arguments: &mut SqliteArguments) -> Vec<String> {
    let mut conditions = Vec::new();
    for (column, value) in &wanted.filters {
        conditions.push(format!("{} IS ?", name(wanted.view, *column)));
        write::bind_value(arguments, value.as_ref());
    }
    for (column, text) in &wanted.holding {
        let column = name(wanted.view, *column);
        conditions.push(format!(
            "EXISTS (SELECT 1 FROM json_each({column}) WHERE value = ?)"
        ));
        write::bind(arguments, text.clone());
    }
    let first = name(wanted.view, 0);
    if let Some(among) = &wanted.among {
        // One value, so that the statement's text does not depend on how many there are.
        conditions.push(format!("{first} IN (SELECT value FROM json_each(?))"));
        write::bind(arguments, json_list(among));
    }
    if let Some((from, until)) = &wanted.range {
        conditions.push(format!("{first} >= ? AND {first} < ?"));
        for value in [from, until] {
            write::bind_value(arguments, value.as_ref());
        }
    }
    conditions
}

/// Texts as a list in JSON.
fn json_list(texts: &[String]) -> String {
    let mut list = String::from("[");
    for (index, text) in texts.iter().enumerate() {
        if index > 0 {
            list.push(',');
        }
        contract::json::write_str(&mut list, text);
    }
    list.push(']');
    list
}

/// The statement, and what is bound to it.
fn statement(wanted: &Select) -> (String, SqliteArguments) {
    let schema = wanted.view.schema();
    let mut arguments = SqliteArguments::default();
    let mut conditions = conditions(wanted, &mut arguments);
    let columns: Vec<String> = wanted
        .order_columns()
        .iter()
        .map(|column| name(wanted.view, *column))
        .collect();
    if let Some(after) = &wanted.after {
        match (wanted.order, after.as_slice()) {
            (Order::Newest, [time, id]) => {
                let [at, key] = [&columns[0], &columns[1]];
                conditions.push(format!("{at} <= ? AND ({at} < ? OR {key} > ?)"));
                for value in [time, time, id] {
                    write::bind_value(&mut arguments, value.as_ref());
                }
            }
            _ => {
                let places = vec!["?"; after.len()].join(", ");
                conditions.push(format!("({}) > ({places})", columns.join(", ")));
                after
                    .iter()
                    .for_each(|value| write::bind_value(&mut arguments, value.as_ref()));
            }
        }
    }
    let mut sql = format!(
        "SELECT {} FROM {}",
        list(schema.columns.iter().map(|column| column.name)),
        schema.name
    );
    if !conditions.is_empty() {
        let _ = write!(sql, " WHERE {}", conditions.join(" AND "));
    }
    let order = match wanted.order {
        Order::Newest => format!("{} DESC, {}", columns[0], columns[1]),
        Order::Key => columns.join(", "),
    };
    let _ = write!(sql, " ORDER BY {order} LIMIT ?");
    write::bind(&mut arguments, i64::try_from(wanted.limit).unwrap_or(i64::MAX));
    (sql, arguments)
}

impl Snapshot {
    /// Some rows, in the order asked for.
    ///
    /// # Errors
    /// If the snapshot is too old, the view is not kept, or the file can't be read.
    pub async fn select(&mut self, wanted: &Select) -> Result<Vec<Row>, ReadError> {
        self.kept(wanted.view)?;
        let (sql, arguments) = statement(wanted);
        let found = self.rows(AssertSqlSafe(sql), arguments).await?;
        found.iter().map(|row| rows::values(wanted.view, row)).collect()
    }

    /// How many rows there are of each value of a column.
    ///
    /// # Errors
    /// As [`Snapshot::select`].
    pub async fn counts(&mut self, view: View, column: usize) -> Result<Vec<(Value, u64)>, ReadError> {
        self.kept(view)?;
        let schema = view.schema();
        let spec = &schema.columns[column];
        let by = quoted(spec.name);
        let sql = format!("SELECT {by}, count(*) FROM {} GROUP BY {by}", schema.name);
        let found = self.rows(AssertSqlSafe(sql), SqliteArguments::default()).await?;
        let edited = || ReadError::Edited {
            table: schema.name,
            column: spec.name,
        };
        let pair = |row: &sqlx::sqlite::SqliteRow| {
            let value = rows::value(row, 0, spec).ok_or_else(edited)?.to_value();
            let count: i64 = row.try_get(1).map_err(|_| edited())?;
            Ok((value, count.unsigned_abs()))
        };
        found.iter().map(pair).collect()
    }
}

fn parts(key: &[Value]) -> Vec<ValueRef<'_>> {
    key.iter().map(Value::as_ref).collect()
}

/// A row of its key and its other columns.
fn whole(view: View, key: &[Value], found: &FoundRow) -> Option<Row> {
    let columns = found.as_ref()?;
    let mut values = key.to_vec();
    values.extend(row(view, columns).map(|(_, value)| value.to_value()));
    Some(values)
}

impl Moment for Snapshot {
    fn frontier(&self) -> Option<&Frontier> {
        Snapshot::frontier(self)
    }

    fn get<'a>(&'a mut self, view: View, key: &'a [Value]) -> Later<'a, Result<Option<Row>, ReadError>> {
        Box::pin(async move {
            let found = Snapshot::get(self, view, &parts(key)).await?;
            Ok(whole(view, key, &found))
        })
    }

    fn select<'a>(&'a mut self, wanted: &'a Select) -> Later<'a, Result<Vec<Row>, ReadError>> {
        Box::pin(Snapshot::select(self, wanted))
    }

    fn counts(&mut self, view: View, column: usize) -> Later<'_, Result<Vec<(Value, u64)>, ReadError>> {
        Box::pin(Snapshot::counts(self, view, column))
    }

    fn end(self: Box<Self>) -> Later<'static, ()> {
        Box::pin(Snapshot::end(*self))
    }
}

impl Views for Readers {
    fn views(&self) -> &[View] {
        self.kept_views()
    }

    fn get<'a>(&'a self, view: View, key: &'a [Value]) -> Later<'a, Result<RowAt, ReadError>> {
        Box::pin(async move {
            let (epoch, found) = Readers::get(self, view, &parts(key)).await?;
            Ok((epoch, whole(view, key, &found)))
        })
    }

    fn shown<'a>(
        &'a self,
        form: &'static Form,
        first: &'a str,
    ) -> Later<'a, Result<(Option<Epoch>, Shown), ReadError>> {
        Box::pin(Readers::shown(self, form, first))
    }

    fn moment(&self) -> Later<'_, Result<Box<dyn Moment>, ReadError>> {
        Box::pin(async move {
            let snapshot = self.snapshot().await?;
            Ok(Box::new(snapshot) as Box<dyn Moment>)
        })
    }
}
