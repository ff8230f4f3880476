//! Which item of a list has a key: a table of numbers by hash.
//!
//! The table knows neither keys nor items: who asks says how to compare. It is only an index of the list, so
//! that a snapshot needs none of it: it is built anew from the list ([`Index::build`]).
//!
//! It consists of [`SHARDS`] small tables that grow one at a time. A single table of ten million entries
//! stands still for the better part of a second when it doubles; here each step of growth moves one part in
//! 256.

use hashbrown::HashTable;

/// How many tables there are.
pub const SHARDS: usize = 256;

/// One of several jobs that may run side by side.
pub type Job<'j> = Box<dyn FnOnce() + Send + 'j>;

/// Runs all jobs, in any order or side by side, and returns once all are done. Decisions have no threads of
/// their own: whoever has some lends them.
pub type Run<'r> = &'r dyn Fn(Vec<Job<'_>>);

/// Runs jobs one after another: a [`Run`] without threads.
pub fn in_turn(jobs: Vec<Job<'_>>) {
    for job in jobs {
        job();
    }
}

/// Into how many jobs building is cut. Each reads all hashes, which is cheap beside filling tables.
const JOBS: usize = 8;

/// Numbers by hash.
#[derive(Debug)]
pub struct Index {
    shards: Box<[HashTable<u32>; SHARDS]>,
}

impl Default for Index {
    fn default() -> Self {
        let shards: Vec<HashTable<u32>> = (0..SHARDS).map(|_| HashTable::new()).collect();
        Index::of(shards)
    }
}

/// A hash's shard: by bits that a shard's table uses neither for places (the low ones) nor to tell entries
/// apart (the top seven).
#[inline]
fn shard_of(hash: u64) -> usize {
    usize::from(hash.to_le_bytes()[5])
}

impl Index {
    fn of(shards: Vec<HashTable<u32>>) -> Self {
        let shards = shards.into_boxed_slice().try_into();
        Index {
            shards: shards.expect("there are as many tables as shards"),
        }
    }

    /// No numbers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The number with hash `hash` that `is_it` says yes to.
    #[must_use]
    #[inline]
    pub fn find(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        self.shards[shard_of(hash)]
            .find(hash, |&number| is_it(number))
            .copied()
    }

    /// Adds a number that is not there yet; `hash_of` tells the hash of any number that is, and of this one.
    #[inline]
    pub fn insert(&mut self, number: u32, hash_of: impl Fn(u32) -> u64) {
        let hash = hash_of(number);
        self.shards[shard_of(hash)].insert_unique(hash, number, |&number| hash_of(number));
    }

    /// The index of the numbers from 0 up to `len`, or one of two numbers that are the same item.
    ///
    /// # Errors
    /// The greater of two numbers that are the same item.
    pub fn build(
        len: usize,
        hash_of: &(dyn Fn(u32) -> u64 + Sync),
        same: &(dyn Fn(u32, u32) -> bool + Sync),
        run: Run<'_>,
    ) -> Result<Self, u32> {
        let len = u32::try_from(len).expect("a list has fewer than 2^32 items");
        let mut built: Vec<Result<Vec<HashTable<u32>>, u32>> = (0..JOBS).map(|_| Ok(Vec::new())).collect();
        let jobs = built.iter_mut().enumerate().map(|(job, built)| {
            let work = move || *built = build_some(job, len, hash_of, same);
            Box::new(work) as Job<'_>
        });
        run(jobs.collect());
        let mut shards = Vec::with_capacity(SHARDS);
        for some in built {
            shards.extend(some?);
        }
        Ok(Index::of(shards))
    }

    /// Bytes of memory that the tables take.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        let tables: usize = self.shards.iter().map(HashTable::allocation_size).sum();
        tables + size_of_val(&*self.shards)
    }
}

/// Builds the shards of one job: first sorts numbers by shard, so that each table is then filled in the
/// processor's cache.
fn build_some(
    job: usize,
    len: u32,
    hash_of: &dyn Fn(u32) -> u64,
    same: &dyn Fn(u32, u32) -> bool,
) -> Result<Vec<HashTable<u32>>, u32> {
    const EACH: usize = SHARDS / JOBS;
    let mut sorted: Vec<Vec<(u64, u32)>> = vec![Vec::new(); EACH];
    for number in 0..len {
        let hash = hash_of(number);
        let shard = shard_of(hash).wrapping_sub(job * EACH);
        if let Some(shard) = sorted.get_mut(shard) {
            shard.push((hash, number));
        }
    }
    let tables = sorted.into_iter().map(|entries| {
        let mut table = HashTable::with_capacity(entries.len());
        for (hash, number) in entries {
            if table.find(hash, |&known| same(known, number)).is_some() {
                return Err(number);
            }
            table.insert_unique(hash, number, |_| unreachable!("the table has room for all"));
        }
        Ok(table)
    });
    tables.collect()
}
