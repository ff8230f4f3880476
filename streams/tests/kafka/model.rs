//! The log against a model: what was appended is read, from any place, by any number of readers.

use std::collections::BTreeMap;

use millrace_streams::{Batch, Log as _, LogError};

use crate::common::{Rng, seeds};
use crate::{broker, config, open, read_to};

const TOPICS: [(&str, u32); 3] = [("orders", 3), ("stock", 3), ("payments", 3)];

#[test]
fn a_log_holds_what_was_appended_over_any_appends_trims_and_reopenings() {
    let test = "a_log_holds_what_was_appended";
    let Some(kafka) = broker(test) else { return };
    for seed in seeds(2) {
        let config = config(kafka, &format!("{test}.{seed}"));
        let (mut rng, mut log) = (Rng(seed), open(&config));
        let mut model: BTreeMap<(&str, u32), Vec<crate::Fields>> = BTreeMap::new();
        let mut starts: BTreeMap<(&str, u32), u64> = BTreeMap::new();
        for _ in 0..150 {
            match rng.below(40) {
                0 => {
                    drop(log);
                    log = open(&config);
                }
                1 => {
                    let (topic, _) = TOPICS[rng.below(3) as usize];
                    let at = (topic, rng.below(3) as u32);
                    let end = model.get(&at).map_or(0, |records| records.len() as u64);
                    let before = rng.below(end + 2);
                    match log.trim(topic, at.1, before) {
                        Ok(()) => drop(starts.insert(at, before.max(starts.get(&at).copied().unwrap_or(0)))),
                        Err(error) => {
                            assert!(before > end, "{error}");
                            assert!(
                                matches!(error, LogError::NotYetThere { end: e, .. } if e == end),
                                "{error}"
                            );
                        }
                    }
                }
                _ => append(&mut rng, log.as_ref(), &mut model),
            }
        }
        for (topic, partitions) in TOPICS {
            for partition in 0..partitions {
                let all = model.get(&(topic, partition)).map_or(&[][..], Vec::as_slice);
                let start = starts.get(&(topic, partition)).copied().unwrap_or(0);
                assert_eq!(log.starts(topic).unwrap()[partition as usize], start);
                assert_eq!(log.ends(topic).unwrap()[partition as usize], all.len() as u64);
                let from = start + rng.below(all.len() as u64 - start + 1);
                let (read, end) = read_to(log.as_ref(), topic, partition, from, u64::MAX);
                assert_eq!(read, all[from as usize..]);
                assert_eq!(end, all.len() as u64);
                if start > 0 {
                    let trimmed = log.read(topic, partition, start - 1).err();
                    assert!(matches!(trimmed, Some(LogError::Trimmed { start: s, .. }) if s == start));
                }
            }
        }
    }
}

fn append(
    rng: &mut Rng,
    log: &dyn millrace_streams::Log,
    model: &mut BTreeMap<(&'static str, u32), Vec<crate::Fields>>,
) {
    let (mut batch, mut added) = (Batch::new(1_700_000_000_000), Vec::new());
    for _ in 0..=rng.below(4) {
        let (topic, partitions) = TOPICS[rng.below(3) as usize];
        let partition = rng.below(partitions.into()) as u32;
        let bytes = |rng: &mut Rng, size: u64| {
            let len = rng.below(size + 1);
            (rng.below(8) > 0).then(|| (0..len).map(|_| rng.next() as u8).collect::<Vec<u8>>())
        };
        let (key, value) = (bytes(rng, 10), bytes(rng, 3000));
        let headers: &[(&str, &[u8])] = if rng.below(3) == 0 {
            &[("traceparent", b"00-ab")]
        } else {
            &[]
        };
        batch.push_with_headers(topic, partition, key.as_deref(), value.as_deref(), headers);
        added.push((topic, partition, key, value));
    }
    let appended = log.append(&batch).unwrap();
    for (topic, partition, key, value) in added {
        let records = model.entry((topic, partition)).or_default();
        let offset = records.len() as u64;
        let part = appended
            .iter()
            .find(|part| (part.topic.as_str(), part.partition) == (topic, partition));
        assert!((part.unwrap().first..part.unwrap().end).contains(&offset));
        records.push((offset, key, value));
    }
}

#[test]
fn readers_of_one_partition_do_not_disturb_each_other_and_see_what_is_appended_meanwhile() {
    let test = "readers_of_one_partition";
    let Some(kafka) = broker(test) else { return };
    let log = open(&config(kafka, test));
    let put = |from: u64, count: u64| {
        let mut batch = Batch::new(1_700_000_000_000);
        for n in from..from + count {
            batch.push("orders", 1, None, Some(&n.to_le_bytes()));
        }
        log.append(&batch).unwrap();
    };
    put(0, 500);
    let mut rng = Rng(5);
    let mut readers: Vec<_> = (0..4).map(|i| log.read("orders", 1, i * 100).unwrap()).collect();
    let mut end = 500;
    for _ in 0..60 {
        match rng.below(4) {
            0 => {
                put(end, 30);
                end += 30;
            }
            1 => {
                let from = rng.below(end + 1);
                let which = rng.below(4) as usize;
                readers[which] = log.read("orders", 1, from).unwrap();
            }
            _ => {
                let which = rng.below(4) as usize;
                let from = readers[which].offset();
                let to = (from + rng.below(200)).min(end);
                let mut next = from;
                while let Some(run) = readers[which].next_run(to).unwrap() {
                    for record in run {
                        assert_eq!(
                            (record.offset, record.value),
                            (next, Some(&next.to_le_bytes()[..]))
                        );
                        next += 1;
                    }
                }
                assert_eq!((next, readers[which].offset()), (to, to));
            }
        }
    }
    for reader in &mut readers {
        let mut next = reader.offset();
        while let Some(run) = reader.next_run(u64::MAX).unwrap() {
            next += run.left();
        }
        assert_eq!(next, end, "what was acknowledged is read");
    }
}

#[test]
fn of_many_who_append_at_once_each_is_told_where_its_own_records_stand() {
    let test = "of_many_who_append_at_once";
    let Some(kafka) = broker(test) else { return };
    let log = open(&config(kafka, test));
    let told: Vec<(u32, u64, Vec<u8>)> = std::thread::scope(|scope| {
        let append = |writer: u8| {
            let log = &log;
            move || {
                let mut told = Vec::new();
                for n in 0..40_u8 {
                    let mut batch = Batch::new(1_700_000_000_000);
                    for i in 0..=n % 4 {
                        batch.push("orders", u32::from(n % 3), None, Some(&[writer, n, i]));
                    }
                    let appended = log.append(&batch).unwrap();
                    for i in 0..=n % 4 {
                        told.push((u32::from(n % 3), appended[0].offset(i.into()), vec![writer, n, i]));
                    }
                }
                told
            }
        };
        let writers: Vec<_> = (0..6).map(|writer| scope.spawn(append(writer))).collect();
        writers
            .into_iter()
            .flat_map(|writer| writer.join().unwrap())
            .collect()
    });
    let all = [0, 1, 2].map(|partition| read_to(log.as_ref(), "orders", partition, 0, u64::MAX).0);
    for (partition, offset, value) in told {
        assert_eq!(all[partition as usize][offset as usize].2, Some(value));
    }
}
