//! Reviews: posted, edited, deleted, edited after deletion, of products that nobody knows.

use crate::actions::samples;
use crate::doc::{Doc, J};
use crate::generator::Draft;

/// Something about some review.
pub(crate) fn review(draft: &mut Draft<'_>) {
    let posted = draft.memory.numbers.get("review").copied().unwrap_or(0);
    if posted == 0 || (posted < 12 && draft.rng.chance(40)) {
        return post(draft);
    }
    let snap = draft.snap;
    // Some are of reviews that were deleted, some of one that never was.
    let id = match draft.rng.pick_from(&snap.reviews) {
        Some(id) if draft.rng.chance(60) => id.clone(),
        _ if draft.rng.chance(8) => "r99".to_owned(),
        _ => format!("r{}", draft.rng.range(1, posted)),
    };
    if draft.rng.chance(30) {
        return draft.send(Doc::new("review_deleted").text("review_id", &id));
    }
    let rng = &mut *draft.rng;
    let mut doc = Doc::new("review_edited").text("review_id", &id);
    if rng.chance(60) {
        doc.set("rating", J::Int(rng.range(1, 5)));
    }
    if rng.chance(60) {
        doc.set("text", J::text(samples::text(rng)));
    }
    draft.send(doc);
}

fn post(draft: &mut Draft<'_>) {
    let id = draft.fresh("review", "r");
    let snap = draft.snap;
    let order = draft.rng.pick_from(&snap.orders).filter(|_| draft.rng.chance(60));
    let (customer, sku) = match order.and_then(|o| o.lines.first().map(|l| (&o.customer, &l.sku))) {
        Some((customer, sku)) => (customer.clone(), sku.clone()),
        None => (
            draft.customer(),
            if draft.rng.chance(15) {
                "s99".to_owned()
            } else {
                draft.sku()
            },
        ),
    };
    let rng = &mut *draft.rng;
    let mut doc = Doc::new("review_posted")
        .text("review_id", &id)
        .text("customer_id", &customer)
        .text("sku", &sku)
        .int("rating", rng.range(1, 5))
        .text("text", samples::text(rng));
    if let Some(order) = order.filter(|_| rng.chance(40)) {
        doc.set("order_id", J::text(&order.id));
    }
    if rng.chance(20) {
        doc.set("images", J::List(vec![J::text("i1"), J::text("")]));
    }
    draft.send(doc);
    if draft.rng.chance(12) {
        draft.send(Doc::new("review_edited").text("review_id", &id).int("rating", 5));
        draft.send(Doc::new("review_deleted").text("review_id", &id));
    }
}
