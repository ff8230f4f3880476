//! `millrace export`: a view as a file, as of one epoch, beside whatever runs.
//!
//! Invariant: under the file's name there is either what was there before, or all of the view. It is written
//! under another name beside, and renamed when it is whole. Memory is bounded by a group of rows.

#[cfg(feature = "parquet")]
mod parquet;
mod place;
mod text;

use std::io::{self, IsTerminal as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use contract::time::Time;
use contract::views::{Column, Type, View};
use indicatif::ProgressBar;
use sinks::Frontier;
use sinks::sqlite::{AskError, Cell, Rows, SQL_VIEWS, SqlView, statement};

use self::place::Place;
use crate::Failure;
use crate::progress;
use crate::query::{Answer, Asking, as_of};

/// What a file can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Apache Parquet: typed columns, compressed, the epoch in the file's metadata.
    Parquet,
    /// As in RFC 4180, with names in the first line. Null is nothing, an empty text is "".
    Csv,
    /// A JSON object a line.
    Ndjson,
}

impl Format {
    /// What its files' names end with.
    fn extension(self) -> &'static str {
        match self {
            Format::Parquet => "parquet",
            Format::Csv => "csv",
            Format::Ndjson => "ndjson",
        }
    }
}

/// What is asked for.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The view, or the SQL view; `millrace query --tables` lists them.
    view: String,
    /// What the file is; by default what its name ends with.
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// The file, or - for stdout; by default the view's name in this directory.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Only rows for which this SQL condition holds.
    #[arg(long, value_name = "CONDITION")]
    r#where: Option<String>,
    /// Replace a file that is there.
    #[arg(long)]
    force: bool,
    /// The data directory, or a view store's file.
    #[arg(long, value_name = "DIR", default_value = "./millrace-data")]
    data: PathBuf,
}

/// What is exported: a name, its columns, and how many of them, from the first, tell its rows apart.
struct Source {
    name: &'static str,
    #[cfg_attr(
        not(feature = "parquet"),
        expect(dead_code, reason = "only Parquet carries it")
    )]
    meaning: &'static str,
    columns: Vec<&'static Column>,
    key_len: usize,
    /// As of when it is.
    frontier: Option<Frontier>,
}

impl Source {
    fn named(name: &str) -> Result<Source, Failure> {
        if let Some(view) = View::ALL.iter().find(|view| view.schema().name == name) {
            let schema = view.schema();
            return Ok(Source {
                name: schema.name,
                meaning: schema.meaning.trim(),
                columns: schema.columns.iter().collect(),
                key_len: schema.key_len,
                frontier: None,
            });
        }
        if let Some(view) = SqlView::named(name) {
            return Ok(Source {
                name: view.name,
                meaning: view.meaning,
                columns: view.columns.iter().map(|c| &c.column).collect(),
                key_len: view.key_len,
                frontier: None,
            });
        }
        let names = View::ALL.iter().map(|view| view.schema().name);
        let names: Vec<_> = names.chain(SQL_VIEWS.iter().map(|view| view.name)).collect();
        let names = names.join(", ");
        Err(Failure::Usage(format!(
            "there is no view {name}; there are {names}"
        )))
    }

    /// Sees that a store has it: one that an older version made may not.
    fn is_in(&self, asking: &mut Asking) -> Result<(), Failure> {
        let mut count = Count(0);
        let sql = format!("SELECT count(*) FROM sqlite_schema WHERE name = '{}'", self.name);
        asking.answer(&sql, &mut count)?;
        if count.0 > 0 {
            return Ok(());
        }
        Err(Failure::Undone(format!(
            "the view store has no {}, which an older millrace made; millrace up adds it",
            self.name
        )))
    }

    fn sql(&self, what: &str, condition: Option<&str>) -> String {
        // On a line of its own: it may end in a comment.
        let condition = condition.map_or(String::new(), |text| format!(" WHERE (\n{text}\n)"));
        format!("SELECT {what} FROM {}{condition}", self.name)
    }

    fn select(&self, condition: Option<&str>) -> String {
        let names: Vec<String> = self.columns.iter().map(|c| format!("\"{}\"", c.name)).collect();
        let order = names[..self.key_len].join(", ");
        format!("{} ORDER BY {order}", self.sql(&names.join(", "), condition))
    }
}

/// Exports.
pub fn run(args: &Args) -> Result<(), Failure> {
    let mut source = Source::named(&args.view)?;
    let format = format(args)?;
    if let Some(condition) = args.r#where.as_deref()
        && !statement::is_condition(condition)
    {
        return Err(Failure::Usage(
            "--where is one SQL condition, such as day >= '2024-01-01'".to_owned(),
        ));
    }
    let usual = PathBuf::from(format!("{}.{}", source.name, format.extension()));
    if args.output.as_deref() == Some(Path::new("-")) && format == Format::Parquet && is_terminal() {
        return Err(Failure::Usage(
            "parquet is nothing for a terminal: name a file with --output".to_owned(),
        ));
    }
    let mut asking = Asking::open(&args.data, None)?;
    // Signals are heard by now: whatever comes, nothing half-done is left.
    let place = Place::open(args.output.as_deref().unwrap_or(&usual), args.force)?;
    source.frontier = asking.frontier().cloned();
    source.is_in(&mut asking)?;
    let bar = bar(&mut asking, &source, args.r#where.as_deref())?;
    let sheet = sheet(format, &place, &source)?;
    let mut typed = Typed {
        sheet,
        columns: &source.columns,
        view: source.name,
        rows: 0,
        bar,
    };
    let asked = asking.try_answer(&source.select(args.r#where.as_deref()), &mut typed);
    asked.map_err(|error| asking.failure(&of_condition(place.named(error))))?;
    typed.bar.finish_and_clear();
    let rows = typed.rows;
    drop(typed);
    let name = place.finish()?;
    let rows = bench::thousands(&rows.to_string());
    let as_of = as_of(source.frontier.as_ref());
    eprintln!("{rows} rows of {} {as_of} in {name}", source.name);
    Ok(())
}

/// An error of a statement that its user wrote a part of: places in the whole would mislead.
fn of_condition(error: AskError) -> AskError {
    match error {
        AskError::Sql { what, .. } => AskError::Sql { what, place: None },
        other => other,
    }
}

fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// What the file is to be.
fn format(args: &Args) -> Result<Format, Failure> {
    use clap::ValueEnum as _;
    if let Some(format) = args.format {
        return Ok(format);
    }
    let end = args.output.as_deref().and_then(Path::extension);
    let of_name = |format: &&Format| end.is_some_and(|end| end.eq_ignore_ascii_case(format.extension()));
    let formats = Format::value_variants();
    formats.iter().find(of_name).copied().ok_or_else(|| {
        let names: Vec<_> = formats.iter().map(|format| format.extension()).collect();
        Failure::Usage(format!(
            "say what it is to be with --format: {}",
            names.join(", ")
        ))
    })
}

/// Progress, where somebody sees it.
fn bar(asking: &mut Asking, source: &Source, condition: Option<&str>) -> Result<ProgressBar, Failure> {
    if !io::stderr().is_terminal() {
        return Ok(ProgressBar::hidden());
    }
    let mut count = Count(0);
    let counted = asking.try_answer(&source.sql("count(*)", condition), &mut count);
    counted.map_err(|error| asking.failure(&of_condition(error)))?;
    Ok(progress::bar("exporting", count.0))
}

/// Takes a number.
struct Count(u64);

impl Rows for Count {
    fn columns(&mut self, _: &[&str]) -> io::Result<()> {
        Ok(())
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<ControlFlow<()>> {
        if let [Cell::Int(number)] = cells {
            self.0 = number.unsigned_abs();
        }
        Ok(ControlFlow::Continue(()))
    }
}

impl Answer for Count {
    fn end(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn sheet(format: Format, place: &Place, source: &Source) -> Result<Box<dyn Sheet>, Failure> {
    let out = place.writer()?;
    match format {
        #[cfg(feature = "parquet")]
        Format::Parquet => {
            let sheet = parquet::Parquet::new(out, source);
            let sheet = sheet.map_err(|error| Failure::Undone(format!("{}: {error}", source.name)))?;
            Ok(Box::new(sheet))
        }
        #[cfg(not(feature = "parquet"))]
        Format::Parquet => Err(Failure::Undone(
            "this millrace was built without its feature parquet; csv and ndjson it can write".to_owned(),
        )),
        Format::Csv => Ok(Box::new(text::Csv::new(out, source)?)),
        Format::Ndjson => Ok(Box::new(text::Lines::new(out, source))),
    }
}

/// A value of a column, of the column's type.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Field<'a> {
    Null,
    Int(i64),
    Bool(bool),
    Double(f64),
    Text(&'a str),
    Json(&'a str),
    /// An instant, and how it is written.
    Time(Time, &'a str),
}

/// What rows are written to.
trait Sheet {
    /// Writes a row: a field a column.
    fn row(&mut self, fields: &[Field<'_>]) -> io::Result<()>;
    /// Writes what is left.
    fn end(&mut self) -> io::Result<()>;
}

/// Sees that each value is one of its column, and hands it on.
struct Typed<'a> {
    sheet: Box<dyn Sheet>,
    columns: &'a [&'static Column],
    view: &'static str,
    rows: u64,
    bar: ProgressBar,
}

impl Rows for Typed<'_> {
    fn columns(&mut self, _: &[&str]) -> io::Result<()> {
        Ok(())
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<ControlFlow<()>> {
        let mut fields = Vec::with_capacity(cells.len());
        for (column, cell) in self.columns.iter().zip(cells) {
            fields.push(field(column, *cell).ok_or_else(|| {
                io::Error::other(format!(
                    "{}.{} holds what millrace never wrote there: somebody edited the file",
                    self.view, column.name
                ))
            })?);
        }
        self.sheet.row(&fields)?;
        self.rows += 1;
        self.bar.inc(1);
        Ok(ControlFlow::Continue(()))
    }
}

impl Answer for Typed<'_> {
    fn end(&mut self) -> io::Result<()> {
        self.sheet.end()
    }
}

fn field<'a>(column: &Column, cell: Cell<'a>) -> Option<Field<'a>> {
    Some(match (column.ty, cell) {
        (_, Cell::Null) => return column.nullable.then_some(Field::Null),
        (Type::Int, Cell::Int(number)) => Field::Int(number),
        (Type::Bool, Cell::Int(flag @ (0 | 1))) => Field::Bool(flag == 1),
        (Type::Double, Cell::Real(number)) => Field::Double(number),
        (Type::Text, Cell::Text(text)) => Field::Text(text),
        (Type::Json, Cell::Text(text)) => Field::Json(text),
        (Type::Time, Cell::Text(text)) => Field::Time(sinks::sqlite::time(text)?, text),
        _ => return None,
    })
}
