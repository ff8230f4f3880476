//! The end of an epoch: the rows of all views are brought up to date (contract, section 2).
//!
//! Only rows of what the epoch touched are built anew; each is compared with the row at the end of the
//! last epoch.

use std::collections::BTreeSet;

use contract::delta::{Tables, Value};
use contract::views::View;

use crate::records::Int;
use crate::sales::Sales;
use crate::shop::{Right, Shop, Touched};
use crate::table::{Writer, int, json_or_null, text, text_or_null, time_or_null};

/// What is shown at the end of an epoch, and what it takes to bring that up to date.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shown {
    pub(crate) tables: Tables,
    pub(crate) sales: Sales,
    /// Orders with commands that are not answered: their attention depends on the clock.
    waiting: BTreeSet<String>,
    wallet_entries: usize,
}

impl Shown {
    /// Brings all views up to date with `shop`.
    pub(crate) fn update(&mut self, shop: &mut Shop) {
        let touched = std::mem::take(&mut shop.touched);
        let shop = &*shop;
        let mut writer = Writer {
            tables: &mut self.tables,
            epoch: shop.epoch,
            clock: shop.clock,
        };
        for order in touched.orders.iter().filter_map(|id| shop.orders.get(id)) {
            writer.show_order(order);
            self.sales.update(order);
        }
        for order in self
            .waiting
            .union(&touched.orders)
            .filter_map(|id| shop.orders.get(id))
        {
            writer.show_order_attention(order);
        }
        for order in touched.orders.iter().filter_map(|id| shop.orders.get(id)) {
            if order.commands.iter().all(|command| command.answered) {
                self.waiting.remove(&order.order_id);
            } else {
                self.waiting.insert(order.order_id.clone());
            }
        }
        show_stock(&mut writer, shop, &touched);
        show_coupons(&mut writer, shop, &touched);
        show_wallets(&mut writer, shop, &touched, self.wallet_entries);
        self.wallet_entries = shop.wallet_entries.len();
        show_raised(&mut writer, shop, &touched);
        show_streams(&mut writer, shop, &touched);
        writer.show_products(shop, &touched);
        writer.show_carts(shop, &touched);
        writer.show_dashboards(&mut self.sales);
        writer.show_reviews(shop, &touched, &self.sales);
    }
}

/// `stock_levels`, `oversold` and its attention.
fn show_stock(writer: &mut Writer<'_>, shop: &Shop, touched: &Touched) {
    for (sku, stock) in touched
        .stock
        .iter()
        .filter_map(|sku| shop.stock.get_key_value(sku))
    {
        let available = stock.available();
        let columns = vec![
            int(stock.on_hand),
            int(stock.held),
            int(available),
            int(stock.spent),
        ];
        writer.put(View::StockLevels, vec![text(sku)], columns);
        if available < 0 {
            writer.put(View::Oversold, vec![text(sku)], vec![int(-available)]);
        } else {
            writer.remove(View::Oversold, &[text(sku)]);
        }
        writer.put_attention("oversold", sku, (available < 0).then_some(Value::Null));
    }
}

/// `coupons` and `coupon_grants`.
fn show_coupons(writer: &mut Writer<'_>, shop: &Shop, touched: &Touched) {
    for (campaign_id, state) in touched
        .campaigns
        .iter()
        .filter_map(|id| shop.campaigns.get_key_value(id))
    {
        let columns = vec![
            text(&state.campaign.name),
            int(state.campaign.quota),
            int(state.granted),
            int(state.campaign.quota - state.granted),
            int(state.refused),
            Value::Bool(state.closed),
            time_or_null(state.campaign.starts_at),
            time_or_null(state.campaign.ends_at),
        ];
        writer.put(View::Coupons, vec![text(campaign_id)], columns);
    }
    for (right, grant) in touched
        .grants
        .iter()
        .filter_map(|right| shop.grants.get_key_value(right))
    {
        let (state, order_id) = match &grant.right {
            Right::Available => ("available", None),
            Right::Held(order_id) => ("held", Some(order_id.as_str())),
            Right::Spent(order_id) => ("spent", Some(order_id.as_str())),
        };
        let columns = vec![
            int(grant.rank),
            text(state),
            text_or_null(order_id),
            int(Int::from(grant.claim.partition)),
            int(Int::from(grant.claim.offset)),
        ];
        writer.put_stamped(View::CouponGrants, vec![text(&right.0), text(&right.1)], columns);
    }
}

/// `wallets` and the new `wallet_entries`.
fn show_wallets(writer: &mut Writer<'_>, shop: &Shop, touched: &Touched, entries_shown: usize) {
    for (key, wallet) in touched
        .wallets
        .iter()
        .filter_map(|key| shop.wallets.get_key_value(key))
    {
        let columns = vec![int(wallet.balance), int(wallet.held), int(wallet.available())];
        writer.put(View::Wallets, vec![text(&key.0), text(&key.1)], columns);
    }
    for entry in shop.wallet_entries.iter().skip(entries_shown) {
        let columns = vec![
            text(&entry.customer_id),
            int(entry.amount),
            text(&entry.currency),
            text(if entry.refused { "refused" } else { "applied" }),
            int(Int::from(entry.epoch)),
        ];
        writer.put(
            View::WalletEntries,
            vec![text(entry.kind), text(&entry.entry_id)],
            columns,
        );
    }
}

/// The rows of `attention` that stand until they are resolved.
fn show_raised(writer: &mut Writer<'_>, shop: &Shop, touched: &Touched) {
    for key in &touched.attention {
        let detail = shop.raised.get(key).map(|detail| json_or_null(detail.as_deref()));
        writer.put_attention(&key.0, &key.1, detail);
    }
}

/// `quarantine` (without `detail`) and `stream_counts`.
fn show_streams(writer: &mut Writer<'_>, shop: &Shop, touched: &Touched) {
    for (at, reason) in &touched.quarantined {
        let key = vec![
            text(at.topic.name()),
            int(Int::from(at.partition)),
            int(Int::from(at.offset)),
        ];
        let columns = vec![text(reason.name()), text(""), int(Int::from(shop.epoch))];
        writer.put(View::Quarantine, key, columns);
    }
    for partition in &touched.partitions {
        if let Some(counts) = shop.counts.get(partition) {
            let key = vec![text(partition.0.name()), int(Int::from(partition.1))];
            let columns = [
                counts.received,
                counts.applied,
                counts.duplicate,
                counts.quarantined,
            ];
            writer.put(View::StreamCounts, key, columns.map(int).to_vec());
        }
    }
}
