//! The jobs as one dataflow, on every worker: news of `checkout` in, parts of view deltas out.
//!
//! ```text
//! news ─► spread (some worker) ─► sums ─► count ─┬─► show ─► deltas
//!              └── names, levels ────────────────┘
//! ```
//!
//! The worker that decides gets as little of this as there is: keyed work goes to the others
//! ([`operators::route`]).

use contract::delta::Delta;
use differential_dataflow::operators::CountTotal;
use differential_dataflow::operators::arrange::arrangement::arrange_core;
use differential_dataflow::trace::implementations::{ContainerChunker, KeyBatcher, KeyBuilder, KeySpine};
use operators::epochs::whole_epochs;
use operators::route::away_from_first;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::Concat;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::dataflow::operators::vec::Map;

use crate::dashboards::{self, Group, Sums};
use crate::news::News;
use crate::show::{Candidate, Row, Show, route};

/// Changes of a collection.
type Changes<'s, D, R> = StreamVec<'s, u64, (D, u64, R)>;
type SumsBatch = Vec<((Group, ()), u64, Sums)>;

/// Builds the jobs on one worker. `news` is there on the worker that decides; what an epoch changes comes out
/// in parts, one of each worker that has something to say, with at most one delta a view.
pub fn build(news: StreamVec<'_, u64, News>) -> StreamVec<'_, u64, Vec<Delta>> {
    let worker = news.scope().worker().clone();
    let (here, workers) = (worker.index(), worker.peers());
    let (sums, rows) = spread(news, workers);
    let groups = count(sums, workers);
    let groups = groups.flat_map(|((group, sums), epoch, diff)| {
        let candidate = Candidate::of(&group, &sums).map(Row::Candidate);
        let rows = [Some(Row::Group(group, sums)), candidate];
        rows.into_iter().flatten().map(move |row| (row, epoch, diff))
    });
    let mut show = Show::default();
    let pact = Exchange::new(move |(row, ..): &(Row, u64, isize)| route(row, here, workers));
    whole_epochs(rows.concat(groups), pact, "show", move |epoch, changes| {
        Some(show.epoch(epoch, &changes)).filter(|deltas| !deltas.is_empty())
    })
}

/// What the groups' sums are.
fn count(sums: Changes<'_, (Group, ()), Sums>, workers: usize) -> Changes<'_, (Group, Sums), isize> {
    let pact = Exchange::new(move |((group, ()), ..): &((Group, ()), u64, Sums)| {
        away_from_first(group.hash(), workers)
    });
    type Spine = KeySpine<Group, u64, Sums>;
    type Batcher = KeyBatcher<Group, u64, Sums>;
    type Builder = KeyBuilder<Group, u64, Sums>;
    let arranged =
        arrange_core::<_, _, ContainerChunker<SumsBatch>, Batcher, Builder, Spine>(sums, pact, "sums");
    arranged.count_total().inner
}

/// Takes news apart, on another worker than the one that tells them: sums of groups, and rows that are so
/// already.
fn spread(
    news: StreamVec<'_, u64, News>,
    workers: usize,
) -> (Changes<'_, (Group, ()), Sums>, Changes<'_, Row, isize>) {
    let mut builder = OperatorBuilder::new("spread".to_owned(), news.scope());
    let mut turn = 0;
    let pact = Exchange::new(move |_: &News| {
        turn += 1;
        away_from_first(turn, workers)
    });
    let mut input = builder.new_input(news, pact);
    let (sums, sums_stream) = builder.new_output();
    let (rows, rows_stream) = builder.new_output();
    let (mut sums, mut rows) = (OutputBuilder::from(sums), OutputBuilder::from(rows));
    builder.build(move |_| {
        move |_| {
            let (mut sums, mut rows) = (sums.activate(), rows.activate());
            input.for_each_time(|time, data| {
                let epoch = *time.time();
                let (mut sums, mut rows) = (sums.session(&time), rows.session(&time));
                for news in data.flat_map(|batch| batch.drain(..)) {
                    dashboards::spread(&news, |group, more| sums.give(((group, ()), epoch, more)));
                    for (to, name) in
                        (0..workers).flat_map(|to| news.names.iter().map(move |name| (to, name)))
                    {
                        rows.give((Row::Name(to, name.clone()), epoch, 1));
                    }
                    for spent in &news.spent {
                        for (units, diff) in [(spent.before, -1), (spent.after, 1)] {
                            if units != 0 {
                                rows.give((Row::Spent(spent.product, units), epoch, diff));
                            }
                        }
                    }
                }
            });
        }
    });
    (sums_stream, rows_stream)
}
