//! Whole epochs: the changes of a collection, once an epoch is complete, consolidated and in order.
//!
//! Whatever came in what pieces and from whom, an epoch's changes are worked on once, sorted, with the
//! differences of equal ones added up and those that cancel left out. So what is made of them is the same in
//! every run, for any number of workers, as long as equal ones meet on one worker.
//!
//! An epoch without changes is not worked on. Memory is that of the epochs that are not complete.

use std::collections::BTreeMap;

use differential_dataflow::consolidation::consolidate;
use differential_dataflow::difference::Semigroup;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::ParallelizationContract;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::operator::Operator;
use timely::progress::frontier::MutableAntichain;

/// Calls `work` for each epoch that is complete and has changes, in order; what it gives goes out at that
/// epoch.
pub fn whole_epochs<'s, D, R, O, P, W>(
    changes: StreamVec<'s, u64, (D, u64, R)>,
    pact: P,
    name: &str,
    mut work: W,
) -> StreamVec<'s, u64, O>
where
    D: Ord + Clone + 'static,
    R: Semigroup + 'static,
    O: Clone + 'static,
    P: ParallelizationContract<u64, Vec<(D, u64, R)>>,
    W: FnMut(u64, Vec<(D, R)>) -> Option<O> + 'static,
{
    changes.unary_frontier(pact, name, move |capability, _| {
        drop(capability);
        let mut waiting = Waiting::default();
        move |(input, frontier), output| {
            input.for_each_time(|time, data| {
                let capability = time.retain(0);
                for (change, epoch, diff) in data.flat_map(|batch| batch.drain(..)) {
                    waiting.add(&capability, epoch, (change, diff));
                }
            });
            while let Some((epoch, capability, mut changes)) = waiting.next(frontier) {
                consolidate(&mut changes);
                if changes.is_empty() {
                    continue;
                }
                if let Some(out) = work(epoch, changes) {
                    output.session(&capability).give(out);
                }
            }
        }
    })
}

/// What waits for its epoch to be complete.
pub(crate) struct Waiting<T>(BTreeMap<u64, (Capability<u64>, Vec<T>)>);

impl<T> Default for Waiting<T> {
    fn default() -> Self {
        Waiting(BTreeMap::new())
    }
}

impl<T> Waiting<T> {
    /// Adds something of `epoch`, which came with a capability of it or before it.
    pub(crate) fn add(&mut self, capability: &Capability<u64>, epoch: u64, item: T) {
        let waits = self.0.entry(epoch);
        let waits = waits.or_insert_with(|| (capability.delayed(&epoch), Vec::new()));
        waits.1.push(item);
    }

    /// The first epoch with something that is complete, what keeps it open, and what waited.
    pub(crate) fn next(
        &mut self,
        frontier: &MutableAntichain<u64>,
    ) -> Option<(u64, Capability<u64>, Vec<T>)> {
        let first = self.0.first_entry();
        let first = first.filter(|first| !frontier.less_equal(first.key()))?;
        let (epoch, (capability, items)) = first.remove_entry();
        Some((epoch, capability, items))
    }
}
