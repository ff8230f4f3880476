//! View deltas: the one format between jobs and everything after them.
//!
//! A [`Delta`] holds what one epoch changed in one view: whole-row upserts, patches (named columns with
//! absolute values) and deletes, sorted by key. Rows lie encoded one behind another in a single buffer, so
//! that making a delta allocates nothing per row and moving it copies nothing.
//!
//! Encoding of a change: its key, then its columns. A key's parts are encoded so that comparing bytes
//! compares keys: a text as its bytes and a 0 (texts hold no U+0000), a whole number as 8 bytes, big end
//! first, sign bit flipped. Columns are a tag byte and a payload each; an upsert has all columns after the
//! key in their order, a patch pairs of column number and value, a delete none.
//!
//! Invariants, asserted by [`DeltaBuilder::finish`]: at most one change a key, sorted by key.

mod encoded;
mod merge;
mod values;

pub use self::encoded::{key_parts, patched, row};
pub use self::merge::{join, merge, merge_epochs};
pub use self::values::key_of;
use crate::log::Epoch;
pub use crate::tables::{Rows, Tables};
use crate::time::Time;
pub use crate::value::{Value, ValueRef};
use crate::views::{Json, Row, View};

/// Writes the parts of a key.
#[derive(Debug)]
pub struct KeyWriter<'b>(&'b mut Vec<u8>);

/// Writes the columns after the key.
#[derive(Debug)]
pub struct ColumnWriter<'b>(&'b mut Vec<u8>);

/// Writes the columns of a patch.
#[derive(Debug)]
pub struct PatchWriter<'b>(&'b mut Vec<u8>);

impl PatchWriter<'_> {
    /// Sets column number `column` (as in `views::orders::status`).
    #[inline]
    pub fn set(&mut self, column: usize, value: &impl Put) -> &mut Self {
        self.0
            .push(u8::try_from(column).expect("no view has 256 columns"));
        value.put(&mut ColumnWriter(self.0));
        self
    }
}

/// What a column can be written from.
pub trait Put {
    /// Writes the value.
    fn put(&self, out: &mut ColumnWriter<'_>);
}

/// What a part of a key can be written from.
pub trait PutKey {
    /// Writes the part.
    fn put_key(&self, out: &mut KeyWriter<'_>);
}

const NULL: u8 = 0;
const INT: u8 = 1;
const BOOL: u8 = 2;
const TEXT: u8 = 3;
const TIME: u8 = 4;
const JSON: u8 = 5;
const DOUBLE: u8 = 6;

impl ColumnWriter<'_> {
    #[inline]
    fn number(&mut self, tag: u8, payload: [u8; 8]) {
        let mut bytes = [tag; 9];
        bytes[1..].copy_from_slice(&payload);
        self.0.extend_from_slice(&bytes);
    }

    #[inline]
    fn text(&mut self, tag: u8, text: &str) {
        let len = u32::try_from(text.len()).expect("a value has at most 2^20 bytes");
        self.0.push(tag);
        self.0.extend_from_slice(&len.to_le_bytes());
        self.0.extend_from_slice(text.as_bytes());
    }
}

impl Put for i64 {
    #[inline]
    fn put(&self, out: &mut ColumnWriter<'_>) {
        out.number(INT, self.to_le_bytes());
    }
}

impl Put for Time {
    #[inline]
    fn put(&self, out: &mut ColumnWriter<'_>) {
        out.number(TIME, self.ms().to_le_bytes());
    }
}

impl Put for f64 {
    #[inline]
    fn put(&self, out: &mut ColumnWriter<'_>) {
        out.number(DOUBLE, self.to_le_bytes());
    }
}

impl Put for bool {
    #[inline]
    fn put(&self, out: &mut ColumnWriter<'_>) {
        out.0.extend_from_slice(&[BOOL, u8::from(*self)]);
    }
}

impl Put for &str {
    #[inline]
    fn put(&self, out: &mut ColumnWriter<'_>) {
        out.text(TEXT, self);
    }
}

impl Put for Json<'_> {
    #[inline]
    fn put(&self, out: &mut ColumnWriter<'_>) {
        out.text(JSON, self.0);
    }
}

impl<T: Put> Put for Option<T> {
    #[inline]
    fn put(&self, out: &mut ColumnWriter<'_>) {
        match self {
            Some(value) => value.put(out),
            None => out.0.push(NULL),
        }
    }
}

impl PutKey for &str {
    #[inline]
    fn put_key(&self, out: &mut KeyWriter<'_>) {
        out.0.extend_from_slice(self.as_bytes());
        out.0.push(0);
    }
}

impl PutKey for i64 {
    #[inline]
    fn put_key(&self, out: &mut KeyWriter<'_>) {
        out.0
            .extend_from_slice(&(self.cast_unsigned() ^ (1 << 63)).to_be_bytes());
    }
}

impl<A: PutKey, B: PutKey> PutKey for (A, B) {
    #[inline]
    fn put_key(&self, out: &mut KeyWriter<'_>) {
        self.0.put_key(out);
        self.1.put_key(out);
    }
}

/// What happens to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// The row is now as given, whether or not there was one.
    Upsert,
    /// The row, which exists, has new values in the given columns.
    Patch,
    /// The row is gone.
    Delete,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// The key's first 8 bytes, for sorting.
    prefix: u64,
    start: u32,
    columns: u32,
    end: u32,
    op: Op,
}

/// What one epoch changes in one view, while it is being made.
#[derive(Clone, Debug)]
pub struct DeltaBuilder {
    view: View,
    bytes: Vec<u8>,
    entries: Vec<Entry>,
}

impl DeltaBuilder {
    /// No changes yet.
    #[must_use]
    pub fn new(view: View) -> Self {
        DeltaBuilder {
            view,
            bytes: Vec::new(),
            entries: Vec::new(),
        }
    }

    /// Adds a whole row.
    #[inline]
    pub fn upsert<R: Row>(&mut self, row: &R) {
        debug_assert_eq!(R::VIEW, self.view);
        let start = self.bytes.len();
        row.put_key(&mut KeyWriter(&mut self.bytes));
        let columns = self.bytes.len();
        row.put_columns(&mut ColumnWriter(&mut self.bytes));
        self.close(start, columns, Op::Upsert);
    }

    /// Adds a patch of the row under `key`: `write` sets its columns.
    #[inline]
    pub fn patch(&mut self, key: &impl PutKey, write: impl FnOnce(&mut PatchWriter<'_>)) {
        let start = self.bytes.len();
        key.put_key(&mut KeyWriter(&mut self.bytes));
        let columns = self.bytes.len();
        write(&mut PatchWriter(&mut self.bytes));
        self.close(start, columns, Op::Patch);
    }

    /// Adds the deletion of the row under `key`.
    pub fn delete(&mut self, key: &impl PutKey) {
        let start = self.bytes.len();
        key.put_key(&mut KeyWriter(&mut self.bytes));
        let columns = self.bytes.len();
        self.close(start, columns, Op::Delete);
    }

    /// Takes the buffers of a delta that nobody needs any more: a new one of this size costs the system its
    /// pages.
    pub fn recycle(&mut self, delta: Delta) {
        let Delta {
            mut bytes,
            mut entries,
            ..
        } = delta;
        if self.is_empty() && bytes.capacity() > self.bytes.capacity() {
            bytes.clear();
            entries.clear();
            (self.bytes, self.entries) = (bytes, entries);
        }
    }

    /// Whether nothing was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    #[inline]
    fn close(&mut self, start: usize, columns: usize, op: Op) {
        let at = |n| u32::try_from(n).expect("an epoch's delta of one view stays under 4 GiB");
        let mut prefix = [0; 8];
        let key = &self.bytes[start..columns];
        let len = key.len().min(8);
        prefix[..len].copy_from_slice(&key[..len]);
        let end = at(self.bytes.len());
        let prefix = u64::from_be_bytes(prefix);
        self.entries.push(Entry {
            prefix,
            start: at(start),
            columns: at(columns),
            end,
            op,
        });
    }

    /// Sorts the changes and gives them out; the builder is empty afterwards.
    ///
    /// # Panics
    /// If a key was changed twice.
    pub fn finish(&mut self, epoch: Epoch) -> Delta {
        let bytes = std::mem::take(&mut self.bytes);
        let mut entries = std::mem::take(&mut self.entries);
        let key = |e: &Entry| &bytes[e.start as usize..e.columns as usize];
        let order = |a: &Entry, b: &Entry| a.prefix.cmp(&b.prefix).then_with(|| key(a).cmp(key(b)));
        let is_sorted = |entries: &[Entry]| entries.windows(2).all(|w| order(&w[0], &w[1]).is_lt());
        if !is_sorted(&entries) {
            entries.sort_unstable_by(order);
            assert!(
                is_sorted(&entries),
                "{}: one change a key and epoch",
                self.view.schema().name
            );
        }
        Delta {
            view: self.view,
            epoch,
            bytes,
            entries,
        }
    }
}

/// What one epoch changed in one view, sorted by key.
#[derive(Clone, Debug)]
pub struct Delta {
    view: View,
    epoch: Epoch,
    bytes: Vec<u8>,
    entries: Vec<Entry>,
}

/// One change of a delta.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    view: View,
    /// What happens to the row.
    pub op: Op,
    bytes: &'a [u8],
    key: &'a [u8],
    columns: &'a [u8],
}

impl Delta {
    /// The view.
    #[must_use]
    pub fn view(&self) -> View {
        self.view
    }

    /// The epoch.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// How many rows it changes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many bytes its changes take.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The changes, sorted by key.
    pub fn changes(&self) -> impl Iterator<Item = Change<'_>> {
        self.entries.iter().map(|e| Change {
            view: self.view,
            op: e.op,
            bytes: &self.bytes[e.start as usize..e.end as usize],
            key: &self.bytes[e.start as usize..e.columns as usize],
            columns: &self.bytes[e.columns as usize..e.end as usize],
        })
    }
}

impl<'a> Change<'a> {
    /// The key, encoded: comparing these bytes compares keys.
    #[must_use]
    pub fn key_bytes(&self) -> &'a [u8] {
        self.key
    }

    /// The columns, encoded.
    #[must_use]
    pub fn column_bytes(&self) -> &'a [u8] {
        self.columns
    }

    /// Key and columns, encoded.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The key's parts.
    pub fn key(&self) -> impl Iterator<Item = ValueRef<'a>> + use<'a> {
        key_parts(self.view, self.key)
    }

    /// The columns after the key: all of an upsert, the changed ones of a patch, none of a delete; each
    /// with its position in the view's schema.
    pub fn columns(&self) -> impl Iterator<Item = (usize, ValueRef<'a>)> {
        let mut rest = self.columns;
        let mut next = self.view.schema().key_len;
        let patch = self.op == Op::Patch;
        std::iter::from_fn(move || {
            let mut column = next;
            if patch {
                let (number, tail) = rest.split_first()?;
                (column, rest) = (usize::from(*number), tail);
            }
            let (value, tail) = read(rest)?;
            rest = tail;
            next += 1;
            Some((column, value))
        })
    }
}

fn read(bytes: &[u8]) -> Option<(ValueRef<'_>, &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let number = || rest.split_first_chunk::<8>().expect("we wrote 8 bytes");
    let text = || {
        let (len, rest) = rest.split_first_chunk::<4>().expect("we wrote a length");
        let (text, rest) = rest.split_at(u32::from_le_bytes(*len) as usize);
        (std::str::from_utf8(text).expect("we wrote a str"), rest)
    };
    Some(match *tag {
        NULL => (ValueRef::Null, rest),
        BOOL => (ValueRef::Bool(rest[0] != 0), &rest[1..]),
        INT => (ValueRef::Int(i64::from_le_bytes(*number().0)), number().1),
        TIME => {
            let ms = i64::from_le_bytes(*number().0);
            (ValueRef::Time(Time::default().plus_ms(ms)), number().1)
        }
        DOUBLE => (ValueRef::Double(f64::from_le_bytes(*number().0)), number().1),
        TEXT => (ValueRef::Text(text().0), text().1),
        JSON => (ValueRef::Json(text().0), text().1),
        other => unreachable!("no column has tag {other}"),
    })
}
