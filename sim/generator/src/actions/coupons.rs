//! Campaigns and claims: quotas of one, windows that begin and end at the clock, holders who claim again.

use crate::actions::catalog::name_of;
use crate::actions::samples;
use crate::doc::{Doc, J};
use crate::generator::{Draft, Terms};
use crate::profile::Profile;

/// Creates a campaign, or closes one.
pub(crate) fn campaign(draft: &mut Draft<'_>) {
    let snap = draft.snap;
    if !snap.campaigns.is_empty() && draft.rng.chance(18) {
        let id = draft.rng.pick(&snap.campaigns).id.clone();
        return draft.send(Doc::new("campaign_closed").text("campaign_id", &id));
    }
    if snap.campaigns.len() > 7 {
        return;
    }
    let currency = name_of(draft.currency());
    let id = draft.fresh("campaign", "k");
    // Where refunds are what counts, rights are there for everyone.
    let plain = draft.profile == Profile::Refunds && draft.rng.chance(80);
    let rng = &mut *draft.rng;
    let percent = rng.chance(45);
    let value = if percent {
        rng.one_of(&[1, 10, 33, 50, 99, 100])
    } else {
        rng.one_of(&[1, 50, 300, 5_000, 1_000_000])
    };
    let terms = Terms {
        percent,
        value,
        max: rng.chance(30).then(|| rng.one_of(&[0, 1, 20, 500])),
        minimum: if !plain && rng.chance(35) {
            rng.one_of(&[0, 1, 100, 1_000, 30_000])
        } else {
            0
        },
        currency,
    };
    let mut discount = vec![
        ("type", J::text(if percent { "percent" } else { "amount" })),
        ("value", J::Int(value)),
    ];
    discount.extend(terms.max.map(|max| ("max_amount", J::Int(max))));
    let mut doc = Doc::new("campaign_created")
        .text("campaign_id", &id)
        .text("name", samples::name(rng))
        .int(
            "quota",
            if plain {
                1_000
            } else {
                rng.one_of(&[1, 1, 2, 2, 3, 100_000_000])
            },
        )
        .text("currency", currency)
        .with("discount", J::Object(discount));
    if terms.minimum > 0 || rng.chance(10) {
        doc.set("min_order_amount", J::Int(terms.minimum));
    }
    if !plain && rng.chance(25) {
        let after = rng.one_of(&[-60_000, 0, 0, 1, 5_000, 60_000]);
        doc.set("starts_at", J::At(draft.now.plus_ms(after)));
    }
    if !plain && rng.chance(35) {
        let after = rng.one_of(&[-1, 0, 1, 10_000, 60_000, 600_000, 86_400_000]);
        doc.set("ends_at", J::At(draft.now.plus_ms(after)));
    }
    draft.memory.terms.entry(id).or_insert(terms);
    draft.send(doc);
    if draft.rng.chance(60) {
        for _ in 0..draft.rng.range(1, 4) {
            claim(draft);
        }
    }
}

/// A claim; some of a campaign that nobody knows.
pub(crate) fn claim(draft: &mut Draft<'_>) {
    let known: Vec<String> = draft.memory.terms.keys().cloned().collect();
    let campaign = match draft.rng.pick_from(&known) {
        Some(id) if !draft.rng.chance(3) => id.clone(),
        _ => "k99".to_owned(),
    };
    let customer = draft.customer();
    let doc = Doc::new("coupon_claimed")
        .text("campaign_id", &campaign)
        .text("customer_id", &customer);
    draft.send(doc);
}
