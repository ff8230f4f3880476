//! `millrace import`: a history of real data into the log, bound with the clock of its own time.

use std::fmt::Display;
use std::fs::File;
use std::path::Path;

use contract::log::History;
use importers::film_reviews::{self, Imported, Listed, Shares};
use importers::online_retail::{self, Import, Input, Options};
use indicatif::ProgressBarIter;
use streams::{EmbeddedLog, history};

use crate::Failure;
use crate::data::{Data, PARTITIONS, now_ms};
use crate::output::print;
use crate::progress::bar;

/// Imports a shop's invoices into a data directory.
pub fn run(file: &Path, data: &Path) -> Result<(), Failure> {
    let import = import(&read(Some(file))?)?;
    into(data, &import.log, &import.report)
}

/// Imports film reviews into a data directory.
pub fn film_reviews(file: &Path, data: &Path) -> Result<(), Failure> {
    let input = reading(file, film_reviews::read)?;
    let imported = film_reviews::import(&input, PARTITIONS, Shares::default());
    let Imported {
        posted,
        repeated,
        edited,
        deleted,
        orders,
        ..
    } = imported;
    let mut report = format!(
        "{} lines: {posted} reviews, of which {edited} are edited and {deleted} deleted later; {orders} orders\n",
        input.lines.len() + input.listed.len(),
    );
    if repeated > 0 {
        report.push_str(&format!(
            "{repeated} lines repeat the id of a review and are left out\n"
        ));
    }
    for Listed { line, reason } in &input.listed {
        report.push_str(&format!("line {line} is left out: {reason}\n"));
    }
    into(data, &imported.log, &report)
}

/// Appends a history to a data directory's log, and says what was done.
fn into(data: &Path, history: &History, report: &dyn Display) -> Result<(), Failure> {
    let data = Data::make(data)?;
    let log = data.log()?;
    append(&log, history)?;
    let epochs = history.timeline().len();
    print(&format!(
        "{report}\n{} records in {epochs} epochs are in {}; millrace up decides them\n",
        history.len(),
        data.path().display()
    ))
}

/// Reads a file with progress.
fn reading<T, E: Display>(
    path: &Path,
    read: impl FnOnce(ProgressBarIter<File>) -> Result<T, E>,
) -> Result<T, Failure> {
    let failed = |error: &dyn Display| Failure::Undone(format!("{}: {error}", path.display()));
    let opened = File::open(path).map_err(|error| failed(&error))?;
    let total = opened.metadata().map_or(0, |metadata| metadata.len());
    let bar = bar("reading", total);
    let input = read(bar.wrap_read(opened)).map_err(|error| failed(&error));
    bar.finish_and_clear();
    input
}

/// Reads a file, or the month that comes with the program.
pub fn read(file: Option<&Path>) -> Result<Input, Failure> {
    let Some(path) = file else {
        return online_retail::december_2010().map_err(|error| Failure::Undone(error.to_string()));
    };
    reading(path, online_retail::read)
}

/// How it is imported.
pub fn options() -> Options {
    Options {
        partitions: PARTITIONS,
        ..Options::default()
    }
}

/// Makes records of it.
pub fn import(input: &Input) -> Result<Import, Failure> {
    let bar = bar("importing", input.read());
    let import = online_retail::import(input, &options(), |done, _| bar.set_position(done));
    bar.finish_and_clear();
    if import.report.balanced() {
        return Ok(import);
    }
    Err(Failure::Bad(
        "the importer's account of the lines does not add up".to_owned(),
    ))
}

/// Appends them, with their epochs.
pub fn append(log: &EmbeddedLog, import: &History) -> Result<(), Failure> {
    let bar = bar("appending", import.len());
    let appended = history::append(log, import, now_ms(), |done, _| bar.set_position(done));
    bar.finish_and_clear();
    match appended {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::Undone(error.to_string())),
    }
}
