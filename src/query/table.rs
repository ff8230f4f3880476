//! Answers for people: columns as wide as what is in them, numbers to the right.
//!
//! Widths are those of a terminal, where letters of some scripts take two columns. What would break lines, or
//! speak to the terminal, is shown as an escape. On a terminal cells are cut until a row fits into a line.

use std::io::{self, Write};
use std::ops::ControlFlow;

use sinks::sqlite::{Cell, Rows};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::Answer;
use super::form::Plain;

/// Between columns.
const GAP: usize = 2;
/// The narrowest that a column is cut to.
const WIDTH_MIN: usize = 8;
/// What takes the place of what was cut.
const CUT: char = '…';

/// How wide the terminal is.
pub fn terminal_columns() -> usize {
    usize::from(console::Term::stdout().size().1)
}

/// A table of a limited number of rows.
pub struct Table<W> {
    out: W,
    rows_max: u64,
    /// How wide a line may be; none: as wide as it is.
    width_max: Option<usize>,
    names: Vec<String>,
    rows: Vec<Vec<String>>,
    /// Which columns have had nothing but numbers.
    is_number: Vec<bool>,
    more: bool,
}

impl<W: Write> Table<W> {
    /// Writes to `out`.
    pub fn new(out: W, rows_max: u64, width_max: Option<usize>) -> Table<W> {
        Table {
            out,
            rows_max,
            width_max,
            names: Vec::new(),
            rows: Vec::new(),
            is_number: Vec::new(),
            more: false,
        }
    }

    /// How wide each column becomes.
    fn widths(&self) -> Vec<usize> {
        let widest = |index: usize| {
            let cells = self.rows.iter().map(|row| row[index].width());
            cells.chain([self.names[index].width(), 1]).max().unwrap_or(1)
        };
        let mut widths: Vec<usize> = (0..self.names.len()).map(widest).collect();
        let Some(max) = self.width_max else {
            return widths;
        };
        let room = max.saturating_sub(GAP * widths.len().saturating_sub(1));
        while widths.iter().sum::<usize>() > room {
            // The widest gives most.
            let cuttable = widths.iter().enumerate().filter(|(_, width)| **width > WIDTH_MIN);
            match cuttable.max_by_key(|(_, width)| **width).map(|(index, _)| index) {
                Some(index) => widths[index] -= 1,
                None => break,
            }
        }
        widths
    }
}

/// A line of the table.
fn line(cells: &[String], widths: &[usize], is_number: &[bool]) -> String {
    let mut line = String::new();
    for (index, cell) in cells.iter().enumerate() {
        let cut = cut(cell, widths[index]);
        let blank = " ".repeat(widths[index] - cut.width());
        if index > 0 {
            line.push_str(&" ".repeat(GAP));
        }
        let sides = if is_number[index] {
            [blank, cut]
        } else {
            [cut, blank]
        };
        line.push_str(&sides.concat());
    }
    line.truncate(line.trim_end().len());
    line
}

/// A text that takes at most `width` columns.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut taken = 0;
    let kept = text.chars().take_while(|c| {
        taken += c.width().unwrap_or(0);
        taken < width
    });
    kept.chain([CUT]).collect()
}

/// A text without what would break a line or speak to a terminal.
fn visible(text: &str) -> String {
    let escape = |c: char| match c {
        c if c.is_control() => c.escape_default().collect::<String>(),
        // What turns the direction of writing would turn the table's.
        '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            c.escape_unicode().collect()
        }
        c => c.to_string(),
    };
    text.chars().map(escape).collect()
}

impl<W: Write> Rows for Table<W> {
    fn columns(&mut self, names: &[&str]) -> io::Result<()> {
        self.names = names.iter().map(|name| visible(name)).collect();
        self.is_number = vec![true; names.len()];
        Ok(())
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<ControlFlow<()>> {
        if self.rows.len() as u64 >= self.rows_max {
            self.more = true;
            return Ok(ControlFlow::Break(()));
        }
        for (index, cell) in cells.iter().enumerate() {
            self.is_number[index] &= matches!(cell, Cell::Null | Cell::Int(_) | Cell::Real(_));
        }
        let shown = |cell: &Cell<'_>| match cell {
            Cell::Null => "null".to_owned(),
            cell => visible(&Plain(*cell).to_string()),
        };
        self.rows.push(cells.iter().map(shown).collect());
        Ok(ControlFlow::Continue(()))
    }
}

impl<W: Write> Answer for Table<W> {
    fn end(&mut self) -> io::Result<()> {
        let widths = self.widths();
        let rules = widths.iter().map(|width| "-".repeat(*width)).collect();
        let head = [std::mem::take(&mut self.names), rules];
        for cells in head.iter().chain(&self.rows) {
            let line = line(cells, &widths, &self.is_number);
            writeln!(self.out, "{line}")?;
        }
        self.out.flush()?;
        if self.more {
            eprintln!(
                "there are more than {} rows: --rows shows more of them, --format csv or ndjson all",
                bench::thousands(&self.rows_max.to_string())
            );
        }
        Ok(())
    }
}

/// Tables and columns with their meaning, a paragraph a table.
pub struct Listing<W> {
    out: W,
    any: bool,
}

impl<W: Write> Listing<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Listing<W> {
        Listing { out, any: false }
    }
}

impl<W: Write> Rows for Listing<W> {
    fn columns(&mut self, _: &[&str]) -> io::Result<()> {
        Ok(())
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<ControlFlow<()>> {
        let text =
            |index: usize| visible(&Plain(cells.get(index).copied().unwrap_or(Cell::Null)).to_string());
        let [table, column, ty, meaning] = [text(0), text(1), text(2), text(3)];
        if column.is_empty() {
            let before = if self.any { "\n" } else { "" };
            let ty = if ty == "view" {
                String::new()
            } else {
                format!(" ({ty})")
            };
            writeln!(self.out, "{before}{table}{ty}: {meaning}")?;
        } else {
            writeln!(self.out, "  {column:<18} {ty:<24} {meaning}")?;
        }
        self.any = true;
        Ok(ControlFlow::Continue(()))
    }
}

impl<W: Write> Answer for Listing<W> {
    fn end(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(width: Option<usize>, names: &[&str], rows: &[&[Cell<'_>]]) -> String {
        let mut out = Vec::new();
        let mut table = Table::new(&mut out, 1000, width);
        table.columns(names).expect("it is memory");
        for row in rows {
            assert!(table.row(row).expect("it is memory").is_continue());
        }
        table.end().expect("it is memory");
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn letters_that_take_two_columns_are_counted_so() {
        let rows: [&[Cell<'_>]; 3] = [
            &[Cell::Text("머그컵"), Cell::Int(5)],
            &[Cell::Text("mug"), Cell::Int(12)],
            &[Cell::Null, Cell::Null],
        ];
        let expected = "name       n\n------  ----\n머그컵     5\nmug       12\nnull    null\n";
        assert_eq!(table(None, &["name", "n"], &rows), expected);
    }

    #[test]
    fn lines_fit_a_terminal_whatever_is_in_them() {
        let long = "긴 글 ".repeat(40);
        let rows: [&[Cell<'_>]; 2] = [
            &[
                Cell::Text(&long),
                Cell::Text("a\nb\u{1b}[2J\u{202e}"),
                Cell::Int(1),
            ],
            &[Cell::Text("short"), Cell::Text(&long), Cell::Int(2)],
        ];
        for width in [30, 40, 80, 200] {
            let came = table(Some(width), &["one", "two", "three"], &rows);
            assert_eq!(came.lines().count(), 4, "{came}");
            assert!(came.lines().all(|line| line.width() <= width), "{width}: {came}");
            assert!(!came.contains(['\u{1b}', '\u{202e}']), "{came}");
        }
    }

    #[test]
    fn no_more_rows_are_taken_than_asked_for() {
        let mut out = Vec::new();
        let mut table = Table::new(&mut out, 2, None);
        table.columns(&["a"]).expect("it is memory");
        for number in 0..3 {
            let taken = table.row(&[Cell::Int(number)]).expect("it is memory");
            assert_eq!(taken.is_break(), number == 2);
        }
    }
}
