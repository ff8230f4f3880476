//! Any bytes as the directory of a log (see `forge`): opening and reading end in records or in an error,
//! never in a panic or in memory without bounds; a log that could be read and checked takes appends, and
//! opens again with all that it held.

#![no_main]

use libfuzzer_sys::fuzz_target;
use millrace_fuzz::disk::Memory;
use millrace_fuzz::forge;
use streams::embedded::{Config, Fsync};
use streams::{Batch, EmbeddedLog, Log, LogError};

fuzz_target!(|data: &[u8]| {
    let disk = forge::directory(data);
    let Ok(log) = open(&disk) else { return };
    let checked = log.check();
    if read(&log).is_err() || checked.is_err() {
        return;
    }
    for topic in log.topics() {
        let mut batch = Batch::new(1);
        batch.push(&topic.name, topic.partitions - 1, Some(b"k"), None);
        match log.append(&batch) {
            Ok(_) => {}
            Err(LogError::BadConfiguration { .. }) => return,
            Err(e) => panic!("{e}"),
        }
        let ends = log.ends(&topic.name).expect("the topic is there");
        if data.len().is_multiple_of(2) {
            log.trim(&topic.name, 0, ends[0] / 2)
                .expect("it is within the log");
        }
    }
    let held = read(&log).unwrap_or_else(|e| panic!("{e}"));
    drop(log);
    let log = open(&disk).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(read(&log).unwrap_or_else(|e| panic!("{e}")), held);
});

fn open(disk: &Memory) -> Result<EmbeddedLog, LogError> {
    let mut config = Config::new(forge::installation(), &[]);
    config.fsync = Fsync::Never;
    config.segment_bytes_max = 4096;
    EmbeddedLog::open_on(Box::new(disk.clone()), &config)
}

/// What the log holds: per record its partition's topic, offset and value.
type Held = Vec<(String, u64, Option<Vec<u8>>)>;

fn read(log: &EmbeddedLog) -> Result<Held, LogError> {
    let mut held = Vec::new();
    for topic in log.topics() {
        let (starts, ends) = (log.starts(&topic.name)?, log.ends(&topic.name)?);
        // Files may name more partitions than is worth reading, all but a few without records.
        for (partition, (start, end)) in (0..topic.partitions).zip(starts.into_iter().zip(ends)).take(8) {
            let mut reader = log.read(&topic.name, partition, start)?;
            let mut until = start;
            while reader.offset() < end {
                until = until.saturating_add(3);
                while let Some(run) = reader.next_run(until)? {
                    held.extend(run.map(|r| (topic.name.clone(), r.offset, r.value.map(<[u8]>::to_vec))));
                }
                assert_eq!(reader.offset(), until.min(end), "it stops early");
            }
        }
    }
    Ok(held)
}
