//! How long epochs take from the moment they are handed out to be decided until the view store shows them.
//!
//! Only of epochs that were bound as records came: those of a replay wait for one another.

use std::collections::VecDeque;
use std::time::Instant;

use contract::log::Epoch;

/// Upper bounds of what is counted together, in microseconds.
const BOUNDS_US: [u64; 14] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000,
    30_000_000,
];

/// How many epochs took how long.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Latencies {
    /// Per upper bound, in microseconds, how many took longer than the bound before and not longer than
    /// this; the last has no bound, that is `u64::MAX`.
    pub counts: Vec<(u64, u64)>,
    /// Of all together, in microseconds.
    pub sum_us: u64,
}

/// Watches epochs go by.
#[derive(Debug, Default)]
pub(crate) struct Stopwatch {
    under_way: VecDeque<(Epoch, Instant)>,
    counts: [u64; BOUNDS_US.len() + 1],
    sum_us: u64,
}

impl Stopwatch {
    /// An epoch was handed out.
    pub(crate) fn handed_out(&mut self, epoch: Epoch) {
        self.under_way.push_back((epoch, Instant::now()));
    }

    /// All epochs up to this one are visible.
    pub(crate) fn visible(&mut self, epoch: Epoch) {
        let now = Instant::now();
        while let Some((_, since)) = self.under_way.pop_front_if(|(under_way, _)| *under_way <= epoch) {
            let us = u64::try_from((now - since).as_micros()).unwrap_or(u64::MAX);
            self.counts[BOUNDS_US.partition_point(|bound| *bound < us)] += 1;
            self.sum_us = self.sum_us.saturating_add(us);
        }
    }

    /// What was counted so far.
    pub(crate) fn latencies(&self) -> Latencies {
        let bounds = BOUNDS_US.into_iter().chain([u64::MAX]);
        Latencies {
            counts: bounds.zip(self.counts).collect(),
            sum_us: self.sum_us,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_epoch_that_became_visible_is_counted_once() {
        let mut watch = Stopwatch::default();
        (1..=5).for_each(|epoch| watch.handed_out(Epoch(epoch)));
        let counted = |watch: &Stopwatch| {
            watch
                .latencies()
                .counts
                .iter()
                .map(|(_, count)| count)
                .sum::<u64>()
        };
        watch.visible(Epoch(0));
        assert_eq!(counted(&watch), 0);
        watch.visible(Epoch(3));
        watch.visible(Epoch(3));
        assert_eq!(counted(&watch), 3);
        watch.visible(Epoch(9));
        assert_eq!(counted(&watch), 5);
    }
}
