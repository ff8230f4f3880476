//! The same again: records that counted, written in another way, and records under a known id with other
//! content.

use crate::actions::{operations, samples};
use crate::doc::{Doc, J};
use crate::generator::Draft;
use crate::schema::Need;

/// Sends something again, mostly of a type that counts once.
pub(crate) fn repeat(draft: &mut Draft<'_>) {
    let once: Vec<usize> = (0..draft.memory.sent.len())
        .filter(|i| draft.memory.sent[*i].spec.once.is_some())
        .collect();
    let at = match draft.rng.pick_from(&once) {
        Some(at) if draft.rng.chance(85) => *at,
        _ => draft.rng.index(draft.memory.sent.len()),
    };
    let Some(doc) = draft.memory.sent.get(at).cloned() else {
        return;
    };
    if doc.spec.once.is_some() && draft.rng.chance(45) {
        let other = changed(draft, &doc);
        draft.send_again(&other);
        // The one that counted is still a duplicate afterwards.
        if draft.rng.chance(20) {
            draft.send_again(&doc);
        }
    } else {
        for _ in 0..draft.rng.range(1, 2) {
            draft.send_again(&doc);
        }
    }
}

/// The record with another value of one field that is not its id.
pub(crate) fn changed(draft: &mut Draft<'_>, doc: &Doc) -> Doc {
    let mut other = doc.clone();
    if doc.spec.name == "rules_activated" {
        // Its content is a function of its version, so that only the current one and older ones may be
        // changed.
        let name = draft
            .rng
            .one_of(&["payment_window_s", "payment_attempts_max", "low_stock_default"]);
        if let Some(J::Int(version)) = doc.get("version") {
            other = operations::activation(*version);
        }
        if let Some(J::Int(value)) = other.get(name) {
            let value = if *value == 1 { 2 } else { 1 };
            other.set(name, J::Int(value));
        }
        return other;
    }
    let once = doc.spec.once.unwrap_or_default();
    let fields: Vec<_> = doc.spec.fields.iter().filter(|f| f.name != once).collect();
    let Some(field) = draft.rng.pick_from(&fields) else {
        return other;
    };
    if field.need != Need::Must && other.get(field.name).is_some() && draft.rng.chance(50) {
        other.remove(field.name);
        return other;
    }
    if let Some(J::List(items)) = doc.get(field.name)
        && items.first() != items.last()
        && draft.rng.chance(40)
    {
        other.set(field.name, J::List(items.iter().rev().cloned().collect()));
        return other;
    }
    let mut value = samples::usual(draft, field);
    if other.get(field.name) == Some(&value) {
        value = samples::extreme(draft, field);
    }
    other.set(field.name, value);
    other
}
