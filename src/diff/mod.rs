//! `millrace diff`: the rows that two view stores, or two running instances, have differently at one epoch.

mod running;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use sinks::Frontier;
use sinks::sqlite::{Compared, Pair};

use crate::Failure;
use crate::data::Data;
use crate::output::print;
use crate::progress::spinner;

/// Compares, and lists at most so many differences. `token` is that of running instances.
pub fn run(sides: [&Path; 2], at: Option<u64>, show: usize, token: Option<String>) -> Result<(), Failure> {
    let line = spinner("comparing".to_owned());
    let mut told = |view: &str| line.set_message(format!("comparing {view}"));
    let compared = match sides.map(url) {
        [Some(a), Some(b)] => running::compare([a, b], token, at, show, &mut told),
        [None, None] => stores(sides, at, show, &mut told),
        _ => Err(Failure::Usage(
            "a running instance is compared with a running one: back it up and compare the copy, or start \
             millrace on the other"
                .to_owned(),
        )),
    };
    line.finish_and_clear();
    let (epochs, compared) = compared?;
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
        "compared {} rows of {} views at {epochs}: {} differences",
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
        sides[0].display(),
        sides[1].display()
    )))
}

/// The URL that a side is, if it is one.
fn url(side: &Path) -> Option<&str> {
    side.to_str().filter(|text| text.contains("://"))
}

/// Compares view stores; at which epoch, and how they differ.
fn stores(
    sides: [&Path; 2],
    at: Option<u64>,
    show: usize,
    told: &mut dyn FnMut(&str),
) -> Result<(String, Compared), Failure> {
    let [a, b] = [store(sides[0])?, store(sides[1])?];
    let undone = |error: sinks::SinkError| Failure::Undone(error.to_string());
    let mut pair = Pair::open(&a, &b).map_err(undone)?;
    let epoch = common(&pair, [&a, &b], at)?;
    let compared = pair.compare(show, told).map_err(undone)?;
    Ok((format!("epoch {epoch}"), compared))
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
