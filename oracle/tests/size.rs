//! A log of the size that property tests and `millrace verify` use.

mod common;

use common::{Shop, at};
use contract::views::View;
use serde_json::json;

#[test]
#[ignore = "takes seconds: run it in release to see how long"]
fn a_log_of_20_000_records_in_1_000_epochs() {
    let mut shop = Shop::default();
    for sku in 0..4000 {
        let sku = format!("sku-{sku}");
        shop.product(json!({"sku": sku, "name": "P", "price": 100, "currency": "KRW", "category": "c"}));
        shop.stock(&sku, &sku, 1_000_000);
    }
    shop.log.bind(at(0));
    for order in 0..1500 {
        let lines: Vec<String> = (0..25)
            .map(|line| format!("sku-{}", order * 7 % 400 * line % 4000))
            .collect();
        let lines: Vec<(&str, i64, i64)> = lines.iter().map(|sku| (sku.as_str(), 2, 100)).collect();
        let id = format!("o{order}");
        shop.place(&id, &lines, &json!({"customer_id": format!("c{order}")}));
        shop.submit(&id, "k", 5000);
        shop.capture(&id, "k", 5000);
        if order >= 100 {
            shop.cancel_lines(&format!("x{order}"), &format!("o{}", order - 100), &[(1, 1)]);
        }
        for notch in 0..4 {
            shop.decline(&id, &format!("stale-{notch}"));
        }
        if order % 3 != 0 {
            shop.log.bind(at(i64::from(order)));
        }
    }
    shop.log.bind(at(2000));
    println!(
        "{} records in {} epochs",
        shop.log.len(),
        shop.log.timeline().len()
    );
    let oracle = millrace_oracle::replay(&shop.log);
    assert!(oracle.tables().rows(View::Audits).is_empty());
    assert_eq!(oracle.tables().rows(View::VipCustomers).len(), 100);
}
