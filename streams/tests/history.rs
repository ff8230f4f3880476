//! What importers yield goes into a log and comes out of it as it was, behind what is there; nothing else is
//! bound by it.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::unwrap_used,
    reason = "numbers of tests are small; a test that panics fails"
)]

mod common;

use common::sim_disk::{Fault, SimDisk};
use common::{Rng, seeds};
use contract::log::{Epoch, History, Topic};
use contract::time::Time;
use millrace_streams::embedded::Config;
use millrace_streams::history::{self, HistoryError};
use millrace_streams::{Batch, EmbeddedLog, Installation, Log, LogError, MemoryLog};

const TOPICS: &[(&str, u32)] = &[("products", 1), ("stock", 2), ("orders", 3), ("timeline", 1)];

fn open(disk: SimDisk) -> Result<EmbeddedLog, LogError> {
    let config = Config::new(Installation::new(0, [1; 10]), TOPICS);
    EmbeddedLog::open_on(Box::new(disk), &config)
}

/// Random epochs, some empty, put behind those of `history`; the clock moves on from `ms`.
fn extend(rng: &mut Rng, history: &mut History, epochs: u64, ms: &mut i64) {
    for _ in 0..epochs {
        for _ in 0..rng.below(8) {
            let topics = [(Topic::Products, 1), (Topic::Stock, 2), (Topic::Orders, 3)];
            let (topic, partitions) = topics[rng.below(3) as usize];
            let key = rng.next().to_le_bytes();
            let value = vec![b'v'; rng.below(40) as usize];
            let some = rng.below(5) > 0;
            let partition = rng.below(partitions) as u32;
            history.append(topic, partition, some.then_some(&key), (!some).then_some(&value));
        }
        *ms += rng.below(3) as i64 * 500;
        history.bind(Time::from_ms(*ms).unwrap());
    }
}

fn extended(seed: u64, epochs: u64) -> History {
    let mut history = History::new();
    extend(&mut Rng(seed), &mut history, epochs, &mut 0);
    history
}

/// So many epochs, each of a record of 1 MiB: several frames.
fn large(epochs: u8) -> History {
    let mut history = History::new();
    for i in 0..epochs {
        history.append(Topic::Orders, 0, None, Some(&vec![i; 1 << 20]));
        history.bind(Time::from_ms(i.into()).unwrap());
    }
    history
}

/// Everything that a history says, epoch by epoch; ends without trailing zeros, which say nothing.
fn told(history: &History) -> Vec<String> {
    let told = |(index, binding): (usize, &contract::log::Binding)| {
        let trimmed = binding.ends.each_ref().map(|ends| {
            let len = ends.iter().rposition(|end| *end > 0).map_or(0, |last| last + 1);
            ends[..len].to_vec()
        });
        let hash = |bytes: Option<&[u8]>| bytes.map(|b| (b.len(), crc32fast::hash(b)));
        let records = history.records(index);
        let records: Vec<_> = records.map(|r| (r.at, hash(r.key), hash(r.value))).collect();
        format!("{:?} {} {trimmed:?} {records:?}", binding.epoch, binding.clock)
    };
    history.timeline().iter().enumerate().map(told).collect()
}

#[test]
fn histories_appended_one_after_another_are_read_as_one() {
    for seed in seeds(30) {
        let mut rng = Rng(seed);
        let (memory, embedded) = (MemoryLog::new(TOPICS).unwrap(), open(SimDisk::default()).unwrap());
        let (mut whole, mut ms) = (History::new(), 0);
        for _ in 0..3 {
            // The same records twice: behind all that came before, and by themselves.
            let (epochs, mut same, mut same_ms) = (rng.below(20), Rng(rng.0), ms);
            let mut part = History::new();
            extend(&mut same, &mut part, epochs, &mut same_ms);
            extend(&mut rng, &mut whole, epochs, &mut ms);
            let records = part.len();
            part.append(Topic::Orders, 0, None, Some(b"bound by no epoch"));
            for log in [&memory as &dyn Log, &embedded] {
                let mut heard = (0, records);
                let timeline = history::append(log, &part, 7, |done, all| heard = (done, all)).unwrap();
                assert_eq!(heard, (records, records));
                let (read, then) = history::read(log, None).unwrap();
                assert_eq!(told(&read), told(&whole));
                assert_eq!(then, timeline);
            }
        }
        let until = 1 + rng.below(whole.timeline().len().max(1) as u64);
        let (read, timeline) = history::read(&embedded, Some(Epoch(until))).unwrap();
        assert!(told(&read).iter().eq(told(&whole).iter().take(until as usize)));
        assert!(timeline.next_epoch() <= Epoch(until + 1));
        assert!(history::read(&embedded, Some(Epoch(0))).unwrap().0.is_empty());
    }
}

#[test]
fn voids_and_records_that_are_not_bound_are_left_out() {
    let log = MemoryLog::new(TOPICS).unwrap();
    let one = extended(1, 10);
    let timeline = history::append(&log, &one, 0, |_, _| ()).unwrap();
    let mut batch = Batch::new(0);
    let void = br#"{"epoch":3,"clock":"1999-01-01T00:00:00.000Z","ends":{"orders":[99]}}"#;
    batch.push("timeline", 0, None, Some(void));
    batch.push("orders", 1, None, Some(b"not bound"));
    log.append(&batch).unwrap();
    let (read, then) = history::read(&log, None).unwrap();
    assert_eq!((told(&read), then), (told(&one), timeline));
}

#[test]
fn what_can_not_be_appended_is_refused_and_nothing_is() {
    let two = extended(2, 5);
    let memory = || MemoryLog::new(TOPICS).unwrap();
    let refused = |log: &MemoryLog, history: &History| {
        let ends = |log: &MemoryLog| ["orders", "timeline"].map(|t| log.ends(t).unwrap());
        let before = ends(log);
        let error = history::append(log, history, 0, |_, _| panic!("it began")).unwrap_err();
        assert_eq!(ends(log), before);
        error
    };
    let log = memory();
    let mut batch = Batch::new(0);
    batch.push("orders", 1, None, None);
    log.append(&batch).unwrap();
    let error = refused(&log, &two);
    let (topic, partition, bound, end) = ("orders", 1, 0, 1);
    assert_eq!(
        error,
        HistoryError::Unbound {
            topic,
            partition,
            bound,
            end
        }
    );
    let log = memory();
    let mut later = History::new();
    later.bind(Time::from_ms(1_000_000_000).unwrap());
    history::append(&log, &later, 0, |_, _| ()).unwrap();
    assert!(matches!(refused(&log, &two), HistoryError::Earlier { .. }));
    let mut wide = History::new();
    wide.append(Topic::Orders, 3, None, None);
    wide.bind(Time::from_ms(0).unwrap());
    let unknown = refused(&memory(), &wide);
    assert!(matches!(
        unknown,
        HistoryError::Log(LogError::UnknownPartition { partition: 3, .. })
    ));
    let short = memory();
    let mut batch = Batch::new(0);
    let binding = br#"{"epoch":1,"clock":"1999-01-01T00:00:00.000Z","ends":{"orders":[0,2]}}"#;
    batch.push("timeline", 0, None, Some(binding));
    short.append(&batch).unwrap();
    assert!(matches!(
        refused(&short, &two),
        HistoryError::Short { bound: 2, .. }
    ));
    assert!(matches!(
        history::read(&short, None),
        Err(HistoryError::Short { end: 0, .. })
    ));
}

#[test]
fn an_append_by_somebody_else_stops_an_import_after_a_whole_epoch() {
    let log = MemoryLog::new(TOPICS).unwrap();
    let history = large(20);
    let mut batches = 0;
    let stopped = history::append(&log, &history, 0, |_, _| {
        batches += 1;
        if batches == 2 {
            let mut batch = Batch::new(0);
            batch.push("stock", 0, None, None);
            log.append(&batch).unwrap();
        }
    });
    let Err(HistoryError::Interrupted {
        topic: "stock",
        epoch,
    }) = stopped
    else {
        panic!("{stopped:?}");
    };
    let read = history::read(&log, None).unwrap().0;
    assert_eq!(read.timeline().len() as u64, epoch);
    assert_eq!(log.ends("orders").unwrap(), [epoch, 0, 0]);
    assert!((1..20).contains(&epoch));
}

#[test]
fn an_epoch_larger_than_a_frame_can_be_is_appended_and_a_crash_leaves_whole_epochs() {
    let mut history = History::new();
    for i in 0..3 {
        let bytes = if i == 1 { 70 << 20 } else { 5 << 20 };
        for _ in 0..bytes >> 20 {
            history.append(Topic::Stock, 1, None, Some(&vec![b'x'; 1 << 20]));
        }
        history.bind(Time::from_ms(i).unwrap());
    }
    let log = MemoryLog::new(TOPICS).unwrap();
    history::append(&log, &history, 0, |_, _| ()).unwrap();
    assert_eq!(told(&history::read(&log, None).unwrap().0), told(&history));
}

#[test]
fn an_import_cut_short_anywhere_leaves_whole_epochs_bound() {
    let (history, mut partly) = (large(20), 0);
    for seed in seeds(24) {
        let (mut rng, disk) = (Rng(seed), SimDisk::default());
        let log = open(disk.clone()).unwrap();
        disk.set_fault(disk.operations() + 1 + rng.below(250), Fault::Crash);
        let done = history::append(&log, &history, 0, |_, _| ());
        let torn = disk.torn_at_random(&mut |n| rng.below(n));
        let log = open(torn).unwrap();
        let (left, timeline) = history::read(&log, None).unwrap();
        let epochs = left.timeline().len();
        assert!(told(&left).iter().eq(told(&history).iter().take(epochs)));
        assert!(done.is_err() || epochs == 20);
        assert!(
            timeline
                .last()
                .is_none_or(|last| last.ends[Topic::Orders as usize] == log.ends("orders").unwrap())
        );
        partly += usize::from((1..20).contains(&epochs));
    }
    assert!(partly > 0 || std::env::var_os("SEED").is_some());
}
