//! `millrace diff`: the rows that two view stores, at one epoch, have differently.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use sinks::Frontier;
use sinks::sqlite::Pair;

use crate::Failure;
use crate::data::Data;
use crate::output::print;
use crate::progress::spinner;

/// Compares, and lists at most so many differences.
pub fn run(sides: [&Path; 2], at: Option<u64>, show: usize) -> Result<(), Failure> {
    let [a, b] = [store(sides[0])?, store(sides[1])?];
    let undone = |error: sinks::SinkError| Failure::Undone(error.to_string());
    let mut pair = Pair::open(&a, &b).map_err(undone)?;
    let epoch = common(&pair, [&a, &b], at)?;
    let line = spinner("comparing".to_owned());
    let compared = pair.compare(show, |view| line.set_message(format!("comparing {view}")));
    line.finish_and_clear();
    let compared = compared.map_err(undone)?;
    let mut out = String::new();
    for difference in &compared.shown {
        let _ = writeln!(out, "{difference}");
    }
    if compared.count > compared.shown.len() as u64 {
        let _ = writeln!(out, "and {} more", compared.count - compared.shown.len() as u64);
    }
    for left_out in &compared.left_out {
        let _ = writeln!(out, "not compared: {left_out}");
    }
    let _ = writeln!(
        out,
        "compared {} rows of {} views at epoch {epoch}: {} differences",
        bench::thousands(&compared.rows.to_string()),
        compared.views,
        compared.count
    );
    print(&out)?;
    if compared.count == 0 {
        return Ok(());
    }
    Err(Failure::Bad(format!(
        "{} rows differ between {} and {}",
        compared.count,
        a.display(),
        b.display()
    )))
}

/// The view store's file that a path is or leads to: of a data directory, or itself.
pub fn store(side: &Path) -> Result<PathBuf, Failure> {
    if side.is_file() {
        return Ok(side.to_owned());
    }
    let data = Data::existing(side)?;
    if data.has_store() {
        return Ok(data.store_path());
    }
    Err(Failure::Undone(format!(
        "{} has no view store yet; millrace up makes it",
        side.display()
    )))
}

/// The epoch that both stand at.
fn common(pair: &Pair, files: [&Path; 2], at: Option<u64>) -> Result<u64, Failure> {
    let found = pair.frontiers();
    let epoch = |found: Option<&Frontier>| found.map_or(0, |found| found.epoch.0);
    let [first, second] = found.map(epoch);
    let wanted = at.unwrap_or(first);
    if (first, second) == (wanted, wanted) {
        if let [Some(a), Some(b)] = found
            && a.installation != b.installation
        {
            return Err(Failure::Undone(format!(
                "{} is of installation {}, {} of {}: epochs of different logs have nothing in common",
                files[0].display(),
                a.installation,
                files[1].display(),
                b.installation
            )));
        }
        return Ok(wanted);
    }
    let wanted = at.map_or(String::new(), |at| format!(", not both at {at}"));
    Err(Failure::Undone(format!(
        "{} stands at epoch {first}, {} at {second}{wanted}: they are compared at one epoch. Stop what runs \
         on them, or back it up, and bring a rebuilt one there with millrace rebuild --until {}",
        files[0].display(),
        files[1].display(),
        first.max(second)
    )))
}
