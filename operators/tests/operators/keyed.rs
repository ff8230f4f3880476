//! Keyed records and their rows, against a map that is changed record by record; dumps against what the map
//! was; with 1, 2 and 4 workers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use millrace_operators::epochs::whole_epochs;
use millrace_operators::keyed::{Change, Keyed, keyed};
use millrace_operators::route::away_from_first;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::InputHandle;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::probe::{Handle, Probe};
use timely::dataflow::operators::{Input, Inspect};

use super::cases;

/// What a record does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Do {
    Put(u8, i8),
    Add(u8, i8),
    Remove(u8),
    Clear,
}

impl Change for Do {
    type Sub = u8;
    type Value = i8;
    const LEAST: u8 = 0;

    fn sub(&self) -> Option<u8> {
        match self {
            Do::Put(sub, _) | Do::Add(sub, _) | Do::Remove(sub) => Some(*sub),
            Do::Clear => None,
        }
    }

    fn apply(&self, row: Option<&i8>) -> Option<i8> {
        match self {
            Do::Put(_, value) => Some(*value),
            Do::Add(_, more) => row.map(|value| value.wrapping_add(*more)),
            Do::Remove(_) | Do::Clear => None,
        }
    }

    fn put(sub: u8, row: i8) -> Self {
        Do::Put(sub, row)
    }
}

type Epoch = Vec<(u8, Do)>;
type Rows = BTreeMap<(u8, u8), i8>;

fn apply(rows: &mut Rows, (key, change): &(u8, Do)) {
    let subs: Vec<u8> = match change.sub() {
        Some(sub) => vec![sub],
        None => rows
            .keys()
            .filter(|(of, _)| of == key)
            .map(|(_, sub)| *sub)
            .collect(),
    };
    for sub in subs {
        match change.apply(rows.get(&(*key, sub))) {
            Some(value) => rows.insert((*key, sub), value),
            None => rows.remove(&(*key, sub)),
        };
    }
}

type RowChange = (((u8, u8), i8), isize);
type Records = Vec<(Keyed<u8, Do>, u64)>;

/// What the operator yields: the rows after each epoch, by its changes, and what a dump at `dump` wrote.
#[derive(Default)]
struct Seen {
    changes: BTreeMap<u64, Vec<RowChange>>,
    dump: Rows,
}

fn run(epochs: Vec<Epoch>, cuts: Vec<usize>, workers: usize, dump: u64, slice: usize) -> Seen {
    let seen: Arc<Mutex<Seen>> = Arc::default();
    let out = Arc::clone(&seen);
    let guards = timely::execute(timely::Config::process(workers), move |worker| {
        let mut input: InputHandle<u64, CapacityContainerBuilder<Records>> = InputHandle::new();
        let (probe, peers, index) = (Handle::new(), worker.peers(), worker.index());
        let to = Arc::clone(&out);
        let rows = worker.dataflow(|scope| {
            let records = scope.input_from(&mut input);
            let pact = Exchange::new(move |((key, ..), _): &(Keyed<u8, Do>, u64)| {
                away_from_first(u64::from(*key), peers)
            });
            let (changes, rows) = keyed(records, pact, "rows");
            let whole = whole_epochs(changes, Pipeline, "whole", |_, changes| Some(changes));
            let whole = whole.inspect_time(move |epoch, changes| {
                let mut seen = to.lock().expect("no worker panicked");
                seen.changes
                    .entry(*epoch)
                    .or_default()
                    .extend(changes.iter().copied());
            });
            whole.probe_with(&probe);
            rows
        });
        assert!(rows.hold(dump), "nothing is forgotten yet");
        let mut walk = None;
        let mut written = Vec::new();
        let mut cuts = cuts.iter().cycle();
        let mut next = 1;
        while next <= epochs.len() as u64 {
            for _ in 0..*cuts.next().expect("a cycle has no end") {
                let Some(epoch) = epochs.get(usize::try_from(next - 1).expect("few epochs")) else {
                    break;
                };
                input.advance_to(next);
                // Records come from everywhere; their numbers say their order.
                for (number, (key, change)) in (0_u32..).zip(epoch) {
                    if number as usize % peers == index {
                        input.send(((*key, number, change.clone()), next));
                    }
                }
                next += 1;
            }
            input.advance_to(next);
            input.flush();
            while probe.less_than(&next) {
                worker.step_or_park(None);
            }
            rows.through(next);
            walk = walk.or_else(|| rows.dump());
            if let Some(walk) = &mut walk {
                walk.next(slice, |key, value, diff| written.push((*key, *value, *diff)));
            }
        }
        if let Some(walk) = &mut walk {
            while walk.next(slice, |key, value, diff| written.push((*key, *value, *diff))) {}
        }
        let mut seen = out.lock().expect("no worker panicked");
        for (key, value, diff) in written {
            assert_eq!(diff, 1, "a row is there once");
            assert_eq!(seen.dump.insert(key, value), None, "a row is on one worker");
        }
    });
    for worker in guards.expect("workers start").join() {
        worker.expect("no worker panics");
    }
    std::mem::take(&mut *seen.lock().expect("no worker panicked"))
}

fn change() -> impl Strategy<Value = Do> {
    let sub = || 0_u8..4;
    prop_oneof![
        (sub(), -2_i8..3).prop_map(|(sub, value)| Do::Put(sub, value)),
        (sub(), -1_i8..2).prop_map(|(sub, value)| Do::Add(sub, value)),
        sub().prop_map(Do::Remove),
        Just(Do::Clear),
    ]
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn rows_and_dumps_are_those_of_a_map(
        epochs in proptest::collection::vec(proptest::collection::vec((0_u8..5, change()), 0..8), 1..20),
        cuts in proptest::collection::vec(1_usize..4, 1..5),
        at in any::<proptest::sample::Index>(),
        slice in 1_usize..6,
    ) {
        let dump = at.index(epochs.len()) as u64 + 1;
        let mut expected: Vec<Rows> = Vec::new();
        let mut rows = Rows::new();
        for epoch in &epochs {
            epoch.iter().for_each(|record| apply(&mut rows, record));
            expected.push(rows.clone());
        }
        for workers in [1, 2, 4] {
            let seen = run(epochs.clone(), cuts.clone(), workers, dump, slice);
            let mut rows = Rows::new();
            for (epoch, expected) in (1..).zip(&expected) {
                let mut changes = seen.changes.get(&epoch).cloned().unwrap_or_default();
                changes.sort_by_key(|(_, diff)| *diff);
                for ((key, value), diff) in changes {
                    let old = if diff < 0 { rows.remove(&key) } else { rows.insert(key, value) };
                    prop_assert_eq!(old, (diff < 0).then_some(value), "{} workers", workers);
                }
                prop_assert_eq!(&rows, expected, "{} workers, epoch {}", workers, epoch);
            }
            prop_assert_eq!(&seen.dump, &expected[usize::try_from(dump).expect("few epochs") - 1]);
        }
    }
}
