//! Carts: items set, taken out and cleared, with the right version, a wrong one, or none.

use crate::doc::{Doc, J};
use crate::generator::Draft;
use crate::schema::MAX;

/// One or two changes of some cart.
pub(crate) fn cart(draft: &mut Draft<'_>) {
    let customer = draft.customer();
    let mut version = draft.snap.carts.get(&customer).copied().unwrap_or(0);
    for _ in 0..draft.rng.range(1, 2) {
        let sku = draft.sku();
        let rng = &mut *draft.rng;
        let expected = match rng.below(10) {
            0..3 => Some(version),
            3 => Some(version + 1),
            4 => Some((version - 1).max(0)),
            5 => Some(rng.one_of(&[0, MAX])),
            _ => None,
        };
        let doc = if rng.chance(15) {
            Doc::new("cart_cleared").text("customer_id", &customer)
        } else {
            Doc::new("cart_item_set")
                .text("customer_id", &customer)
                .text("sku", &sku)
                .int("quantity", rng.one_of(&[0, 1, 1, 2, 5, 1_000_000]))
        };
        draft.send(doc.maybe("if_version", expected.map(J::Int)));
        if expected.is_none_or(|e| e == version) {
            version += 1;
        }
    }
}
