//! The words: what each status, reason, note and cause means, for a shop's people.

use contract::words::{Note, Status};
use serde_json::Value as Json;

/// What a status means.
#[must_use]
pub const fn status(status: Status) -> &'static str {
    match status {
        Status::AwaitingPayment => "Everything it needs is held for it, and it waits to be paid.",
        Status::Paying => {
            "The customer has paid at the provider's, and the provider was told to confirm. What it needs is \
             held until the provider has answered, however long that takes."
        }
        Status::Confirmed => "It is sold: what it needs is its own.",
        Status::Refunding => "It is to be cancelled, and its money is being given back first.",
        Status::NeedsOperator => {
            "It is to be cancelled, but giving its money back has failed: a person must act."
        }
        Status::Rejected => "It was not accepted. It holds nothing, and never will.",
        Status::Expired => "It was not paid in time. What was held for it is free again.",
        Status::PaymentFailed => "No attempt to pay it succeeded. What was held for it is free again.",
        Status::Cancelled => "It was cancelled. What it held or had is given back.",
    }
}

/// The reasons of final orders that the rules name. `payment_failed` has the last decline's code besides.
pub const REASONS: &[&str] = &[
    "unknown_sku",
    "invalid_order",
    "price_changed",
    "coupon_invalid",
    "out_of_stock",
    "insufficient_wallet",
    "not_paid_in_time",
    "amount_mismatch",
    "requested",
    "refunded_by_provider",
];

fn text(detail: &Json, name: &str) -> String {
    match &detail[name] {
        Json::String(text) => text.clone(),
        Json::Null => "?".to_owned(),
        other => other.to_string(),
    }
}

/// What is said of each sku of a detail, with commas between.
fn skus(detail: &Json, words: impl Fn(&Json) -> String) -> String {
    let list = detail["skus"].as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().map(words).collect::<Vec<_>>().join(", ")
}

/// Why a final order is where it is.
#[must_use]
pub fn reason(status: Status, reason: &str, detail: &Json) -> String {
    match (status, reason) {
        (Status::Rejected, "unknown_sku") => {
            let names = skus(detail, |sku| sku.as_str().unwrap_or("?").to_owned());
            format!("These products were unknown or not for sale: {names}.")
        }
        (Status::Rejected, "invalid_order") => match text(detail, "why").as_str() {
            "currency" => "A product's currency is not the order's.".to_owned(),
            "limit" => "Its sum is beyond what can be counted.".to_owned(),
            "wallet" => "More was to be paid from the wallet than the order costs.".to_owned(),
            other => format!("It is not valid: {other}."),
        },
        (Status::Rejected, "price_changed") => {
            let prices = skus(detail, |sku| {
                format!(
                    "{} (asked {}, price {})",
                    text(sku, "sku"),
                    text(sku, "asked"),
                    text(sku, "price")
                )
            });
            format!("Prices were not those that were asked: {prices}.")
        }
        (Status::Rejected, "coupon_invalid") => match text(detail, "why").as_str() {
            "unknown" => "There is no such campaign.".to_owned(),
            "currency" => "The campaign's currency is not the order's.".to_owned(),
            "window" => "The campaign had not begun, or was over.".to_owned(),
            "minimum" => "The order was below the campaign's least amount.".to_owned(),
            "not_granted" => "The customer had no coupon of the campaign.".to_owned(),
            "in_use" => "The customer's coupon was held by, or spent on, another order.".to_owned(),
            other => format!("The coupon could not be used: {other}."),
        },
        (Status::Rejected, "out_of_stock") => {
            let short = skus(detail, |sku| {
                let [asked, available] = ["asked", "available"].map(|name| text(sku, name));
                format!("{} (asked {asked}, available {available})", text(sku, "sku"))
            });
            format!("There was not enough of: {short}.")
        }
        (Status::Rejected, "insufficient_wallet") => format!(
            "The wallet had not enough: asked {}, available {}.",
            text(detail, "asked"),
            text(detail, "available")
        ),
        (Status::Expired, _) => "No payment came before its deadline.".to_owned(),
        (Status::PaymentFailed, "amount_mismatch") => {
            "As many attempts as the rules allow have failed; in the last another amount was captured than \
             it costs, which is given back."
                .to_owned()
        }
        (Status::PaymentFailed, code) => format!(
            "As many attempts as the rules allow have failed; the last was declined with {code}: {}",
            text(detail, "message")
        ),
        (Status::Cancelled, "requested") => {
            format!("It was asked to be cancelled: {}", text(detail, "text"))
        }
        (Status::Cancelled, "refunded_by_provider") => {
            "The provider gave its money back without being asked to.".to_owned()
        }
        (_, other) => format!("The reason is {other}."),
    }
}

/// What a note means.
#[must_use]
pub const fn note(note: Note) -> &'static str {
    match note {
        Note::Ignored => "This had no effect where the order stood.",
        Note::Duplicate => "This had come before, and was not counted again.",
        Note::AmountMismatch => "The amount or currency was not what the order costs.",
        Note::AlreadyPaying => "Another payment was under way, so that this one was not taken.",
        Note::Stale => "This was about a payment that was not the one under way.",
        Note::CancelAfterPayment => "A payment was under way: the cancel is remembered until it is answered.",
        Note::Redriven => "What was unanswered or had failed was asked for again.",
        Note::TooLate => "The time in which it could be cancelled was over.",
        Note::RefundedByProvider => "The provider gave money back that it had not been asked for.",
        Note::LatePayment => "The payment came after the order had ended; it is given back.",
        Note::StrayPayment => "The payment was not the one that was expected; it is given back.",
        Note::RefundRecorded => "Money was given back.",
        Note::PartialRefund => "Less money was given back than was asked for; the rest counts as failed.",
        Note::OverRefund => "More money was given back than was owed.",
        Note::RefundFailed => "The provider could not give money back.",
        Note::BadLines => "The lines named do not have so many units left.",
        Note::LinesCancelled => "Units of some lines were cancelled, and their value is given back.",
    }
}

/// What a record, or the deadline, does.
#[must_use]
pub fn cause(kind: &str) -> &'static str {
    match kind {
        "order_placed" => "The customer placed the order.",
        "order_cancel_requested" => "Somebody asked to cancel the order.",
        "order_lines_cancel_requested" => "Somebody asked to cancel units of some lines.",
        "order_redrive_requested" => "Somebody asked to issue what was unanswered or failed again.",
        "payment_submitted" => "The customer went through the provider's payment page.",
        "payment_confirmed" => "The provider captured money.",
        "payment_declined" => "The provider declined the payment.",
        "payment_refunded" => "The provider gave money back.",
        "refund_failed" => "The provider could not give money back.",
        "deadline" => "The time to pay was over.",
        _ => "Something happened.",
    }
}

/// What would move an order of a status: by what, to where, under which condition.
#[must_use]
pub const fn moves(status: Status) -> &'static [[&'static str; 3]] {
    match status {
        Status::AwaitingPayment => &[
            [
                "payment_submitted",
                "paying",
                "of what is payable, in the order's currency: POST /v1/payments/confirm",
            ],
            [
                "payment_confirmed",
                "confirmed",
                "of what is payable, in the order's currency, from the provider",
            ],
            [
                "order_cancel_requested",
                "cancelled",
                "POST /v1/orders/{order_id}/cancel",
            ],
            ["deadline", "expired", "at the deadline"],
        ],
        Status::Paying => &[
            [
                "payment_confirmed",
                "confirmed",
                "of the payment under way; refunding if a cancel was asked for; another amount is given \
                 back, and the order goes on as after a decline: awaiting_payment, payment_failed, \
                 expired or cancelled",
            ],
            [
                "payment_declined",
                "awaiting_payment",
                "of the payment under way; payment_failed at the last attempt, expired after the deadline, \
                 cancelled if a cancel was asked for",
            ],
            [
                "order_redrive_requested",
                "paying",
                "asks the provider again: POST /v1/orders/{order_id}/redrive",
            ],
        ],
        Status::Confirmed => &[
            [
                "order_cancel_requested",
                "refunding",
                "within the cancel window of its rules; cancelled at once where nothing is to be given back",
            ],
            [
                "order_lines_cancel_requested",
                "confirmed",
                "within the cancel window of its rules; all that is left: refunding or cancelled",
            ],
            [
                "payment_refunded",
                "cancelled",
                "in full, by the provider of its own accord, within the cancel window",
            ],
        ],
        Status::Refunding => &[
            [
                "payment_refunded",
                "cancelled",
                "once the main payment is refunded in full; needs_operator if it is less than was asked for",
            ],
            ["refund_failed", "needs_operator", "of the main payment"],
            [
                "order_redrive_requested",
                "refunding",
                "asks the provider again: POST /v1/orders/{order_id}/redrive",
            ],
        ],
        Status::NeedsOperator => &[
            [
                "order_redrive_requested",
                "refunding",
                "asks for what failed anew: POST /v1/orders/{order_id}/redrive",
            ],
            [
                "payment_refunded",
                "cancelled",
                "once the main payment is refunded in full",
            ],
        ],
        Status::Rejected | Status::Expired | Status::PaymentFailed | Status::Cancelled => &[],
    }
}
