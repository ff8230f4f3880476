//! The records of a checkout: the order of a cart's items, and what takes them out of the cart.

use std::collections::HashMap;

use contract::decode::Reason;
use contract::log::Topic;
use serde_json::{Value as Json, json};

use super::super::carts::{Cart, Item};
use crate::answer::{Object, members};
use crate::append::New;
use crate::command::{key_of, refused, rejected};
use crate::problem::{Kind, Problem};

pub(super) fn bad_field(detail: &str) -> Problem {
    refused(Reason::BadField, detail)
}

fn not_orderable(reason: &str, detail: String) -> Problem {
    Problem::new(Kind::NotOrderable, detail).with("reason", reason)
}

pub(super) fn stale(cart: &Cart) -> Problem {
    let detail = format!("the cart is not as it was seen: its version is {}", cart.version);
    Problem::new(Kind::Stale, detail)
        .with("reason", "conflict")
        .with("version", cart.version)
}

/// A member that is there and not null.
pub(super) fn given<'a>(body: &'a Object, name: &str) -> Option<&'a Json> {
    body.get(name).filter(|value| !value.is_null())
}

/// Lines that the customer says to have seen, by product.
type Seen<'a> = HashMap<&'a str, &'a Object>;

/// The lines that the customer says to have seen, if it says so.
fn seen(body: &Object) -> Result<Option<Seen<'_>>, Problem> {
    let Some(items) = given(body, "items") else {
        return Ok(None);
    };
    let items = items
        .as_array()
        .ok_or_else(|| bad_field("items: expected a list"))?;
    let mut seen = HashMap::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let item = item.as_object();
        let sku = item.and_then(|item| item.get("sku")?.as_str());
        let (Some(item), Some(sku)) = (item, sku) else {
            return Err(bad_field(&format!("items[{index}].sku: expected a product's id")));
        };
        if seen.insert(sku, item).is_some() {
            return Err(bad_field(&format!(
                "items[{index}].sku: {sku} stands there twice"
            )));
        }
    }
    Ok(Some(seen))
}

/// The items that are ordered: all, or those of one currency; and that currency.
pub(super) fn picked<'a>(cart: &'a Cart, body: &Object) -> Result<(Vec<&'a Item>, String), Problem> {
    let wanted = match given(body, "currency") {
        None => None,
        Some(Json::String(currency)) => Some(currency.as_str()),
        Some(_) => return Err(bad_field("currency: expected three capitals")),
    };
    let is_wanted = |item: &&Item| wanted.is_none() || item.currency.as_deref() == wanted;
    let items: Vec<&Item> = cart.items.iter().filter(is_wanted).collect();
    if items.is_empty() {
        let detail = match wanted {
            None => format!("the cart of {} is empty", cart.customer_id),
            Some(currency) => format!("nothing in the cart of {} costs {currency}", cart.customer_id),
        };
        return Err(not_orderable("empty_cart", detail));
    }
    let unknown: Vec<&str> = items
        .iter()
        .filter(|item| item.currency.is_none())
        .map(|item| item.sku.as_str())
        .collect();
    if !unknown.is_empty() {
        return Err(not_for_sale(&unknown));
    }
    let mut currencies: Vec<&str> = items.iter().filter_map(|item| item.currency.as_deref()).collect();
    currencies.sort_unstable();
    currencies.dedup();
    if let [currency] = currencies.as_slice() {
        return Ok((items, (*currency).to_owned()));
    }
    let all = currencies.join(", ");
    let detail = format!("an order has one currency, the cart has {all}: say with currency which to order");
    Err(not_orderable("several_currencies", detail).with("currencies", json!(currencies)))
}

/// The refusal of products that nobody sells, as an order of them would be rejected.
fn not_for_sale(skus: &[&str]) -> Problem {
    let detail = format!("{} can't be had: take it out of the cart", skus.join(", "));
    Problem::new(Kind::Refused, detail)
        .with("reason", "unknown_sku")
        .with("reason_detail", json!({"skus": skus}))
}

/// How many of each product there are in a cart.
pub(super) fn quantities(cart: &Cart) -> HashMap<&str, i64> {
    let pairs = cart.items.iter().map(|item| (item.sku.as_str(), item.quantity));
    pairs.collect()
}

/// The order's lines, at the prices that were seen; at today's where none are said.
fn lines(cart: &Cart, items: &[&Item], body: &Object) -> Result<Vec<Json>, Problem> {
    let seen = seen(body)?;
    let quantities = quantities(cart);
    let in_cart = |(sku, line): (&&str, &&Object)| {
        let found = quantities.get(sku);
        let quantity = given(line, "quantity");
        found.is_some_and(|found| quantity.is_none_or(|quantity| *quantity == json!(found)))
    };
    if seen.as_ref().is_some_and(|seen| !seen.iter().all(in_cart)) {
        return Err(stale(cart));
    }
    let mut unsold = Vec::new();
    let mut lines = Vec::with_capacity(items.len());
    for item in items {
        let mut price = item.unit_price.map(Json::from);
        if let Some(seen) = &seen {
            let line = seen.get(item.sku.as_str()).ok_or_else(|| stale(cart))?;
            price = given(line, "unit_price").cloned().or(price);
        }
        match price {
            Some(price) => {
                lines.push(json!({"sku": item.sku, "quantity": item.quantity, "unit_price": price}));
            }
            None => unsold.push(item.sku.as_str()),
        }
    }
    if unsold.is_empty() {
        return Ok(lines);
    }
    Err(not_for_sale(&unsold))
}

/// The records that take items out of a cart that still is at its version.
pub(super) fn taking_out(cart: &Cart, items: &[&Item]) -> Vec<New> {
    let record = |value: Json| New {
        key: cart.customer_id.clone(),
        value: value.to_string().into_bytes(),
    };
    if items.len() == cart.items.len() {
        return vec![record(json!({
            "type": "cart_cleared", "customer_id": cart.customer_id, "if_version": cart.version,
        }))];
    }
    let one = |(version, item): (i64, &&Item)| {
        record(json!({
            "type": "cart_item_set", "customer_id": cart.customer_id, "sku": item.sku, "quantity": 0,
            "if_version": version,
        }))
    };
    (cart.version..).zip(items).map(one).collect()
}

/// The record of an order of some of a cart's items.
pub(super) fn order_of(
    cart: &Cart,
    items: &[&Item],
    currency: &str,
    id: &str,
    body: &Object,
) -> Result<Vec<u8>, Problem> {
    let mut order = members([
        ("type", json!("order_placed")),
        ("order_id", json!(id)),
        ("customer_id", json!(cart.customer_id)),
        ("currency", json!(currency)),
        ("lines", Json::Array(lines(cart, items, body)?)),
    ]);
    for name in ["campaign_id", "wallet_amount", "placed_at"] {
        order.extend(given(body, name).map(|value| (name.to_owned(), value.clone())));
    }
    let value = Json::Object(order).to_string().into_bytes();
    key_of(Topic::Orders, &value).map_err(|why| rejected(&why))?;
    Ok(value)
}
