//! `checkout` alone on a log: one thread reads and decodes, one decides, one sums up the changes.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use contract::delta::Delta;
use contract::digest::{Digest, Sum};
use contract::log::Binding;
use pipelines::checkout::Checkout;
use runtime::chunk::Decoded;
use runtime::clock::{Clock as _, SystemClock};
use runtime::conductor::{Conductor, Flight, Mark, Turn};
use streams::timeline::Limits;

use crate::replay::Made;

/// Chunks on their way, and epochs.
const CHUNKS_MAX: usize = 32;
const EPOCHS_MAX: usize = 32;

/// What is read.
enum Read {
    /// An epoch begins.
    Begin(Arc<Binding>),
    /// Records of it.
    Records(Decoded),
}

/// Decides everything.
pub fn decide(made: &Made) -> Result<(), String> {
    let (records, read) = sync_channel(CHUNKS_MAX);
    let (changed, changes) = sync_channel(EPOCHS_MAX);
    let (spare, spares) = channel();
    thread::scope(|scope| {
        let reading = scope.spawn(move || read_all(made, &records));
        scope.spawn(move || digest(&changes, &spare));
        decide_all(&read, &spares, &changed);
        drop(changed);
        reading.join().map_err(|_| "reading panicked".to_owned())?
    })
}

fn read_all(made: &Made, records: &SyncSender<Read>) -> Result<(), String> {
    let failed = |error: runtime::conductor::ConductorError| error.to_string();
    let gone = "nobody decides any more";
    let clock = SystemClock::new();
    let conductor = Conductor::open(
        made.log.clone(),
        "bench",
        Limits::default(),
        clock.now(),
        Mark::default(),
    );
    let mut conductor = conductor.map_err(failed)?;
    let flight = Flight {
        room: true,
        ..Flight::default()
    };
    while conductor.handed_out() < made.epochs {
        let Turn::Epoch(binding) = conductor.turn(clock.now(), flight).map_err(failed)? else {
            return Err("the log ends early".to_owned());
        };
        records.send(Read::Begin(binding)).map_err(|_| gone)?;
        let hand_on = |raw| records.send(Read::Records(Decoded::new(raw)));
        // A decider that is gone has panicked, which ends the process.
        conductor.records(&mut |raw| drop(hand_on(raw))).map_err(failed)?;
    }
    Ok(())
}

fn decide_all(
    read: &Receiver<Read>,
    spares: &Receiver<Vec<Delta>>,
    changed: &SyncSender<(Arc<Binding>, Vec<Delta>)>,
) {
    let mut job = Checkout::new();
    let mut open: Option<Arc<Binding>> = None;
    let end = |job: &mut Checkout, open: &mut Option<Arc<Binding>>| {
        if let Some(binding) = open.take() {
            let deltas = job.end();
            let _ = (job.take_news(), changed.send((binding, deltas)));
        }
    };
    for read in read {
        match read {
            Read::Begin(binding) => {
                end(&mut job, &mut open);
                for spare in spares.try_iter() {
                    job.recycle(spare);
                }
                job.begin(binding.epoch, binding.clock);
                open = Some(binding);
            }
            Read::Records(records) => {
                for (at, decoded) in records.records() {
                    job.record(*at, decoded.as_ref());
                }
            }
        }
    }
    end(&mut job, &mut open);
}

fn digest(changes: &Receiver<(Arc<Binding>, Vec<Delta>)>, spare: &Sender<Vec<Delta>>) {
    let mut digest = Digest::default();
    for (binding, deltas) in changes {
        let mut sum = Sum::default();
        deltas.iter().for_each(|delta| sum.add(delta));
        digest = digest.after(binding.epoch, binding.clock, sum);
        let _ = spare.send(deltas);
    }
    std::hint::black_box(digest);
}
