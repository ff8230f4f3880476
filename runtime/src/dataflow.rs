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

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender, SyncSender, TryRecvError, channel, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread::Thread;

use contract::delta::Delta;
use contract::log::Epoch;
use contract::time::Time;
use pipelines::checkout::Checkout;
use pipelines::jobs::{self, Bases};
use pipelines::news::News;
use serde::{Deserialize, Serialize};
use timely::communication::WorkerGuards;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::generic::operator::Operator;
use timely::dataflow::operators::vec::Map as _;
use timely::dataflow::operators::{Capability, Concat as _, Input as _, OkErr as _};
use timely::dataflow::{InputHandle, StreamVec};
use timely::worker::Worker;

use crate::chunk::{Decoded, Raw};
use crate::panics;
use crate::queue::Depth;

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
}

enum Order {
    Chunk(u64, u32, Raw),
    Clock(u64, Time),
    /// Nothing more comes below this epoch.
    Close(u64),
}

/// What enters the dataflow at an epoch.
#[derive(Clone, Serialize, Deserialize)]
enum Entering {
    Clock(i64),
    Chunk(u32, Raw),
}

/// What reaches the decider at an epoch.
#[derive(Clone, Serialize, Deserialize)]
enum Arriving {
    Clock(i64),
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
    /// Starts `workers` workers (1 to [`WORKERS_MAX`]); `to` hears what they yield.
    ///
    /// # Errors
    /// If a thread can't be started.
    pub fn start<H>(workers: usize, depth: Depth, to: Sender<H>) -> Result<Dataflow, String>
    where
        H: From<Yield> + Send + 'static,
    {
        assert!((1..=WORKERS_MAX).contains(&workers), "the caller has checked it");
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..workers).map(|_| sync_channel(CHUNKS_MAX)).unzip();
        let receivers: Vec<_> = receivers.into_iter().map(|r| Mutex::new(Some(r))).collect();
        let (spare, spares) = channel();
        let spares = Mutex::new(Some(spares));
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
            let spares = if index == 0 {
                spares.lock().unwrap_or_else(PoisonError::into_inner).take()
            } else {
                None
            };
            let (to, ready) = {
                let shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
                shared.clone()
            };
            // If nobody listens any more the workers are about to be stopped.
            let _ = ready.send((index, std::thread::current()));
            drop(ready);
            work(worker, &orders, spares, inner.clone(), to);
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

    /// Opens an epoch.
    pub fn clock(&mut self, epoch: Epoch, clock: Time) {
        self.fed = 0;
        self.order(0, Order::Clock(epoch.0, clock));
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
    spares: Option<Receiver<Vec<Delta>>>,
    depth: Depth,
    to: Sender<H>,
) {
    let index = worker.index();
    let mut input: InputHandle<u64, CapacityContainerBuilder<Vec<Entering>>> = InputHandle::new();
    worker.dataflow(|scope| {
        let entering = scope.input_from(&mut input);
        let decided = decide(decode(entering), spares, depth);
        // No errors: `Err` is what leaves at once.
        let (news, changes) = decided.ok_err(|decided| decided);
        let (parts, bases) = jobs::build(news, 0);
        outbox(changes.concat(parts.map(Leaving::Part)), bases, index, to);
    });
    loop {
        let mut heard = 0;
        let ended = loop {
            match orders.try_recv() {
                Ok(Order::Clock(epoch, clock)) => {
                    input.advance_to(epoch);
                    input.send(Entering::Clock(clock.ms()));
                }
                Ok(Order::Chunk(epoch, number, chunk)) => {
                    input.advance_to(epoch);
                    input.send(Entering::Chunk(number, chunk));
                }
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
        if heard > 0 {
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
                        Entering::Clock(clock) => Arriving::Clock(clock),
                        Entering::Chunk(number, raw) => Arriving::Chunk(number, Decoded::new(raw)),
                    });
                }
            });
        }
    })
}

/// What has arrived of an epoch and is not decided.
struct Arrived {
    /// Keeps the epoch open.
    capability: Capability<u64>,
    clock: Option<Time>,
    chunks: BTreeMap<u32, Decoded>,
}

/// Decides epoch after epoch, chunk after chunk, on worker 0.
fn decide<'s>(
    arriving: StreamVec<'s, u64, Arriving>,
    spares: Option<Receiver<Vec<Delta>>>,
    depth: Depth,
) -> StreamVec<'s, u64, Result<News, Leaving>> {
    let pact = Exchange::new(|_: &Arriving| 0);
    arriving.unary_frontier(pact, "decide", |capability, _| {
        drop(capability);
        let mut decider = Decider {
            job: Checkout::new(),
            open: None,
            spares,
            depth,
        };
        let mut arrived: BTreeMap<u64, Arrived> = BTreeMap::new();
        move |(input, frontier), output| {
            input.for_each_time(|time, data| {
                let epoch = arrived.entry(*time.time()).or_insert_with(|| Arrived {
                    capability: time.retain(0),
                    clock: None,
                    chunks: BTreeMap::new(),
                });
                for arriving in data.flat_map(|batch| batch.drain(..)) {
                    match arriving {
                        Arriving::Clock(clock) => epoch.clock = Some(Time::default().plus_ms(clock)),
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
                    capability, chunks, ..
                } = first.remove();
                assert!(
                    chunks.is_empty(),
                    "epoch {epoch} ended, but chunks before these did not come"
                );
                let (changes, news) = decider.end(Epoch(epoch));
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

    fn end(&mut self, epoch: Epoch) -> (Changes, News) {
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
        };
        (changes, self.job.take_news())
    }
}

/// Hands out what this worker yields.
fn outbox<H>(leaving: StreamVec<'_, u64, Leaving>, bases: Bases, index: usize, to: Sender<H>)
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
