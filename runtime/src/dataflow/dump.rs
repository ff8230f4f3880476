//! Tells what the jobs keep as of an epoch, for a checkpoint: a slice at a time, between the steps of a
//! worker, so that no epoch waits for it for long.

use std::rc::Rc;

use contract::log::Epoch;
use pipelines::jobs::{Bases, BasesDump};

use super::Yield;

/// Rows in a slice: a few milliseconds.
const SLICE_ROWS: usize = 5000;
/// Bytes of rows that are told at once.
const PART_BYTES: usize = 4 << 20;

/// The dumps of one worker, one at a time.
pub struct Dumping {
    bases: Rc<Bases>,
    /// The epoch of which a dump was asked for.
    asked: Option<u64>,
    walk: Option<BasesDump>,
    bytes: Vec<u8>,
}

impl Dumping {
    /// Of these collections.
    pub fn new(bases: Rc<Bases>) -> Dumping {
        Dumping {
            bases,
            asked: None,
            walk: None,
            bytes: Vec::new(),
        }
    }

    /// Asks for a dump of an epoch that is not complete yet.
    pub fn ask(&mut self, epoch: u64) {
        assert!(self.asked.is_none(), "one checkpoint is taken at a time");
        assert!(
            self.bases.hold(epoch),
            "an epoch is asked for before it is complete"
        );
        self.asked = Some(epoch);
    }

    /// Whether there is more to be told right now.
    pub fn is_walking(&self) -> bool {
        self.walk.is_some()
    }

    /// Walks on, by a slice; what is to be told.
    pub fn step(&mut self) -> Vec<Yield> {
        let Some(epoch) = self.asked else {
            return Vec::new();
        };
        let Some(walk) = &mut self.walk else {
            self.walk = self.bases.dump();
            return Vec::new();
        };
        let more = walk.next(SLICE_ROWS, &mut self.bytes);
        let mut told = Vec::new();
        if self.bytes.len() >= PART_BYTES || !more && !self.bytes.is_empty() {
            told.push(Yield::Rows(std::mem::take(&mut self.bytes)));
        }
        if !more {
            (self.asked, self.walk) = (None, None);
            told.push(Yield::AllRows(Epoch(epoch)));
        }
        told
    }
}
