//! What the rules make of an imported log, decided by the oracle, against what the importer foresaw.

use std::collections::{BTreeMap, BTreeSet};

use contract::delta::{Tables, Value};
use contract::views::View;
use millrace_importers::online_retail::{Import, Mapped};
use oracle::replay;

/// How many rows of a view have each value of a column.
fn count(tables: &Tables, view: View, column: &str) -> BTreeMap<String, u64> {
    let schema = view.schema();
    let column = schema.column(column).expect("the view has the column");
    let mut counts = BTreeMap::new();
    for (key, row) in tables.rows(view) {
        let value = if column < schema.key_len {
            &key[column]
        } else {
            &row[column - schema.key_len]
        };
        let text = match value {
            Value::Text(text) => text.clone(),
            other => format!("{other:?}"),
        };
        *counts.entry(text).or_default() += 1;
    }
    counts
}

/// Holds for every import: it is decided exactly as the importer counted on.
pub fn check(import: &Import) {
    let oracle = replay(&import.log);
    let tables = oracle.tables();
    for view in [View::Quarantine, View::Audits] {
        assert!(
            tables.rows(view).is_empty(),
            "{:?}",
            tables.rows(view).iter().next()
        );
    }

    let (made, statuses) = (&import.report.made, count(tables, View::Orders, "status"));
    let with = |status: &str| statuses.get(status).copied().unwrap_or_default();
    assert_eq!(statuses.values().sum::<u64>(), made.orders);
    assert_eq!(with("rejected"), made.rejected);
    assert_eq!(with("cancelled"), made.cancelled_orders);
    assert_eq!(with("expired") + with("awaiting_payment"), made.unpaid);
    let sold = made.orders - made.rejected - made.cancelled_orders - made.unpaid;
    assert_eq!(with("confirmed"), sold, "{statuses:?}");

    let reasons = count(tables, View::Orders, "reason");
    let rejected: u64 = ["out_of_stock", "invalid_order"]
        .iter()
        .filter_map(|reason| reasons.get(*reason))
        .sum();
    assert_eq!(
        rejected, made.rejected,
        "no price and no product is the reason: {reasons:?}"
    );
    let commands = count(tables, View::PaymentCommands, "kind");
    assert_eq!(commands.get("refund").copied().unwrap_or_default(), made.refunds);
    let answered = count(tables, View::PaymentCommands, "answered");
    assert!(
        !answered.contains_key("Bool(false)"),
        "every command is answered: {answered:?}"
    );
    let lines: u64 = [Mapped::OrderLine, Mapped::GiftLine]
        .iter()
        .filter_map(|m| import.report.mapped.get(m))
        .sum();
    assert_eq!(tables.rows(View::OrderLines).len() as u64, lines);

    let notes: BTreeSet<String> = count(tables, View::OrderTimeline, "note").into_keys().collect();
    let expected = ["Null", "lines_cancelled", "refund_recorded"].map(String::from);
    assert!(
        notes.is_subset(&BTreeSet::from(expected)),
        "nothing comes late or stray: {notes:?}"
    );
    let kinds = count(tables, View::Attention, "kind");
    assert!(
        kinds.keys().all(|kind| kind == "oversold"),
        "only damage can ask for a person: {kinds:?}"
    );
}
