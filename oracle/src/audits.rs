//! The audits (contract, section 2, `audits`): every sum a second time, by another path than the
//! counters they check, from the records that counted, the wallet entries and the whole orders.

use std::collections::BTreeMap;

use contract::views::View;

use crate::legs::units_not_cancelled;
use crate::order::{Order, Status};
use crate::records::{Int, Record};
use crate::sales::{By, Sales};
use crate::shop::{Right, Shop};
use crate::table::{int, text};
use crate::views::Shown;

/// By subject, what one path and the other path say.
type Pairs = BTreeMap<String, [Int; 2]>;

/// Fills `audits` with all violations.
pub(crate) fn audit(shop: &Shop, shown: &mut Shown) {
    let all = [
        ("stock_conserved", stock_conserved(shop)),
        ("holds_match", holds_match(shop)),
        ("quota_conserved", quota_conserved(shop)),
        ("wallet_conserved", wallet_conserved(shop)),
        ("money_conserved", money_conserved(shop)),
        ("counts_match", counts_match(shop)),
        ("dashboards_match", dashboards_match(shop, &shown.sales)),
    ];
    let rows = shown.tables.rows_mut(View::Audits);
    rows.clear();
    for (name, pairs) in all {
        for (subject, [expected, actual]) in pairs.into_iter().filter(|(_, [a, b])| a != b) {
            rows.insert(vec![text(name), text(&subject)], vec![int(expected), int(actual)]);
        }
    }
}

fn expect(pairs: &mut Pairs, subject: &str, amount: Int) {
    pairs.entry(subject.to_owned()).or_default()[0] += amount;
}

fn actual(pairs: &mut Pairs, subject: &str, amount: Int) {
    pairs.entry(subject.to_owned()).or_default()[1] += amount;
}

/// Per sku: received + adjusted = on_hand + spent.
fn stock_conserved(shop: &Shop) -> Pairs {
    let mut pairs = Pairs::new();
    for record in shop.counted.values() {
        match record {
            Record::StockReceived { sku, quantity, .. } => expect(&mut pairs, sku, *quantity),
            Record::StockAdjusted { sku, delta, .. } => expect(&mut pairs, sku, *delta),
            _ => {}
        }
    }
    for (sku, stock) in &shop.stock {
        actual(&mut pairs, sku, stock.on_hand + stock.spent);
    }
    pairs
}

/// held = sum of live holds: of each sku, wallet and right.
fn holds_match(shop: &Shop) -> Pairs {
    let mut pairs = Pairs::new();
    for order in shop.orders.values().filter(|order| order.status.is_holding()) {
        for (sku, units) in units_not_cancelled(order) {
            expect(&mut pairs, &sku, units);
        }
        expect(
            &mut pairs,
            &format!("{}/{}", order.customer_id, order.currency),
            order.wallet_amount,
        );
    }
    for order in shop
        .orders
        .values()
        .filter(|order| order.status.is_holding() || order.status.is_sold())
    {
        if let Some(campaign_id) = &order.campaign_id {
            expect(&mut pairs, &format!("{campaign_id}/{}", order.customer_id), 1);
        }
    }
    for (sku, stock) in &shop.stock {
        actual(&mut pairs, sku, stock.held);
    }
    for ((customer_id, currency), wallet) in &shop.wallets {
        actual(&mut pairs, &format!("{customer_id}/{currency}"), wallet.held);
    }
    for ((campaign_id, customer_id), grant) in &shop.grants {
        let used = Int::from(grant.right != Right::Available);
        actual(&mut pairs, &format!("{campaign_id}/{customer_id}"), used);
    }
    pairs
}

/// quota = granted + remaining: granted is the number of grants, and never above the quota.
fn quota_conserved(shop: &Shop) -> Pairs {
    let mut pairs = Pairs::new();
    for (campaign_id, _) in shop.grants.keys() {
        expect(&mut pairs, campaign_id, 1);
    }
    for (campaign_id, state) in &shop.campaigns {
        actual(&mut pairs, campaign_id, state.granted.min(state.campaign.quota));
    }
    pairs
}

/// topped up + returned = balance + withdrawn + spent.
fn wallet_conserved(shop: &Shop) -> Pairs {
    let mut pairs = Pairs::new();
    for entry in shop.wallet_entries.iter().filter(|entry| !entry.refused) {
        let subject = format!("{}/{}", entry.customer_id, entry.currency);
        match entry.kind {
            "withdrawal" | "order" => actual(&mut pairs, &subject, entry.amount),
            _ => expect(&mut pairs, &subject, entry.amount),
        }
    }
    for ((customer_id, currency), wallet) in &shop.wallets {
        actual(&mut pairs, &format!("{customer_id}/{currency}"), wallet.balance);
    }
    pairs
}

/// captured - refunded = kept by sold orders + refunds under way: nothing is left of a payment but of
/// the main one of a `confirmed` order.
fn money_conserved(shop: &Shop) -> Pairs {
    let mut pairs = Pairs::new();
    for order in shop.orders.values() {
        for payment_key in order.payments.keys() {
            if !(order.status == Status::Confirmed && order.is_main(payment_key)) {
                let left = order.left_of(payment_key).max(0);
                actual(&mut pairs, &format!("{}/{payment_key}", order.order_id), left);
            }
        }
        let given_back = order.wallet_amount - order.wallet_returned;
        actual(&mut pairs, &order.order_id, given_back.min(0));
        check_given_back(&mut pairs, order);
    }
    pairs
}

/// What cancelled lines gave back is at most what was paid for them.
fn check_given_back(pairs: &mut Pairs, order: &Order) {
    let value: Int = order
        .lines
        .iter()
        .map(|line| line.cancelled * line.unit_price)
        .sum();
    actual(pairs, &order.order_id, (value - order.returned).min(0));
}

/// received = applied + duplicate + quarantined.
fn counts_match(shop: &Shop) -> Pairs {
    let mut pairs = Pairs::new();
    for ((topic, partition), counts) in &shop.counts {
        let subject = format!("{}/{partition}", topic.name());
        expect(&mut pairs, &subject, counts.received);
        actual(
            &mut pairs,
            &subject,
            counts.applied + counts.duplicate + counts.quarantined,
        );
    }
    pairs
}

/// The dashboards are what all orders sum up to, and units sold are stock spent.
fn dashboards_match(shop: &Shop, sales: &Sales) -> Pairs {
    let mut pairs = Pairs::new();
    let mut afresh = Sales::default();
    for order in shop.orders.values() {
        afresh.update(order);
    }
    for (by, group) in afresh.groups() {
        for (key, sums) in group {
            let same = sales.sums(*by, key) == Some(*sums);
            actual(&mut pairs, &format!("{by:?}/{}", key.join("/")), Int::from(!same));
        }
    }
    for by in sales.groups().keys() {
        let count =
            |sales: &Sales| Int::try_from(sales.groups().get(by).map_or(0, BTreeMap::len)).unwrap_or(0);
        expect(&mut pairs, &format!("{by:?}"), count(&afresh));
        actual(&mut pairs, &format!("{by:?}"), count(sales));
    }
    for (sku, stock) in &shop.stock {
        if shop
            .products
            .get(sku)
            .is_some_and(|listed| listed.product.stocked)
        {
            let units = sales
                .sums(By::Sku, std::slice::from_ref(sku))
                .map_or(0, |[units, ..]| units);
            expect(&mut pairs, sku, stock.spent);
            actual(&mut pairs, sku, units);
        }
    }
    pairs
}
