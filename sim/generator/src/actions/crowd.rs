//! A crowd: more products and customers than the rankings have ranks.

use crate::actions::basket::Basket;
use crate::actions::payments::money;
use crate::actions::place::write;
use crate::doc::{Doc, J};
use crate::generator::Draft;
use crate::snapshot::Order;

/// How many come: a few more than there are ranks.
const CROWD: i64 = 104;

/// In one epoch as many products come on sale, and as many customers buy and pay. Few units, so that many
/// tie.
pub(crate) fn crowd(draft: &mut Draft<'_>) {
    let currency = draft.memory.currency;
    for n in 1..=CROWD {
        let (sku, customer) = (format!("w{n}"), format!("v{n}"));
        let price = draft.rng.range(1, 4);
        let doc = Doc::new("product_upserted")
            .text("sku", &sku)
            .text("name", "One of many")
            .int("price", price)
            .text("currency", currency)
            .with("stocked", J::Bool(false));
        draft.send(doc);
        let quantity = draft.rng.range(1, 3);
        let basket = Basket {
            customer: customer.clone(),
            currency: currency.to_owned(),
            lines: vec![(sku, quantity, price)],
            campaign: None,
            wallet: 0,
        };
        draft.memory.orders += 1;
        let id = format!("o{}", draft.memory.orders);
        let doc = write(draft, &id, &basket);
        draft.send(doc);
        let order = Order {
            id,
            customer,
            ..Order::default()
        };
        draft.send(money(
            "payment_confirmed",
            &order,
            "pk1",
            price * quantity,
            currency,
        ));
    }
}
