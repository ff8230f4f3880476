//! Bugs that are planted in what goes into the workers and comes out of them. Without a canary each of these
//! changes nothing.

use std::sync::Arc;

use contract::delta::{Delta, DeltaBuilder, Op, ValueRef};
use contract::log::{Binding, Epoch};
use contract::views::{View, orders};
use contract::words::Status;
use runtime::chunk::Raw;
use runtime::clock::Now;
use runtime::dataflow::Changes;

use crate::canary::Canary;

/// In a binding that is handed out.
pub fn binding(canary: Option<Canary>, binding: Arc<Binding>, now: Now, replayed: Epoch) -> Arc<Binding> {
    if canary != Some(Canary::RawClock) || binding.epoch <= replayed {
        return binding;
    }
    let mut raw = Binding::clone(&binding);
    raw.clock = now.wall;
    Arc::new(raw)
}

/// In the chunks of an epoch.
pub fn chunks(canary: Option<Canary>, epoch: Epoch, chunks: &mut Vec<Raw>) {
    match canary {
        Some(Canary::LostChunk) if epoch.0.is_multiple_of(5) && chunks.len() > 1 => {
            chunks.pop();
        }
        Some(Canary::SwappedChunks) if chunks.len() > 1 => chunks.swap(0, 1),
        _ => {}
    }
}

/// In what an epoch has changed; `is_first`: as the store's first process sees it.
pub fn changes(canary: Option<Canary>, is_first: bool, changes: &mut Changes) {
    match canary {
        Some(Canary::SkippedRelease) if changes.deltas.iter().any(releases) => {
            changes.deltas.retain(|delta| delta.view() != View::StockLevels);
        }
        Some(Canary::LostPatch) if changes.epoch.0.is_multiple_of(4) => lose_patch(changes),
        Some(Canary::OtherLogic) if !is_first => lose_patch(changes),
        _ => {}
    }
}

/// Whether some order ends that may have held stock.
fn releases(delta: &Delta) -> bool {
    let ends = |(column, value): (usize, ValueRef<'_>)| {
        let words = [Status::Cancelled.word(), Status::Expired.word()];
        column == orders::status && words.iter().any(|word| value == ValueRef::Text(word))
    };
    delta.view() == View::Orders && delta.changes().any(|change| change.columns().any(ends))
}

fn lose_patch(changes: &mut Changes) {
    for delta in &mut changes.deltas {
        if delta.view() == View::Orders {
            *delta = without_first_patch(delta);
        }
    }
}

fn without_first_patch(delta: &Delta) -> Delta {
    let mut builder = DeltaBuilder::new(delta.view());
    let mut lost = false;
    for change in delta.changes() {
        let key: Vec<ValueRef<'_>> = change.key().collect();
        let columns: Vec<(usize, ValueRef<'_>)> = change.columns().collect();
        match change.op {
            Op::Patch if !std::mem::replace(&mut lost, true) => {}
            Op::Patch => builder.patch_values(&key, &columns),
            Op::Upsert => {
                let row: Vec<ValueRef<'_>> = columns.iter().map(|(_, value)| *value).collect();
                builder.upsert_values(&key, &row);
            }
            Op::Delete => builder.delete_values(&key),
        }
    }
    builder.finish(delta.epoch())
}
