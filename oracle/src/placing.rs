//! Deciding an order: section 3 of the rules, "Orders". In its order; the first check that fails is the
//! reason.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::order::{Cause, Line, Order, Status};
use crate::records::{AMOUNT_MAX, Campaign, Discount, Int, OrderPlaced, PlacedLine, Product};
use crate::shop::{Right, Shop};

/// Why an order is rejected.
struct Rejection {
    reason: &'static str,
    detail: Value,
}

impl Rejection {
    fn new(reason: &'static str, detail: Value) -> Rejection {
        Rejection { reason, detail }
    }
}

/// What an order that is not rejected costs.
struct Terms {
    discount: Int,
    payable: Int,
}

impl Shop {
    /// Decides an order that was not known before.
    pub(crate) fn place(&mut self, placed: &OrderPlaced, cause: Cause) {
        let mut order = self.draft(placed);
        match self.judge(placed) {
            Err(rejection) => {
                order.reason = Some(rejection.reason.to_owned());
                order.reason_detail = Some(rejection.detail.to_string());
                self.change(&mut order, cause, Status::Rejected);
            }
            Ok(terms) => {
                order.discount = terms.discount;
                order.payable = terms.payable;
                self.hold(&order);
                if order.payable == 0 {
                    self.confirm(&mut order, cause, None);
                } else {
                    let deadline = self.clock.plus_seconds(self.rules.payment_window_s);
                    order.deadline = Some(deadline);
                    self.deadlines.insert((deadline, order.order_id.clone()));
                    self.change(&mut order, cause, Status::AwaitingPayment);
                }
            }
        }
        self.orders.insert(order.order_id.clone(), order);
    }

    /// The order as asked, under the rules in force, with what is known of its products at this point
    /// of the log.
    fn draft(&self, placed: &OrderPlaced) -> Order {
        let line = |asked: &PlacedLine| {
            let product = self.products.get(&asked.sku).map(|listed| &listed.product);
            let of_product = |field: fn(&Product) -> &Option<String>| {
                product.and_then(|p| field(p).clone()).unwrap_or_default()
            };
            Line {
                sku: asked.sku.clone(),
                quantity: asked.quantity,
                unit_price: asked.unit_price,
                cancelled: 0,
                stocked: product.is_some_and(|p| p.stocked),
                store_id: of_product(|p| &p.store_id),
                category: of_product(|p| &p.category),
            }
        };
        let total = total(placed);
        Order {
            order_id: placed.order_id.clone(),
            customer_id: placed.customer_id.clone(),
            currency: placed.currency.clone(),
            lines: placed.lines.iter().map(line).collect(),
            campaign_id: placed.campaign_id.clone(),
            wallet_amount: placed.wallet_amount,
            wallet_returned: 0,
            placed_at: placed.placed_at.map_or(self.clock, |at| at.min(self.clock)),
            rules: self.rules.clone(),
            status: Status::Rejected,
            reason: None,
            reason_detail: None,
            total: (total <= AMOUNT_MAX).then_some(total),
            discount: 0,
            payable: 0,
            returned: 0,
            attempts: 0,
            deadline: None,
            confirmed_at: None,
            cancel_asked: None,
            paying: None,
            main: None,
            submitted_last: None,
            payments: BTreeMap::new(),
            commands: Vec::new(),
            timeline: Vec::new(),
        }
    }

    fn judge(&self, placed: &OrderPlaced) -> Result<Terms, Rejection> {
        let products = self.products_for_sale(placed)?;
        let total = total(placed);
        if products
            .values()
            .any(|product| product.currency != placed.currency)
        {
            return Err(Rejection::new("invalid_order", json!({"why": "currency"})));
        }
        if total > AMOUNT_MAX {
            return Err(Rejection::new("invalid_order", json!({"why": "limit"})));
        }
        check_prices(placed, &products)?;
        let discount = match &placed.campaign_id {
            None => 0,
            Some(campaign_id) => self.discount(placed, campaign_id, total)?,
        };
        if placed.wallet_amount > total - discount {
            return Err(Rejection::new("invalid_order", json!({"why": "wallet"})));
        }
        self.check_stock(placed, &products)?;
        self.check_wallet(placed)?;
        Ok(Terms {
            discount,
            payable: total - discount - placed.wallet_amount,
        })
    }

    /// 1. `unknown_sku`: a product is unknown or withdrawn at this point of the log.
    fn products_for_sale<'a>(
        &'a self,
        placed: &OrderPlaced,
    ) -> Result<BTreeMap<&'a str, &'a Product>, Rejection> {
        let mut products = BTreeMap::new();
        let mut unknown = BTreeSet::new();
        for line in &placed.lines {
            match self.products.get(&line.sku) {
                Some(listed) if !listed.withdrawn => {
                    products.insert(listed.product.sku.as_str(), &listed.product);
                }
                _ => {
                    unknown.insert(line.sku.as_str());
                }
            }
        }
        if unknown.is_empty() {
            Ok(products)
        } else {
            Err(Rejection::new("unknown_sku", json!({"skus": unknown})))
        }
    }

    /// 4. `coupon_invalid`, or what the coupon takes off.
    fn discount(&self, placed: &OrderPlaced, campaign_id: &str, total: Int) -> Result<Int, Rejection> {
        let invalid = |why: &str| Err(Rejection::new("coupon_invalid", json!({"why": why})));
        let Some(state) = self.campaigns.get(campaign_id) else {
            return invalid("unknown");
        };
        let campaign = &state.campaign;
        if campaign.currency != placed.currency {
            return invalid("currency");
        }
        if !campaign.is_open_at(self.clock) {
            return invalid("window");
        }
        if campaign.min_order_amount.is_some_and(|min| total < min) {
            return invalid("minimum");
        }
        let right = (campaign_id.to_owned(), placed.customer_id.clone());
        match self.grants.get(&right).map(|grant| &grant.right) {
            None => invalid("not_granted"),
            Some(Right::Held(_) | Right::Spent(_)) => invalid("in_use"),
            Some(Right::Available) => Ok(taken_off(campaign, total)),
        }
    }

    /// 6. `out_of_stock`: each stocked sku; several lines of one sku are one amount.
    fn check_stock(
        &self,
        placed: &OrderPlaced,
        products: &BTreeMap<&str, &Product>,
    ) -> Result<(), Rejection> {
        let mut asked: BTreeMap<&str, Int> = BTreeMap::new();
        for line in &placed.lines {
            if products
                .get(line.sku.as_str())
                .is_some_and(|product| product.stocked)
            {
                *asked.entry(&line.sku).or_default() += line.quantity;
            }
        }
        let available = |sku: &str| self.stock.get(sku).map_or(0, |stock| stock.available());
        let short: Vec<Value> = asked
            .into_iter()
            .filter(|(sku, asked)| *asked > available(sku))
            .map(|(sku, asked)| {
                let available = number(available(sku));
                json!({"sku": sku, "asked": number(asked), "available": available})
            })
            .collect();
        if short.is_empty() {
            Ok(())
        } else {
            Err(Rejection::new("out_of_stock", json!({"skus": short})))
        }
    }

    /// 6. `insufficient_wallet`.
    fn check_wallet(&self, placed: &OrderPlaced) -> Result<(), Rejection> {
        let key = (placed.customer_id.clone(), placed.currency.clone());
        let available = self.wallets.get(&key).map_or(0, |wallet| wallet.available());
        let asked = placed.wallet_amount;
        if asked == 0 || asked <= available {
            return Ok(());
        }
        let detail = json!({"asked": number(asked), "available": number(available)});
        Err(Rejection::new("insufficient_wallet", detail))
    }
}

/// total = sum(quantity x unit_price).
fn total(placed: &OrderPlaced) -> Int {
    placed
        .lines
        .iter()
        .map(|line| line.quantity * line.unit_price)
        .sum()
}

/// discount: `amount` = value, `percent` = total x value / 100 rounded down; at most max_amount, at
/// most total.
fn taken_off(campaign: &Campaign, total: Int) -> Int {
    let asked = match campaign.discount {
        Discount::Amount(amount) => amount,
        Discount::Percent(percent) => total * percent / 100,
    };
    campaign.max_amount.map_or(asked, |max| asked.min(max)).min(total)
}

/// 3. `price_changed`: a unit_price is not the product's price at this point of the log.
///
/// `asked` is that of the first line that differs.
fn check_prices(placed: &OrderPlaced, products: &BTreeMap<&str, &Product>) -> Result<(), Rejection> {
    let mut changed: BTreeMap<&str, (Int, Int)> = BTreeMap::new();
    for line in &placed.lines {
        if let Some(product) = products.get(line.sku.as_str())
            && product.price != line.unit_price
        {
            changed
                .entry(&line.sku)
                .or_insert((line.unit_price, product.price));
        }
    }
    if changed.is_empty() {
        return Ok(());
    }
    let skus: Vec<Value> = changed
        .into_iter()
        .map(|(sku, (asked, price))| json!({"sku": sku, "asked": number(asked), "price": number(price)}))
        .collect();
    Err(Rejection::new("price_changed", json!({"skus": skus})))
}

/// A number for JSON.
fn number(value: Int) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}
