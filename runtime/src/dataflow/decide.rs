//! The operator that decides: epoch after epoch, chunk after chunk, on worker 0.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use contract::delta::Delta;
use contract::log::Epoch;
use contract::time::Time;
use pipelines::checkout::Checkout;
use pipelines::news::News;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::operator::Operator;

use super::{Arriving, Changes, Leaving};
use crate::chunk::Decoded;
use crate::panics;
use crate::queue::Depth;

/// What it begins with.
pub struct Begin {
    /// The job, and the buffers that come back to it: worker 0 alone has it.
    pub job: Option<(Checkout, Receiver<Vec<Delta>>)>,
    /// The epoch that it goes on after.
    pub start: u64,
    /// What the jobs beside it are to know by that epoch, one after another ([`pipelines::jobs::begins`]).
    pub news: VecDeque<(u64, News)>,
}

/// What is left to be told of a restart.
struct Begins {
    capability: Option<Capability<u64>>,
    news: VecDeque<(u64, News)>,
}

impl Begins {
    /// The next of it, and its epoch's capability.
    fn next(&mut self) -> Option<(Capability<u64>, News)> {
        let Some((epoch, news)) = self.news.pop_front() else {
            self.capability = None;
            return None;
        };
        let capability = self.capability.as_mut()?;
        capability.downgrade(&epoch);
        Some((capability.clone(), news))
    }
}

/// What has arrived of an epoch and is not decided.
struct Arrived {
    /// Keeps the epoch open.
    capability: Capability<u64>,
    clock: Option<Time>,
    snapshot: bool,
    chunks: BTreeMap<u32, Decoded>,
}

/// Decides epoch after epoch, chunk after chunk, on worker 0.
pub fn decide<'s>(
    arriving: StreamVec<'s, u64, Arriving>,
    begin: Begin,
    depth: Depth,
) -> StreamVec<'s, u64, Result<News, Leaving>> {
    let pact = Exchange::new(|_: &Arriving| 0);
    let scope = arriving.scope();
    arriving.unary_frontier(pact, "decide", move |capability, info| {
        let Begin { job, news, .. } = begin;
        let activator = scope.activator_for(info.address);
        let mut begins = Begins {
            capability: Some(capability),
            news,
        };
        let (job, spares) = job.unzip();
        let mut decider = Decider {
            // The other workers' are never asked.
            job: job.unwrap_or_default(),
            open: None,
            spares,
            depth,
        };
        let mut arrived: BTreeMap<u64, Arrived> = BTreeMap::new();
        move |(input, frontier), output| {
            if let Some((capability, news)) = begins.next() {
                output.session(&capability).give(Ok(news));
                // The rest when these have been taken in.
                activator.activate();
            }
            input.for_each_time(|time, data| {
                let epoch = arrived.entry(*time.time()).or_insert_with(|| Arrived {
                    capability: time.retain(0),
                    clock: None,
                    snapshot: false,
                    chunks: BTreeMap::new(),
                });
                for arriving in data.flat_map(|batch| batch.drain(..)) {
                    match arriving {
                        Arriving::Clock(clock, snapshot) => {
                            epoch.clock = Some(Time::default().plus_ms(clock));
                            epoch.snapshot = snapshot;
                        }
                        Arriving::Chunk(number, chunk) => {
                            epoch.chunks.insert(number, chunk);
                        }
                    }
                }
            });
            while let Some(mut first) = arrived.first_entry() {
                let epoch = *first.key();
                decider.go_on(Epoch(epoch), first.get_mut());
                if frontier.less_equal(&epoch) {
                    break;
                }
                let Arrived {
                    capability,
                    chunks,
                    snapshot,
                    ..
                } = first.remove();
                assert!(
                    chunks.is_empty(),
                    "epoch {epoch} ended, but chunks before these did not come"
                );
                let (changes, news) = decider.end(Epoch(epoch), snapshot);
                let mut session = output.session(&capability);
                session.give(Err(Leaving::Changes(changes)));
                if !news.is_empty() {
                    session.give(Ok(news));
                }
            }
        }
    })
}

/// The job, and how far it is within the open epoch.
struct Decider {
    job: Checkout,
    /// The epoch that has begun, and the number of its next chunk.
    open: Option<(Epoch, u32)>,
    spares: Option<Receiver<Vec<Delta>>>,
    depth: Depth,
}

impl Decider {
    /// Decides what has arrived of the epoch and is next in order.
    fn go_on(&mut self, epoch: Epoch, arrived: &mut Arrived) {
        let Some(clock) = arrived.clock else {
            return;
        };
        if self.open.is_none() {
            for spare in self.spares.iter().flat_map(Receiver::try_iter) {
                self.job.recycle(spare);
            }
            self.job.begin(epoch, clock);
            self.open = Some((epoch, 0));
        }
        let Some((open, next)) = &mut self.open else {
            return;
        };
        assert!(*open == epoch, "epochs are decided one after another");
        while let Some(chunk) = arrived.chunks.remove(next) {
            for (at, decoded) in chunk.records() {
                panics::at(Some(*at));
                self.job.record(*at, decoded.as_ref());
            }
            panics::at(None);
            *next += 1;
            self.depth.leave();
        }
    }

    fn end(&mut self, epoch: Epoch, snapshot: bool) -> (Changes, News) {
        let open = self.open.take();
        assert!(
            open.is_some(),
            "epoch {epoch:?} ended, but its clock did not come"
        );
        let deltas = self.job.end();
        let deadline = self.job.next_deadline();
        let changes = Changes {
            epoch,
            deltas,
            deadline,
            snapshot: snapshot.then(|| Arc::new(self.job.snapshot())),
        };
        (changes, self.job.take_news())
    }
}
