//! Rules in force, and what people and connectors raise and resolve.

use std::collections::BTreeSet;

use crate::doc::Doc;
use crate::generator::Draft;
use crate::profile::Profile;
use crate::rules;

/// Activates rules: mostly the next version, sometimes one that is not above the current one.
pub(crate) fn rules(draft: &mut Draft<'_>) {
    let current = draft.memory.version;
    if draft.rng.chance(85) {
        let version = next_version(draft, current);
        draft.memory.version = version;
        let doc = activation(version);
        draft.send(doc);
    } else {
        let version = draft.rng.range(1, current);
        let doc = activation(version);
        draft.send(doc);
    }
}

/// A version above the current one; where refunds are what counts, one that leaves time for them.
fn next_version(draft: &mut Draft<'_>, current: i64) -> i64 {
    let long = match draft.profile {
        Profile::Refunds => draft.rng.chance(90),
        Profile::Payments | Profile::Coupons => draft.rng.chance(50),
        _ => draft.rng.chance(25),
    };
    let mut version = current + draft.rng.range(1, 4);
    while long && rules::of_version(version).cancel_window_s < 3_600 {
        version += 1;
    }
    version.min(1_000_000)
}

/// The record that activates a version: what it says is a function of the version.
pub(crate) fn activation(version: i64) -> Doc {
    let rules = rules::of_version(version);
    Doc::new("rules_activated")
        .int("version", version)
        .int("payment_window_s", rules.payment_window_s)
        .int("payment_attempts_max", rules.payment_attempts_max)
        .int("cancel_window_s", rules.cancel_window_s)
        .int("payment_answer_max_s", rules.payment_answer_max_s)
        .int("low_stock_default", rules.low_stock_default)
}

/// Kinds that end by themselves, so that raising and resolving them has no effect.
const RESERVED: &[&str] = &[
    "needs_operator",
    "refund_failed",
    "payment_unanswered",
    "refund_unanswered",
    "oversold",
    "over_refunded",
    "refunded_by_provider",
    "money_in_quarantine",
];

/// Raises or resolves something.
pub(crate) fn attention(draft: &mut Draft<'_>) {
    let snap = draft.snap;
    // First the kind: those of which there are few must not drown.
    let kinds: BTreeSet<&str> = snap.attention.iter().map(|a| a.0.as_str()).collect();
    let kinds: Vec<&str> = kinds.into_iter().collect();
    let chosen = draft.rng.pick_from(&kinds).copied().unwrap_or_default();
    let of_kind: Vec<_> = snap.attention.iter().filter(|a| a.0 == chosen).collect();
    let (kind, subject) = match draft.rng.pick_from(&of_kind) {
        Some((kind, subject)) if draft.rng.chance(60) => (kind.clone(), subject.clone()),
        _ if draft.rng.chance(25) => ((draft.rng.one_of(RESERVED)).to_owned(), draft.order_id()),
        _ => {
            let kind = draft.rng.one_of(&["connector_down", "fraud", "", "차단"]);
            (
                kind.to_owned(),
                (draft.rng.one_of(&["pg", "", "o1", "a b/é"])).to_owned(),
            )
        }
    };
    let (raised, resolved) = ("attention_raised", "attention_resolved");
    let known = snap.attention.iter().any(|a| a.0 == kind && a.1 == subject);
    let steps: &[&str] = match draft.rng.below(100) {
        0..50 if known => &[resolved],
        50..60 => &[raised, resolved],
        60..68 => &[resolved, raised],
        68..74 => &[raised, raised],
        74..78 => &[raised, resolved, raised],
        78..86 => &[resolved],
        _ => &[raised],
    };
    for step in steps {
        let note = draft.rng.one_of(&["", "seen", "see \"log\""]);
        draft.send(
            Doc::new(step)
                .text("kind", &kind)
                .text("subject", &subject)
                .text("note", note),
        );
    }
}
