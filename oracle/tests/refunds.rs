//! Sections 4.1 and 4.2 of the rules: refunds and cancelled lines.

mod common;

use common::Shop;
use contract::log::Topic;
use contract::views::View;
use serde_json::json;

/// Refund commands: key, amount, reason, issued, answered.
fn refunds(shop: &Shop) -> Vec<String> {
    let rows = shop.oracle.tables().rows(View::PaymentCommands).iter();
    let refunds = rows.filter(|(key, _)| key[0].to_string().starts_with("refund:"));
    refunds
        .map(|(key, c)| format!("{} {} {} {} {}", key[0], c[5], c[7], c[8], c[9]))
        .collect()
}

/// A sold order `o` (350 KRW, key `k`) whose cancel was asked for: `refunding`, with o:r1 open for all
/// of it.
fn refunding() -> Shop {
    let mut shop = Shop::new();
    shop.sell("o");
    shop.end(1);
    shop.cancel("o", "no");
    shop.end(2);
    assert_eq!(shop.last("o"), "refunding");
    shop
}

fn status(shop: &Shop, key: &str) -> String {
    shop.get(View::Payments, &["o", key], "status")
}

#[test]
fn less_than_was_asked_needs_an_operator_and_the_rest_is_redriven() {
    let mut shop = refunding();
    shop.refund("o", "k", "o:r1", 100);
    shop.refund("o", "k", "theirs", 30);
    shop.end(3);
    assert_eq!(
        shop.life("o")[4..],
        [
            "needs_operator [partial_refund]",
            "needs_operator [refund_recorded]"
        ]
    );
    assert_eq!(status(&shop, "k"), "refund_failed");
    shop.redrive("o");
    shop.end(4);
    assert_eq!(shop.last("o"), "refunding [redriven]");
    let both = [
        "refund:o:1 350 cancelled 1 true",
        "refund:o:2 220 cancelled 1 false",
    ];
    assert_eq!(refunds(&shop), both);
    shop.redrive("o");
    shop.end(5);
    assert_eq!(
        refunds(&shop)[1],
        "refund:o:2 220 cancelled 2 false",
        "open ones are issued again"
    );
    shop.refund("o", "k", "o:r2", 220);
    shop.end(6);
    assert_eq!(shop.last("o"), "cancelled");
    assert_eq!(status(&shop, "k"), "refunded");
    shop.redrive("o");
    shop.end(7);
    assert_eq!(shop.last("o"), "cancelled [ignored]");
}

#[test]
fn a_refund_under_a_redriven_id_is_recorded_and_reported() {
    let mut shop = refunding();
    shop.fail_refund("o", "k", "o:r1");
    shop.end(3);
    shop.redrive("o");
    shop.end(4);
    shop.refund("o", "k", "o:r1", 350);
    shop.end(5);
    assert_eq!(shop.last("o"), "cancelled [over_refund]");
    shop.refund("o", "k", "o:r1", 350);
    shop.refund("o", "k", "o:r1", 349);
    shop.refund("o", "k", "o:r2", 350);
    shop.end(6);
    assert_eq!(
        shop.life("o")[7..],
        ["cancelled [duplicate]", "cancelled [over_refund]"]
    );
    assert_eq!(shop.quarantine(), ["conflict"]);
    assert_eq!(
        shop.attention(),
        ["money_in_quarantine payments/0/5", "over_refunded o/k"]
    );
    assert_eq!(shop.order("o", &["paid", "refunded"]), "350 700");
}

#[test]
fn a_refund_id_belongs_to_its_payment_key() {
    let mut shop = Shop::new();
    shop.sell("o");
    shop.capture("o", "stray", 80);
    shop.end(1);
    assert_eq!(refunds(&shop), ["refund:o:1 80 stray_payment 1 false"]);
    shop.refund("o", "k", "o:r1", 80);
    shop.fail_refund("o", "k", "o:r1");
    shop.end(2);
    assert_eq!(
        shop.life("o")[4..],
        ["confirmed [refund_recorded]", "confirmed [ignored]"]
    );
    assert_eq!(
        refunds(&shop),
        ["refund:o:1 80 stray_payment 1 false"],
        "another key does not answer it"
    );
    shop.fail_refund("o", "stray", "o:r1");
    shop.fail_refund("o", "stray", "o:r1");
    shop.end(3);
    assert_eq!(
        shop.life("o")[6..],
        ["confirmed [refund_failed]", "confirmed [ignored]"]
    );
    assert_eq!(status(&shop, "stray"), "refund_failed");
    assert_eq!(shop.attention(), ["refund_failed o/stray"]);
    shop.refund("o", "stray", "o:r1", 50);
    shop.end(4);
    assert_eq!(shop.last("o"), "confirmed [partial_refund]");
    shop.redrive("o");
    shop.end(5);
    assert_eq!(shop.last("o"), "confirmed [redriven]");
    assert_eq!(refunds(&shop)[1], "refund:o:2 30 stray_payment 1 false");
    assert_eq!(status(&shop, "stray"), "refund_pending");
}

#[test]
fn what_failed_is_made_good_by_a_whole_cancel() {
    let mut shop = Shop::new();
    shop.sell("o");
    shop.end(1);
    shop.cancel_lines("c", "o", &[(1, 1)]);
    shop.end(2);
    assert_eq!(shop.last("o"), "confirmed [lines_cancelled]");
    shop.fail_refund("o", "k", "o:r1");
    shop.end(3);
    assert_eq!(status(&shop, "k"), "refund_failed");
    shop.cancel("o", "all of it");
    shop.end(4);
    assert_eq!(
        refunds(&shop),
        [
            "refund:o:1 100 lines_cancelled 1 true",
            "refund:o:2 350 cancelled 1 false"
        ]
    );
    assert_eq!(status(&shop, "k"), "refund_pending");
    shop.refund("o", "k", "o:r1", 100);
    shop.end(5);
    assert_eq!(shop.last("o"), "refunding [over_refund]", "the id was made good");
    assert_eq!(shop.attention(), ["over_refunded o/k"]);
    shop.refund("o", "k", "o:r2", 350);
    shop.end(6);
    assert_eq!(shop.last("o"), "cancelled [over_refund]");
}

#[test]
fn refunds_that_cannot_be_are_quarantined() {
    let mut shop = Shop::new();
    shop.sell("o");
    shop.refund("o", "k", "a", 9_007_199_254_740_991);
    shop.refund("o", "k", "b", 1);
    shop.refund("o", "never", "b", 1);
    shop.refund("nobody", "k", "b", 1);
    let usd = json!({"type": "payment_refunded", "order_id": "o", "payment_key": "k", "amount": 1,
        "currency": "USD", "refund_id": "c"});
    shop.send(Topic::Payments, "o", &usd);
    shop.end(1);
    assert_eq!(
        shop.quarantine(),
        ["limit", "unknown_payment", "unknown_order", "conflict"]
    );
    assert_eq!(shop.last("o"), "cancelled [over_refund]");
}

#[test]
fn cancelled_lines_give_back_what_they_cost_after_the_coupon() {
    let mut shop = Shop::new();
    shop.campaign("c", 1, &json!({"type": "amount", "value": 100}));
    shop.claim("c", "ann");
    shop.top_up("t", "ann", 200);
    let others = json!({"campaign_id": "c", "wallet_amount": 200});
    shop.place(
        "o",
        &[("pen", 3, 100), ("ink", 1, 250), ("gift-wrap", 1, 50)],
        &others,
    );
    shop.capture("o", "k", 300);
    shop.end(1);
    // total 600, discount 100, D(100) = 16, D(350) = 58, D(500) = 83.
    shop.cancel_lines("x", "o", &[(1, 2), (2, 2)]);
    shop.cancel_lines("x1", "o", &[(1, 1)]);
    shop.cancel_lines("x1", "o", &[(1, 1)]);
    shop.cancel_lines("x1", "o", &[(1, 2)]);
    shop.cancel_lines("x2", "o", &[(2, 1)]);
    shop.end(2);
    let life = [
        "awaiting_payment",
        "confirmed",
        "confirmed [bad_lines]",
        "confirmed [lines_cancelled]",
        "confirmed [lines_cancelled]",
    ];
    assert_eq!(shop.life("o"), life);
    assert_eq!(shop.quarantine(), ["conflict"]);
    assert_eq!(
        refunds(&shop),
        [
            "refund:o:1 84 lines_cancelled 1 false",
            "refund:o:2 208 lines_cancelled 1 false"
        ]
    );
    assert_eq!(shop.order("o", &["returned", "payable"]), "292 300");
    assert_eq!(shop.rows(View::StockLevels), ["ink 5 0 5 0", "pen 8 0 8 2"]);
    shop.cancel_lines("x3", "o", &[(1, 1), (3, 1)]);
    shop.end(3);
    // g = 150 - (83 - 58) = 125: 8 are left of the payment, 117 go to the wallet.
    assert_eq!(refunds(&shop)[2], "refund:o:3 8 lines_cancelled 1 false");
    assert_eq!(shop.rows(View::Wallets), ["ann KRW 117 0 117"]);
    assert_eq!(shop.order("o", &["returned", "status"]), "417 confirmed");
    assert_eq!(shop.get(View::CouponGrants, &["c", "ann"], "state"), "spent");
    let entries = shop.rows(View::WalletEntries);
    assert_eq!(entries[0], "lines_returned x3 ann 117 KRW applied 4");
    shop.cancel_lines("x4", "o", &[(1, 1)]);
    shop.end(4);
    assert_eq!(shop.last("o"), "refunding", "all that is left: as cancel");
    for (n, amount) in [(1, 84), (2, 208), (3, 8)] {
        shop.refund("o", "k", &format!("o:r{n}"), amount);
    }
    shop.end(5);
    assert_eq!(
        shop.order("o", &["status", "reason_detail"]),
        r#"cancelled {"text":"some lines"}"#
    );
    assert_eq!(shop.rows(View::Wallets), ["ann KRW 200 0 200"]);
    assert_eq!(shop.rows(View::StockLevels), ["ink 5 0 5 0", "pen 10 0 10 0"]);
}

#[test]
fn a_line_named_twice_is_summed_and_unknown_lines_are_bad() {
    let mut shop = Shop::new();
    shop.place("o", &[("pen", 3, 100)], &json!({}));
    shop.cancel_lines("early", "o", &[(1, 1)]);
    shop.capture("o", "k", 300);
    shop.end(1);
    shop.cancel_lines("a", "o", &[(1, 2), (1, 2)]);
    shop.cancel_lines("b", "o", &[(2, 1)]);
    shop.cancel_lines("c", "o", &[(1, 1), (1, 1)]);
    shop.end(2);
    let life = [
        "confirmed",
        "confirmed [bad_lines]",
        "confirmed [bad_lines]",
        "confirmed [lines_cancelled]",
    ];
    assert_eq!(shop.life("o")[1], "awaiting_payment [ignored]");
    assert_eq!(shop.life("o")[2..], life);
    assert_eq!(shop.get(View::OrderLines, &["o", "1"], "cancelled"), "2");
}

#[test]
fn a_provider_that_refunds_after_lines_were_cancelled_needs_a_person() {
    let mut shop = Shop::new();
    shop.sell("o");
    shop.end(1);
    shop.cancel_lines("c", "o", &[(1, 1)]);
    shop.refund("o", "k", "theirs", 350);
    shop.end(2);
    assert_eq!(shop.last("o"), "confirmed [refunded_by_provider]");
    assert_eq!(status(&shop, "k"), "refunded");
    shop.redrive("o");
    shop.end(3);
    assert_eq!(
        shop.last("o"),
        "confirmed [ignored]",
        "its payment is refunded in full"
    );
    shop.cancel("o", "all");
    shop.end(4);
    assert_eq!(shop.last("o"), "cancelled");
}

#[test]
fn a_provider_that_refunds_too_much_after_the_window_is_reported_twice() {
    let mut shop = Shop::new();
    shop.sell("o");
    shop.end(1);
    shop.refund("o", "k", "theirs", 351);
    shop.end(2_000_000);
    assert_eq!(shop.last("o"), "confirmed [over_refund]");
    assert_eq!(
        shop.attention(),
        ["over_refunded o/k", "refunded_by_provider o/k"]
    );
}

#[test]
fn redriving_while_paying_issues_the_confirm_command_again() {
    let mut shop = Shop::new();
    shop.place("o", &[("pen", 1, 100)], &json!({}));
    shop.capture("o", "a", 7);
    shop.submit("o", "k", 100);
    shop.end(1);
    shop.redrive("o");
    shop.end(2);
    assert_eq!(shop.last("o"), "paying [redriven]");
    assert_eq!(
        shop.rows(View::PaymentCommands)[0],
        "confirm:o:1 confirm o k 1 null 100 KRW null 2 false 3"
    );
    assert_eq!(refunds(&shop), ["refund:o:1 7 amount_mismatch 2 false"]);
}
