//! `millrace import online-retail FILE`: a shop's history into the log, bound with the clock of its own time.

use std::fs::File;
use std::path::Path;

use importers::online_retail::{self, Import, Input, Options};
use streams::{EmbeddedLog, history};

use crate::Failure;
use crate::data::{Data, PARTITIONS, now_ms};
use crate::output::print;
use crate::progress::bar;

/// Imports `file` into a data directory.
pub fn run(file: &Path, data: &Path) -> Result<(), Failure> {
    let input = read(Some(file))?;
    let import = import(&input)?;
    let data = Data::make(data)?;
    let log = data.log()?;
    append(&log, &import)?;
    let epochs = import.log.timeline().len();
    print(&format!(
        "{}\n{} records in {epochs} epochs are in {}; millrace up decides them\n",
        import.report,
        import.log.len(),
        data.path().display()
    ))
}

/// Reads a file, or the month that comes with the program.
pub fn read(file: Option<&Path>) -> Result<Input, Failure> {
    let Some(path) = file else {
        return online_retail::december_2010().map_err(|error| Failure::Undone(error.to_string()));
    };
    let failed = |error: &dyn std::fmt::Display| Failure::Undone(format!("{}: {error}", path.display()));
    let opened = File::open(path).map_err(|error| failed(&error))?;
    let total = opened.metadata().map_or(0, |metadata| metadata.len());
    let bar = bar("reading", total);
    let input = online_retail::read(bar.wrap_read(opened)).map_err(|error| failed(&error));
    bar.finish_and_clear();
    input
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
pub fn append(log: &EmbeddedLog, import: &Import) -> Result<(), Failure> {
    let bar = bar("appending", import.log.len());
    let appended = history::append(log, &import.log, now_ms(), |done, _| bar.set_position(done));
    bar.finish_and_clear();
    match appended {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::Undone(error.to_string())),
    }
}
