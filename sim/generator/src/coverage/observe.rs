//! How goals are told from tables: by the rows that came, changed and went.

use std::collections::{BTreeMap, BTreeSet};

use contract::tables::Tables;
use contract::views::{self, View};

use super::{Coverage, cell, goals, moments};
use crate::cells::{Cells, rows};
use crate::schema::MAX;

/// A row that came or changed: what it was and what it is.
pub(super) type News<'a> = (Option<Cells<'a>>, Cells<'a>);

/// The rows that came or changed.
pub(super) fn news<'a>(before: &'a Tables, after: &'a Tables, view: View) -> Vec<News<'a>> {
    let old = before.rows(view);
    let changed = after.rows(view).iter().filter_map(|(key, columns)| {
        let was = old.get(key);
        (was != Some(columns)).then(|| (was.map(|w| Cells::new(key, w)), Cells::new(key, columns)))
    });
    changed.collect()
}

/// The rows that went.
fn gone<'a>(before: &'a Tables, after: &'a Tables, view: View) -> impl Iterator<Item = Cells<'a>> {
    let now = after.rows(view);
    let gone = before
        .rows(view)
        .iter()
        .filter(|(key, _)| !now.contains_key(*key));
    gone.map(|(key, columns)| Cells::new(key, columns))
}

pub(super) fn observe(coverage: &mut Coverage, before: &Tables, after: &Tables) {
    timeline(coverage, before, after);
    orders(coverage, before, after);
    quarantine_and_attention(coverage, before, after);
    coupons_and_wallets(coverage, before, after);
    payments(coverage, before, after);
    moments::observe(coverage, before, after);
    let hundred = |view| rows(after, view).any(|r| r.int(1) == 100);
    if hundred(View::TopProducts) {
        coverage.add("ranks: a hundred products".to_owned());
    }
    if hundred(View::VipCustomers) {
        coverage.add("ranks: a hundred customers".to_owned());
    }
    for view in View::ALL.iter().filter(|v| !after.rows(**v).is_empty()) {
        coverage.add(format!("rows: {}", view.schema().name));
    }
}

fn timeline(coverage: &mut Coverage, before: &Tables, after: &Tables) {
    use views::order_timeline as c;
    for (_, row) in news(before, after, View::OrderTimeline) {
        let from = row.maybe_text(c::from_status).unwrap_or("-");
        let to = row.text(c::to_status);
        let note = row
            .maybe_text(c::note)
            .map(|n| format!("[{n}]"))
            .unwrap_or_default();
        let outcome = match (from == to, note.is_empty()) {
            (true, false) => note,
            (false, true) => to.to_owned(),
            _ => format!("{to} {note}"),
        };
        coverage.add(cell(from, row.text(c::cause_type), &outcome));
    }
}

fn orders(coverage: &mut Coverage, before: &Tables, after: &Tables) {
    use views::orders as c;
    for (was, row) in news(before, after, View::Orders) {
        let Some(reason) = row.maybe_text(c::reason) else {
            continue;
        };
        if was.is_some_and(|w| w.maybe_text(c::reason) == Some(reason)) {
            continue;
        }
        let status = row.text(c::status);
        let detail: serde_json::Value = serde_json::from_str(row.text(c::reason_detail)).unwrap_or_default();
        let why = detail["why"]
            .as_str()
            .map(|w| format!(" {w}"))
            .unwrap_or_default();
        let reason = if status == "payment_failed" && reason != "amount_mismatch" {
            "(code)"
        } else {
            reason
        };
        coverage.add(format!("reason: {status} {reason}{why}"));
        let several = detail["skus"].as_array().is_some_and(|s| s.len() > 1);
        match reason {
            "out_of_stock" if several => coverage.add("history: several skus out of stock".to_owned()),
            "price_changed" if several => coverage.add("history: several prices changed".to_owned()),
            _ => {}
        }
    }
}

fn quarantine_and_attention(coverage: &mut Coverage, before: &Tables, after: &Tables) {
    for (_, row) in news(before, after, View::Quarantine) {
        use views::quarantine as c;
        coverage.add(format!(
            "quarantine: {} {}",
            row.text(c::topic),
            row.text(c::reason)
        ));
    }
    let kind = |row: Cells<'_>| {
        let kind = row.text(views::attention::kind);
        goals::ATTENTION
            .iter()
            .find(|k| **k == kind)
            .map_or("(other)", |k| *k)
    };
    for (was, row) in news(before, after, View::Attention) {
        if was.is_none() {
            coverage.add(format!("attention: {} begins", kind(row)));
        }
    }
    for row in gone(before, after, View::Attention) {
        coverage.add(format!("attention: {} ends", kind(row)));
    }
    let mut duplicates: BTreeSet<&str> = BTreeSet::new();
    for (was, row) in news(before, after, View::StreamCounts) {
        use views::stream_counts as c;
        if row.int(c::duplicate) > was.map_or(0, |w| w.int(c::duplicate)) {
            duplicates.insert(row.text(c::topic));
        }
    }
    for topic in duplicates {
        coverage.add(format!("duplicates: {topic}"));
    }
}

fn coupons_and_wallets(coverage: &mut Coverage, before: &Tables, after: &Tables) {
    for (_, row) in news(before, after, View::WalletEntries) {
        use views::wallet_entries as c;
        coverage.add(format!("wallet: {} {}", row.text(c::kind), row.text(c::status)));
    }
    for (_, row) in news(before, after, View::Wallets) {
        if row.int(views::wallets::balance) > MAX {
            coverage.add("wallet: a balance above the limit by a return".to_owned());
        }
    }
    for (was, row) in news(before, after, View::CouponGrants) {
        use views::coupon_grants as c;
        let from = was.map_or("none", |w| w.text(c::state));
        coverage.add(format!("grant: {from} -> {}", row.text(c::state)));
    }
    for (was, row) in news(before, after, View::Coupons) {
        use views::coupons as c;
        let Some(was) = was.filter(|w| w.int(c::refused) < row.int(c::refused)) else {
            continue;
        };
        if was.flag(c::closed) {
            coverage.add("claims: refused: closed".to_owned());
        } else if row.int(c::remaining) > 0 && !row.flag(c::closed) {
            coverage.add("claims: refused: window".to_owned());
        } else if row.time(c::starts_at).or(row.time(c::ends_at)).is_none() && !row.flag(c::closed) {
            coverage.add("claims: refused: exhausted".to_owned());
        }
    }
}

fn payments(coverage: &mut Coverage, before: &Tables, after: &Tables) {
    for (was, row) in news(before, after, View::Payments) {
        use views::payments as c;
        let from = was.map_or("none", |w| w.text(c::status));
        let to = row.text(c::status);
        if from != to {
            coverage.add(format!("payment: {from} -> {to}"));
        }
    }
    let mut commands: BTreeMap<&str, usize> = BTreeMap::new();
    for (was, row) in news(before, after, View::PaymentCommands) {
        use views::payment_commands as c;
        let kind = row.text(c::kind);
        if was.is_none() {
            let reason = row
                .maybe_text(c::reason)
                .map(|r| format!(" {r}"))
                .unwrap_or_default();
            coverage.add(format!("command: {kind}{reason}"));
        }
        if row.int(c::issued) > was.map_or(1, |w| w.int(c::issued)) {
            coverage.add(format!("command: {kind} issued again"));
        }
        if row.flag(c::answered) && !was.is_some_and(|w| w.flag(c::answered)) {
            coverage.add(format!("command: {kind} answered"));
        }
        commands.entry(row.text(c::order_id)).or_insert(0);
    }
    for row in rows(after, View::PaymentCommands) {
        use views::payment_commands as c;
        if let Some(count) = commands.get_mut(row.text(c::order_id)) {
            *count += usize::from(row.maybe_text(c::refund_id).is_some());
        }
    }
    for _ in commands.values().filter(|c| **c >= 3) {
        coverage.add("history: three refund commands".to_owned());
    }
}
