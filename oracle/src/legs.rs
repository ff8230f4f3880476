//! The legs of an order: its stocked units, its right to a coupon, its part of a wallet (rules,
//! sections 3 and 4).
//!
//! They are held when the order is accepted; then either released, or posted; posted ones may be returned.

use std::collections::BTreeMap;

use crate::order::Order;
use crate::records::{Int, Money};
use crate::shop::{Right, Shop, Stock, Wallet};

impl Shop {
    /// All legs are held.
    pub(crate) fn hold(&mut self, order: &Order) {
        self.move_stock(&units_not_cancelled(order), |stock, units| stock.held += units);
        self.move_right(order, Right::Held(order.order_id.clone()));
        self.move_wallet(order, order.wallet_amount, |wallet, amount| wallet.held += amount);
    }

    /// What was held is spent.
    pub(crate) fn post(&mut self, order: &Order) {
        self.move_stock(&units_not_cancelled(order), |stock, units| {
            stock.held -= units;
            stock.on_hand -= units;
            stock.spent += units;
        });
        self.move_right(order, Right::Spent(order.order_id.clone()));
        self.move_wallet(order, order.wallet_amount, |wallet, amount| {
            wallet.held -= amount;
            wallet.balance -= amount;
        });
        if order.wallet_amount > 0 {
            let money = Money {
                amount: order.wallet_amount,
                currency: order.currency.clone(),
            };
            self.enter("order", &order.order_id, &order.customer_id, &money, false);
        }
    }

    /// What was held is free again.
    pub(crate) fn release(&mut self, order: &Order) {
        self.move_stock(&units_not_cancelled(order), |stock, units| stock.held -= units);
        self.move_right(order, Right::Available);
        self.move_wallet(order, order.wallet_amount, |wallet, amount| wallet.held -= amount);
    }

    /// What is still posted comes back: stock, the right, the rest of the wallet amount.
    pub(crate) fn give_all_back(&mut self, order: &Order) {
        self.return_units(&units_not_cancelled(order));
        self.move_right(order, Right::Available);
        let rest = order.wallet_amount - order.wallet_returned;
        self.return_to_wallet(order, rest, "order_returned", &order.order_id);
    }

    /// Posted units come back: on_hand up, spent down.
    pub(crate) fn return_units(&mut self, units: &BTreeMap<String, Int>) {
        self.move_stock(units, |stock, units| {
            stock.on_hand += units;
            stock.spent -= units;
        });
    }

    /// Posted money comes back, with a row of `wallet_entries`.
    pub(crate) fn return_to_wallet(
        &mut self,
        order: &Order,
        amount: Int,
        kind: &'static str,
        entry_id: &str,
    ) {
        if amount > 0 {
            self.move_wallet(order, amount, |wallet, amount| wallet.balance += amount);
            let money = Money {
                amount,
                currency: order.currency.clone(),
            };
            self.enter(kind, entry_id, &order.customer_id, &money, false);
        }
    }

    fn move_stock(&mut self, units: &BTreeMap<String, Int>, move_units: impl Fn(&mut Stock, Int)) {
        for (sku, units) in units {
            move_units(self.stock.entry(sku.clone()).or_default(), *units);
            self.touched.stock.insert(sku.clone());
        }
    }

    fn move_right(&mut self, order: &Order, right: Right) {
        if let Some(campaign_id) = &order.campaign_id {
            let key = (campaign_id.clone(), order.customer_id.clone());
            if let Some(grant) = self.grants.get_mut(&key) {
                grant.right = right;
            }
            self.touched.grants.insert(key);
        }
    }

    fn move_wallet(&mut self, order: &Order, amount: Int, move_amount: impl Fn(&mut Wallet, Int)) {
        if amount > 0 {
            let key = (order.customer_id.clone(), order.currency.clone());
            move_amount(self.wallets.entry(key.clone()).or_default(), amount);
            self.touched.wallets.insert(key);
        }
    }
}

/// An order's stocked units that are not cancelled, by sku.
pub(crate) fn units_not_cancelled(order: &Order) -> BTreeMap<String, Int> {
    let mut units: BTreeMap<String, Int> = BTreeMap::new();
    for line in order.lines.iter().filter(|line| line.stocked && line.units() > 0) {
        *units.entry(line.sku.clone()).or_default() += line.units();
    }
    units
}
