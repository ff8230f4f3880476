//! Section 5 of the rules: what a person must act on.
//!
//! Some kinds end by themselves: they are derived from the rows of an order or a sku whenever these are
//! shown (`views`). The others stand in [`Shop::raised`] until they are resolved.

use serde_json::json;

use crate::shop::Shop;

/// The kinds that end by themselves.
const DERIVED: [&str; 5] = [
    "needs_operator",
    "refund_failed",
    "payment_unanswered",
    "refund_unanswered",
    "oversold",
];
/// The kinds that millrace raises and people resolve.
const RAISED_BY_RULE: [&str; 3] = ["over_refunded", "refunded_by_provider", "money_in_quarantine"];

impl Shop {
    /// Asks for attention until it is resolved; again: nothing new.
    pub(crate) fn raise(&mut self, kind: &str, subject: &str, detail: Option<String>) {
        let key = (kind.to_owned(), subject.to_owned());
        self.touched.attention.insert(key.clone());
        self.raised.insert(key, detail);
    }

    /// attention_raised: of a kind of the table it is applied without effect.
    pub(crate) fn attention_raised(&mut self, kind: &str, subject: &str, note: &str) {
        if !DERIVED.contains(&kind) && !RAISED_BY_RULE.contains(&kind) {
            self.raise(kind, subject, Some(json!({"note": note}).to_string()));
        }
    }

    /// attention_resolved: of a kind that ends by itself it is applied without effect.
    pub(crate) fn attention_resolved(&mut self, kind: &str, subject: &str) {
        if !DERIVED.contains(&kind) {
            let key = (kind.to_owned(), subject.to_owned());
            self.raised.remove(&key);
            self.touched.attention.insert(key);
        }
    }
}
