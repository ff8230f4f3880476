//! `bench decide`: log records a second on one core, from memory: (a) decoded only, (b) decoded and
//! decided, with every view's deltas made and sorted. In turns, so that a slow moment of the machine hits
//! both.

use std::hint::black_box;

use bumpalo::Bump;
use contract::decode::decode;
use contract::delta::Delta;
use contract::log::Epoch;
use contract::time::Time;
use pipelines::checkout::Checkout;

use crate::mix::{Ids, Mix, Orders};
use crate::{Figure, Settings, Stopwatch, median};

const ORDERS: u64 = 300_000;
const TURNS: usize = 5;

fn decode_all(mix: &Mix, arena: &mut Bump) -> f64 {
    let start = Stopwatch::start();
    for epoch in mix.epochs() {
        for record in epoch {
            let _ = black_box(decode(record.at.topic, record.key, record.value, arena));
        }
        arena.reset();
    }
    start.seconds()
}

struct Decided {
    seconds: f64,
    changes: usize,
    bytes: usize,
}

fn decide_all(mix: &Mix, prelude: &Mix, arena: &mut Bump) -> Decided {
    let mut job = Checkout::new();
    let clock = |epoch: u64| Time::default().plus_seconds(1_790_000_000 + i64::try_from(epoch).unwrap_or(0));
    for records in prelude.epochs() {
        job.epoch(Epoch(1), clock(1), records, arena);
    }
    let (mut changes, mut bytes) = (0, 0);
    let start = Stopwatch::start();
    for (epoch, records) in (2..).zip(mix.epochs()) {
        let deltas = black_box(job.epoch(Epoch(epoch), clock(epoch), records, arena));
        changes += deltas.iter().map(Delta::len).sum::<usize>();
        bytes += deltas.iter().map(Delta::size_bytes).sum::<usize>();
        job.recycle(deltas);
    }
    Decided {
        seconds: start.seconds(),
        changes,
        bytes,
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub(crate) fn run(_: &Settings, progress: &mut dyn FnMut(&str)) -> Result<Vec<Figure>, String> {
    progress("making the mix");
    let (mut prelude, mut mix) = (Mix::default(), Mix::default());
    prelude.prelude();
    let mut orders = Orders::new(ORDERS, Ids::TimeOrdered);
    while orders.epoch(&mut mix) {}
    let records = mix.len() as f64;
    let mut arena = Bump::new();
    let (mut decoded, mut decided, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let mut last = decide_all(&mix, &prelude, &mut arena);
    for turn in 1..=TURNS {
        progress(&format!("turn {turn} of {TURNS}"));
        let a = decode_all(&mix, &mut arena);
        last = decide_all(&mix, &prelude, &mut arena);
        decoded.push(records / a);
        decided.push(records / last.seconds);
        ratios.push(a / last.seconds);
    }
    let figure = |metric: &str, value, unit| Figure::new("decide", metric, value, unit);
    Ok(vec![
        figure("records", records, "records"),
        figure("bytes a record", mix.value_bytes() as f64 / records, "bytes"),
        figure("(a) decoded only", median(decoded), "records/s"),
        figure("(b) decoded and decided", median(decided), "records/s"),
        figure("(b) / (a)", median(ratios), "").at_least(0.5),
        figure("row changes a record", last.changes as f64 / records, "rows"),
        figure("bytes of deltas a record", last.bytes as f64 / records, "bytes"),
    ])
}
