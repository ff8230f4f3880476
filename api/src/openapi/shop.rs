//! Products, reviews and carts as they are shown: what is more than a view's row.

use contract::views::View;
use serde_json::{Value as Json, json};

use super::{ID, epoch, list, object, reference, row, text};

fn number_or_null(what: &str) -> Json {
    json!({"type": ["integer", "null"], "description": what})
}

fn rating() -> Vec<(&'static str, Json)> {
    let mean = json!({"type": ["number", "null"], "description": "null while there are no reviews"});
    vec![("count", epoch()), ("mean", mean)]
}

/// A product with what is joined to it.
pub(super) fn product() -> Json {
    let joined = [
        (
            "available",
            number_or_null("on_hand - held; null for what is never held"),
        ),
        ("rating", object(&rating())),
    ];
    json!({"allOf": [row(View::Products, &[]), object(&joined)]})
}

/// A page of reviews.
pub(super) fn reviews() -> Json {
    let mut reviews = list(&reference("review_documents"));
    let histogram = json!({
        "type": "array", "items": epoch(), "minItems": 5, "maxItems": 5,
        "description": "reviews with 1, 2, 3, 4 and 5",
    });
    let mut members = rating();
    members.push(("histogram", histogram));
    reviews["properties"]["rating"] = object(&members);
    reviews
}

/// A cart.
pub(super) fn cart() -> Json {
    let item = object(&[
        ("sku", text()),
        ("quantity", epoch()),
        (
            "unit_price",
            number_or_null("now; null if the product is unknown or withdrawn"),
        ),
        ("currency", json!({"type": ["string", "null"]})),
        (
            "available",
            number_or_null("on_hand - held; null for what is never held"),
        ),
    ]);
    let totals = json!({
        "type": "object",
        "additionalProperties": number_or_null("of what is for sale; null above 2^53-1"),
    });
    let mut cart = object(&[
        ("customer_id", text()),
        ("version", epoch()),
        ("items", json!({"type": "array", "items": item})),
        ("totals", totals),
        ("as_of", epoch()),
    ]);
    cart["properties"]["token"] = text();
    cart
}

/// What to order of a cart.
pub(super) fn checkout() -> Json {
    let amount = || json!({"type": ["integer", "null"], "minimum": 0});
    let id = |what: &str| json!({"type": ["string", "null"], "pattern": ID, "description": what});
    let item = json!({
        "type": "object",
        "required": ["sku"],
        "properties": {"sku": text(), "quantity": amount(), "unit_price": amount()},
    });
    json!({
        "type": "object",
        "properties": {
            "order_id": id("The order's; else Idempotency-Key, else one is made. Sent again under the \
                            same id, the answer is the order that stands."),
            "items": {
                "type": ["array", "null"],
                "items": item,
                "description": "The cart's items as the customer saw them. Other products or quantities: \
                                412; other prices: 409 price_changed with both. Without a price, or \
                                without items, the price is today's.",
            },
            "currency": {
                "type": ["string", "null"],
                "description": "Which items to order, where the cart has several currencies; others stay.",
            },
            "campaign_id": id("A coupon to be used."),
            "wallet_amount": amount(),
            "placed_at": {"type": ["string", "null"], "format": "date-time"},
        },
    })
}
