//! A list that grows without ever being moved, and of which a snapshot costs next to nothing.
//!
//! It lies in pages of at most [`PAGE_BYTES`], each a [`Share`]: growing allocates a page, and does not copy
//! the list as a vector does each time that it doubles; a snapshot shares the pages.

use std::ops::{Index, IndexMut};

use crate::share::Share;

/// How much of a list is shared, and copied at most for one change.
pub const PAGE_BYTES: usize = 1 << 16;

/// A list in pages.
#[derive(Debug)]
pub struct Paged<T> {
    pages: Vec<Share<Vec<T>>>,
    len: usize,
}

impl<T> Default for Paged<T> {
    fn default() -> Self {
        Paged {
            pages: Vec::new(),
            len: 0,
        }
    }
}

impl<T> Paged<T> {
    /// Items a page: a power of two, so that finding one is a shift and a mask.
    const ITEMS: usize = {
        let fit = PAGE_BYTES / if size_of::<T>() == 0 { 1 } else { size_of::<T>() };
        if fit == 0 { 1 } else { 1 << fit.ilog2() }
    };

    /// Nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many items there are.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The item at a place, if there is one.
    #[must_use]
    #[inline]
    pub fn get(&self, at: usize) -> Option<&T> {
        self.pages.get(at / Self::ITEMS)?.get(at % Self::ITEMS)
    }

    /// The last item.
    #[must_use]
    pub fn last(&self) -> Option<&T> {
        self.pages.last()?.last()
    }

    /// All items, in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.pages.iter().flat_map(|page| page.iter())
    }

    /// Bytes of memory that the list takes.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        let pages: usize = self.pages.iter().map(|page| page.capacity()).sum();
        pages * size_of::<T>() + self.pages.capacity() * size_of::<Share<Vec<T>>>()
    }
}

impl<T: Clone> Paged<T> {
    /// Adds an item at the end.
    pub fn push(&mut self, item: T) {
        if self.len.is_multiple_of(Self::ITEMS) {
            // The first page of a list may stay small; once a second is needed, more will follow.
            let items = if self.pages.is_empty() { 0 } else { Self::ITEMS };
            self.pages.push(Share::new(Vec::with_capacity(items)));
        }
        let last = self.pages.last_mut().expect("there is a page with room");
        last.get_mut().push(item);
        self.len += 1;
    }

    /// The same list once more; neither sees what the other changes from now on.
    #[must_use]
    pub fn share(&mut self) -> Self {
        Paged {
            pages: self.pages.iter_mut().map(Share::share).collect(),
            len: self.len,
        }
    }
}

impl<T: Clone + Default> Paged<T> {
    /// The item at a place, with whatever is missing before it.
    #[inline]
    pub fn at_mut(&mut self, at: usize) -> &mut T {
        while self.len <= at {
            self.push(T::default());
        }
        &mut self[at]
    }
}

impl<T> Index<usize> for Paged<T> {
    type Output = T;

    #[inline]
    fn index(&self, at: usize) -> &T {
        &self.pages[at / Self::ITEMS][at % Self::ITEMS]
    }
}

impl<T: Clone> IndexMut<usize> for Paged<T> {
    #[inline]
    fn index_mut(&mut self, at: usize) -> &mut T {
        &mut self.pages[at / Self::ITEMS].get_mut()[at % Self::ITEMS]
    }
}

impl<T: Clone> Extend<T> for Paged<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        for item in items {
            self.push(item);
        }
    }
}

impl<T: Clone> FromIterator<T> for Paged<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut list = Paged::new();
        list.extend(items);
        list
    }
}

impl<T> IntoIterator for Paged<T>
where
    T: Clone,
{
    type Item = T;
    type IntoIter =
        std::iter::FlatMap<std::vec::IntoIter<Share<Vec<T>>>, Vec<T>, fn(Share<Vec<T>>) -> Vec<T>>;

    fn into_iter(self) -> Self::IntoIter {
        let items: fn(Share<Vec<T>>) -> Vec<T> = |mut page| std::mem::take(page.get_mut());
        self.pages.into_iter().flat_map(items)
    }
}
