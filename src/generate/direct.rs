//! The load straight into the log of a data directory, while nothing runs on it. Bound and decided is it when
//! a millrace starts there.

use std::time::{Duration, Instant};

use streams::{Batch, EmbeddedLog, Log as _, partition_of};

use super::shop::Record;
use super::tally::{Tally, rate};
use super::{Load, Outcome};
use crate::Failure;
use crate::data::{Data, PARTITIONS, now_ms};
use crate::signals::Signals;

/// Orders or claims of one append, at most.
const BATCH_MAX: u64 = 1_000;
/// The longest sleep, so that a signal is soon heard.
const NAP: Duration = Duration::from_millis(100);

/// Runs it until it is over or stopped.
pub fn run(data: &std::path::Path, load: &Load, signals: &Signals) -> Result<Outcome, Failure> {
    let log = Data::make(data)?.log()?;
    let (products, stock) = load.set_up();
    for records in [products, stock] {
        for chunk in records.chunks(10_000) {
            append(&log, chunk)?;
        }
    }
    let (mut shop, mut flash) = (load.shop.clone(), load.flash.clone());
    let (mut tally, bar) = (Tally::default(), load.bar("appending"));
    let (mut pace, start) = (load.pace(), Instant::now());
    let most = pace.batch(BATCH_MAX);
    let mut records_count = 0;
    while !signals.stop()
        && let Some((count, due)) = pace.next(most)
    {
        while let ahead = due.saturating_duration_since(Instant::now())
            && !ahead.is_zero()
            && !signals.stop()
        {
            std::thread::sleep(ahead.min(NAP));
        }
        let (kind, records): (_, Vec<Record>) = match &mut flash {
            Some(sale) => ("claims", (0..count).map(|_| sale.claim()).collect()),
            None => ("orders", (0..count).flat_map(|_| shop.order().all()).collect()),
        };
        append(&log, &records)?;
        tally.note(kind, count, count);
        records_count += records.len() as u64;
        bar.inc(count);
    }
    bar.finish_and_clear();
    let took = start.elapsed();
    let there = format!("millrace up --data {} decides it", data.display());
    let lines = vec![
        ("records", format!("{}/s", rate(records_count, took))),
        ("next", there),
    ];
    Ok(Outcome { tally, took, lines })
}

/// Appends records as one batch.
fn append(log: &EmbeddedLog, records: &[Record]) -> Result<(), Failure> {
    let mut batch = Batch::new(now_ms());
    for Record { topic, key, value } in records {
        let partition = partition_of(Some(key.as_bytes()), PARTITIONS);
        batch.push(
            topic.name(),
            partition,
            Some(key.as_bytes()),
            Some(value.as_bytes()),
        );
    }
    let appended = log.append(&batch);
    appended.map_err(|error| Failure::Undone(error.to_string()))?;
    Ok(())
}
