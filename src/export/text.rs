//! Exports as text: CSV, and JSON objects.

use std::io::{self, Write};

use serde_json::Value;
use sinks::sqlite::{Cell, Rows as _};

use super::{Field, Sheet, Source};
use crate::Failure;
use crate::query::{Answer as _, form};

/// Comma-separated values; flags are true and false.
pub struct Csv<W: Write>(form::Csv<W>);

impl<W: Write> Csv<W> {
    /// Writes to `out`, and names first.
    pub fn new(out: W, source: &Source) -> Result<Csv<W>, Failure> {
        let mut csv = form::Csv::new(out);
        let names: Vec<&str> = source.columns.iter().map(|column| column.name).collect();
        let named = csv.columns(&names);
        named.map_err(|error| Failure::Undone(error.to_string()))?;
        Ok(Csv(csv))
    }
}

impl<W: Write> Sheet for Csv<W> {
    fn row(&mut self, fields: &[Field<'_>]) -> io::Result<()> {
        let cells: Vec<Cell<'_>> = fields.iter().map(cell).collect();
        self.0.row(&cells).map(drop)
    }

    fn end(&mut self) -> io::Result<()> {
        self.0.end()
    }
}

fn cell<'a>(field: &Field<'a>) -> Cell<'a> {
    match *field {
        Field::Null => Cell::Null,
        Field::Int(number) => Cell::Int(number),
        Field::Bool(flag) => Cell::Text(if flag { "true" } else { "false" }),
        Field::Double(number) => Cell::Real(number),
        Field::Text(text) | Field::Json(text) | Field::Time(_, text) => Cell::Text(text),
    }
}

/// A JSON object a line; lists and details are JSON in it.
pub struct Lines<W> {
    out: W,
    names: Vec<String>,
}

impl<W: Write> Lines<W> {
    /// Writes to `out`.
    pub fn new(out: W, source: &Source) -> Lines<W> {
        let name = |column: &&contract::views::Column| Value::from(column.name).to_string();
        let names = source.columns.iter().map(name).collect();
        Lines { out, names }
    }
}

impl<W: Write> Sheet for Lines<W> {
    fn row(&mut self, fields: &[Field<'_>]) -> io::Result<()> {
        for (index, (name, field)) in self.names.iter().zip(fields).enumerate() {
            let before = if index == 0 { "{" } else { "," };
            let value = match *field {
                Field::Null => Value::Null,
                Field::Int(number) => Value::from(number),
                Field::Bool(flag) => Value::from(flag),
                Field::Double(number) => Value::from(number),
                Field::Text(text) | Field::Time(_, text) => Value::from(text),
                Field::Json(text) => serde_json::from_str(text).map_err(io::Error::other)?,
            };
            write!(self.out, "{before}{name}:{value}")?;
        }
        self.out.write_all(b"}\n")
    }

    fn end(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
