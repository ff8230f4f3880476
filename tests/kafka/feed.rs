//! Random records, sent to a shop's topics as another producer would.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use contract::log::{History, RawRecord, Topic};
use generator::{Generator, Profile};
use oracle::Oracle;
use streams::{Batch, KafkaLog, Log as _, LogError};

use super::{LIMIT, Shop};

/// Sends them.
pub struct Feed {
    pub log: KafkaLog,
    generator: Generator,
    oracle: Oracle,
    history: History,
    partitions: u32,
    /// Per topic and partition, in order, the values that were acknowledged.
    acknowledged: BTreeMap<(Topic, u32), Vec<Option<Vec<u8>>>>,
}

impl Feed {
    /// Those of a seed.
    pub fn new(shop: &Shop, seed: u64) -> Feed {
        let log = shop.producer();
        Feed {
            partitions: shop.partitions,
            log,
            generator: Generator::new(seed, Profile::from_seed(seed)),
            oracle: Oracle::new(),
            history: History::new(),
            acknowledged: BTreeMap::new(),
        }
    }

    /// Sends what the generator makes of so many epochs. What is not acknowledged is sent again.
    pub fn send(&mut self, epochs: usize) {
        for _ in 0..epochs {
            let plan = self.generator.next_epoch(self.oracle.tables());
            let index = self.history.timeline().len();
            generator::append(&plan, &mut self.history);
            let binding = &self.history.timeline()[index];
            self.oracle
                .epoch(binding.epoch, binding.clock, self.history.records(index));
            let mut batch = Batch::new(1_700_000_000_000);
            let mut values = Vec::new();
            for RawRecord { at, key, value, .. } in self.history.records(index) {
                let partition = at.partition % self.partitions;
                batch.push(at.topic.name(), partition, key, value);
                values.push(((at.topic, partition), value.map(<[u8]>::to_vec)));
            }
            put(&self.log, &batch);
            for (at, value) in values {
                self.acknowledged.entry(at).or_default().push(value);
            }
        }
    }

    /// That the log holds all that was acknowledged, in order; in between there may be what was sent again.
    pub fn assert_nothing_is_lost(&self) {
        for ((topic, partition), values) in &self.acknowledged {
            let mut reader = self.log.read(topic.name(), *partition, 0).unwrap();
            let mut missing = values.iter().peekable();
            while let Some(run) = reader.next_run(u64::MAX).unwrap() {
                for record in run {
                    missing.next_if(|value| value.as_deref() == record.value);
                }
            }
            let lost = missing.count();
            assert_eq!(lost, 0, "{topic:?}/{partition}: of {} records", values.len());
        }
    }
}

fn put(log: &KafkaLog, batch: &Batch) {
    let since = Instant::now();
    loop {
        match log.append(batch) {
            Ok(_) => return,
            Err(LogError::InDoubt { .. } | LogError::Io { .. }) if since.elapsed() < LIMIT => {
                std::thread::sleep(Duration::from_millis(100));
            }
            Err(error) => panic!("{error}"),
        }
    }
}
