//! Rows as they lie in a delta: what can be done with them without decoding their values.
//!
//! A row is its columns after the key, one behind another. Every value tells its own end.

use super::{BOOL, Change, DOUBLE, INT, JSON, NULL, Op, TEXT, TIME, read};
use crate::value::ValueRef;
use crate::views::{Type, View};

/// The parts of a key of `view`, encoded as [`Change::key_bytes`].
///
/// # Panics
/// If it is no key of that view.
pub fn key_parts(view: View, key: &[u8]) -> impl Iterator<Item = ValueRef<'_>> {
    let mut rest = key;
    let schema = view.schema();
    schema.columns[..schema.key_len]
        .iter()
        .map(move |column| match column.ty {
            Type::Int => {
                let (number, tail) = rest.split_first_chunk::<8>().expect("we wrote 8 bytes");
                rest = tail;
                ValueRef::Int((u64::from_be_bytes(*number) ^ (1 << 63)).cast_signed())
            }
            _ => {
                let len = rest.iter().position(|b| *b == 0).expect("we wrote a 0");
                let text = std::str::from_utf8(&rest[..len]).expect("we wrote a str");
                rest = &rest[len + 1..];
                ValueRef::Text(text)
            }
        })
}

/// The values of a row of `view`, each with its position in the schema. `bytes` are the columns of an
/// upsert ([`Change::column_bytes`]), or what [`patched`] made of them.
pub fn row(view: View, bytes: &[u8]) -> impl Iterator<Item = (usize, ValueRef<'_>)> {
    let mut rest = bytes;
    let mut next = view.schema().key_len;
    std::iter::from_fn(move || {
        let (value, tail) = read(rest)?;
        rest = tail;
        next += 1;
        Some((next - 1, value))
    })
}

/// The row that a patch makes of `row`, which is encoded as an upsert's columns are.
///
/// # Panics
/// If `patch` is no patch of a row of `view`.
#[must_use]
pub fn patched(view: View, row: &[u8], patch: &Change<'_>) -> Vec<u8> {
    assert!(
        patch.op == Op::Patch && patch.view == view,
        "a patch of that view"
    );
    let mut slots = Slots::new(view);
    slots.set_row(row);
    slots.set_patch(patch.columns);
    let mut out = Vec::with_capacity(row.len() + patch.columns.len());
    slots.put_row(&mut out);
    out
}

/// A view's columns after the key, each as the bytes that it was last set to.
pub(super) struct Slots<'a> {
    key_len: usize,
    values: Vec<&'a [u8]>,
}

impl<'a> Slots<'a> {
    /// Nothing set yet.
    pub(super) fn new(view: View) -> Self {
        let schema = view.schema();
        Slots {
            key_len: schema.key_len,
            values: vec![&[]; schema.columns.len() - schema.key_len],
        }
    }

    /// Forgets what was set.
    pub(super) fn clear(&mut self) {
        self.values.fill(&[]);
    }

    /// Sets all columns.
    pub(super) fn set_row(&mut self, row: &'a [u8]) {
        let mut rest = row;
        for slot in &mut self.values {
            (*slot, rest) = rest.split_at(value_len(rest));
        }
    }

    /// Sets a patch's columns.
    pub(super) fn set_patch(&mut self, patch: &'a [u8]) {
        let mut rest = patch;
        while let Some((column, tail)) = rest.split_first() {
            let (value, tail) = tail.split_at(value_len(tail));
            self.values[usize::from(*column) - self.key_len] = value;
            rest = tail;
        }
    }

    /// Writes them as an upsert's columns. All are set.
    pub(super) fn put_row(&self, out: &mut Vec<u8>) {
        for value in &self.values {
            out.extend_from_slice(value);
        }
    }

    /// Writes those that are set as a patch's columns, in the schema's order.
    pub(super) fn put_patch(&self, out: &mut Vec<u8>) {
        for (index, value) in self.values.iter().enumerate() {
            // No value is encoded as nothing.
            if !value.is_empty() {
                out.push(u8::try_from(index + self.key_len).expect("no view has 256 columns"));
                out.extend_from_slice(value);
            }
        }
    }
}

/// How many bytes the value at the start of `bytes` takes.
fn value_len(bytes: &[u8]) -> usize {
    match bytes[0] {
        NULL => 1,
        BOOL => 2,
        INT | TIME | DOUBLE => 9,
        TEXT | JSON => {
            let len = bytes[1..].first_chunk::<4>().expect("we wrote a length");
            5 + u32::from_le_bytes(*len) as usize
        }
        other => unreachable!("no column has tag {other}"),
    }
}
