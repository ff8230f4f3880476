//! What an epoch leaves: packed orders, rows, attention, the book.

use super::Mutant;

const PACK: &str = "pipelines/src/checkout/pack.rs";
const ROWS: &str = "pipelines/src/checkout/rows.rs";
const ATTENTION: &str = "pipelines/src/checkout/attention.rs";
const BOOK: &str = "pipelines/src/checkout/book.rs";

/// The mutants.
pub const MUTANTS: &[Mutant] = &[
    Mutant::new(
        "id-of-open-refunds-lost",
        PACK,
        "Status::Paying) || order.has_open_refunds()",
        "Status::Paying)",
        "refund_unanswered names its order",
    ),
    Mutant::new(
        "key-of-failed-refunds-lost",
        PACK,
        "matches!(r.state, RefundState::Open | RefundState::Failed)",
        "matches!(r.state, RefundState::Open)",
        "a redrive of a failed refund knows its payment_key",
    ),
    Mutant::new(
        "foreign-refunds-lost",
        PACK,
        "order.refunds.is_empty() && order.foreign.is_empty();",
        "order.refunds.is_empty();",
        "a foreign refund counts once",
    ),
    Mutant::new(
        "overdue-refunds-lost",
        PACK,
        "| u8::from(refund.overdue) << 7",
        "",
        "refund_unanswered stays",
    ),
    Mutant::new(
        "overdue-payments-lost",
        PACK,
        "u64::from(confirm.overdue) << 1 | u64::from(confirm.answered)",
        "u64::from(confirm.answered)",
        "payment_unanswered stays",
    ),
    Mutant::new(
        "wallet-returned-lost",
        PACK,
        "order.wallet_returned = from.amount()?;",
        "order.wallet_returned = from.amount()?.min(0);",
        "what a wallet got back already",
    ),
    Mutant::new(
        "code-lost",
        PACK,
        "payment.code = from.print()?;",
        "payment.code = from.print()? & 1;",
        "a payment's row moves only when its code does",
    ),
    Mutant::new(
        "attempts-alone-not-shown",
        ROWS,
        "|| order.attempts != before.attempts || main(order)",
        "|| main(order)",
        "an order that is tried and declined within an epoch is shown",
    )
    .explained(
        "a new attempt is always a new payment_key, which is the order's row's from then on: the condition \
         after it sees that",
    ),
    Mutant::new(
        "cause-not-shown",
        ROWS,
        "if let Some(cause) = &t.cause {",
        "if let Some(cause) = t.cause.as_ref().filter(|_| order.status != Status::Cancelled) {",
        "why an order is cancelled",
    ),
    Mutant::new(
        "stray-payments-are-attempts",
        ROWS,
        "(payment.attempt > 0).then_some(i64::from(payment.attempt))",
        "Some(i64::from(payment.attempt))",
        "a payment that was never submitted is no attempt",
    ),
    Mutant::new(
        "same-code-moves-the-epoch",
        ROWS,
        "let new_code = payment.code != old.code;",
        "let new_code = payment.code_text.is_some();",
        "a row's epoch moves when another of its columns does",
    ),
    Mutant::new(
        "issued-again-not-shown",
        ROWS,
        "(refund.issued, refund.answered());",
        "(0, refund.answered());",
        "a redriven refund command is issued again",
    ),
    Mutant::new(
        "raised-again-is-new",
        ATTENTION,
        "let standing = current.or_else(|| before.clone());",
        "let standing = current;",
        "what is resolved and raised again within an epoch keeps since",
    ),
    Mutant::new(
        "raising-moves-since",
        ATTENTION,
        "standing.map_or(now, |standing| standing.since)",
        "standing.map_or(now, |_| now)",
        "raised again keeps since",
    ),
    Mutant::new(
        "unchanged-attention-is-written",
        ATTENTION,
        "if after == before.as_ref() { continue; }",
        "",
        "a delta says what changed",
    ),
    Mutant::new(
        "events-backwards",
        BOOK,
        "touched.events.reverse();",
        "",
        "the timeline's order",
    ),
    Mutant::new(
        "first-cause-counts",
        BOOK,
        "trace.cause = Some(index(self.kept.causes.len() - 1));",
        "trace.cause = trace.cause.or(Some(index(self.kept.causes.len() - 1)));",
        "the reason is that of the last change of status",
    )
    .explained(
        "only a final status has a cause, and an order comes to one of those once: there is never a second",
    ),
    Mutant::new(
        "closed-orders-leak",
        BOOK,
        "self.slots.free(slot);",
        "let _ = slot;",
        "a closed record takes little memory",
    ),
    Mutant::new(
        "touched-twice-leaks",
        BOOK,
        "self.slots.free(Slot::from_u32(*slot));",
        "let _ = &slot;",
        "an order that moves does not take more memory each time",
    ),
    Mutant::new(
        "settled-leaks",
        BOOK,
        "self.slots.free(before);",
        "let _ = before;",
        "an order that moves does not take more memory each time",
    ),
    Mutant::new(
        "takes-by-place",
        BOOK,
        "id(a).cmp(id(b))",
        "id(b).cmp(id(a))",
        "rows are written in the order of their keys",
    )
    .explained(
        "a delta is sorted by key when it is finished: writing rows in that order only makes this cheap",
    ),
];
