//! Records that can't be used, of every topic and for every reason, and records at the very end of what can
//! be.

use contract::log::Topic;

use crate::actions::{broken, faults, operations, samples};
use crate::doc::{Doc, J};
use crate::generator::Draft;
use crate::schema::{Need, TYPES, TypeSpec};
use crate::shape;

/// One record that can't be used, or that just can.
pub(crate) fn garbage(draft: &mut Draft<'_>) {
    let spec = some_type(draft);
    match draft.rng.below(100) {
        0..26 => bad_field(draft, spec),
        26..38 => missing_field(draft, spec),
        38..46 => key_mismatch(draft, spec),
        46..54 => wrong_type(draft, spec),
        54..72 => {
            let doc = samples::record(draft, spec);
            let text = broken::json(draft, &doc);
            draft.put(spec.topic, doc.key(), Some(text));
        }
        72..77 => {
            let doc = samples::record(draft, spec);
            let bytes = broken::utf8(draft, &doc);
            draft.put(spec.topic, doc.key(), Some(bytes));
        }
        77..79 => huge(draft, spec),
        79..81 => {
            let key = draft.rng.chance(50).then(|| b"o1".to_vec());
            draft.put(spec.topic, key, None);
        }
        81..90 => unknown(draft),
        _ => extreme(draft, spec),
    }
}

fn some_type(draft: &mut Draft<'_>) -> &'static TypeSpec {
    let topic = draft.rng.one_of(&Topic::ALL);
    let topic = if draft.rng.chance(12) {
        Topic::Payments
    } else {
        topic
    };
    let types: Vec<&'static TypeSpec> = TYPES.iter().filter(|t| t.topic == topic).collect();
    draft.rng.one_of(&types)
}

/// One field with a value that it may not have, sometimes two.
fn bad_field(draft: &mut Draft<'_>, spec: &'static TypeSpec) {
    let mut doc = samples::record(draft, spec);
    let key = doc.key();
    let field = draft.rng.one_of(spec.fields);
    doc.set(field.name, faults::value(draft.rng, &field));
    if draft.rng.chance(20) {
        let field = draft.rng.one_of(spec.fields);
        if draft.rng.chance(50) || field.need != Need::Must {
            doc.set(field.name, faults::value(draft.rng, &field));
        } else {
            doc.remove(field.name);
        }
    }
    let value = shape::write(draft.rng, &doc);
    draft.put(spec.topic, key, Some(value));
}

/// A field that must be there is not, or is null.
fn missing_field(draft: &mut Draft<'_>, spec: &'static TypeSpec) {
    let mut doc = samples::record(draft, spec);
    let key = doc.key();
    let must: Vec<_> = spec.fields.iter().filter(|f| f.need == Need::Must).collect();
    let field = draft.rng.pick(&must);
    let inner = faults::without_inner(draft.rng, &doc, field);
    match inner {
        Some(value) if draft.rng.chance(70) => doc.set(field.name, value),
        _ if draft.rng.chance(50) => doc.set(field.name, J::Null),
        _ => doc.remove(field.name),
    }
    let value = shape::write(draft.rng, &doc);
    draft.put(spec.topic, key, Some(value));
}

fn key_mismatch(draft: &mut Draft<'_>, spec: &'static TypeSpec) {
    let doc = samples::record(draft, spec);
    let right = doc.key().unwrap_or_default();
    let wrong = match draft.rng.below(7) {
        0 | 1 => None,
        2 => Some(Vec::new()),
        3 => Some([&right[..], b" "].concat()),
        4 => Some(vec![0xff, 0xfe]),
        5 => Some(right.to_ascii_uppercase()).filter(|k| *k != right),
        _ => Some(b"other".to_vec()),
    };
    let value = shape::write(draft.rng, &doc);
    draft.put(spec.topic, wrong, Some(value));
}

/// No type, one that is not a text, one that nobody knows, one of another stream.
fn wrong_type(draft: &mut Draft<'_>, spec: &'static TypeSpec) {
    let mut doc = samples::record(draft, spec);
    if draft.rng.chance(30) {
        doc.fields.clear();
    }
    let other: Vec<&str> = TYPES
        .iter()
        .filter(|t| t.topic != spec.topic)
        .map(|t| t.name)
        .collect();
    let name = match draft.rng.below(10) {
        0 => None,
        1 => Some(J::Null),
        2 | 3 => Some(J::Raw(
            draft.rng.one_of(&["1", "[]", "{}", "true", "1e400"]).to_owned(),
        )),
        4 | 5 => Some(J::text(draft.rng.one_of(&other))),
        6 => Some(J::text(spec.name.to_uppercase())),
        _ => Some(J::text(draft.rng.one_of(&[
            "",
            "order_paid",
            "\u{0}",
            "orders",
            "order_placed ",
        ]))),
    };
    let value = shape::write_as(draft.rng, &doc, name);
    draft.put(spec.topic, doc.key(), Some(value));
}

/// The greatest size, or one byte more.
fn huge(draft: &mut Draft<'_>, spec: &'static TypeSpec) {
    if draft.memory.huge == 3 {
        return;
    }
    draft.memory.huge += 1;
    let doc = samples::record(draft, spec);
    let mut value = shape::write(draft.rng, &doc);
    let over = usize::from(draft.rng.chance(75));
    value.resize(1_048_576 + over, b' ');
    if over == 1 && draft.rng.chance(30) {
        value[1_048_576] = 0xff;
    }
    draft.put(spec.topic, doc.key(), Some(value));
}

/// Something about an order, a campaign or a review that nobody knows.
fn unknown(draft: &mut Draft<'_>) {
    let names = [
        "order_cancel_requested",
        "order_lines_cancel_requested",
        "order_redrive_requested",
        "payment_submitted",
        "payment_confirmed",
        "payment_declined",
        "payment_refunded",
        "refund_failed",
        "campaign_closed",
        "coupon_claimed",
        "review_edited",
        "review_deleted",
    ];
    let name = draft.rng.one_of(&names);
    let Some(spec) = TYPES.iter().find(|t| t.name == name) else {
        return;
    };
    let mut doc = samples::record(draft, spec);
    // One of these ids will be known later: that it was not is not forgotten.
    let next = format!("o{}", draft.memory.orders + 1);
    doc.set(spec.key, J::text(draft.rng.one_of(&["nobody", "O1", "0", &next])));
    draft.send_again(&doc);
}

/// A record that can just be used: values at the ends of their ranges, the deepest nesting there may be.
fn extreme(draft: &mut Draft<'_>, spec: &'static TypeSpec) {
    if spec.name == "rules_activated" {
        // After the last version there is none above it: seldom.
        let last = draft.rng.chance(4);
        let version = if last { 1_000_000 } else { draft.memory.version + 1 };
        draft.memory.version = version;
        let doc = operations::activation(version);
        return draft.send(doc);
    }
    let mut doc: Doc = samples::record(draft, spec);
    let fields: Vec<_> = spec
        .fields
        .iter()
        .filter(|f| f.name != "campaign_id" || spec.key == f.name)
        .collect();
    let field = **draft.rng.pick(&fields);
    let keep = field.name == spec.key && field.name == "order_id" && spec.name != "order_placed";
    if !keep {
        let value = samples::extreme(draft, &field);
        doc.set(field.name, value);
    }
    if draft.rng.chance(15) {
        let text = broken::deep(draft, &doc, 127);
        return draft.put(spec.topic, doc.key(), Some(text));
    }
    draft.send(doc);
}

#[cfg(test)]
mod tests {
    use contract::log::History;
    use contract::time::Time;
    use contract::views::{View, quarantine};
    use oracle::Oracle;

    use super::*;
    use crate::cells::rows;
    use crate::generator::with_draft;
    use crate::plan::{EpochPlan, append};

    /// Why the oracle quarantines the records that `make` sends, one seed after another: each reason, or ""
    /// for none.
    fn fates(seeds: u64, make: impl Fn(&mut Draft<'_>)) -> Vec<(String, Vec<u8>)> {
        let fate = |seed| {
            let mut records = with_draft(seed, &make);
            records.truncate(1);
            let value = records[0].value.clone().unwrap_or_default();
            let (mut log, mut oracle) = (History::new(), Oracle::new());
            let plan = EpochPlan {
                clock: Time::default(),
                records,
            };
            let epoch = append(&plan, &mut log);
            oracle.epoch(epoch, plan.clock, log.records(0));
            let reason = rows(oracle.tables(), View::Quarantine).next();
            (
                reason.map_or_else(String::new, |r| r.text(quarantine::reason).to_owned()),
                value,
            )
        };
        (0..seeds).map(fate).collect()
    }

    fn expect(fates: Vec<(String, Vec<u8>)>, expected: &[&str]) {
        for (reason, value) in fates {
            let value = String::from_utf8_lossy(&value).into_owned();
            assert!(
                expected.contains(&reason.as_str()),
                "{reason:?} not in {expected:?}: {value:.300}"
            );
        }
    }

    #[test]
    fn every_fault_of_every_field_is_one() {
        for spec in TYPES {
            for field in spec.fields {
                let faulty = |draft: &mut Draft<'_>| {
                    let mut doc = samples::record(draft, spec);
                    let key = doc.key();
                    doc.set(field.name, faults::value(draft.rng, field));
                    let value = shape::write(draft.rng, &doc);
                    draft.put(spec.topic, key, Some(value));
                };
                expect(fates(60, faulty), &["bad_field", "missing_field"]);
            }
        }
    }

    #[test]
    fn extremes_are_allowed() {
        let known = [
            "",
            "unknown_order",
            "unknown_campaign",
            "unknown_review",
            "conflict",
        ];
        for spec in TYPES {
            expect(fates(150, |draft| extreme(draft, spec)), &known);
        }
    }

    #[test]
    fn missing_fields_wrong_types_and_keys_are_told_as_such() {
        for spec in TYPES {
            expect(fates(60, |draft| missing_field(draft, spec)), &["missing_field"]);
            expect(fates(60, |draft| key_mismatch(draft, spec)), &["key_mismatch"]);
            let wrong = ["missing_field", "bad_field", "unknown_type"];
            expect(fates(60, |draft| wrong_type(draft, spec)), &wrong);
        }
    }

    #[test]
    fn broken_texts_are_not_json_and_broken_bytes_not_utf8() {
        for spec in TYPES {
            let send = |draft: &mut Draft<'_>, make: fn(&mut Draft<'_>, &Doc) -> Vec<u8>| {
                let doc = samples::record(draft, spec);
                let value = make(draft, &doc);
                draft.put(spec.topic, doc.key(), Some(value));
            };
            expect(fates(150, |draft| send(draft, broken::json)), &["bad_json"]);
            expect(fates(60, |draft| send(draft, broken::utf8)), &["bad_utf8"]);
        }
    }
}
