//! What comes in, and the end of an epoch.

use super::Mutant;

const INTAKE: &str = "pipelines/src/checkout/intake.rs";
const SETTLE: &str = "pipelines/src/checkout/settle.rs";

/// The mutants.
pub const MUTANTS: &[Mutant] = &[
    Mutant::new(
        "refused-uses-up-the-id",
        INTAKE,
        "if fate == Fate::Applied { self.intake.once",
        "if fate != Fate::Duplicate { self.intake.once",
        "a record that is refused does not use up its id",
    ),
    Mutant::new(
        "same-rules-again",
        INTAKE,
        "r.version.get() <= current",
        "r.version.get() < current",
        "versions of the rules grow",
    ),
    Mutant::new(
        "failures-are-money",
        INTAKE,
        r#"Some("payment_submitted" | "payment_declined" | "refund_failed")"#,
        r#"Some("payment_submitted" | "payment_declined")"#,
        "money_in_quarantine is about money",
    ),
    Mutant::new(
        "closed-campaign-grants",
        INTAKE,
        "!campaign.closed && campaign.is_open_at(self.desk.now)",
        "campaign.is_open_at(self.desk.now)",
        "closing stops grants",
    ),
    Mutant::new(
        "refused-not-counted",
        INTAKE,
        "campaign.refused += 1;",
        "",
        "refused claims are counted",
    ),
    Mutant::new(
        "closing-is-not-shown",
        INTAKE,
        "self.desk.ledger.touch(campaign.account);",
        "",
        "a closed campaign's row says so",
    ),
    Mutant::new(
        "clock-goes-back",
        INTAKE,
        "clock.max(self.desk.now)",
        "clock",
        "now never goes back",
    ),
    Mutant::new(
        "raises-what-follows",
        INTAKE,
        "if AttentionKind::from_word(r.kind.get()).is_none() {",
        "if !r.kind.get().is_empty() {",
        "raising a kind of the table has no effect",
    ),
    Mutant::new(
        "nothing-is-resolved",
        INTAKE,
        ".is_none_or(AttentionKind::stays)",
        ".is_none()",
        "over_refunded stays until it is resolved",
    ),
    Mutant::new(
        "stocked-may-change",
        INTAKE,
        "if known.stocked != r.stocked {",
        "if known.stocked && !r.stocked {",
        "stocked can't change",
    ),
    Mutant::new(
        "known-content-is-not-compared",
        INTAKE,
        "return if self.book.content(number) == content {",
        "return if self.book.content(number) == content || !id.is_empty() {",
        "another order under a known id is a conflict",
    ),
    Mutant::new(
        "duplicates-count-as-applied",
        INTAKE,
        "Fate::Duplicate => counts.duplicate += 1",
        "Fate::Duplicate => counts.applied += 1",
        "received = applied + duplicate + quarantined, each what it is",
    ),
    Mutant::new(
        "refunds-are-not-waited-for",
        SETTLE,
        "glance.status == Status::Paying || glance.open_refunds",
        "glance.status == Status::Paying",
        "refund_unanswered",
    ),
    Mutant::new(
        "sold-out-is-oversold",
        SETTLE,
        "(before.available() < 0, available < 0)",
        "(before.available() <= 0, available <= 0)",
        "oversold is below zero",
    ),
    Mutant::new(
        "right-shows-its-first-holder",
        SETTLE,
        "state != state_of(before) || grant.holder != grant.shown",
        "state != state_of(before)",
        "a right freed and taken within an epoch shows its new order",
    ),
    Mutant::new(
        "new-accounts-without-change",
        SETTLE,
        "let changed = is_new || levels != before;",
        "let changed = levels != before;",
        "an account that is opened and comes back to nothing within an epoch is shown",
    ),
    Mutant::new(
        "expiries-unsorted",
        SETTLE,
        "waiting.sort_unstable();",
        "",
        "deadlines fire by (deadline, order_id)",
    )
    .explained(
        "expiries commute: each releases its own legs and leaves a row of its own, and rows are sorted by key. \
         The order is what the rules say, for the day that a view shows it",
    ),
    Mutant::new(
        "windows-stay-open",
        SETTLE,
        "self.book.close(number);",
        "let _ = number;",
        "an order past its window becomes a closed record",
    ),
];
