//! `millrace verify`: the view store against the log, by the oracle, which knows nothing of the jobs.

//!
//! Where the beginning of the log was trimmed, from the oldest checkpoint on, by the jobs themselves ([`tail`]).

mod tail;

use std::fmt::Write as _;

use contract::delta::Tables;
use contract::log::{Epoch, History};
use contract::tables::Difference;
use contract::views::View;
use oracle::Oracle;
use sinks::Frontier;
use sinks::sqlite::{Readers, SqliteViews};
use streams::{Log, history};

use crate::Failure;
use crate::config::Config;
use crate::data::{Data, VIEWS, is_trimmed};
use crate::output::print;
use crate::progress::{bar, spinner};

/// Differences that are printed.
const SHOWN_MAX: usize = 20;

/// What came out of comparing a view store with its log.
pub struct Verdict {
    /// The epoch that the store stands at; none if it is empty.
    pub epoch: Option<Epoch>,
    /// The store's rows.
    pub tables: Tables,
    /// The rows that store and oracle have differently.
    pub differences: Vec<Difference>,
}

impl Verdict {
    /// How many audits are violated.
    pub fn violations(&self) -> usize {
        self.tables.rows(View::Audits).len()
    }

    /// Whether all is well.
    pub fn outcome(&self) -> Result<(), Failure> {
        let (differences, violations) = (self.differences.len(), self.violations());
        if differences == 0 && violations == 0 {
            return Ok(());
        }
        Err(Failure::Bad(format!(
            "{differences} rows differ from what the log says, {violations} audits are violated"
        )))
    }
}

/// Verifies a data directory.
pub fn run(config: &Config) -> Result<(), Failure> {
    let path = &config.data();
    let data = Data::existing(path)?;
    data.any_log_to_read(config)?;
    if !data.has_store() {
        return Err(Failure::Undone(format!(
            "{} has no view store yet; millrace up makes it",
            path.display()
        )));
    }
    let mut out = String::new();
    let stored = stored(&Readers::new(&data.store_config(config)))?;
    // Opened after the store was read, so that it holds what the store does, whatever runs meanwhile.
    let log = data.any_log_to_read(config)?;
    let verdict = if is_trimmed(log.log.as_ref())? {
        drop(log);
        let (after, verdict) = trimmed(&data, config)?;
        let _ = writeln!(
            out,
            "the beginning of the log was trimmed: what came after epoch {}, from a checkpoint, was decided \
             again by the jobs; rows without a change since are taken on trust",
            after.0
        );
        verdict
    } else {
        compare(log.log.as_ref(), stored, &log.installation.to_string())?
    };
    let epoch = verdict
        .epoch
        .map_or("nothing yet".to_owned(), |epoch| format!("epoch {}", epoch.0));
    let _ = writeln!(
        out,
        "compared {} rows of {} views, as of {epoch}: {} differences, {} violated audits",
        bench::thousands(&verdict.tables.count(VIEWS).to_string()),
        VIEWS.len(),
        verdict.differences.len(),
        verdict.violations()
    );
    for difference in verdict.differences.iter().take(SHOWN_MAX) {
        let _ = writeln!(out, "  {difference}");
    }
    if verdict.differences.len() > SHOWN_MAX {
        let _ = writeln!(out, "  and {} more", verdict.differences.len() - SHOWN_MAX);
    }
    print(&out)?;
    verdict.outcome()
}

/// Verifies from a checkpoint, while nothing runs.
fn trimmed(data: &Data, config: &Config) -> Result<(Epoch, Verdict), Failure> {
    let log = data.any_log(config)?;
    let store = SqliteViews::open(data.store_config(config));
    let mut store = store.map_err(|error| Failure::Undone(error.to_string()))?;
    tail::verify(&log, &mut store, &config.checkpoint_place()?, config.workers())
}

/// Compares a store with its log.
pub fn verify(log: &dyn Log, store: &Readers, installation: &str) -> Result<Verdict, Failure> {
    compare(log, stored(store)?, installation)
}

/// Where a store stands, and its rows.
type Stored = (Option<Frontier>, Tables);

fn stored(store: &Readers) -> Result<Stored, Failure> {
    let line = spinner("reading the view store".to_owned());
    let read = store.tables(VIEWS);
    line.finish_and_clear();
    read.map_err(|error| Failure::Undone(error.to_string()))
}

fn compare(log: &dyn Log, (frontier, tables): Stored, installation: &str) -> Result<Verdict, Failure> {
    let undone = |error: &dyn std::fmt::Display| Failure::Undone(error.to_string());
    let line = spinner("reading the log".to_owned());
    let Some(frontier) = frontier else {
        let (epoch, differences) = (None, Vec::new());
        return Ok(Verdict {
            epoch,
            tables,
            differences,
        });
    };
    if frontier.installation.to_string() != installation {
        let theirs = frontier.installation;
        return Err(Failure::Bad(format!(
            "the view store was filled from installation {theirs}, the log is installation {installation}"
        )));
    }
    let read = history::read(log, Some(frontier.epoch));
    let (history, timeline) = read.map_err(|error| undone(&error))?;
    line.finish_and_clear();
    let bound = timeline.next_epoch().0 - 1;
    if bound < frontier.epoch.0 {
        return Err(Failure::Bad(format!(
            "the view store stands at epoch {}, the log ends at epoch {bound}: it was restored from an older copy",
            frontier.epoch.0
        )));
    }
    let oracle = second_opinion(&history);
    Ok(Verdict {
        epoch: Some(frontier.epoch),
        differences: tables.differences(oracle.tables(), VIEWS),
        tables,
    })
}

fn second_opinion(history: &History) -> Oracle {
    let bar = bar("oracle", history.timeline().len() as u64);
    let mut oracle = Oracle::new();
    for (index, binding) in history.timeline().iter().enumerate() {
        oracle.epoch(binding.epoch, binding.clock, history.records(index));
        bar.inc(1);
    }
    oracle.audit();
    bar.finish_and_clear();
    oracle
}
