//! The jobs as they run: on timely workers, fed with what `checkout` tells.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use bumpalo::Bump;
use contract::delta::Delta;
use contract::log::History;
use contract::views::View;
use generator::Rng;
use millrace_pipelines::checkout::Checkout;
use millrace_pipelines::jobs::{self, BaseRows};
use millrace_pipelines::news::{News, Spent};
use timely::dataflow::InputHandle;
use timely::dataflow::operators::probe::{Handle, Probe};
use timely::dataflow::operators::{Input, Inspect};

/// What a log tells, epoch by epoch from 1, and the deltas of `checkout` itself.
pub struct Told {
    /// By epoch.
    pub news: Vec<News>,
    /// By epoch.
    pub deltas: Vec<Vec<Delta>>,
}

/// Decides a log.
pub fn tell(log: &History) -> Told {
    let (mut job, mut arena) = (Checkout::new(), Bump::new());
    let (mut news, mut deltas) = (Vec::new(), Vec::new());
    for (index, binding) in log.timeline().iter().enumerate() {
        job.begin(binding.epoch, binding.clock);
        for record in log.records(index) {
            let decoded = contract::decode::decode(record.at.topic, record.key, record.value, &arena);
            job.record(record.at, decoded.as_ref());
        }
        arena.reset();
        deltas.push(job.end());
        news.push(job.take_news());
    }
    Told { news, deltas }
}

/// Parts of deltas by epoch, and of the dump.
type Parts = (BTreeMap<u64, Vec<Delta>>, Vec<Vec<u8>>);

/// How the jobs are run.
#[derive(Clone, Default)]
pub struct Plan {
    /// How many workers.
    pub workers: usize,
    /// How epochs are cut into what is fed at once.
    pub seed: u64,
    /// Epochs up to this one are restored, not fed.
    pub start: u64,
    /// The rows of the base collections at `start`, in parts.
    pub parts: Vec<Vec<u8>>,
    /// The epoch at which the base collections are dumped.
    pub dump: Option<u64>,
    /// Rows in a slice of the dump.
    pub slice: usize,
}

/// What running the jobs yields.
#[derive(Default)]
pub struct Yielded {
    /// By epoch, one a view.
    pub deltas: BTreeMap<u64, Vec<Delta>>,
    /// A part of each worker.
    pub dump: Vec<Vec<u8>>,
}

/// What is spent after an epoch, as a restart tells it.
fn spent(told: &Told, epoch: u64) -> Vec<Spent> {
    let mut last = BTreeMap::new();
    for news in told.news.iter().take(usize::try_from(epoch).expect("few epochs")) {
        last.extend(news.spent.iter().map(|spent| (spent.product, spent.after)));
    }
    let spent = |(product, after)| Spent {
        product,
        before: 0,
        after,
    };
    last.into_iter().map(spent).collect()
}

/// What each worker is told of a restart, with few purchases at once.
fn begins(told: &Told, plan: &Plan) -> Vec<VecDeque<(u64, News)>> {
    let epochs = usize::try_from(plan.start).expect("few epochs");
    let names = told.news.iter().take(epochs);
    let restored = News {
        names: names.flat_map(|news| news.names.iter().cloned()).collect(),
        spent: spent(told, plan.start),
        ..News::default()
    };
    let mut parts = Vec::new();
    for part in &plan.parts {
        let BaseRows { rows, bought } = BaseRows::read(part).expect("a dump can be read");
        let bought = bought.chunks(20).map(|bought| BaseRows {
            bought: bought.to_vec(),
            ..BaseRows::default()
        });
        parts.extend(bought);
        parts.push(BaseRows {
            rows,
            ..BaseRows::default()
        });
    }
    jobs::begins(plan.start, restored, parts, plan.workers)
}

/// Runs the jobs over what was told.
pub fn run(told: &Arc<Told>, plan: Plan) -> Yielded {
    let yielded: Arc<Mutex<Parts>> = Arc::default();
    let (to, told) = (Arc::clone(&yielded), Arc::clone(told));
    let config = timely::Config::process(plan.workers);
    let guards = timely::execute(config, move |worker| {
        let (index, mut rng) = (worker.index(), Rng::new(plan.seed));
        let mut input: InputHandle<u64, timely::container::CapacityContainerBuilder<Vec<News>>> =
            InputHandle::new();
        let probe = Handle::new();
        let out = Arc::clone(&to);
        let bases = worker.dataflow(|scope| {
            let news = scope.input_from(&mut input);
            let (parts, bases) = jobs::build(news, plan.start);
            let parts = parts.inspect_time(move |epoch, part: &Vec<Delta>| {
                let mut out = out.lock().expect("no other worker panicked");
                out.0.entry(*epoch).or_default().extend(part.iter().cloned());
            });
            parts.probe_with(&probe);
            bases
        });
        let mut dump = None;
        let held = plan.dump.is_none_or(|epoch| bases.hold(epoch));
        assert!(held, "nothing was forgotten yet");
        if plan.start > 0 {
            for (epoch, news) in begins(&told, &plan).swap_remove(index) {
                input.advance_to(epoch);
                input.send(news);
            }
        }
        let last = told.news.len() as u64;
        let mut written = Vec::new();
        let mut next = plan.start + 1;
        while next <= last {
            // Several epochs at once, so that they reach the operators together.
            for _ in 0..=rng.below(3) {
                if next > last {
                    break;
                }
                input.advance_to(next);
                if index == 0 {
                    input.send(told.news[usize::try_from(next - 1).expect("few epochs")].clone());
                }
                next += 1;
            }
            input.advance_to(next);
            input.flush();
            while probe.less_than(&next) {
                worker.step_or_park(None);
            }
            bases.through(next);
            dump = dump.or_else(|| bases.dump());
            // A slice between two steps.
            if let Some(dump) = &mut dump {
                dump.next(plan.slice, &mut written);
            }
        }
        if let Some(dump) = &mut dump {
            while dump.next(plan.slice, &mut written) {}
            to.lock().expect("no other worker panicked").1.push(written);
        }
    });
    for worker in guards.expect("workers start").join() {
        worker.expect("no worker panics");
    }
    let (parts, dump) = std::mem::take(&mut *yielded.lock().expect("no worker panicked"));
    let deltas = parts.into_iter().map(|(epoch, mut parts)| {
        parts.sort_by_key(Delta::view);
        let by_view = parts.chunk_by(|a, b| a.view() == b.view());
        let joined = by_view.map(|parts| contract::delta::join(&parts.iter().collect::<Vec<_>>()));
        (epoch, joined.collect())
    });
    Yielded {
        deltas: deltas.collect(),
        dump,
    }
}

/// What each epoch changes, as text: a line a change.
pub fn lines(yielded: &Yielded) -> BTreeMap<u64, Vec<String>> {
    let line = |view: View, change: contract::delta::Change<'_>| {
        let key: Vec<String> = change.key().map(|part| part.to_value().to_string()).collect();
        let columns: Vec<String> = change.columns().map(|(_, v)| v.to_value().to_string()).collect();
        format!("{view:?} {:?} {key:?} {columns:?}", change.op)
    };
    let of_delta = |delta: &Delta| {
        delta
            .changes()
            .map(|change| line(delta.view(), change))
            .collect::<Vec<_>>()
    };
    let of_epoch =
        |(epoch, deltas): (&u64, &Vec<Delta>)| (*epoch, deltas.iter().flat_map(of_delta).collect());
    yielded.deltas.iter().map(of_epoch).collect()
}
