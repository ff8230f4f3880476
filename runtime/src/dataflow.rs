//! The dataflow: workers that decode side by side, one of them decides, and what they yield per epoch.
//!
//! Each worker is a thread that runs the same timely dataflow:
//!
//! ```text
//! input (chunks, clocks) ─► decode (where it is) ─► decide (worker 0) ─┬─► outbox (where it is)
//!                                                                      └─► jobs (all workers) ─► outbox
//! ```
//!
//! Chunks are decided in the order of their numbers as they come, so that an epoch of any size is never in
//! memory as a whole; an epoch ends once timely says that nothing more of it can come.
//!
//! Invariant: what an epoch yields is a function of its chunks and clock and of the epochs before, whatever
//! the number of workers and whoever is faster.
//!
//! A worker that panics ends the process ([`crate::panics`]): its peers would wait for ever.

mod decide;
mod dump;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, TryRecvError, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Thread;

use contract::delta::Delta;
use contract::log::Epoch;
use contract::time::Time;
use pipelines::checkout::snapshot::Snapshot;
use pipelines::jobs::{self, Bases};
use serde::{Deserialize, Serialize};
use timely::communication::WorkerGuards;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::operator::Operator;
use timely::dataflow::operators::vec::Map as _;
use timely::dataflow::operators::{Concat as _, Input as _, OkErr as _};
use timely::dataflow::{InputHandle, StreamVec};
use timely::worker::Worker;

use crate::chunk::{Decoded, Raw};
use crate::queue::Depth;
use crate::state::State;
pub(crate) use decide::Begin;
use decide::decide;
use dump::Dumping;

/// Workers that can be asked for.
pub const WORKERS_MAX: usize = 256;
/// Chunks on their way to be decided, per worker.
const CHUNKS_MAX: usize = 32;

/// What the workers made of an epoch, in parts.
#[derive(Debug)]
pub enum Yield {
    /// Changes of an epoch, as they were decided.
    Changes(Changes),
    /// A worker's part of what other jobs change in an epoch: at most one delta a view, of keys that no other
    /// part has.
    Part(Epoch, Vec<Delta>),
    /// Rows that the jobs beside `checkout` keep, as of the epoch whose state was asked for.
    Rows(Vec<u8>),
    /// That was all of a worker's rows, as of that epoch.
    AllRows(Epoch),
    /// A worker has nothing more to say of any epoch up to this one.
    Through(usize, Epoch),
}

/// Changes of an epoch, and when the next deadline is due after it.
#[derive(Clone, Debug)]
pub struct Changes {
    /// The epoch.
    pub epoch: Epoch,
    /// Sorted by key, at most one a view.
    pub deltas: Vec<Delta>,
    /// The earliest deadline that is left.
    pub deadline: Option<Time>,
    /// The state after the epoch, if it was asked for.
    pub snapshot: Option<Arc<Snapshot>>,
}

enum Order {
    Chunk(u64, u32, Raw),
    /// The epoch's clock, and whether the state after it is to be told.
    Clock(u64, Time, bool),
    /// What the jobs keep after this epoch is to be told.
    Dump(u64),
    /// Nothing more comes below this epoch.
    Close(u64),
}

/// What enters the dataflow at an epoch.
#[derive(Clone, Serialize, Deserialize)]
enum Entering {
    Clock(i64, bool),
    Chunk(u32, Raw),
}

/// What reaches the decider at an epoch.
#[derive(Clone, Serialize, Deserialize)]
enum Arriving {
    Clock(i64, bool),
    Chunk(u32, Decoded),
}

/// What leaves the dataflow at an epoch.
#[derive(Clone)]
enum Leaving {
    Changes(Changes),
    Part(Vec<Delta>),
}

struct Inbox {
    orders: SyncSender<Order>,
    worker: Thread,
}

/// The workers, running.
pub struct Dataflow {
    inboxes: Vec<Inbox>,
    /// Chunks of the epoch that is being fed.
    fed: u32,
    spare: Sender<Vec<Delta>>,
    depth: Depth,
    workers: WorkerGuards<()>,
}

impl Dataflow {
    /// Starts `workers` workers (1 to [`WORKERS_MAX`]) with the state that `state` says; `to` hears what they
    /// yield.
    ///
    /// # Errors
    /// If a thread can't be started.
    pub fn start<H>(workers: usize, depth: Depth, to: Sender<H>, state: State) -> Result<Dataflow, String>
    where
        H: From<Yield> + Send + 'static,
    {
        assert!((1..=WORKERS_MAX).contains(&workers), "the caller has checked it");
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..workers).map(|_| sync_channel(CHUNKS_MAX)).unzip();
        let receivers: Vec<_> = receivers.into_iter().map(|r| Mutex::new(Some(r))).collect();
        let (spare, spares) = channel();
        let begins = state.begin(workers, spares);
        let begins: Vec<_> = begins.into_iter().map(|begin| Mutex::new(Some(begin))).collect();
        let (ready, threads) = channel();
        let shared = Mutex::new((to, ready));
        let inner = depth.clone();
        let config = if workers == 1 {
            timely::Config::thread()
        } else {
            timely::Config::process(workers)
        };
        let guards = timely::execute(config, move |worker| {
            let index = worker.index();
            let taken = |m: &Mutex<Option<_>>| m.lock().unwrap_or_else(PoisonError::into_inner).take();
            let orders = taken(&receivers[index]).expect("each worker takes its own inbox, once");
            let begin = begins[index]
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            let begin = begin.expect("each worker begins once");
            let (to, ready) = {
                let shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
                shared.clone()
            };
            // If nobody listens any more the workers are about to be stopped.
            let _ = ready.send((index, std::thread::current()));
            drop(ready);
            work(worker, &orders, begin, inner.clone(), &to);
        })?;
        let mut handles = BTreeMap::new();
        while handles.len() < workers {
            let (index, thread) = threads.recv().map_err(|_| "a worker did not start".to_owned())?;
            handles.insert(index, thread);
        }
        let inboxes = senders.into_iter().zip(handles.into_values());
        let inboxes = inboxes.map(|(orders, worker)| Inbox { orders, worker }).collect();
        Ok(Dataflow {
            inboxes,
            fed: 0,
            spare,
            depth,
            workers: guards,
        })
    }

    /// Opens an epoch. With `snapshot` its changes bring the state after it.
    pub fn clock(&mut self, epoch: Epoch, clock: Time, snapshot: bool) {
        self.fed = 0;
        self.order(0, Order::Clock(epoch.0, clock, snapshot));
        for worker in (0..self.inboxes.len()).filter(|_| snapshot) {
            self.order(worker, Order::Dump(epoch.0));
        }
    }

    /// Feeds the next chunk of the open epoch; waits while too many are on their way.
    pub fn feed(&mut self, epoch: Epoch, chunk: Raw) {
        let number = self.fed;
        self.fed += 1;
        // The decider has enough to do, so the others decode.
        let others = self.inboxes.len() - 1;
        let worker = if others == 0 {
            0
        } else {
            1 + number as usize % others
        };
        self.depth.enter();
        self.order(worker, Order::Chunk(epoch.0, number, chunk));
    }

    /// Closes the open epoch.
    pub fn close(&mut self, epoch: Epoch) {
        for worker in 0..self.inboxes.len() {
            self.order(worker, Order::Close(epoch.0 + 1));
        }
    }

    /// Gives back deltas that nobody needs any more, so that their buffers are used again.
    #[must_use]
    pub fn spare(&self) -> Sender<Vec<Delta>> {
        self.spare.clone()
    }

    fn order(&self, worker: usize, order: Order) {
        let inbox = &self.inboxes[worker];
        // A worker hears until its inbox is gone: it ends before that only with the process.
        let _ = inbox.orders.send(order);
        inbox.worker.unpark();
    }

    /// Lets the workers finish what they were fed, and ends them.
    pub fn stop(self) {
        let Dataflow { inboxes, workers, .. } = self;
        for Inbox { orders, worker } in inboxes {
            drop(orders);
            worker.unpark();
        }
        drop(workers);
    }
}

/// What a worker does until its inbox is gone.
fn work<H: From<Yield> + 'static>(
    worker: &mut Worker,
    orders: &Receiver<Order>,
    begin: Begin,
    depth: Depth,
    to: &Sender<H>,
) {
    let (index, start) = (worker.index(), begin.start);
    let mut input: InputHandle<u64, CapacityContainerBuilder<Vec<Entering>>> = InputHandle::new();
    let bases = worker.dataflow(|scope| {
        let entering = scope.input_from(&mut input);
        let decided = decide(decode(entering), begin, depth);
        // No errors: `Err` is what leaves at once.
        let (news, changes) = decided.ok_err(|decided| decided);
        let (parts, bases) = jobs::build(news, start);
        let bases = Rc::new(bases);
        let leaving = changes.concat(parts.map(Leaving::Part));
        outbox(leaving, Rc::clone(&bases), index, to.clone());
        bases
    });
    let mut dumping = Dumping::new(bases);
    input.advance_to(start + 1);
    loop {
        let mut heard = 0;
        let ended = loop {
            match orders.try_recv() {
                Ok(Order::Clock(epoch, clock, snapshot)) => {
                    input.advance_to(epoch);
                    input.send(Entering::Clock(clock.ms(), snapshot));
                }
                Ok(Order::Chunk(epoch, number, chunk)) => {
                    input.advance_to(epoch);
                    input.send(Entering::Chunk(number, chunk));
                }
                Ok(Order::Dump(epoch)) => dumping.ask(epoch),
                Ok(Order::Close(epoch)) => input.advance_to(epoch),
                Err(TryRecvError::Empty) => break false,
                Err(TryRecvError::Disconnected) => break true,
            }
            heard += 1;
            if heard == CHUNKS_MAX {
                break false;
            }
        };
        if ended {
            return;
        }
        for told in dumping.step() {
            // If nobody listens any more the process is about to stop.
            let _ = to.send(told.into());
        }
        if heard > 0 || dumping.is_walking() {
            input.flush();
            worker.step();
        } else {
            worker.step_or_park(None);
        }
    }
}

fn decode<'s>(entering: StreamVec<'s, u64, Entering>) -> StreamVec<'s, u64, Arriving> {
    entering.unary(Pipeline, "decode", |_, _| {
        move |input, output| {
            input.for_each_time(|time, data| {
                let mut session = output.session(&time);
                for entering in data.flat_map(|batch| batch.drain(..)) {
                    session.give(match entering {
                        Entering::Clock(clock, snapshot) => Arriving::Clock(clock, snapshot),
                        Entering::Chunk(number, raw) => Arriving::Chunk(number, Decoded::new(raw)),
                    });
                }
            });
        }
    })
}

/// Hands out what this worker yields.
fn outbox<H>(leaving: StreamVec<'_, u64, Leaving>, bases: Rc<Bases>, index: usize, to: Sender<H>)
where
    H: From<Yield> + 'static,
{
    let mut through = 0;
    leaving.sink(Pipeline, "outbox", move |(input, frontier)| {
        input.for_each_time(|time, data| {
            for leaving in data.flat_map(|batch| batch.drain(..)) {
                let yielded = match leaving {
                    Leaving::Changes(changes) => Yield::Changes(changes),
                    Leaving::Part(deltas) => Yield::Part(Epoch(*time.time()), deltas),
                };
                // If nobody listens any more the process is about to stop.
                let _ = to.send(yielded.into());
            }
        });
        let next = frontier.frontier().first().copied();
        if let Some(next) = next.filter(|next| *next > through + 1) {
            bases.through(next);
            through = next - 1;
            let _ = to.send(Yield::Through(index, Epoch(through)).into());
        }
    });
}
