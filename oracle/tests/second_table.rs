//! Section 2 of the contract, second table: catalog, carts, reviews and dashboards.

mod common;

use common::Shop;
use contract::log::Topic;
use contract::views::View;
use serde_json::json;

fn post(shop: &mut Shop, id: &str, customer: &str, sku: &str, rating: i64, text: &str) {
    let value = json!({"type": "review_posted", "review_id": id, "customer_id": customer, "sku": sku,
        "rating": rating, "text": text});
    shop.send(Topic::Reviews, id, &value);
}

#[test]
fn products_and_what_runs_out() {
    let mut shop = Shop::new();
    let pen = "pen Pen 100 KRW true s1 desk null [\"blue\"] [] null false 1";
    assert_eq!(shop.rows(View::Products)[2], pen);
    assert_eq!(shop.rows(View::LowStock), ["ink 5 10", "pen 10 10"]);
    shop.product(
        json!({"sku": "new", "name": "New", "price": 1, "currency": "KRW", "low_stock": 0,
        "images": ["a\"b", "한"], "tags": []}),
    );
    shop.send(
        Topic::Products,
        "ink",
        &json!({"type": "product_withdrawn", "sku": "ink"}),
    );
    shop.send(
        Topic::Products,
        "zzz",
        &json!({"type": "product_withdrawn", "sku": "zzz"}),
    );
    shop.stock("r2", "pen", 1);
    shop.end(1);
    assert_eq!(shop.rows(View::LowStock), ["new 0 0"]);
    assert_eq!(shop.get(View::Products, &["new"], "images"), r#"["a\"b","한"]"#);
    assert_eq!(shop.get(View::Products, &["ink"], "withdrawn"), "true");
    shop.operations(
        &json!({"type": "rules_activated", "version": 2, "payment_window_s": 900,
        "payment_attempts_max": 2, "cancel_window_s": 10, "payment_answer_max_s": 60,
        "low_stock_default": 11}),
    );
    shop.end(2);
    assert_eq!(shop.rows(View::LowStock), ["new 0 0", "pen 11 11"]);
}

#[test]
fn carts_have_a_version() {
    let mut shop = Shop::new();
    let set = |sku: &str, quantity: i64| {
        json!({"type": "cart_item_set", "customer_id": "ann", "sku": sku,
            "quantity": quantity})
    };
    for value in [set("pen", 2), set("zzz", 1), set("pen", 3), set("zzz", 0)] {
        shop.send(Topic::Carts, "ann", &value);
    }
    shop.end(1);
    assert_eq!(shop.rows(View::Carts), ["ann 4 2"]);
    assert_eq!(shop.rows(View::CartItems), ["ann pen 3"]);
    shop.send(
        Topic::Carts,
        "ann",
        &json!({"type": "cart_cleared", "customer_id": "ann", "if_version": 4}),
    );
    shop.end(2);
    assert_eq!(shop.rows(View::Carts), ["ann 5 3"]);
    assert_eq!(shop.rows(View::CartItems), Vec::<String>::new());
}

#[test]
fn a_review_is_joined_with_what_is_known_now() {
    let mut shop = Shop::new();
    post(&mut shop, "r1", "ann", "pen", 5, "Cafe\u{301}\n\n good \u{7f}");
    post(&mut shop, "r2", "b", "zzz", 2, " plain ");
    shop.end(1);
    let columns = [
        "product_name",
        "category",
        "tags",
        "store_id",
        "author",
        "verified_purchase",
        "embedding_text",
    ];
    let of = |shop: &Shop, id: &str| columns.map(|column| shop.get(View::ReviewDocuments, &[id], column));
    assert_eq!(
        of(&shop, "r1"),
        [
            "Pen",
            "desk",
            "[\"blue\"]",
            "s1",
            "an***",
            "false",
            "Pen. Café good"
        ]
    );
    assert_eq!(
        of(&shop, "r2"),
        ["null", "null", "null", "null", "b***", "false", "plain"]
    );

    shop.place("o", &[("pen", 1, 100), ("ink", 1, 250)], &json!({}));
    shop.capture("o", "k", 350);
    shop.product(json!({"sku": "zzz", "name": "Zed", "price": 1, "currency": "KRW"}));
    shop.end(2);
    assert_eq!(of(&shop, "r1")[5], "true");
    assert_eq!(
        of(&shop, "r2"),
        ["Zed", "null", "[]", "null", "b***", "false", "Zed. plain"]
    );
    assert_eq!(shop.get(View::ReviewDocuments, &["r1"], "epoch"), "3");
    shop.cancel_lines("c", "o", &[(1, 1)]);
    shop.end(3);
    assert_eq!(of(&shop, "r1")[5], "false", "no units of it are left");
}

#[test]
fn reviews_are_edited_deleted_and_rated() {
    let mut shop = Shop::new();
    let edit = |id: &str, rating: i64| json!({"type": "review_edited", "review_id": id, "rating": rating});
    let delete = |id: &str| json!({"type": "review_deleted", "review_id": id});
    post(&mut shop, "r1", "ann", "pen", 5, "good");
    post(&mut shop, "r2", "bob", "pen", 5, "good");
    post(&mut shop, "r3", "bob", "pen", 4, "good");
    shop.send(Topic::Reviews, "r2", &edit("r2", 1));
    shop.send(Topic::Reviews, "nope", &edit("nope", 1));
    shop.end(1);
    assert_eq!(
        shop.rows(View::ProductRatings),
        ["pen 3 3.3333333333333335 1 0 0 1 1"]
    );
    assert_eq!(shop.get(View::ReviewDocuments, &["r2"], "text"), "good");
    for id in ["r1", "r2", "r3"] {
        shop.send(Topic::Reviews, id, &delete(id));
    }
    shop.send(Topic::Reviews, "r1", &delete("r1"));
    shop.send(Topic::Reviews, "r1", &edit("r1", 1));
    post(&mut shop, "r1", "ann", "pen", 5, "good");
    post(&mut shop, "r1", "ann", "pen", 4, "good");
    shop.end(2);
    assert_eq!(shop.rows(View::ProductRatings), Vec::<String>::new());
    assert_eq!(shop.rows(View::ReviewDocuments), Vec::<String>::new());
    assert_eq!(shop.quarantine(), ["unknown_review", "conflict"]);
    assert_eq!(shop.rows(View::StreamCounts)[1], "reviews 0 12 9 1 2");
}

#[test]
fn the_content_hash_is_sha_256_of_the_embedding_text() {
    let mut shop = Shop::new();
    post(&mut shop, "r", "ann", "zzz", 5, "abc");
    shop.end(1);
    let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(shop.get(View::ReviewDocuments, &["r"], "content_hash"), known);
}

#[test]
fn dashboards_sum_up_sold_orders() {
    let mut shop = Shop::new();
    shop.campaign("c", 1, &json!({"type": "amount", "value": 30}));
    shop.claim("c", "ann");
    let others = json!({"campaign_id": "c", "placed_at": "2023-12-31T23:59:59.999Z"});
    shop.place(
        "o1",
        &[("pen", 2, 100), ("gift-wrap", 1, 50), ("pen", 1, 100)],
        &others,
    );
    shop.place("o2", &[("ink", 1, 250)], &json!({"customer_id": "bob"}));
    shop.place("o3", &[("ink", 1, 250)], &json!({"customer_id": "bob"}));
    shop.capture("o1", "k", 320);
    shop.capture("o2", "k", 250);
    shop.end(1);
    assert_eq!(
        shop.rows(View::RevenueByDay),
        ["2023-12-31 KRW 1 4 320", "2024-01-01 KRW 1 1 250"]
    );
    let stores = [
        "2023-12-31 KRW  1 50",
        "2023-12-31 KRW s1 3 300",
        "2024-01-01 KRW  1 250",
    ];
    assert_eq!(shop.rows(View::RevenueByStore), stores);
    let categories = [
        "2023-12-31 KRW  1 50",
        "2023-12-31 KRW desk 3 300",
        "2024-01-01 KRW  1 250",
    ];
    assert_eq!(shop.rows(View::RevenueByCategory), categories);
    assert_eq!(
        shop.rows(View::UnitsByProduct),
        ["gift-wrap 1 1 50", "ink 1 1 250", "pen 3 1 300"]
    );
    assert_eq!(
        shop.rows(View::TopProducts),
        ["KRW 1 pen 3 300", "KRW 2 ink 1 250", "KRW 3 gift-wrap 1 50"]
    );
    assert_eq!(
        shop.rows(View::VipCustomers),
        ["KRW 1 ann 1 320", "KRW 2 bob 1 250"]
    );
    shop.cancel_lines("x", "o1", &[(1, 2), (2, 1)]);
    shop.end(2);
    // g = 250 - 30 * 250 / 350 = 229
    assert_eq!(shop.rows(View::RevenueByDay)[0], "2023-12-31 KRW 1 1 91");
    assert_eq!(
        shop.rows(View::RevenueByStore),
        ["2023-12-31 KRW s1 1 100", "2024-01-01 KRW  1 250"]
    );
    assert_eq!(
        shop.rows(View::TopProducts),
        ["KRW 1 ink 1 250", "KRW 2 pen 1 100"]
    );
    assert_eq!(
        shop.rows(View::VipCustomers),
        ["KRW 1 bob 1 250", "KRW 2 ann 1 91"]
    );
    shop.refund("o2", "k", "theirs", 250);
    shop.end(3);
    assert_eq!(shop.rows(View::VipCustomers), ["KRW 1 ann 1 91"]);
    assert_eq!(shop.rows(View::UnitsByProduct), ["pen 1 1 100"]);
}

#[test]
fn at_most_a_hundred_are_ranked_and_ties_go_by_the_bytes_of_the_id() {
    let mut shop = Shop::new();
    for number in 0..120 {
        let sku = format!("p{number}");
        shop.product(json!({"sku": sku, "name": "P", "price": 0, "currency": "KRW", "stocked": false}));
        shop.place(
            &format!("o{number}"),
            &[(&sku, 1, 0)],
            &json!({"customer_id": format!("c{number}")}),
        );
    }
    shop.end(1);
    let top = shop.rows(View::TopProducts);
    assert_eq!(top.len(), 100);
    assert_eq!(top[..3], ["KRW 1 p0 1 0", "KRW 2 p1 1 0", "KRW 3 p10 1 0"]);
    assert_eq!(shop.rows(View::VipCustomers).len(), 100);
    assert_eq!(shop.rows(View::VipCustomers)[1], "KRW 2 c1 1 0");
}
