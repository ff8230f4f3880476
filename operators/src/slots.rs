//! Many small blobs of bytes, compactly: no allocator header, no pointer, 4 bytes a handle.
//!
//! Blobs of up to [`SMALL_MAX`] bytes lie in slots of their size class (multiples of 8 bytes) in pages of
//! 64 KiB that belong to one class as long as a slot of them is taken; freed slots are used again first,
//! and a page without blobs goes to whatever class needs one next. Greater blobs are allocated on their
//! own. A handle is a slot's place in units of 8 bytes, so all pages together may take 16 GiB; beyond that
//! [`Slots::put`] panics, as memory is then gone anyway. A blob's first bytes tell its length.
//!
//! The blobs alone ([`Blobs`]), without what is known of free slots, are what a snapshot shares.

use std::sync::Arc;

use crate::paged::Paged;
use crate::share::Share;
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

/// What is known of a page: slots of one size.
#[derive(Debug)]
struct Page {
    /// Size of its slots, in units.
    units: usize,
    /// How many slots were ever taken: those beyond are free as well.
    used: u16,
    /// Slots that were freed.
    free: Vec<u16>,
}

impl Page {
    fn live(&self) -> usize {
        usize::from(self.used) - self.free.len()
    }

    fn is_full(&self) -> bool {
        self.free.is_empty() && (usize::from(self.used) + 1) * self.units > UNITS_A_PAGE
    }

    /// Takes a slot, if one is free.
    fn take(&mut self) -> Option<u16> {
        if let Some(slot) = self.free.pop() {
            return Some(slot);
        }
        (!self.is_full()).then(|| {
            self.used += 1;
            self.used - 1
        })
    }
}

/// Blobs of bytes, to be read by slot.
#[derive(Debug, Default)]
pub struct Blobs {
    pages: Vec<Share<Box<[u8]>>>,
    large: Paged<Arc<[u8]>>,
}

impl Blobs {
    fn bytes(&self, slot: Slot) -> &[u8] {
        if slot.0 & LARGE != 0 {
            return &self.large[(slot.0 & !LARGE) as usize];
        }
        let start = slot.0 as usize % UNITS_A_PAGE * UNIT;
        &self.pages[slot.0 as usize / UNITS_A_PAGE][start..]
    }

    /// A blob.
    ///
    /// # Panics
    /// If none lies in that slot.
    #[must_use]
    #[inline]
    pub fn get(&self, slot: Slot) -> &[u8] {
        let mut reader = Reader::new(self.bytes(slot));
        reader.get_bytes().expect("a blob lies in the slot")
    }
}

/// How slots are named after their blobs were added to others: see [`Slots::append`].
#[derive(Clone, Copy, Debug)]
pub struct Shift {
    small: u32,
    large: u32,
}

impl Shift {
    /// The new name of a slot.
    #[must_use]
    #[inline]
    pub const fn of(self, slot: Slot) -> Slot {
        let by = if slot.0 & LARGE == 0 {
            self.small
        } else {
            self.large
        };
        Slot(slot.0 + by)
    }
}

/// Blobs of bytes, that come and go.
#[derive(Debug)]
pub struct Slots {
    blobs: Blobs,
    /// Of each page of blobs.
    pages: Vec<Page>,
    /// By size in units: pages with a free slot (and, for a while, pages that were emptied).
    open: Vec<Vec<u32>>,
    /// Pages without blobs.
    empty: Vec<u32>,
    large_free: Vec<u32>,
    scratch: Vec<u8>,
}

impl Default for Slots {
    fn default() -> Self {
        Slots {
            blobs: Blobs::default(),
            pages: Vec::new(),
            open: vec![Vec::new(); SMALL_MAX / UNIT + 1],
            empty: Vec::new(),
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
        let (number, slot) = self.place(units(self.scratch.len()));
        let start = usize::from(slot) * self.pages[number as usize].units;
        let bytes = self.blobs.pages[number as usize].get_mut();
        bytes[start * UNIT..start * UNIT + self.scratch.len()].copy_from_slice(&self.scratch);
        let place = u32::try_from(number as usize * UNITS_A_PAGE + start).ok();
        Slot(
            place
                .filter(|place| *place < LARGE)
                .expect("all blobs together take less than 16 GiB"),
        )
    }

    /// Finds a free slot of a size: page and number of the slot.
    fn place(&mut self, units: usize) -> (u32, u16) {
        while let Some(&number) = self.open[units].last() {
            let page = &mut self.pages[number as usize];
            // A page that was emptied since may be of another size by now.
            let slot = if page.units == units { page.take() } else { None };
            if slot.is_none() || page.is_full() {
                self.open[units].pop();
            }
            if let Some(slot) = slot {
                return (number, slot);
            }
        }
        let number = self.empty.pop().unwrap_or_else(|| {
            let bytes = vec![0; PAGE_BYTES].into_boxed_slice();
            self.blobs.pages.push(Share::new(bytes));
            self.pages.push(Page {
                units,
                used: 0,
                free: Vec::new(),
            });
            u32::try_from(self.pages.len() - 1).expect("fewer than 2^18 pages")
        });
        let page = &mut self.pages[number as usize];
        (page.units, page.used) = (units, 0);
        page.free.clear();
        self.open[units].push(number);
        (number, page.take().expect("a page holds at least one slot"))
    }

    fn put_large(&mut self) -> Slot {
        let blob = Arc::from(self.scratch.as_slice());
        let large = &mut self.blobs.large;
        let at = self.large_free.pop().unwrap_or_else(|| {
            large.push(Arc::default());
            u32::try_from(large.len() - 1).expect("fewer than 2^30 large blobs")
        });
        assert!(at < LARGE_COUNT_MAX, "fewer than 2^30 large blobs");
        large[at as usize] = blob;
        Slot(at | LARGE)
    }

    /// A blob.
    ///
    /// # Panics
    /// If none lies in that slot.
    #[must_use]
    #[inline]
    pub fn get(&self, slot: Slot) -> &[u8] {
        self.blobs.get(slot)
    }

    /// All blobs, cheaply.
    #[must_use]
    pub fn share(&mut self) -> Blobs {
        let Blobs { pages, large } = &mut self.blobs;
        Blobs {
            pages: pages.iter_mut().map(Share::share).collect(),
            large: large.share(),
        }
    }

    /// Adds others' blobs: they keep their places in their pages, whose numbers shift. None if all pages
    /// together would take more than 16 GiB.
    #[must_use]
    pub fn append(&mut self, more: Slots) -> Option<Shift> {
        let page = u32::try_from(self.pages.len()).ok()?;
        let large = u32::try_from(self.blobs.large.len()).ok()?;
        let pages = self.pages.len() + more.pages.len();
        let larges = self.blobs.large.len() + more.blobs.large.len();
        if pages * UNITS_A_PAGE > LARGE as usize || larges > LARGE_COUNT_MAX as usize {
            return None;
        }
        let Slots {
            blobs,
            pages,
            open,
            empty,
            large_free,
            scratch: _,
        } = more;
        self.blobs.pages.extend(blobs.pages);
        self.blobs.large.extend(blobs.large);
        self.pages.extend(pages);
        for (ours, theirs) in self.open.iter_mut().zip(open) {
            ours.extend(theirs.into_iter().map(|number| number + page));
        }
        self.empty.extend(empty.into_iter().map(|number| number + page));
        self.large_free
            .extend(large_free.into_iter().map(|at| at + large));
        let small = u32::try_from(page as usize * UNITS_A_PAGE).ok()?;
        Some(Shift { small, large })
    }

    /// Frees a blob's slot.
    pub fn free(&mut self, slot: Slot) {
        if slot.0 & LARGE != 0 {
            let at = slot.0 & !LARGE;
            self.blobs.large[at as usize] = Arc::default();
            self.large_free.push(at);
            return;
        }
        let place = slot.0 as usize;
        let page = &mut self.pages[place / UNITS_A_PAGE];
        let in_page =
            u16::try_from(place % UNITS_A_PAGE / page.units).expect("a page has fewer than 2^16 slots");
        let was_full = page.is_full();
        page.free.push(in_page);
        let number = u32::try_from(place / UNITS_A_PAGE).expect("a handle names a page");
        if page.live() == 0 {
            page.units = 0;
            self.empty.push(number);
        } else if was_full {
            self.open[page.units].push(number);
        }
    }

    /// Bytes of memory that all blobs take: free slots included, pages without blobs not.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        let large: usize = self.blobs.large.iter().map(|blob| blob.len()).sum();
        let free: usize = self.pages.iter().map(|page| page.free.capacity() * 2).sum();
        (self.pages.len() - self.empty.len()) * PAGE_BYTES
            + self.pages.len() * (size_of::<Page>() + size_of::<Share<Box<[u8]>>>())
            + large
            + free
    }
}
