//! Rows of tables, read by column.

use contract::tables::Tables;
use contract::time::Time;
use contract::value::Value;
use contract::views::View;

/// A row of a table.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cells<'a> {
    key: &'a [Value],
    columns: &'a [Value],
}

impl<'a> Cells<'a> {
    /// A row, from its key and the columns after it.
    #[must_use]
    pub fn new(key: &'a [Value], columns: &'a [Value]) -> Self {
        Self { key, columns }
    }

    /// The value of a column.
    #[must_use]
    pub fn get(self, column: usize) -> Option<&'a Value> {
        match column.checked_sub(self.key.len()) {
            None => self.key.get(column),
            Some(rest) => self.columns.get(rest),
        }
    }

    /// A text or a JSON text; empty if it is null.
    #[must_use]
    pub fn text(self, column: usize) -> &'a str {
        self.maybe_text(column).unwrap_or("")
    }

    /// A text or a JSON text, if it is not null.
    #[must_use]
    pub fn maybe_text(self, column: usize) -> Option<&'a str> {
        match self.get(column) {
            Some(Value::Text(text) | Value::Json(text)) => Some(text),
            _ => None,
        }
    }

    /// A whole number; 0 if it is null.
    #[must_use]
    pub fn int(self, column: usize) -> i64 {
        self.maybe_int(column).unwrap_or(0)
    }

    /// A whole number, if it is not null.
    #[must_use]
    pub fn maybe_int(self, column: usize) -> Option<i64> {
        match self.get(column) {
            Some(Value::Int(number)) => Some(*number),
            _ => None,
        }
    }

    /// Whether a flag is set.
    #[must_use]
    pub fn flag(self, column: usize) -> bool {
        matches!(self.get(column), Some(Value::Bool(true)))
    }

    /// A time, if it is not null.
    #[must_use]
    pub fn time(self, column: usize) -> Option<Time> {
        match self.get(column) {
            Some(Value::Time(time)) => Some(*time),
            _ => None,
        }
    }
}

/// The rows of a view.
pub fn rows(tables: &Tables, view: View) -> impl Iterator<Item = Cells<'_>> {
    tables
        .rows(view)
        .iter()
        .map(|(key, columns)| Cells::new(key, columns))
}
