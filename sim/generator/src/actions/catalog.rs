//! Products and stock: prices that change, withdrawals, fees, adjustments below zero.

use crate::actions::samples;
use crate::doc::{Doc, J};
use crate::generator::Draft;
use crate::profile::Profile;
use crate::schema::MAX;

/// A product as it is first sold, with stock.
pub(crate) fn first(draft: &mut Draft<'_>, sku: &str) {
    let fee = draft.rng.chance(15);
    upsert(draft, sku, None, !fee);
    if !fee && draft.rng.chance(90) {
        let most = if draft.profile == Profile::Refunds {
            200
        } else {
            25
        };
        let quantity = draft.rng.range(1, most);
        receive(draft, sku, quantity);
    }
}

/// Changes some product.
pub(crate) fn product(draft: &mut Draft<'_>) {
    let snap = draft.snap;
    let known = draft.rng.pick_from(&snap.products);
    let Some(known) = known.filter(|_| draft.rng.chance(85)) else {
        let sku = draft.sku();
        return first(draft, &sku);
    };
    match draft.rng.below(100) {
        0..35 => upsert(draft, &known.sku, Some(&known.currency), known.stocked),
        // Changed and changed back in one epoch.
        35..42 => {
            upsert(draft, &known.sku, Some(&known.currency), known.stocked);
            let last = draft
                .memory
                .sent
                .iter()
                .rfind(|d| d.spec.name == "product_upserted")
                .cloned();
            upsert(draft, &known.sku, Some(&known.currency), known.stocked);
            if let Some(last) = last.filter(|d| d.get("sku") == Some(&J::text(&known.sku))) {
                draft.send(last);
            }
        }
        42..52 => conflict(draft, &known.sku, &known.currency, known.stocked),
        52..65 => draft.send(Doc::new("product_withdrawn").text("sku", &known.sku)),
        65..75 => {
            draft.send(Doc::new("product_withdrawn").text("sku", &known.sku));
            upsert(draft, &known.sku, Some(&known.currency), known.stocked);
        }
        75..80 => {
            let sku = draft.sku();
            draft.send(Doc::new("product_withdrawn").text("sku", &sku));
        }
        80..88 => dear(draft),
        _ => {
            let sku = draft.sku();
            first(draft, &sku);
        }
    }
}

/// A product whose price is the greatest there is, or near it.
pub(crate) fn dear(draft: &mut Draft<'_>) {
    let sku = (draft.rng.one_of(&["gold", "gold2"])).to_owned();
    let known = draft.snap.product(&sku);
    let currency = known.map_or(draft.memory.currency, |p| name_of(&p.currency));
    let price = draft.rng.one_of(&[MAX, MAX, MAX - 1, MAX / 2, MAX / 100]);
    let doc = Doc::new("product_upserted")
        .text("sku", &sku)
        .text("name", "Gold")
        .int("price", price)
        .text("currency", currency)
        .with("stocked", J::Bool(known.is_some_and(|p| p.stocked)));
    draft.send(doc);
}

/// The currency as a constant.
pub(crate) fn name_of(currency: &str) -> &'static str {
    ["KRW", "EUR", "USD"]
        .into_iter()
        .find(|c| *c == currency)
        .unwrap_or("KRW")
}

fn upsert(draft: &mut Draft<'_>, sku: &str, currency: Option<&str>, stocked: bool) {
    let doc = described(draft, sku, currency, stocked);
    draft.send(doc);
}

/// An upsert that takes another currency, or begins or ceases to be stocked.
fn conflict(draft: &mut Draft<'_>, sku: &str, currency: &str, stocked: bool) {
    let other = if currency == "USD" { "EUR" } else { "USD" };
    let change = draft.rng.below(3);
    let doc = described(
        draft,
        sku,
        Some(if change == 0 { currency } else { other }),
        if change == 1 { stocked } else { !stocked },
    );
    draft.send(doc);
}

fn described(draft: &mut Draft<'_>, sku: &str, currency: Option<&str>, stocked: bool) -> Doc {
    let currency = match currency {
        Some(currency) => currency.to_owned(),
        None => draft.currency().to_owned(),
    };
    let known = draft
        .snap
        .product(sku)
        .map(|p| p.price)
        .filter(|_| draft.rng.chance(50));
    let rng = &mut *draft.rng;
    let price = rng.one_of(&[0, 1, 3, 7, 10, 33, 99, 100, 250, 1000, 1999, 12_345]);
    let mut doc = Doc::new("product_upserted")
        .text("sku", sku)
        .text("name", samples::name(rng))
        .int("price", known.unwrap_or(price))
        .text("currency", &currency);
    if !stocked || rng.chance(30) {
        doc.set("stocked", J::Bool(stocked));
    }
    if rng.chance(50) {
        doc.set("store_id", J::text(rng.one_of(&["st1", "st2", "st.3"])));
    }
    if rng.chance(60) {
        doc.set(
            "category",
            J::text(rng.one_of(&["", "tea", "käse", "tea \"pots\"", "차"])),
        );
    }
    if rng.chance(30) {
        doc.set("description", J::text(samples::text(rng)));
    }
    if rng.chance(40) {
        let tags = (0..rng.range(0, 3))
            .map(|_| J::text(rng.one_of(&["new", "a b", "é\"", ""])))
            .collect();
        doc.set("tags", J::List(tags));
    }
    if rng.chance(20) {
        doc.set("images", J::List(vec![J::text("https://example.org/1.png")]));
    }
    if rng.chance(35) {
        doc.set("low_stock", J::Int(rng.one_of(&[0, 1, 2, 5, 20, 1_000_000])));
    }
    doc
}

fn receive(draft: &mut Draft<'_>, sku: &str, quantity: i64) {
    let doc = Doc::new("stock_received")
        .text("receipt_id", &draft.fresh("receipt", "n"))
        .text("sku", sku)
        .int("quantity", quantity);
    draft.send(doc);
}

/// Makes something that can be bought: stock of a product that has none, or another product.
pub(crate) fn supply(draft: &mut Draft<'_>) {
    let snap = draft.snap;
    let lacking: Vec<_> = snap
        .products
        .iter()
        .filter(|p| p.stocked && !p.withdrawn && p.available < 3)
        .collect();
    match draft.rng.pick_from(&lacking) {
        Some(product) if draft.rng.chance(75) => {
            let quantity = (draft.rng.range(3, 20) - product.available).clamp(1, 1_000_000);
            receive(draft, &product.sku, quantity);
        }
        _ => product(draft),
    }
}

fn adjust(draft: &mut Draft<'_>, sku: &str, delta: i64) {
    let doc = Doc::new("stock_adjusted")
        .text("adjustment_id", &draft.fresh("adjustment", "n"))
        .text("sku", sku)
        .int("delta", delta)
        .text("reason", draft.rng.one_of(&["count", "broken", ""]));
    draft.send(doc);
}

/// A receipt or an adjustment; some take what is available below zero, some bring it back.
pub(crate) fn stock(draft: &mut Draft<'_>) {
    let snap = draft.snap;
    let product = draft
        .rng
        .pick_from(&snap.products)
        .filter(|_| draft.rng.chance(92));
    let sku = product.map_or_else(|| draft.sku(), |p| p.sku.clone());
    let available = product.map_or(0, |p| p.available);
    if available < 0 && draft.rng.chance(50) {
        let quantity = -available + draft.rng.range(-1, 3);
        return receive(draft, &sku, quantity.clamp(1, 1_000_000));
    }
    match draft.rng.below(100) {
        0..55 => {
            let quantity = draft.rng.one_of(&[1, 1, 2, 5, 10, 20]);
            receive(draft, &sku, quantity);
        }
        55..58 => receive(draft, &sku, 1_000_000),
        58..78 => {
            let below = draft.rng.range(0, 3);
            adjust(draft, &sku, (-available - below).clamp(-1_000_000, -1));
        }
        // Below zero and back within one epoch.
        78..84 => {
            let delta = (available.max(0) + 2).min(1_000_000);
            adjust(draft, &sku, -delta);
            adjust(draft, &sku, delta);
        }
        _ => {
            let delta = draft.rng.one_of(&[-3, -2, -1, 1, 2, 5]);
            adjust(draft, &sku, delta);
        }
    }
}
