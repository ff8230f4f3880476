//! Job and oracle side by side, epoch by epoch.

use bumpalo::Bump;
use contract::delta::Tables;
use contract::log::History;
use contract::views::{CHECKOUT_VIEWS, View};
use millrace_pipelines::checkout::Checkout;
use oracle::Oracle;

/// The views of the job.
pub const VIEWS: &[View] = View::ALL.split_at(CHECKOUT_VIEWS).0;

/// Both, with the job's views as its deltas make them.
#[derive(Default)]
pub struct Both {
    job: Checkout,
    arena: Bump,
    /// The job's views.
    pub tables: Tables,
    /// The other opinion.
    pub oracle: Oracle,
    epochs: usize,
}

impl Both {
    /// Decides the next epoch of `log`; the differences, if there are any, a line each.
    pub fn next(&mut self, log: &History) -> Result<(), String> {
        let (index, binding) = (self.epochs, &log.timeline()[self.epochs]);
        self.epochs += 1;
        self.oracle
            .epoch(binding.epoch, binding.clock, log.records(index));
        for delta in self
            .job
            .epoch(binding.epoch, binding.clock, log.records(index), &mut self.arena)
        {
            self.tables.apply(&delta);
        }
        let mut differences = self.tables.differences(self.oracle.tables(), VIEWS);
        differences.extend(self.tables.differences(self.oracle.tables(), &[View::LowStock]));
        if differences.is_empty() {
            return Ok(());
        }
        let lines: Vec<String> = differences
            .iter()
            .take(20)
            .map(|difference| format!("  {difference}\n"))
            .collect();
        Err(format!(
            "epoch {} (job, other is the oracle):\n{}",
            index + 1,
            lines.concat()
        ))
    }
}
