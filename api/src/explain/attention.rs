//! What each kind of attention means, and what a person can do about it.

use contract::words::AttentionKind as Kind;

/// What it means; `None`: a kind that connectors or people raised.
#[must_use]
pub fn meaning(kind: Option<Kind>) -> &'static str {
    let Some(kind) = kind else {
        return "Somebody raised this; its detail says more.";
    };
    match kind {
        Kind::NeedsOperator => {
            "A refund of the order's main payment failed while the order was being refunded. The customer's \
             money was not given back."
        }
        Kind::RefundFailed => {
            "The provider could not give money of this payment back, and nothing under way makes up for it."
        }
        Kind::PaymentUnanswered => {
            "The provider was told to confirm a payment and has not answered in time. The order's goods stay \
             held until it does."
        }
        Kind::RefundUnanswered => "The provider was told to give money back and has not answered in time.",
        Kind::Oversold => "More units of the product are held by orders than are in the house.",
        Kind::OverRefunded => {
            "More money of this payment was given back than was captured, or given back twice."
        }
        Kind::RefundedByProvider => "The provider gave money back that millrace had not asked it to.",
        Kind::MoneyInQuarantine => {
            "A record of the payments stream that may tell of money could not be used, so that it counts \
             nowhere."
        }
    }
}

/// What a person can do, and what ends it.
#[must_use]
pub fn remedy(kind: Option<Kind>) -> &'static str {
    let Some(kind) = kind else {
        return "When it is done, append attention_resolved with this kind and subject.";
    };
    match kind {
        Kind::NeedsOperator => {
            "Find out why at the provider, then POST /v1/orders/{order_id}/redrive: what failed is asked for \
             again. It ends when the order is refunded in full, or redriven."
        }
        Kind::RefundFailed => {
            "Find out why at the provider, then POST /v1/orders/{order_id}/redrive. It ends when nothing \
             that failed is owed any more."
        }
        Kind::PaymentUnanswered => {
            "Look the payment up at the provider. POST /v1/orders/{order_id}/redrive issues the command \
             again under the same idempotency key. It ends with the answer, or when redriven."
        }
        Kind::RefundUnanswered => {
            "Look the refund up at the provider. POST /v1/orders/{order_id}/redrive issues the command again \
             under the same idempotency key. It ends with the answer, or when redriven."
        }
        Kind::Oversold => "Receive more stock, or cancel orders. It ends when available is not below zero.",
        Kind::OverRefunded | Kind::RefundedByProvider => {
            "Settle it with the provider or the customer, then append attention_resolved with this kind and \
             subject."
        }
        Kind::MoneyInQuarantine => {
            "Read the record (millrace log cat payments), append a right one in its place, then \
             attention_resolved with this kind and subject."
        }
    }
}
