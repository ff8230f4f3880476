//! Several epochs' deltas as one: what a sink takes that need not show each epoch by itself.
//!
//! Per key the changes are combined in the order of the epochs: a patch goes into the upsert before it,
//! patches are united (of a column set twice the later value counts), a deletion or an upsert replaces what
//! was before it. Applying the result yields what applying one after another yields; only that a deletion may
//! then name a row that was not there, made and deleted in between.
//!
//! Columns are moved as bytes; a change whose key no other epoch has is copied whole.

use super::encoded::Slots;
use super::{Delta, Entry, Op};
use crate::views::View;

/// Where a change is: a delta's number, and an entry's in it.
#[derive(Clone, Copy)]
struct At {
    prefix: u64,
    delta: u32,
    entry: u32,
}

/// Merges deltas of one view, given in the order of their epochs, into one of the last epoch.
///
/// # Panics
/// If there are none, if they are not of one view and in order, or if one patches a row that one before it
/// deleted.
#[must_use]
pub fn merge(deltas: &[&Delta]) -> Delta {
    let in_order = |w: &[&Delta]| w[0].epoch < w[1].epoch && w[0].view == w[1].view;
    assert!(deltas.windows(2).all(in_order), "deltas of one view, by epoch");
    united(deltas)
}

/// Joins parts of one delta, of one view and epoch, into the whole.
///
/// # Panics
/// If there are none, if they are not of one view and epoch, or if two change one key.
#[must_use]
pub fn join(parts: &[&Delta]) -> Delta {
    let alike = |w: &[&Delta]| w[0].epoch == w[1].epoch && w[0].view == w[1].view;
    assert!(parts.windows(2).all(alike), "parts of one view and epoch");
    let whole = united(parts);
    let changes = parts.iter().map(|part| part.len()).sum::<usize>();
    let name = whole.view.schema().name;
    assert_eq!(whole.len(), changes, "{name}: each key is in one part only");
    whole
}

/// All changes, those of one key combined in the order of the deltas.
fn united(deltas: &[&Delta]) -> Delta {
    let last = deltas.last().expect("there is a delta to merge");
    if deltas.len() == 1 {
        return (*last).clone();
    }
    let order = sorted(deltas);
    let size = deltas.iter().map(|delta| delta.bytes.len()).sum();
    let mut merged = Delta {
        view: last.view,
        epoch: last.epoch,
        bytes: Vec::with_capacity(size),
        entries: Vec::with_capacity(order.len()),
    };
    let mut slots = Slots::new(last.view);
    for group in order.chunk_by(|a, b| a.prefix == b.prefix && key(deltas, a) == key(deltas, b)) {
        let start = merged.bytes.len();
        let first = entry(deltas, &group[0]);
        let (op, columns) = if let [only] = group {
            let bytes = &deltas[only.delta as usize].bytes;
            merged
                .bytes
                .extend_from_slice(&bytes[first.start as usize..first.end as usize]);
            (first.op, start + (first.columns - first.start) as usize)
        } else {
            merged.bytes.extend_from_slice(key(deltas, &group[0]));
            let columns = merged.bytes.len();
            slots.clear();
            (combine(deltas, group, &mut slots, &mut merged.bytes), columns)
        };
        let at = |n| u32::try_from(n).expect("a merged delta stays under 4 GiB");
        merged.entries.push(Entry {
            prefix: first.prefix,
            start: at(start),
            columns: at(columns),
            end: at(merged.bytes.len()),
            op,
        });
    }
    merged
}

/// Merges the deltas of successive epochs, view by view; in the order of views.
///
/// # Panics
/// As [`merge`].
#[must_use]
pub fn merge_epochs<'a>(epochs: impl IntoIterator<Item = &'a [Delta]>) -> Vec<Delta> {
    let mut by_view: Vec<Vec<&Delta>> = vec![Vec::new(); View::ALL.len()];
    for delta in epochs.into_iter().flatten() {
        by_view[delta.view as usize].push(delta);
    }
    let some = by_view.iter().filter(|deltas| !deltas.is_empty());
    some.map(|deltas| merge(deltas)).collect()
}

fn entry<'a>(deltas: &[&'a Delta], at: &At) -> &'a Entry {
    &deltas[at.delta as usize].entries[at.entry as usize]
}

fn key<'a>(deltas: &[&'a Delta], at: &At) -> &'a [u8] {
    let entry = entry(deltas, at);
    &deltas[at.delta as usize].bytes[entry.start as usize..entry.columns as usize]
}

/// All changes by key, of one key by epoch. The sort is stable and finds the sorted runs, so it is the merge
/// of them.
fn sorted(deltas: &[&Delta]) -> Vec<At> {
    let mut order = Vec::with_capacity(deltas.iter().map(|delta| delta.len()).sum());
    for (delta, number) in deltas.iter().zip(0..) {
        let at = |(entry, index): (&Entry, u32)| At {
            prefix: entry.prefix,
            delta: number,
            entry: index,
        };
        order.extend(delta.entries.iter().zip(0..).map(at));
    }
    order.sort_by(|a, b| {
        a.prefix
            .cmp(&b.prefix)
            .then_with(|| key(deltas, a).cmp(key(deltas, b)))
    });
    order
}

/// Combines the changes of one key and writes the columns of what comes out.
fn combine<'a>(deltas: &[&'a Delta], group: &[At], slots: &mut Slots<'a>, out: &mut Vec<u8>) -> Op {
    let mut op = Op::Patch;
    for at in group {
        let entry = entry(deltas, at);
        let columns = &deltas[at.delta as usize].bytes[entry.columns as usize..entry.end as usize];
        match entry.op {
            Op::Upsert => slots.set_row(columns),
            Op::Patch => {
                let name = deltas[0].view.schema().name;
                assert!(op != Op::Delete, "{name}: patch of a row that was deleted");
                slots.set_patch(columns);
            }
            Op::Delete => slots.clear(),
        }
        if entry.op != Op::Patch {
            op = entry.op;
        }
    }
    match op {
        Op::Upsert => slots.put_row(out),
        Op::Patch => slots.put_patch(out),
        Op::Delete => {}
    }
    op
}
