//! Dashboards: filters and pages over figures that are known.

use serde_json::{Value as Json, json};

use crate::shop::Shop;

fn product(sku: &str, currency: &str) -> Json {
    json!({"type": "product_upserted", "sku": sku, "name": sku, "price": 10, "currency": currency})
}

/// A shop that has sold something on three days, in two currencies.
fn shop() -> Shop {
    let shop = Shop::open();
    let stock = |sku: &str| json!({"type": "stock_received", "receipt_id": sku, "sku": sku, "quantity": 20});
    let skus = [("tea", "KRW"), ("pot", "KRW"), ("pen", "EUR")];
    shop.stream("products", &skus.map(|(sku, currency)| product(sku, currency)));
    let mut token = shop.stream("stock", &skus.map(|(sku, _)| stock(sku)));
    shop.get_after("/v1/stock/pen", &token);
    for (n, (day, sku, currency, units)) in [
        (1, "tea", "KRW", 3),
        (2, "tea", "KRW", 1),
        (2, "pot", "KRW", 12),
        (2, "pen", "EUR", 2),
        (3, "pen", "EUR", 1),
    ]
    .into_iter()
    .enumerate()
    {
        token = shop.sold(&json!({
            "order_id": format!("o{n}"), "customer_id": format!("c{n}"), "currency": currency,
            "placed_at": format!("2026-01-0{day}T23:59:59.999Z"),
            "lines": [{"sku": sku, "quantity": units, "unit_price": 10}],
        }));
    }
    let audits = shop.get_after("/v1/audits", &token);
    assert_eq!(audits.json()["ok"], true, "{audits:?}");
    shop
}

/// The items of a dashboard, as columns with spaces between.
fn rows(shop: &Shop, path: &str) -> Vec<String> {
    let reply = shop.client.get(&format!("/v1/dashboards/{path}"));
    assert_eq!(reply.status, 200, "{reply:?}");
    let items = reply.json();
    let items = items["items"].as_array().expect("items");
    let value = |value: &Json| value.to_string().replace('"', "");
    let row = |row: &Json| {
        let values = row.as_object().expect("an object").values().map(value);
        values.collect::<Vec<_>>().join(" ")
    };
    items.iter().map(row).collect()
}

#[test]
fn dashboards_show_what_was_sold_by_day_and_currency() {
    let shop = shop();
    let days = [
        "2026-01-01 KRW 1 3 30",
        "2026-01-02 EUR 1 2 20",
        "2026-01-02 KRW 2 13 130",
        "2026-01-03 EUR 1 1 10",
    ];
    assert_eq!(rows(&shop, "revenue"), days);
    assert_eq!(rows(&shop, "revenue?from=2026-01-02"), days[1..]);
    assert_eq!(rows(&shop, "revenue?until=2026-01-03"), days[..3]);
    assert_eq!(
        rows(&shop, "revenue?from=2026-01-02&until=2026-01-03"),
        days[1..3]
    );
    assert_eq!(rows(&shop, "revenue?day=2026-01-02&currency=KRW"), days[2..3]);
    assert_eq!(rows(&shop, "revenue?from=2026-01-03&until=2026-01-01"), [""; 0]);
    assert_eq!(rows(&shop, "revenue?currency=USD"), [""; 0]);
    assert_eq!(
        rows(&shop, "top-products"),
        ["EUR 1 pen 3 30", "KRW 1 pot 12 120", "KRW 2 tea 4 40"]
    );
    assert_eq!(
        rows(&shop, "top-products?currency=KRW&limit=1"),
        ["KRW 1 pot 12 120"]
    );
    assert_eq!(
        rows(&shop, "vip-customers?currency=EUR"),
        ["EUR 1 c3 1 20", "EUR 2 c4 1 10"]
    );
    assert_eq!(rows(&shop, "low-stock"), ["pot 8 10"]);
    let page = shop.client.get("/v1/dashboards/revenue?limit=3").json();
    let next = page["next"].as_str().expect("there is more");
    assert_eq!(rows(&shop, &format!("revenue?limit=3&after={next}")), days[3..]);
}
