//! `millrace demo`: a real month of orders, decided in memory, and what became of them.

mod report;

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use bumpalo::Bump;
use contract::delta::Tables;
use contract::log::History;
use contract::views::{CHECKOUT_VIEWS, View};
use importers::online_retail::{self, Import, Input, Options};
use oracle::Oracle;
use pipelines::checkout::Checkout;

use crate::Failure;
use crate::progress::bar;

/// The views that the demo's job keeps, and that the oracle is compared on.
const VIEWS: &[View] = View::ALL.split_at(CHECKOUT_VIEWS).0;

/// Decides the month, or `file`, and prints what became of it.
pub fn run(file: Option<&Path>) -> Result<(), Failure> {
    let input = read(file)?;
    let import = import(&input);
    if !import.report.balanced() {
        return Err(Failure::Bad(
            "the importer's account of the lines does not add up".to_owned(),
        ));
    }
    let decided = decide(&import.log);
    let oracle = second_opinion(&import.log);
    let differences = decided.tables.differences(oracle.tables(), VIEWS);
    print(&report::text(file, &import, &decided, &differences))?;
    let violations = decided.tables.rows(View::Audits).len();
    if differences.is_empty() && violations == 0 {
        Ok(())
    } else {
        Err(Failure::Bad(format!(
            "{} differences, {violations} violations",
            differences.len()
        )))
    }
}

fn read(file: Option<&Path>) -> Result<Input, Failure> {
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

fn import(input: &Input) -> Import {
    let bar = bar("importing", input.read());
    let import = online_retail::import(input, &Options::default(), |done, _| bar.set_position(done));
    bar.finish_and_clear();
    import
}

/// What the job made of a log.
struct Decided {
    tables: Tables,
    /// Time that decoding, deciding and making the deltas took.
    took: Duration,
    changes: usize,
}

fn decide(log: &History) -> Decided {
    let bar = bar("deciding", log.timeline().len() as u64);
    let (mut job, mut arena) = (Checkout::new(), Bump::new());
    let mut decided = Decided {
        tables: Tables::new(),
        took: Duration::ZERO,
        changes: 0,
    };
    for (index, binding) in log.timeline().iter().enumerate() {
        let start = Instant::now();
        let deltas = job.epoch(binding.epoch, binding.clock, log.records(index), &mut arena);
        decided.took += start.elapsed();
        for delta in &deltas {
            decided.changes += delta.len();
            decided.tables.apply(delta);
        }
        job.recycle(deltas);
        bar.inc(1);
    }
    bar.finish_and_clear();
    decided
}

fn second_opinion(log: &History) -> Oracle {
    let bar = bar("oracle", log.timeline().len() as u64);
    let mut oracle = Oracle::new();
    for (index, binding) in log.timeline().iter().enumerate() {
        oracle.epoch(binding.epoch, binding.clock, log.records(index));
        bar.inc(1);
    }
    oracle.audit();
    bar.finish_and_clear();
    oracle
}

/// Prints to stdout. A reader that went away (`| head`) is no failure.
pub fn print(text: &str) -> Result<(), Failure> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::Undone(format!("stdout: {error}")))
        }
        _ => Ok(()),
    }
}
