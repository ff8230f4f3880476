//! Answers for programs that read text: CSV, and what is added to any answer.

use std::io::{self, Write};
use std::ops::ControlFlow;

use sinks::sqlite::{Cell, Rows};

use super::Answer;

/// Comma-separated values as in RFC 4180: lines end with CR LF, what needs it is quoted.
pub struct Csv<W: Write> {
    out: W,
    line: Vec<u8>,
}

impl<W: Write> Csv<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Csv<W> {
        Csv {
            out,
            line: Vec::new(),
        }
    }

    fn put<'a>(&mut self, cells: impl Iterator<Item = Cell<'a>>) -> io::Result<()> {
        self.line.clear();
        for (index, cell) in cells.enumerate() {
            if index > 0 {
                self.line.push(b',');
            }
            field(&mut self.line, cell)?;
        }
        self.line.extend_from_slice(b"\r\n");
        self.out.write_all(&self.line)
    }
}

impl<W: Write> Rows for Csv<W> {
    fn columns(&mut self, names: &[&str]) -> io::Result<()> {
        self.put(names.iter().map(|name| Cell::Text(name)))
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<ControlFlow<()>> {
        self.put(cells.iter().copied())?;
        Ok(ControlFlow::Continue(()))
    }
}

impl<W: Write> Answer for Csv<W> {
    fn end(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn field(line: &mut Vec<u8>, cell: Cell<'_>) -> io::Result<()> {
    match cell {
        Cell::Null => Ok(()),
        Cell::Text(text) if text.is_empty() || text.contains([',', '"', '\r', '\n']) => {
            line.push(b'"');
            line.extend_from_slice(text.replace('"', "\"\"").as_bytes());
            line.push(b'"');
            Ok(())
        }
        cell => write!(line, "{}", Plain(cell)),
    }
}

/// A value as text: bytes as hexadecimal digits.
pub struct Plain<'a>(pub Cell<'a>);

impl std::fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Cell::Null => Ok(()),
            Cell::Int(number) => write!(f, "{number}"),
            Cell::Real(number) => write!(f, "{number:?}"),
            Cell::Text(text) => f.write_str(text),
            Cell::Blob(bytes) => bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}")),
        }
    }
}

/// An answer whose rows say as of which epoch they are.
pub struct WithEpoch<A> {
    inner: A,
    epoch: i64,
}

impl<A> WithEpoch<A> {
    /// Of `epoch`.
    pub fn new(inner: A, epoch: u64) -> WithEpoch<A> {
        let epoch = i64::try_from(epoch).unwrap_or(i64::MAX);
        WithEpoch { inner, epoch }
    }
}

impl<A: Rows> Rows for WithEpoch<A> {
    fn columns(&mut self, names: &[&str]) -> io::Result<()> {
        self.inner.columns(&[names, &["as_of"]].concat())
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<ControlFlow<()>> {
        self.inner.row(&[cells, &[Cell::Int(self.epoch)]].concat())
    }
}

impl<A: Answer> Answer for WithEpoch<A> {
    fn end(&mut self) -> io::Result<()> {
        self.inner.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_quotes_what_needs_it_and_tells_null_from_nothing() {
        let mut out = Vec::new();
        let mut csv = Csv::new(&mut out);
        csv.columns(&["a", "b,c"]).expect("it is memory");
        let rows: [[Cell<'_>; 2]; 3] = [
            [Cell::Null, Cell::Text("")],
            [Cell::Int(-5), Cell::Text("say \"a\"\r\nb")],
            [Cell::Real(0.1), Cell::Blob(&[0, 255])],
        ];
        for row in &rows {
            assert!(csv.row(row).expect("it is memory").is_continue());
        }
        csv.end().expect("it is memory");
        let expected = "a,\"b,c\"\r\n,\"\"\r\n-5,\"say \"\"a\"\"\r\nb\"\r\n0.1,00ff\r\n";
        assert_eq!(String::from_utf8(out).expect("UTF-8"), expected);
    }
}
