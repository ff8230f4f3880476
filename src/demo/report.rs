//! The demo's table: every figure is read from the views.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use contract::delta::{Tables, Value};
use contract::views::{self, View};
use contract::words::Status;
use importers::online_retail::Import;

use crate::data::VIEWS;
use crate::verify::Verdict;

/// A row: its key's parts and its other columns.
#[derive(Clone, Copy)]
struct Row<'t>(&'t [Value], &'t [Value]);

impl<'t> Row<'t> {
    fn value(self, column: usize) -> &'t Value {
        if column < self.0.len() {
            &self.0[column]
        } else {
            &self.1[column - self.0.len()]
        }
    }

    fn text(self, column: usize) -> &'t str {
        if let Value::Text(text) = self.value(column) {
            text
        } else {
            ""
        }
    }

    fn int(self, column: usize) -> i64 {
        if let Value::Int(number) = self.value(column) {
            *number
        } else {
            0
        }
    }
}

fn rows(tables: &Tables, view: View) -> impl Iterator<Item = Row<'_>> {
    tables.rows(view).iter().map(|(key, row)| Row(key, row))
}

fn is_sold(row: Row<'_>) -> bool {
    let status = row.text(views::orders::status);
    Status::ALL.iter().any(|s| s.is_sold() && s.word() == status)
}

fn money(minor: i64, currency: &str) -> String {
    format!("{currency} {}.{:02}", grouped(minor / 100), minor % 100)
}

fn grouped(n: i64) -> String {
    bench::thousands(&n.to_string())
}

fn count(n: usize) -> String {
    grouped(i64::try_from(n).unwrap_or(i64::MAX))
}

fn line(out: &mut String, what: &str, figure: &str) {
    let _ = writeln!(out, "  {what:<44} {figure:>16}");
}

/// The whole text.
pub fn text(file: Option<&Path>, import: &Import, verdict: &Verdict, took: Duration) -> String {
    let mut out = String::new();
    let source = file.map_or("December 2010".to_owned(), |path| path.display().to_string());
    let _ = writeln!(
        out,
        "millrace demo: {source} (UCI Online Retail, Daqing Chen, CC BY 4.0)\n\n{}",
        import.report
    );
    outcomes(&mut out, &verdict.tables);
    sales(&mut out, &verdict.tables);
    voices(&mut out, &verdict.tables);
    checks(&mut out, import, verdict, took);
    out
}

fn outcomes(out: &mut String, tables: &Tables) {
    let mut by_status: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for row in rows(tables, View::Orders) {
        let (status, reason) = (row.text(views::orders::status), row.text(views::orders::reason));
        *by_status.entry((status, reason)).or_default() += 1;
    }
    let _ = writeln!(out, "Orders");
    line(out, "placed", &count(tables.rows(View::Orders).len()));
    for ((status, reason), orders) in by_status {
        let reason = if reason.is_empty() {
            String::new()
        } else {
            format!(": {reason}")
        };
        line(out, &format!("{status}{reason}"), &count(orders));
    }
    let with_cancelled_lines = rows(tables, View::Orders)
        .filter(|r| r.int(views::orders::returned) > 0)
        .count();
    line(out, "with cancelled lines", &count(with_cancelled_lines));
    let refunded = rows(tables, View::Payments).filter(|row| row.int(views::payments::refunded) > 0);
    let mut sums: BTreeMap<&str, (usize, i64)> = BTreeMap::new();
    for row in refunded {
        let sum = sums.entry(row.text(views::payments::currency)).or_default();
        *sum = (sum.0 + 1, sum.1 + row.int(views::payments::refunded));
    }
    for (currency, (payments, amount)) in sums {
        line(out, "payments refunded, in full or in part", &count(payments));
        line(out, "money refunded", &money(amount, currency));
    }
}

fn sales(out: &mut String, tables: &Tables) {
    let mut revenue: BTreeMap<&str, i64> = BTreeMap::new();
    let mut sold: BTreeMap<&str, &str> = BTreeMap::new();
    for row in rows(tables, View::Orders).filter(|row| is_sold(*row)) {
        use views::orders as c;
        let currency = row.text(c::currency);
        *revenue.entry(currency).or_default() +=
            row.int(c::total) - row.int(c::discount) - row.int(c::returned);
        sold.insert(row.text(c::order_id), currency);
    }
    let _ = writeln!(out, "\nRevenue (total - discount - returned of sold orders)");
    for (currency, amount) in revenue {
        line(out, "all days", &money(amount, currency));
    }
    let mut sellers: BTreeMap<(&str, &str), (i64, i64)> = BTreeMap::new();
    for row in rows(tables, View::OrderLines) {
        use views::order_lines as c;
        let Some(currency) = sold.get(row.text(c::order_id)) else {
            continue;
        };
        let units = row.int(c::quantity) - row.int(c::cancelled);
        let seller = sellers.entry((row.text(c::sku), currency)).or_default();
        *seller = (seller.0 + units, seller.1 + units * row.int(c::unit_price));
    }
    let mut best: Vec<_> = sellers.into_iter().collect();
    best.sort_by_key(|((sku, _), (units, gross))| (-units, -gross, *sku));
    let _ = writeln!(out, "\nBest sellers (units, gross)");
    for ((sku, currency), (units, gross)) in best.into_iter().take(5) {
        line(
            out,
            &format!("{sku}: {} units", grouped(units)),
            &money(gross, currency),
        );
    }
}

fn voices(out: &mut String, tables: &Tables) {
    use views::{product_ratings, review_documents};
    let (mut reviews, mut stars) = (0, 0);
    for row in rows(tables, View::ProductRatings) {
        reviews += row.int(product_ratings::count);
        stars += (1..=5)
            .zip(product_ratings::r1..)
            .map(|(rating, column)| rating * row.int(column))
            .sum::<i64>();
    }
    let verified = |row: &Row<'_>| *row.value(review_documents::verified_purchase) == Value::Bool(true);
    let verified = rows(tables, View::ReviewDocuments).filter(verified).count();
    let in_carts = rows(tables, View::CartItems).map(|row| row.text(views::cart_items::customer_id));
    let in_carts: BTreeSet<&str> = in_carts.collect();
    let _ = writeln!(out, "\nCustomers' voices (made up, in Korean and English)");
    line(out, "reviews", &grouped(reviews));
    line(out, "  of a verified purchase", &count(verified));
    let tenths = (10 * stars + reviews / 2).checked_div(reviews).unwrap_or(0);
    line(out, "  mean rating", &format!("{}.{}", tenths / 10, tenths % 10));
    line(out, "carts left behind", &count(in_carts.len()));
}

fn checks(out: &mut String, import: &Import, verdict: &Verdict, took: Duration) {
    let (tables, differences) = (&verdict.tables, &verdict.differences);
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for row in rows(tables, View::Attention) {
        *kinds.entry(row.text(views::attention::kind)).or_default() += 1;
    }
    let _ = writeln!(out, "\nWhat a person must act on");
    if kinds.is_empty() {
        line(out, "nothing", "");
    }
    for (kind, rows) in kinds {
        line(out, kind, &count(rows));
    }
    let _ = writeln!(out, "\nChecks");
    line(
        out,
        "records quarantined",
        &count(tables.rows(View::Quarantine).len()),
    );
    let violations = verdict.violations();
    let audits = if violations == 0 {
        "empty".to_owned()
    } else {
        format!("{violations} VIOLATIONS")
    };
    line(out, "audits", &audits);
    let opinion = if differences.is_empty() {
        "agrees"
    } else {
        "DISAGREES"
    };
    line(
        out,
        &format!("oracle, on {} rows", count(tables.count(VIEWS))),
        opinion,
    );
    for difference in differences.iter().take(10) {
        let _ = writeln!(out, "    {difference}");
    }
    let (records, epochs) = (import.log.len(), import.log.timeline().len());
    let seconds = took.as_secs_f64();
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "a rate to be read by people"
    )]
    let rate = (records as f64 / seconds.max(1e-9)) as i64;
    let _ = writeln!(
        out,
        "\nDecided {} records in {epochs} epochs, from the log into the view store, in {seconds:.3} s: {} records/s.",
        grouped(i64::try_from(records).unwrap_or(i64::MAX)),
        grouped(rate),
    );
}
