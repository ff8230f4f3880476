//! Many small blobs of bytes, compactly: no allocator header, no pointer, 4 bytes a handle.
//!
//! Blobs of up to [`SMALL_MAX`] bytes lie in slots of their size class (multiples of 8 bytes) in pages of 64 KiB that
//! belong to one class; freed slots are used again. Greater blobs are allocated on their own. A handle is a slot's place
//! in units of 8 bytes, so all pages together may take 16 GiB; beyond that [`Slots::put`] panics, as memory is then gone
//! anyway. A blob's first bytes tell its length.

use crate::varint::{Reader, put};

const PAGE_BYTES: usize = 1 << 16;
const UNIT: usize = 8;
const UNITS_A_PAGE: usize = PAGE_BYTES / UNIT;
/// Up to this size blobs lie in pages.
pub const SMALL_MAX: usize = 1024;
/// Handles with this bit are of blobs allocated on their own.
const LARGE: u32 = 1 << 31;

/// How many blobs can be allocated on their own.
const LARGE_COUNT_MAX: u32 = 1 << 30;

/// Where a blob lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(u32);

impl Slot {
    /// The slot as a number below 3 * 2^30: the greater ones are its user's, to say something else with.
    #[must_use]
    pub const fn to_u32(self) -> u32 {
        self.0
    }

    /// The slot of a number that [`Slot::to_u32`] gave.
    #[must_use]
    pub const fn from_u32(number: u32) -> Self {
        Slot(number)
    }
}

#[derive(Clone, Debug, Default)]
struct Class {
    free: Vec<u32>,
    /// The page that is being filled, and how many units of it are taken.
    page: Option<(usize, usize)>,
}

/// Blobs of bytes.
#[derive(Clone, Debug)]
pub struct Slots {
    pages: Vec<Box<[u8]>>,
    classes: Vec<Class>,
    large: Vec<Box<[u8]>>,
    large_free: Vec<u32>,
    scratch: Vec<u8>,
}

impl Default for Slots {
    fn default() -> Self {
        let classes = vec![Class::default(); SMALL_MAX / UNIT + 1];
        Slots {
            pages: Vec::new(),
            classes,
            large: Vec::new(),
            large_free: Vec::new(),
            scratch: Vec::new(),
        }
    }
}

fn units(len: usize) -> usize {
    len.div_ceil(UNIT)
}

impl Slots {
    /// No blobs.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a blob away.
    ///
    /// # Panics
    /// If all pages together would take more than 16 GiB.
    pub fn put(&mut self, blob: &[u8]) -> Slot {
        self.scratch.clear();
        put(&mut self.scratch, blob.len() as u64);
        self.scratch.extend_from_slice(blob);
        if self.scratch.len() > SMALL_MAX {
            return self.put_large();
        }
        let units = units(self.scratch.len());
        let place = self.place(units);
        let start = place as usize % UNITS_A_PAGE * UNIT;
        let page = &mut self.pages[place as usize / UNITS_A_PAGE];
        page[start..start + self.scratch.len()].copy_from_slice(&self.scratch);
        Slot(place)
    }

    fn place(&mut self, units: usize) -> u32 {
        let class = &mut self.classes[units];
        if let Some(place) = class.free.pop() {
            return place;
        }
        let (page, taken) = match class.page {
            Some((page, taken)) if taken + units <= UNITS_A_PAGE => (page, taken),
            _ => {
                self.pages.push(vec![0; PAGE_BYTES].into_boxed_slice());
                (self.pages.len() - 1, 0)
            }
        };
        class.page = Some((page, taken + units));
        let place = u32::try_from(page * UNITS_A_PAGE + taken)
            .ok()
            .filter(|place| *place < LARGE);
        place.expect("all blobs together take less than 16 GiB")
    }

    fn put_large(&mut self) -> Slot {
        let blob = self.scratch.clone().into_boxed_slice();
        let at = self.large_free.pop().unwrap_or_else(|| {
            self.large.push(Box::default());
            u32::try_from(self.large.len() - 1).expect("fewer than 2^30 large blobs")
        });
        assert!(at < LARGE_COUNT_MAX, "fewer than 2^30 large blobs");
        self.large[at as usize] = blob;
        Slot(at | LARGE)
    }

    fn bytes(&self, slot: Slot) -> &[u8] {
        if slot.0 & LARGE != 0 {
            return &self.large[(slot.0 & !LARGE) as usize];
        }
        let start = slot.0 as usize % UNITS_A_PAGE * UNIT;
        &self.pages[slot.0 as usize / UNITS_A_PAGE][start..]
    }

    /// A blob.
    #[must_use]
    #[inline]
    pub fn get(&self, slot: Slot) -> &[u8] {
        let mut reader = Reader::new(self.bytes(slot));
        reader.get_bytes()
    }

    /// Frees a blob's slot.
    pub fn free(&mut self, slot: Slot) {
        if slot.0 & LARGE != 0 {
            let at = slot.0 & !LARGE;
            self.large[at as usize] = Box::default();
            self.large_free.push(at);
            return;
        }
        let mut reader = Reader::new(self.bytes(slot));
        let len = self.bytes(slot).len();
        let blob = reader.get_bytes().len();
        let header = len - reader.rest().len() - blob;
        self.classes[units(header + blob)].free.push(slot.0);
    }

    /// Bytes of memory that all blobs take, free slots included.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        let large: usize = self.large.iter().map(|blob| blob.len()).sum();
        let free: usize = self.classes.iter().map(|class| class.free.capacity() * 4).sum();
        self.pages.len() * PAGE_BYTES + large + free
    }
}
