//! The input streams, and all that was written to them as plain data.
//!
//! [`History`] is plain data: what importers yield, tests make and the oracle reads. It holds every
//! record of every stream together with the timeline that binds them to epochs, and hands an epoch's
//! records out in log order (rules, section 1): by topic, partition, offset.

use std::collections::BTreeSet;

use crate::time::Time;

/// The streams that millrace reads, in log order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Topic {
    /// Rules in force, attention.
    Operations,
    /// Products.
    Products,
    /// Receipts and adjustments of stock.
    Stock,
    /// Coupon campaigns and claims.
    Coupons,
    /// Top-ups and withdrawals.
    Wallets,
    /// Orders and what is asked of them.
    Orders,
    /// What payment providers said.
    Payments,
    /// Carts.
    Carts,
    /// Reviews.
    Reviews,
}

impl Topic {
    /// All input streams, in log order.
    pub const ALL: [Topic; 9] = [
        Topic::Operations,
        Topic::Products,
        Topic::Stock,
        Topic::Coupons,
        Topic::Wallets,
        Topic::Orders,
        Topic::Payments,
        Topic::Carts,
        Topic::Reviews,
    ];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Topic::Operations => "operations",
            Topic::Products => "products",
            Topic::Stock => "stock",
            Topic::Coupons => "coupons",
            Topic::Wallets => "wallets",
            Topic::Orders => "orders",
            Topic::Payments => "payments",
            Topic::Carts => "carts",
            Topic::Reviews => "reviews",
        }
    }

    /// The stream named `name`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Topic> {
        Topic::ALL.into_iter().find(|t| t.name() == name)
    }
}

/// An epoch: the unit in which records are bound, decided and shown. From 1; 0 is before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u64);

/// Where a record stands in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Its stream.
    pub topic: Topic,
    /// Its partition.
    pub partition: u32,
    /// Its offset.
    pub offset: u64,
}

/// A record as it stands in the log: nothing about it is known to be valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawRecord<'a> {
    /// Where it stands.
    pub at: Position,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value.
    pub value: Option<&'a [u8]>,
    /// A person had it skipped: it is quarantined, whatever it holds.
    pub skipped: bool,
}

/// What one timeline record says: epoch e holds every record below these ends, and the clock read so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The epoch.
    pub epoch: Epoch,
    /// "Now" for everything decided in it.
    pub clock: Time,
    /// Per topic (in [`Topic::ALL`]'s order) the next offset of each partition.
    pub ends: [Vec<u64>; 9],
}

#[derive(Clone, Debug, Default)]
struct Partition {
    bytes: Vec<u8>,
    /// Per record: start of its key (or `NONE`), start of its value (or `NONE`), end of the value.
    records: Vec<[usize; 3]>,
    /// Where offsets go on after some that hold no record: such a record's offset and index. Offsets are
    /// indexes before the first.
    jumps: Vec<(u64, u64)>,
    /// The offset that the next record gets.
    end: u64,
}

const NONE: usize = usize::MAX;

impl Partition {
    fn push(&mut self, key: Option<&[u8]>, value: Option<&[u8]>) {
        let key_at = key.map_or(NONE, |_| self.bytes.len());
        self.bytes.extend_from_slice(key.unwrap_or_default());
        let value_at = self.bytes.len();
        self.bytes.extend_from_slice(value.unwrap_or_default());
        let end = if value.is_some() { self.bytes.len() } else { NONE };
        self.records.push([key_at, value_at, end]);
        self.end += 1;
    }

    /// Leaves out the offsets below `to`.
    fn jump(&mut self, to: u64) {
        if to > self.end {
            let index = self.records.len() as u64;
            self.jumps.retain(|(_, at)| *at < index);
            self.jumps.push((to, index));
            self.end = to;
        }
    }

    /// The index of the first record at or above an offset.
    fn index(&self, offset: u64) -> u64 {
        let at = self.jumps.partition_point(|(first, _)| *first <= offset);
        let (first, index) = at.checked_sub(1).map_or((0, 0), |at| self.jumps[at]);
        let next = self
            .jumps
            .get(at)
            .map_or(self.records.len() as u64, |(_, index)| *index);
        next.min(index + (offset - first))
    }

    /// The offset of a record's index.
    fn offset(&self, index: u64) -> u64 {
        let at = self.jumps.partition_point(|(_, first)| *first <= index);
        let (offset, first) = at.checked_sub(1).map_or((0, 0), |at| self.jumps[at]);
        offset + (index - first)
    }

    fn get(&self, index: u64) -> (Option<&[u8]>, Option<&[u8]>) {
        let index = usize::try_from(index).expect("what is in memory is counted by a usize");
        let [key_at, value_at, end] = self.records[index];
        let key = (key_at != NONE).then(|| &self.bytes[key_at..value_at]);
        let value = (end != NONE).then(|| &self.bytes[value_at..end]);
        (key, value)
    }
}

/// All that was written to the streams, with the timeline.
#[derive(Clone, Debug, Default)]
pub struct History {
    topics: [Vec<Partition>; 9],
    timeline: Vec<Binding>,
    skips: BTreeSet<Position>,
}

impl History {
    /// One in which nothing was written.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a record and returns its offset. The partition comes into being when it is first named.
    pub fn append(&mut self, topic: Topic, partition: u32, key: Option<&[u8]>, value: Option<&[u8]>) -> u64 {
        let partitions = &mut self.topics[topic as usize];
        let partition = partition as usize;
        if partitions.len() <= partition {
            partitions.resize_with(partition + 1, Partition::default);
        }
        partitions[partition].push(key, value);
        partitions[partition].end - 1
    }

    /// Leaves out a partition's offsets from its end up to `to`: they hold no record.
    pub fn leave_out(&mut self, topic: Topic, partition: u32, to: u64) {
        let partitions = &mut self.topics[topic as usize];
        let partition = partition as usize;
        if partitions.len() <= partition {
            partitions.resize_with(partition + 1, Partition::default);
        }
        partitions[partition].jump(to);
    }

    /// Where everything appended so far ends.
    fn ends(&self) -> [Vec<u64>; 9] {
        let ends = |partitions: &Vec<Partition>| partitions.iter().map(|p| p.end).collect();
        self.topics.each_ref().map(ends)
    }

    /// Binds everything appended so far to the next epoch, whose clock is `clock`, but never goes back.
    pub fn bind(&mut self, clock: Time) -> Epoch {
        self.push(clock, self.ends())
    }

    /// Binds what was appended up to `ends` to the next epoch, as [`History::bind`] does. `None`, and nothing
    /// is bound, if an end goes back or lies beyond what was appended.
    pub fn bind_ends(&mut self, clock: Time, ends: [Vec<u64>; 9]) -> Option<Epoch> {
        let before = self.timeline.last().map(|b| &b.ends);
        let fits = Topic::ALL.into_iter().all(|topic| {
            let at = |ends: &[Vec<u64>; 9], p| ends[topic as usize].get(p).copied().unwrap_or(0);
            let have = &self.topics[topic as usize];
            let partitions = ends[topic as usize].len().max(have.len());
            (0..partitions).all(|p| {
                let have = have.get(p).map_or(0, |p| p.end);
                (before.map_or(0, |before| at(before, p))..=have).contains(&at(&ends, p))
            })
        });
        fits.then(|| self.push(clock, ends))
    }

    fn push(&mut self, clock: Time, ends: [Vec<u64>; 9]) -> Epoch {
        let clock = self.timeline.last().map_or(clock, |b| b.clock.max(clock));
        let epoch = Epoch(self.timeline.len() as u64 + 1);
        self.timeline.push(Binding { epoch, clock, ends });
        epoch
    }

    /// Notes that a person had a record skipped.
    pub fn skip(&mut self, at: Position) {
        self.skips.insert(at);
    }

    /// The timeline: the binding of epoch e stands at index e - 1.
    #[must_use]
    pub fn timeline(&self) -> &[Binding] {
        &self.timeline
    }

    /// How many records it holds, bound or not.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.topics.iter().flatten().map(|p| p.records.len() as u64).sum()
    }

    /// Whether it holds no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The records of the epoch that `timeline()[index]` binds, in log order.
    pub fn records(&self, index: usize) -> impl Iterator<Item = RawRecord<'_>> {
        let from = index.checked_sub(1).map(|before| &self.timeline[before]);
        let until = &self.timeline[index];
        Topic::ALL.into_iter().flat_map(move |topic| {
            let ends = &until.ends[topic as usize];
            ends.iter().zip(0u32..).flat_map(move |(&end, partition)| {
                let start = from
                    .and_then(|b| b.ends[topic as usize].get(partition as usize))
                    .copied()
                    .unwrap_or(0);
                let records = self.topics[topic as usize].get(partition as usize);
                let index = |offset| records.map_or(0, |records| records.index(offset));
                (index(start)..index(end)).map(move |index| {
                    let offset = records.map_or(0, |records| records.offset(index));
                    self.record(Position {
                        topic,
                        partition,
                        offset,
                    })
                })
            })
        })
    }

    /// The record at a position that the history holds.
    ///
    /// # Panics
    /// If it does not hold the position.
    #[must_use]
    pub fn record(&self, at: Position) -> RawRecord<'_> {
        let partition = &self.topics[at.topic as usize][at.partition as usize];
        let (key, value) = partition.get(partition.index(at.offset));
        let skipped = self.skips.contains(&at);
        RawRecord {
            at,
            key,
            value,
            skipped,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_keep_their_offsets_where_some_are_left_out() {
        let (mut history, mut expected) = (History::new(), Vec::new());
        for step in 0..200_u64 {
            let end = history.ends()[Topic::Stock as usize].get(1).copied().unwrap_or(0);
            if step % 7 < 3 {
                history.leave_out(Topic::Stock, 1, end + step % 5);
            } else {
                let value = step.to_le_bytes();
                let offset = history.append(Topic::Stock, 1, None, Some(&value));
                assert_eq!(offset, end);
                expected.push((offset, value.to_vec()));
            }
            if step % 11 == 0 {
                history.bind(Time::default());
            }
        }
        history.bind(Time::default());
        let all = (0..history.timeline().len()).flat_map(|index| history.records(index));
        let all = all.map(|r| (r.at.offset, r.value.unwrap_or_default().to_vec()));
        assert_eq!(all.collect::<Vec<_>>(), expected);
        assert_eq!(history.len(), expected.len() as u64);
    }
}
