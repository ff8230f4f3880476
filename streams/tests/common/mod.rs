//! A disk in memory that tears, fails and crashes; random numbers; what a log should hold.
#![allow(dead_code, reason = "each test uses some of it")]

pub mod gate;
pub use disk as sim_disk;

use std::collections::BTreeMap;

use millrace_streams::embedded::disk::Disk;
use millrace_streams::embedded::{Config, EmbeddedLog};
use millrace_streams::{Batch, Installation, Log, LogError};

/// Random numbers: SplitMix64.
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

/// The seeds to run: `SEED=n` for one, else `0..count`, times `SEEDS_TIMES`.
pub fn seeds(count: u64) -> impl Iterator<Item = u64> {
    let number = |name| std::env::var(name).ok().and_then(|s| s.parse::<u64>().ok());
    let range = match number("SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..count * number("SEEDS_TIMES").unwrap_or(1),
    };
    range.inspect(|seed| println!("SEED={seed}"))
}

pub const TOPICS: &[(&str, u32)] = &[("orders", 3), ("timeline", 1), ("stock", 2)];

pub fn config() -> Config {
    let mut config = Config::new(Installation::new(1_700_000_000_000, *b"0123456789"), TOPICS);
    config.segment_bytes_max = 4096;
    config
}

pub fn open(disk: impl Disk + 'static) -> Result<EmbeddedLog, LogError> {
    EmbeddedLog::open_on(Box::new(disk), &config())
}

pub type Fields = (Option<Vec<u8>>, Option<Vec<u8>>, Vec<(String, Vec<u8>)>, i64);

/// What a log should hold: per partition its records, and the first that was not trimmed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Model {
    pub records: BTreeMap<(String, u32), Vec<Fields>>,
    pub starts: BTreeMap<(String, u32), u64>,
}

impl Model {
    pub fn add(&mut self, batch: &[(String, u32, Fields)]) {
        for (topic, partition, fields) in batch {
            self.records
                .entry((topic.clone(), *partition))
                .or_default()
                .push(fields.clone());
        }
    }

    pub fn len(&self, topic: &str, partition: u32) -> u64 {
        self.records
            .get(&(topic.to_owned(), partition))
            .map_or(0, |r| r.len() as u64)
    }

    /// Whether the log holds just this.
    pub fn check(&self, log: &dyn Log) -> Result<(), String> {
        for (topic, partitions) in TOPICS {
            let (starts, ends) = (log.starts(topic).unwrap(), log.ends(topic).unwrap());
            for partition in 0..*partitions {
                let name = ((*topic).to_owned(), partition);
                let at = partition as usize;
                let start = self.starts.get(&name).copied().unwrap_or(0);
                if (starts[at], ends[at]) != (start, self.len(topic, partition)) {
                    return Err(format!(
                        "{name:?}: {}..{} is not {start}..{}",
                        starts[at],
                        ends[at],
                        self.len(topic, partition)
                    ));
                }
                let read = read_all(log, topic, partition, start).map_err(|e| e.to_string())?;
                let expected = self
                    .records
                    .get(&name)
                    .map_or(&[][..], |r| &r[usize::try_from(start).unwrap()..]);
                if read != expected {
                    return Err(format!("{name:?}: other records"));
                }
            }
        }
        Ok(())
    }
}

pub fn read_all(log: &dyn Log, topic: &str, partition: u32, from: u64) -> Result<Vec<Fields>, LogError> {
    let mut reader = log.read(topic, partition, from)?;
    let (mut all, mut next) = (Vec::new(), from);
    while let Some(run) = reader.next_run(u64::MAX)? {
        assert_eq!(run.first(), next);
        for record in run {
            assert_eq!(record.offset, next);
            next += 1;
            let owned = |b: &[u8]| b.to_vec();
            let headers = record.headers.map(|(n, v)| (n.to_owned(), v.to_vec())).collect();
            all.push((
                record.key.map(owned),
                record.value.map(owned),
                headers,
                record.timestamp_ms,
            ));
        }
    }
    assert_eq!(reader.offset(), next);
    Ok(all)
}

/// A random batch, and what it should add. `size` is the most bytes of a value.
pub fn random_batch(rng: &mut Rng, timestamp_ms: i64, size: u64) -> (Batch, Vec<(String, u32, Fields)>) {
    let (mut batch, mut expected) = (Batch::new(timestamp_ms), Vec::new());
    for _ in 0..=rng.below(4) {
        let (topic, partitions) = TOPICS[rng.below(3) as usize];
        let partition = rng.below(partitions.into()) as u32;
        let bytes = |rng: &mut Rng, size| {
            let len = rng.below(size + 1);
            (rng.below(8) > 0).then(|| (0..len).map(|_| rng.next() as u8).collect::<Vec<u8>>())
        };
        let (key, value) = (bytes(rng, 10), bytes(rng, size));
        let headers = match rng.below(3) {
            0 => vec![("traceparent".to_owned(), bytes(rng, 30).unwrap_or_default())],
            _ => Vec::new(),
        };
        let borrowed: Vec<_> = headers.iter().map(|(n, v)| (n.as_str(), v.as_slice())).collect();
        batch.push_with_headers(topic, partition, key.as_deref(), value.as_deref(), &borrowed);
        expected.push((topic.to_owned(), partition, (key, value, headers, timestamp_ms)));
    }
    (batch, expected)
}
