//! Answers as JSON: an array, or an object a line. Whole numbers are exact; a double that is no number is
//! null, bytes are hexadecimal digits. Of columns with one name the later ones are called `name:1`, `name:2`.

use std::io::{self, Write};
use std::ops::ControlFlow;

use serde_json::Value;
use sinks::sqlite::{Cell, Rows};

use super::Answer;
use super::form::Plain;

/// The names, each once, as JSON.
fn named(names: &[&str]) -> Vec<String> {
    let mut taken: Vec<String> = Vec::new();
    for name in names {
        let other = |count: usize| format!("{name}:{count}");
        let mut unique = (*name).to_owned();
        let mut count = 0;
        while taken.contains(&unique) {
            count += 1;
            unique = other(count);
        }
        taken.push(unique);
    }
    taken
        .into_iter()
        .map(|name| Value::from(name).to_string())
        .collect()
}

fn value(cell: Cell<'_>) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Int(number) => Value::from(number),
        Cell::Real(number) => Value::from(number),
        Cell::Text(text) => Value::from(text),
        Cell::Blob(_) => Value::from(Plain(cell).to_string()),
    }
}

fn object(out: &mut impl Write, names: &[String], cells: &[Cell<'_>]) -> io::Result<()> {
    for (index, (name, cell)) in names.iter().zip(cells).enumerate() {
        let before = if index == 0 { "{" } else { "," };
        write!(out, "{before}{name}:{}", value(*cell))?;
    }
    out.write_all(if names.is_empty() { b"{}" } else { b"}" })
}

/// An object a line.
pub struct Lines<W> {
    out: W,
    names: Vec<String>,
}

impl<W: Write> Lines<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Lines<W> {
        Lines {
            out,
            names: Vec::new(),
        }
    }
}

impl<W: Write> Rows for Lines<W> {
    fn columns(&mut self, names: &[&str]) -> io::Result<()> {
        self.names = named(names);
        Ok(())
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<ControlFlow<()>> {
        object(&mut self.out, &self.names, cells)?;
        self.out.write_all(b"\n")?;
        Ok(ControlFlow::Continue(()))
    }
}

impl<W: Write> Answer for Lines<W> {
    fn end(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// An array, an object of it a line.
pub struct Array<W> {
    lines: Lines<W>,
    rows: u64,
}

impl<W: Write> Array<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Array<W> {
        Array {
            lines: Lines::new(out),
            rows: 0,
        }
    }
}

impl<W: Write> Rows for Array<W> {
    fn columns(&mut self, names: &[&str]) -> io::Result<()> {
        self.lines.columns(names)?;
        self.lines.out.write_all(b"[")
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<ControlFlow<()>> {
        self.lines
            .out
            .write_all(if self.rows == 0 { b"\n" } else { b",\n" })?;
        self.rows += 1;
        object(&mut self.lines.out, &self.lines.names, cells)?;
        Ok(ControlFlow::Continue(()))
    }
}

impl<W: Write> Answer for Array<W> {
    fn end(&mut self) -> io::Result<()> {
        self.lines.out.write_all(b"\n]\n")?;
        self.lines.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_is_json_and_keeps_columns_of_one_name_apart() {
        let mut out = Vec::new();
        let mut array = Array::new(&mut out);
        array.columns(&["a", "a", "b"]).expect("it is memory");
        for number in [i64::MAX, -1] {
            let row = [Cell::Int(number), Cell::Text("\"값\n"), Cell::Real(f64::NAN)];
            assert!(array.row(&row).expect("it is memory").is_continue());
        }
        array.end().expect("it is memory");
        let read: Value = serde_json::from_slice(&out).expect("it is JSON");
        let expected = serde_json::json!([
            {"a": i64::MAX, "a:1": "\"값\n", "b": null},
            {"a": -1, "a:1": "\"값\n", "b": null},
        ]);
        assert_eq!(read, expected);
    }

    #[test]
    fn an_array_of_nothing_is_one() {
        let mut out = Vec::new();
        let mut array = Array::new(&mut out);
        array.columns(&["a"]).expect("it is memory");
        array.end().expect("it is memory");
        assert_eq!(
            serde_json::from_slice::<Value>(&out).expect("JSON"),
            serde_json::json!([])
        );
    }
}
