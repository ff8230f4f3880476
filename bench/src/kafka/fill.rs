//! A log of orders in Kafka, its epochs bound.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use contract::installation::Installation;
use contract::log::{Binding, Epoch, Topic};
use contract::time::Time;
use streams::kafka::Config;
use streams::timeline::{self, Timeline};
use streams::{Batch, KafkaLog, Log, partition_of};

use super::go_on;
use super::topics::Topics;
use crate::mix::{Ids, Mix, Orders};
use crate::replay::Made;

/// Partitions of a topic: as many as `millrace up` makes by default.
pub const PARTITIONS: u32 = 12;
/// Epochs whose records are sent at once.
const AT_ONCE: usize = 20;

/// The log, and how far it is.
struct Filling {
    log: KafkaLog,
    timeline: Timeline,
    /// Where each partition of each topic ends.
    ends: [Vec<u64>; 9],
    records: u64,
    /// Records and bindings that were not sent yet.
    waiting: (Batch, Batch),
}

/// Writes the prelude and so many orders.
pub fn fill(topics: &Topics, orders: u64, stop: &AtomicBool) -> Result<Made, String> {
    let failed = |error: streams::LogError| error.to_string();
    let mut config = Config::new(topics.brokers().clone());
    config.prefix = topics.prefix("log");
    config.group = topics.prefix("log");
    config.partitions = PARTITIONS;
    let log = KafkaLog::open(config).map_err(failed)?;
    let installation = log.begin(Installation::new(1_790_000_000_000, [7; 10]), clock(Epoch(0)));
    let installation = installation.map_err(failed)?;
    let mut filling = Filling {
        timeline: begun(&log)?,
        log,
        ends: Topic::ALL.map(|_| vec![0; PARTITIONS as usize]),
        records: 0,
        waiting: (Batch::new(0), Batch::new(0)),
    };
    let mut mix = Mix::default();
    mix.prelude();
    filling.add(&mut mix)?;
    filling.send()?;
    let mut all = Orders::new(orders, Ids::TimeOrdered);
    let mut epochs = 0;
    while all.epoch(&mut mix) {
        go_on(stop)?;
        filling.add(&mut mix)?;
        epochs += 1;
        if epochs % AT_ONCE == 0 {
            filling.send()?;
        }
    }
    filling.send()?;
    Ok(Made {
        epochs: Epoch(filling.timeline.next_epoch().0 - 1),
        log: Arc::new(filling.log),
        installation,
        records: filling.records,
    })
}

/// An epoch a second.
fn clock(epoch: Epoch) -> Time {
    Time::default().plus_seconds(1_790_000_000 + i64::try_from(epoch.0).unwrap_or(0))
}

/// The timeline as it was begun.
fn begun(log: &KafkaLog) -> Result<Timeline, String> {
    let mut timeline = Timeline::default();
    let mut reader = log.read(timeline::TOPIC, 0, 0).map_err(|e| e.to_string())?;
    while let Some(run) = reader.next_run(u64::MAX).map_err(|e| e.to_string())? {
        for record in run {
            timeline.apply(record.value).map_err(|e| e.to_string())?;
        }
    }
    Ok(timeline)
}

impl Filling {
    /// Adds the epochs of a mix, which it then forgets.
    fn add(&mut self, mix: &mut Mix) -> Result<(), String> {
        for records in mix.epochs() {
            for record in records {
                let partition = partition_of(record.key, PARTITIONS);
                let topic = record.at.topic;
                self.waiting
                    .0
                    .push(topic.name(), partition, record.key, record.value);
                self.ends[topic as usize][partition as usize] += 1;
                self.records += 1;
            }
            let epoch = self.timeline.next_epoch();
            let binding = Binding {
                epoch,
                clock: clock(epoch),
                ends: self.ends.clone(),
            };
            let binding = self.timeline.encode(&binding, None);
            self.timeline
                .apply(Some(binding.as_bytes()))
                .map_err(|e| e.to_string())?;
            let name = timeline::TOPIC;
            self.waiting
                .1
                .push(name, 0, Some(name.as_bytes()), Some(binding.as_bytes()));
        }
        mix.clear();
        Ok(())
    }

    /// Sends what waits: records, then what binds them.
    fn send(&mut self) -> Result<(), String> {
        let (records, bindings) = std::mem::replace(&mut self.waiting, (Batch::new(0), Batch::new(0)));
        for appended in self.append(&records)? {
            let topic = Topic::from_name(&appended.topic).ok_or("a topic that was not sent to")?;
            let end = self.ends[topic as usize][appended.partition as usize];
            if appended.end != end || !appended.scattered.is_empty() {
                let name = &appended.topic;
                return Err(format!("somebody else writes to {name}, or a record came twice"));
            }
        }
        self.append(&bindings).map(drop)
    }

    fn append(&self, batch: &Batch) -> Result<Vec<streams::Appended>, String> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        self.log.append(batch).map_err(|e| e.to_string())
    }
}
