//! What the server says of itself.

use serde_json::{Value as Json, json};

use crate::shop::{Shop, order};

#[test]
fn metrics_say_what_was_done() {
    let shop = Shop::open();
    shop.product("tea", 500, 10);
    shop.post("/v1/orders", &order("o1", "tea", 1, 500));
    shop.post("/v1/orders", &order("o2", "tea", 100, 500));
    shop.post("/v1/orders", &order("o3", "tea", 1, 500));
    shop.post("/v1/orders/o3/cancel", &json!({"reason": "x"}));
    let page = shop.client.get("/metrics").body;
    for line in [
        "millrace_orders{status=\"cancelled\"} 1",
        "millrace_orders{status=\"awaiting_payment\"} 1",
        "millrace_orders{status=\"rejected\"} 1",
        "millrace_attention{kind=\"oversold\"} 0",
        "millrace_audit_violations 0",
        "millrace_http_requests_total{method=\"POST\",path=\"/v1/orders\",status=\"201\"} 2",
        "millrace_command_visible_seconds_count 4",
    ] {
        assert!(page.lines().any(|have| have == line), "{line} in {page}");
    }
    let value = |sample: &str| {
        let line = page.lines().find_map(|line| line.strip_prefix(sample));
        let value = line.and_then(|value| value.trim().parse::<f64>().ok());
        value.unwrap_or_else(|| panic!("{sample} in {page}"))
    };
    let epoch = value("millrace_frontier_epoch ");
    assert!(epoch >= 5.0, "{page}");
    for of in [
        "sink_frontier_epoch{sink=\"views\"}",
        "view_frontier_epoch{view=\"orders\"}",
    ] {
        assert!(
            value(&format!("millrace_{of} ")).total_cmp(&epoch).is_eq(),
            "{of} in {page}"
        );
    }
    let lags = page
        .lines()
        .filter(|line| line.starts_with("millrace_view_frontier_lag_seconds{"));
    assert_eq!(lags.count(), contract::views::View::ALL.len());
    assert!(value("millrace_sink_frontier_lag_seconds{sink=\"views\"} ") < 60.0);
    // Each command was in an epoch of its own, which was seen before it was answered.
    let epochs = value("millrace_epoch_seconds_count ");
    assert!((4.0..=epoch + 2.0).contains(&epochs), "{page}");
    assert!(
        value("millrace_epoch_seconds_bucket{le=\"+Inf\"} ")
            .total_cmp(&epochs)
            .is_eq()
    );
    assert!(value("millrace_epoch_seconds_sum ") > 0.0);
    let documented = include_str!("../../../docs/metrics.md");
    for family in page.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let name = family.split(' ').next().unwrap_or_default();
        assert!(documented.contains(&format!("`{name}`")), "{name} is documented");
    }
    let ready: Json = shop.client.get("/readyz").json();
    assert_eq!(
        (&ready["ready"], &ready["state"]),
        (&json!(true), &json!("live")),
        "{ready}"
    );
}
