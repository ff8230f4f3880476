//! Section 4 of the rules: the life of an order, cell by cell.

mod common;

use common::Shop;
use contract::views::View;
use serde_json::json;

const WHY: [&str; 3] = ["status", "reason", "reason_detail"];

fn waiting() -> Shop {
    let mut shop = Shop::new();
    shop.place("o", &[("pen", 1, 100), ("ink", 1, 250)], &json!({}));
    shop.end(1);
    shop
}

#[test]
fn a_payment_is_submitted_confirmed_and_its_legs_are_posted() {
    let mut shop = waiting();
    shop.submit("o", "k", 349);
    shop.submit("o", "k", 350);
    shop.submit("o", "k", 350);
    shop.submit("o", "other", 350);
    shop.end(2);
    assert_eq!(
        shop.rows(View::PaymentCommands),
        ["confirm:o:1 confirm o k 1 null 350 KRW null 1 false 3"]
    );
    assert_eq!(
        shop.rows(View::Payments),
        ["o k 1 KRW 350 0 0 submitted false null 3"]
    );
    shop.capture("o", "k", 350);
    shop.capture("o", "k", 350);
    shop.capture("o", "k", 349);
    shop.end(3);
    let life = [
        "awaiting_payment",
        "awaiting_payment [amount_mismatch]",
        "paying",
        "paying [duplicate]",
        "paying [already_paying]",
        "confirmed",
        "confirmed [duplicate]",
    ];
    assert_eq!(shop.life("o"), life);
    assert_eq!(shop.quarantine(), ["conflict"]);
    assert_eq!(shop.attention(), ["money_in_quarantine payments/0/6"]);
    assert_eq!(
        shop.rows(View::Payments),
        ["o k 1 KRW 350 350 0 captured true null 4"]
    );
    assert_eq!(shop.rows(View::StockLevels), ["ink 4 0 4 1", "pen 9 0 9 1"]);
    assert_eq!(
        shop.order("o", &["payment_key", "attempts", "paid", "refunded", "epoch"]),
        "k 1 350 0 4"
    );
}

#[test]
fn the_deadline_fires_at_the_end_of_the_epoch_unless_the_hold_is_frozen() {
    let mut shop = waiting();
    shop.place("p", &[("pen", 1, 100)], &json!({}));
    shop.submit("o", "k", 350);
    shop.end(1);
    shop.end(901);
    assert_eq!(shop.order("p", &WHY), "expired not_paid_in_time null");
    assert_eq!(shop.last("o"), "paying");
    let row = "p 2 4 2024-01-01T00:15:01.000Z awaiting_payment expired null null null deadline null";
    assert_eq!(shop.rows(View::OrderTimeline).last().unwrap(), row);
    shop.decline("o", "k");
    shop.end(902);
    assert_eq!(shop.order("o", &WHY), "expired not_paid_in_time null");
    assert_eq!(shop.order("o", &["deadline"]), "2024-01-01T00:15:01.000Z", "kept");
    assert_eq!(shop.rows(View::StockLevels), ["ink 5 0 5 0", "pen 10 0 10 0"]);
}

#[test]
fn who_acted_before_the_epoch_was_bound_is_never_late() {
    let mut shop = waiting();
    shop.submit("o", "k", 350);
    shop.end(5000);
    assert_eq!(shop.life("o"), ["awaiting_payment", "paying"]);
}

#[test]
fn attempts_end_with_the_last_code() {
    let mut shop = Shop::new();
    shop.operations(
        &json!({"type": "rules_activated", "version": 2, "payment_window_s": 900,
        "payment_attempts_max": 2, "cancel_window_s": 10, "payment_answer_max_s": 60,
        "low_stock_default": 0}),
    );
    shop.place("o", &[("pen", 1, 100)], &json!({}));
    shop.decline("o", "k1");
    shop.submit("o", "k1", 100);
    shop.decline("o", "k2");
    shop.decline("o", "k1");
    shop.submit("o", "k1", 100);
    shop.submit("o", "k2", 100);
    shop.decline("o", "k2");
    shop.submit("o", "k3", 100);
    shop.redrive("o");
    shop.end(1);
    let life = [
        "awaiting_payment",
        "awaiting_payment [ignored]",
        "awaiting_payment [ignored]",
        "paying",
        "paying [stale]",
        "awaiting_payment",
        "awaiting_payment [duplicate]",
        "paying",
        "payment_failed",
        "payment_failed [ignored]",
    ];
    assert_eq!(shop.life("o"), life);
    assert_eq!(
        shop.order("o", &WHY),
        r#"payment_failed no_funds {"message":"Sorry"}"#
    );
    assert_eq!(shop.order("o", &["rules", "attempts", "payment_key"]), "2 2 k2");
}

#[test]
fn a_cancel_while_paying_is_remembered() {
    let mut shop = waiting();
    shop.submit("o", "k", 350);
    shop.end(2);
    shop.cancel("o", "first");
    shop.cancel("o", "second");
    shop.end(3);
    assert_eq!(shop.last("o"), "paying [cancel_after_payment]");
    let mut declined = Shop {
        log: shop.log.clone(),
        oracle: shop.oracle.clone(),
    };
    declined.decline("o", "k");
    declined.end(4);
    assert_eq!(
        declined.order("o", &WHY),
        r#"cancelled requested {"text":"first"}"#
    );
    assert_eq!(declined.rows(View::StockLevels), ["ink 5 0 5 0", "pen 10 0 10 0"]);

    shop.capture("o", "k", 350);
    shop.end(4);
    assert_eq!(
        shop.order("o", &["status", "reason", "paid"]),
        "refunding null 350"
    );
    assert_eq!(shop.rows(View::StockLevels), ["ink 4 0 4 1", "pen 9 0 9 1"]);
    assert_eq!(
        shop.rows(View::PaymentCommands)[1],
        "refund:o:1 refund o k null o:r1 350 KRW cancelled 1 false 5"
    );
    shop.refund("o", "k", "o:r1", 350);
    shop.end(5);
    assert_eq!(shop.order("o", &WHY), r#"cancelled requested {"text":"first"}"#);
    assert_eq!(shop.rows(View::StockLevels), ["ink 5 0 5 0", "pen 10 0 10 0"]);
}

#[test]
fn a_capture_of_another_amount_is_refunded_and_counts_as_a_decline() {
    let mut shop = waiting();
    shop.submit("o", "k", 350);
    shop.capture("o", "k", 351);
    shop.capture("o", "k2", 350);
    shop.end(2);
    let life = [
        "awaiting_payment",
        "paying",
        "awaiting_payment [amount_mismatch]",
        "confirmed",
    ];
    assert_eq!(shop.life("o"), life);
    let commands = [
        "confirm:o:1 confirm o k 1 null 350 KRW null 1 true 3",
        "refund:o:1 refund o k null o:r1 351 KRW amount_mismatch 1 false 3",
    ];
    assert_eq!(shop.rows(View::PaymentCommands), commands);
    let payments = [
        "o k 1 KRW 350 351 0 refund_pending false null 3",
        "o k2 null KRW 0 350 0 captured true null 3",
    ];
    assert_eq!(shop.rows(View::Payments), payments);
    assert_eq!(shop.order("o", &["payment_key", "paid"]), "k2 350");
}

#[test]
fn captures_that_nothing_waits_for_are_refunded_whatever_the_status() {
    let mut shop = waiting();
    shop.capture("o", "a", 1);
    shop.submit("o", "k", 350);
    shop.capture("o", "b", 350);
    shop.capture("o", "k", 350);
    shop.capture("o", "c", 350);
    shop.place("r", &[("zzz", 1, 100)], &json!({}));
    shop.capture("r", "d", 7);
    shop.end(2);
    let life = [
        "awaiting_payment",
        "awaiting_payment [amount_mismatch]",
        "paying",
        "paying [stray_payment]",
        "confirmed",
        "confirmed [stray_payment]",
    ];
    assert_eq!(shop.life("o"), life);
    assert_eq!(shop.life("r"), ["rejected", "rejected [late_payment]"]);
    let reasons: Vec<String> = shop.rows(View::PaymentCommands)[1..].to_vec();
    let expected = [
        "refund:o:1 refund o a null o:r1 1 KRW amount_mismatch 1 false 3",
        "refund:o:2 refund o b null o:r2 350 KRW stray_payment 1 false 3",
        "refund:o:3 refund o c null o:r3 350 KRW stray_payment 1 false 3",
        "refund:r:1 refund r d null r:r1 7 KRW late_payment 1 false 3",
    ];
    assert_eq!(reasons, expected);
}

#[test]
fn a_confirmed_order_can_be_cancelled_within_the_window() {
    let mut shop = Shop::new();
    shop.sell("o");
    shop.sell("p");
    shop.end(10);
    shop.cancel("o", "in time");
    shop.end(10 + 1_209_599);
    shop.cancel("p", "late");
    shop.cancel_lines("x", "p", &[(1, 1)]);
    shop.cancel("o", "again");
    shop.submit("o", "z", 350);
    shop.end(10 + 1_209_600);
    assert_eq!(
        shop.life("o")[2..],
        [
            "confirmed",
            "refunding",
            "refunding [ignored]",
            "refunding [ignored]"
        ]
    );
    assert_eq!(
        shop.life("p")[2..],
        ["confirmed", "confirmed [too_late]", "confirmed [too_late]"]
    );
    shop.fail_refund("o", "k", "o:r1");
    shop.end(1_300_000);
    assert_eq!(shop.last("o"), "needs_operator");
    assert_eq!(shop.get(View::Payments, &["o", "k"], "status"), "refund_failed");
    assert_eq!(shop.get(View::Payments, &["o", "k"], "code"), "closed");
    assert_eq!(shop.attention(), ["needs_operator o", "refund_failed o/k"]);
    shop.redrive("o");
    shop.end(1_300_001);
    assert_eq!(shop.last("o"), "refunding [redriven]");
    assert_eq!(shop.attention(), Vec::<String>::new());
    assert_eq!(
        shop.rows(View::PaymentCommands).last().unwrap(),
        "refund:o:2 refund o k null o:r2 350 KRW cancelled 1 false 6"
    );
    shop.refund("o", "k", "o:r2", 350);
    shop.end(1_300_002);
    assert_eq!(shop.order("o", &WHY), r#"cancelled requested {"text":"in time"}"#);
}

#[test]
fn an_order_paid_by_the_wallet_alone_is_cancelled_at_once() {
    let mut shop = Shop::new();
    shop.top_up("t", "ann", 100);
    shop.place("o", &[("pen", 1, 100)], &json!({"wallet_amount": 100}));
    shop.cancel("o", "no");
    shop.end(1);
    assert_eq!(shop.life("o"), ["confirmed", "cancelled"]);
    assert_eq!(shop.rows(View::Wallets), ["ann KRW 100 0 100"]);
}

#[test]
fn what_was_sold_comes_back_when_the_provider_refunded_everything() {
    let mut shop = Shop::new();
    shop.campaign("c", 1, &json!({"type": "amount", "value": 50}));
    shop.claim("c", "ann");
    shop.place("o", &[("pen", 1, 100)], &json!({"campaign_id": "c"}));
    shop.capture("o", "k", 50);
    shop.refund("o", "k", "theirs-1", 20);
    shop.refund("o", "k", "theirs-2", 30);
    shop.end(1);
    assert_eq!(
        shop.life("o")[1..],
        ["confirmed", "confirmed [refund_recorded]", "cancelled"]
    );
    assert_eq!(shop.order("o", &WHY), "cancelled refunded_by_provider null");
    assert_eq!(shop.get(View::CouponGrants, &["c", "ann"], "state"), "available");
    assert_eq!(shop.attention(), Vec::<String>::new());
}

#[test]
fn after_the_window_a_refund_by_the_provider_needs_a_person() {
    let mut shop = Shop::new();
    shop.sell("o");
    shop.end(0);
    shop.refund("o", "k", "theirs", 350);
    shop.end(1_209_600);
    assert_eq!(shop.last("o"), "confirmed [refunded_by_provider]");
    assert_eq!(shop.attention(), ["refunded_by_provider o/k"]);
    shop.refund("o", "k", "theirs-too", 1);
    shop.end(1_209_601);
    assert_eq!(shop.last("o"), "confirmed [over_refund]");
    assert_eq!(
        shop.attention(),
        ["over_refunded o/k", "refunded_by_provider o/k"]
    );
    let resolved = json!({"type": "attention_resolved", "kind": "refunded_by_provider", "subject": "o/k",
        "note": "called them"});
    shop.operations(&resolved);
    shop.end(1_209_602);
    assert_eq!(shop.attention(), ["over_refunded o/k"]);
}
