//! The embedded log and the log in memory, against a model: random appends, trims and reopenings.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::unwrap_used,
    reason = "numbers of tests are small; a test that panics fails"
)]

mod common;

use common::sim_disk::SimDisk;
use common::{Model, Rng, TOPICS, open, random_batch, read_all, seeds};
use millrace_streams::{Log, LogError, MemoryLog};

fn trim(rng: &mut Rng, log: &dyn Log, model: &mut Model) {
    let (topic, partitions) = TOPICS[rng.below(3) as usize];
    let partition = rng.below(partitions.into()) as u32;
    let end = model.len(topic, partition);
    let before = rng.below(end + 2);
    let trimmed = log.trim(topic, partition, before);
    if before > end {
        assert!(matches!(trimmed, Err(LogError::NotYetThere { end: e, .. }) if e == end));
        return;
    }
    trimmed.unwrap();
    let start = model.starts.entry((topic.to_owned(), partition)).or_default();
    *start = before.max(*start);
}

#[test]
fn a_log_holds_what_was_appended_over_any_appends_trims_and_reopenings() {
    for seed in seeds(60) {
        let (mut rng, mut model, disk) = (Rng(seed), Model::default(), SimDisk::default());
        let memory = MemoryLog::new(TOPICS).unwrap();
        let mut log = Some(open(disk.clone()).unwrap());
        let size = [20, 300, 3000][rng.below(3) as usize];
        for step in 0..300 {
            let embedded = log.as_ref().unwrap();
            match rng.below(40) {
                0 => {
                    drop(log.take());
                    log = Some(open(disk.clone()).unwrap());
                }
                1 => {
                    let mut same = Rng(rng.0);
                    trim(&mut same, &memory, &mut model);
                    trim(&mut rng, embedded, &mut model);
                }
                2 => model.check(embedded).unwrap(),
                _ => {
                    let (batch, expected) = random_batch(&mut rng, step, size);
                    let appended = embedded.append(&batch).unwrap();
                    assert_eq!(memory.append(&batch).unwrap(), appended);
                    for part in &appended {
                        assert_eq!(part.first, model.len(&part.topic, part.partition));
                    }
                    model.add(&expected);
                }
            }
        }
        let embedded = log.as_ref().unwrap();
        model.check(embedded).unwrap();
        model.check(&memory).unwrap();
        embedded.check().unwrap();
    }
}

#[test]
fn a_reader_goes_on_from_any_offset_and_sees_what_is_appended_meanwhile() {
    for seed in seeds(20) {
        let (mut rng, mut model, disk) = (Rng(seed), Model::default(), SimDisk::default());
        let log = open(disk.clone()).unwrap();
        let mut reader = log.read("orders", 1, 0).unwrap();
        let mut seen = 0;
        for step in 0..200 {
            let (batch, expected) = random_batch(&mut rng, step, 200);
            log.append(&batch).unwrap();
            model.add(&expected);
            while let Some(run) = (rng.below(3) == 0)
                .then(|| reader.next_run(u64::MAX).unwrap())
                .flatten()
            {
                seen += run.left();
            }
        }
        while let Some(run) = reader.next_run(u64::MAX).unwrap() {
            seen += run.left();
        }
        let end = model.len("orders", 1);
        assert_eq!(seen, end);
        let all = &model.records[&("orders".to_owned(), 1)];
        for from in 0..=end {
            assert_eq!(read_all(&log, "orders", 1, from).unwrap(), all[from as usize..]);
        }
        let beyond = log.read("orders", 1, end + 1).err();
        assert!(matches!(beyond, Some(LogError::NotYetThere { offset, .. }) if offset == end + 1));
        assert!(matches!(
            log.read("orders", 3, 0),
            Err(LogError::UnknownPartition { .. })
        ));
        assert!(matches!(
            log.read("other", 0, 0),
            Err(LogError::UnknownPartition { .. })
        ));
    }
}
