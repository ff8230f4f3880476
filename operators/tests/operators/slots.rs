//! Blobs in slots against a map.

use std::collections::BTreeMap;

use millrace_operators::slots::{SMALL_MAX, Slot, Slots};
use proptest::prelude::*;

use crate::cases;

/// What is done next.
#[derive(Clone, Debug)]
enum Op {
    Put(usize, u8),
    Free(usize),
    Replace(usize, usize, u8),
}

/// Sizes of all kinds, and those around the edges: of a length's bytes, of the greatest class.
fn size() -> impl Strategy<Value = usize> {
    let edge = SMALL_MAX - 12..SMALL_MAX + 12;
    prop_oneof![4 => 0..64usize, 2 => 120..140usize, 2 => edge, 1 => 0..5000usize]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (size(), any::<u8>()).prop_map(|(size, fill)| Op::Put(size, fill)),
        2 => any::<usize>().prop_map(Op::Free),
        4 => (any::<usize>(), size(), any::<u8>()).prop_map(|(at, size, fill)| Op::Replace(at, size, fill)),
    ]
}

fn blob(size: usize, fill: u8) -> Vec<u8> {
    (0..size).map(|at| fill ^ at.to_le_bytes()[0]).collect()
}

/// Slots, and what they must hold.
#[derive(Default)]
struct World {
    slots: Slots,
    map: BTreeMap<u32, Vec<u8>>,
}

impl World {
    fn run(&mut self, op: &Op) {
        match *op {
            Op::Put(size, fill) => self.put(&blob(size, fill)),
            Op::Free(any) => self.free(any),
            Op::Replace(any, size, fill) => {
                self.free(any);
                self.put(&blob(size, fill));
            }
        }
    }

    fn put(&mut self, blob: &[u8]) {
        let slot = self.slots.put(blob).to_u32();
        assert!(slot < 3 << 30, "greater numbers are the user's");
        let before = self.map.insert(slot, blob.to_vec());
        assert_eq!(before, None, "a slot holds one blob");
    }

    fn free(&mut self, any: usize) {
        if self.map.is_empty() {
            return;
        }
        let at = any % self.map.len();
        let slot = *self.map.keys().nth(at).expect("it is below the length");
        self.slots.free(Slot::from_u32(slot));
        self.map.remove(&slot);
    }

    fn check(&self) {
        for (slot, blob) in &self.map {
            assert_eq!(self.slots.get(Slot::from_u32(*slot)), blob);
        }
    }
}

proptest! {
    #![proptest_config(cases(150))]

    /// A blob stays what it is, whatever is put, freed and put again beside it.
    #[test]
    fn blobs_stay_what_they_are(ops in prop::collection::vec(op(), 1..200)) {
        let mut world = World::default();
        for op in &ops {
            world.run(op);
        }
        world.check();
    }
}

/// Fills several pages of every size, so that each page's end and each size's edge is met.
#[test]
fn pages_of_every_size_fill_up_and_are_used_again() {
    let mut world = World::default();
    for size in (0..=SMALL_MAX + 40).step_by(7) {
        for fill in 0..(150_000 / (size + 8)).min(2000) {
            world.put(&blob(size, fill.to_le_bytes()[0]));
        }
        world.check();
        while world.map.len() > 3 {
            world.free(size);
        }
    }
}

#[test]
fn freed_slots_are_used_again() {
    for size in [1, 7, 8, 15, 120, 127, 128, 1000, 1022, 1023, 3000] {
        let mut slots = Slots::new();
        let blob = blob(size, 1);
        let put = |slots: &mut Slots| -> Vec<Slot> { (0..2000).map(|_| slots.put(&blob)).collect() };
        let first = put(&mut slots);
        for slot in first.iter().step_by(2) {
            slots.free(*slot);
        }
        let before = slots.size_bytes();
        for _ in 0..1000 {
            let slot = slots.put(&blob);
            assert!(first.contains(&slot), "{size}: a new slot, though one was free");
        }
        let growth = slots.size_bytes().saturating_sub(before);
        assert!(
            growth
                <= if size + 2 > SMALL_MAX {
                    1000 * (size + 2)
                } else {
                    0
                },
            "{size}: {growth}"
        );
    }
}

#[test]
fn a_freed_large_blob_takes_no_memory() {
    let mut slots = Slots::new();
    let empty = slots.size_bytes();
    let slot = slots.put(&blob(100_000, 1));
    assert!(slots.size_bytes() >= empty + 100_000);
    slots.free(slot);
    assert_eq!(slots.size_bytes(), empty);
}

/// An order that moves is put away again and again, a little greater or smaller each time.
#[test]
fn memory_follows_what_lives_not_what_happened() {
    let mut slots = Slots::new();
    let mut live: Vec<Slot> = (0..500).map(|_| slots.put(&blob(60, 0))).collect();
    let mut greatest = 0;
    for round in 0..200 {
        for (at, slot) in live.iter_mut().enumerate() {
            slots.free(*slot);
            *slot = slots.put(&blob(40 + (at * 7 + round * 13) % 80, 0));
        }
        greatest = greatest.max(slots.size_bytes());
    }
    assert!(
        greatest < 2_000_000,
        "{greatest} bytes for 500 blobs of at most 120"
    );
}
