//! Carts and reviews that are hard: what is odd in them is decided as the oracle does and shown as the contract
//! says, and much of one thing costs no more than it has to.

use crate::end;
use contract::log::{History, Topic};
use contract::tables::Tables;
use contract::time::Time;
use contract::value::Value;
use contract::views::{self, View};
use generator::Rng;
use serde_json::{Value as Json, json};

/// A log in the making.
struct Log {
    history: History,
    now: Time,
}

impl Log {
    fn new() -> Log {
        Log {
            history: History::new(),
            now: Time::parse("2026-11-21T09:00:00Z").unwrap(),
        }
    }

    fn add(&mut self, topic: Topic, value: &Json) {
        let key = match topic {
            Topic::Products => "sku",
            Topic::Reviews => "review_id",
            Topic::Carts => "customer_id",
            _ => "order_id",
        };
        let key = value[key].as_str().unwrap().as_bytes();
        let text = value.to_string();
        self.history.append(topic, 0, Some(key), Some(text.as_bytes()));
    }

    fn bind(&mut self) {
        self.now = self.now.plus_seconds(1);
        self.history.bind(self.now);
    }

    fn product(&mut self, sku: &str, name: &str, category: &str) {
        self.add(
            Topic::Products,
            &json!({
                "type": "product_upserted", "sku": sku, "name": name, "price": 1000, "currency": "KRW",
                "stocked": false, "store_id": "s", "category": category,
            }),
        );
    }

    fn review(&mut self, id: &str, sku: &str, rating: i64, text: &str) {
        self.add(
            Topic::Reviews,
            &json!({
                "type": "review_posted", "review_id": id, "customer_id": "c1", "sku": sku, "rating": rating,
                "text": text,
            }),
        );
    }

    fn edit(&mut self, id: &str, text: &str) {
        self.add(
            Topic::Reviews,
            &json!({"type": "review_edited", "review_id": id, "text": text}),
        );
    }

    fn delete(&mut self, id: &str) {
        self.add(
            Topic::Reviews,
            &json!({"type": "review_deleted", "review_id": id}),
        );
    }

    fn order(&mut self, id: &str, sku: &str) {
        self.add(
            Topic::Orders,
            &json!({
                "type": "order_placed", "order_id": id, "customer_id": "c1", "currency": "KRW",
                "lines": [{"sku": sku, "quantity": 1, "unit_price": 1000}],
            }),
        );
        for kind in ["payment_submitted", "payment_confirmed"] {
            self.add(
                Topic::Payments,
                &json!({
                    "type": kind, "order_id": id, "payment_key": "k", "amount": 1000, "currency": "KRW",
                }),
            );
        }
    }

    /// The views, which are the oracle's for 1 and 3 workers.
    fn views(&self) -> Tables {
        end(&self.history, &[1, 3])
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// A column of the row of one key, which is a text.
fn cell(tables: &Tables, view: View, key: &str, column: usize) -> Option<Value> {
    let rows = tables.rows(view);
    let row = rows.get(&vec![text(key)])?;
    Some(row[column - 1].clone())
}

fn quarantined(tables: &Tables) -> Vec<(Value, Value)> {
    let rows = tables.rows(View::Quarantine).iter();
    rows.map(|(key, row)| (key[2].clone(), row[0].clone())).collect()
}

#[test]
fn a_review_of_an_unknown_product_is_kept_and_filled_in_when_the_product_appears() {
    use views::review_documents as c;
    let mut log = Log::new();
    log.review("r1", "later", 5, "좋아요");
    log.bind();
    let before = log.views();
    assert_eq!(
        cell(&before, View::ReviewDocuments, "r1", c::product_name),
        Some(Value::Null)
    );
    assert_eq!(
        cell(&before, View::ReviewDocuments, "r1", c::embedding_text),
        Some(text("좋아요"))
    );
    log.product("later", "Lamp", "light");
    log.bind();
    log.product("later", "Lamp", "home");
    log.bind();
    let after = log.views();
    assert_eq!(
        cell(&after, View::ReviewDocuments, "r1", c::embedding_text),
        Some(text("Lamp. 좋아요"))
    );
    assert_eq!(
        cell(&after, View::ReviewDocuments, "r1", c::category),
        Some(text("home"))
    );
    assert_eq!(
        cell(&after, View::ProductRatings, "later", views::product_ratings::r5),
        Some(Value::Int(1))
    );
}

#[test]
fn edits_before_posts_deletions_twice_and_ratings_out_of_range_change_nothing() {
    let mut log = Log::new();
    log.product("p", "Lamp", "light");
    log.edit("r1", "too early");
    log.delete("r1");
    log.review("r1", "p", 0, "x");
    log.review("r1", "p", 6, "x");
    log.review("r1", "p", 3, &"x".repeat(4001));
    log.review("r1", "p", 3, &"한".repeat(4000));
    log.bind();
    log.delete("r1");
    log.delete("r1");
    log.edit("r1", "too late");
    log.review("r1", "p", 4, "again");
    log.bind();
    let tables = log.views();
    assert!(tables.rows(View::ReviewDocuments).is_empty());
    assert!(tables.rows(View::ProductRatings).is_empty());
    let expected = [
        "unknown_review",
        "unknown_review",
        "bad_field",
        "bad_field",
        "bad_field",
    ];
    let mut expected: Vec<_> = (0..)
        .zip(expected)
        .map(|(at, reason)| (Value::Int(at), text(reason)))
        .collect();
    // The id has been used, though the review is gone.
    expected.push((Value::Int(9), text("conflict")));
    assert_eq!(quarantined(&tables), expected);
}

#[test]
fn texts_of_any_script_are_shown_as_they_are_and_embedded_composed_and_single_spaced() {
    use views::review_documents as c;
    let family = "👨\u{200d}👩\u{200d}👧";
    let cases = [
        ("empty", String::new(), "Lamp.".to_owned()),
        ("emoji", family.to_owned(), format!("Lamp. {family}")),
        (
            "marks",
            "cafe\u{301} \u{1100}\u{1161}".to_owned(),
            "Lamp. caf\u{e9} 가".to_owned(),
        ),
        ("loose", "\u{301}x".to_owned(), "Lamp. \u{301}x".to_owned()),
        (
            "rtl",
            "\u{202e}שלום\u{202c} עולם".to_owned(),
            "Lamp. \u{202e}שלום\u{202c} עולם".to_owned(),
        ),
        (
            "white",
            " \t\u{3000}a\r\n\u{85}b\u{7f} ".to_owned(),
            "Lamp. a b".to_owned(),
        ),
        (
            "longest",
            "👍".repeat(4000),
            format!("Lamp. {}", "👍".repeat(4000)),
        ),
    ];
    let mut log = Log::new();
    log.product("p", "Lamp", "light");
    for (id, written, _) in &cases {
        log.review(id, "p", 5, written);
    }
    log.bind();
    let tables = log.views();
    for (id, written, embedded) in cases {
        assert_eq!(
            cell(&tables, View::ReviewDocuments, id, c::text),
            Some(text(&written)),
            "{id}"
        );
        let shown = cell(&tables, View::ReviewDocuments, id, c::embedding_text);
        assert_eq!(shown, Some(text(&embedded)), "{id}");
    }
    assert!(tables.rows(View::Quarantine).is_empty());
}

#[test]
fn a_purchase_verifies_its_reviews_until_the_last_order_of_it_is_cancelled() {
    use views::review_documents as c;
    let mut log = Log::new();
    log.product("p", "Lamp", "light");
    log.bind();
    log.review("before", "p", 5, "x");
    log.bind();
    log.order("o1", "p");
    log.bind();
    log.order("o2", "p");
    log.review("after", "p", 5, "x");
    log.bind();
    for (cancelled, verified) in [(None, true), (Some("o1"), true), (Some("o2"), false)] {
        if let Some(order) = cancelled {
            let cancel = json!({"type": "order_cancel_requested", "order_id": order, "reason": "r"});
            log.add(Topic::Orders, &cancel);
            log.add(
                Topic::Payments,
                &json!({
                    "type": "payment_refunded", "order_id": order, "payment_key": "k", "amount": 1000,
                    "currency": "KRW", "refund_id": format!("{order}.1"),
                }),
            );
            log.bind();
        }
        let tables = log.views();
        for id in ["before", "after"] {
            let shown = cell(&tables, View::ReviewDocuments, id, c::verified_purchase);
            assert_eq!(shown, Some(Value::Bool(verified)), "{id} {cancelled:?}");
        }
    }
}

#[test]
fn what_was_sold_stays_with_the_category_of_its_time_when_a_product_moves() {
    let mut log = Log::new();
    for (order, category) in [("o1", "light"), ("o2", "home"), ("o3", "light")] {
        log.product("p", "Lamp", category);
        log.bind();
        log.order(order, "p");
        log.bind();
    }
    let tables = log.views();
    let units: Vec<_> = tables.rows(View::RevenueByCategory).keys().collect();
    assert_eq!(units.len(), 2, "{units:?}");
}

#[test]
fn a_customer_with_a_hundred_thousand_cart_changes_has_the_cart_that_they_leave() {
    let (mut log, mut rng) = (Log::new(), Rng::new(7));
    for number in 0..20 {
        log.product(&format!("p{number}"), "Lamp", "light");
    }
    log.bind();
    for change in 1..=100_000_u64 {
        let value = if rng.below(500) == 0 {
            json!({"type": "cart_cleared", "customer_id": "c1"})
        } else {
            json!({
                "type": "cart_item_set", "customer_id": "c1", "sku": format!("p{}", rng.below(25)),
                "quantity": rng.below(4),
            })
        };
        log.add(Topic::Carts, &value);
        if change % 5000 == 0 {
            log.bind();
        }
    }
    let tables = log.views();
    assert_eq!(
        cell(&tables, View::Carts, "c1", views::carts::version),
        Some(Value::Int(100_000))
    );
}

#[test]
fn a_product_with_very_many_reviews_is_renamed_and_each_review_says_so() {
    use views::review_documents as c;
    const REVIEWS: usize = 20_000;
    let mut log = Log::new();
    log.product("p", "Lamp", "light");
    log.bind();
    for number in 0..REVIEWS {
        log.review(
            &format!("r{number}"),
            "p",
            1 + i64::try_from(number % 5).unwrap(),
            "x",
        );
    }
    log.bind();
    log.product("p", "Lantern", "light");
    log.bind();
    let tables = log.views();
    let rows = tables.rows(View::ReviewDocuments);
    assert_eq!(rows.len(), REVIEWS);
    assert!(
        rows.values()
            .all(|row| row[c::embedding_text - 1] == text("Lantern. x"))
    );
    let count = cell(&tables, View::ProductRatings, "p", views::product_ratings::count);
    assert_eq!(count, Some(Value::Int(20_000)));
}
