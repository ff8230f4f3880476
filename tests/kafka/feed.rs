//! Random records, sent to a shop's topics as another producer would.

use std::time::{Duration, Instant};

use brokers::Brokers;
use contract::log::{History, RawRecord, Topic};
use generator::{Generator, Profile};
use oracle::Oracle;
use streams::kafka::Config;
use streams::{Batch, KafkaLog, Log as _, LogError};

use super::{LIMIT, Shop};

/// Sends them.
pub struct Feed {
    log: KafkaLog,
    generator: Generator,
    oracle: Oracle,
    history: History,
    partitions: u32,
    /// Records that were acknowledged.
    pub sent: u64,
}

impl Feed {
    /// Those of a seed.
    pub fn new(shop: &Shop, seed: u64) -> Feed {
        let mut config = Config::new(Brokers::new(&shop.brokers));
        let said = |name| shop.said(name);
        config.prefix = said("MILLRACE_KAFKA_TOPIC_PREFIX");
        config.partitions = said("MILLRACE_KAFKA_PARTITIONS").parse().unwrap();
        config.brokers.timeout = Duration::from_secs(5);
        Feed {
            partitions: config.partitions,
            log: KafkaLog::open(config).unwrap(),
            generator: Generator::new(seed, Profile::from_seed(seed)),
            oracle: Oracle::new(),
            history: History::new(),
            sent: 0,
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
            for RawRecord { at, key, value, .. } in self.history.records(index) {
                batch.push(at.topic.name(), at.partition % self.partitions, key, value);
            }
            self.sent += batch.len();
            put(&self.log, &batch);
        }
    }

    /// Where the topics end.
    pub fn ends(&self) -> [Vec<u64>; 9] {
        Topic::ALL.map(|topic| self.log.ends(topic.name()).unwrap())
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
