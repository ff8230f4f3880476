//! What the tables say, in the form in which a generator asks for it.
//!
//! Everything is owned: an [`Order`] is also the sketch on which the moves of one epoch predict what the
//! earlier ones of the same epoch will have done.

use std::collections::{BTreeMap, BTreeSet};

use contract::tables::Tables;
use contract::time::Time;
use contract::views::{self, View};

use crate::cells::{Cells, rows};
use crate::rules::{self, Rules};

/// A line of an order.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub no: i64,
    pub sku: String,
    pub price: i64,
    pub quantity: i64,
    pub left: i64,
}

/// A payment of an order.
#[derive(Clone, Debug)]
pub(crate) struct Payment {
    pub key: String,
    pub currency: String,
    pub captured: i64,
    pub refunded: i64,
    pub status: String,
    pub main: bool,
}

/// A refund command of an order.
#[derive(Clone, Debug)]
pub(crate) struct Refund {
    pub id: String,
    pub key: String,
    pub amount: i64,
    pub open: bool,
}

/// An order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Order {
    pub id: String,
    pub customer: String,
    pub status: String,
    pub currency: String,
    pub total: i64,
    pub discount: i64,
    pub wallet_amount: i64,
    pub payable: i64,
    pub key: Option<String>,
    pub campaign: Option<String>,
    pub deadline: Option<Time>,
    pub rules: i64,
    pub confirmed_at: Option<Time>,
    /// Clocks of rows that issue commands, the last ones.
    pub issued_at: Vec<Time>,
    pub asked_to_cancel: bool,
    pub confirm_open: bool,
    pub lines: Vec<Line>,
    pub payments: Vec<Payment>,
    pub refunds: Vec<Refund>,
}

impl Order {
    pub fn payment(&self, key: &str) -> Option<&Payment> {
        self.payments.iter().find(|p| p.key == key)
    }

    pub fn rules(&self) -> Rules {
        rules::of_version(self.rules)
    }

    /// What the discount is worth for lines of that value.
    fn discount_of(&self, value: i64) -> i64 {
        let share = i128::from(self.discount) * i128::from(value) / i128::from(self.total.max(1));
        i64::try_from(share).unwrap_or(0)
    }

    /// What cancelling lines of that value gives back, after lines of another value were cancelled.
    pub fn given_back(&self, value: i64, before: i64) -> i64 {
        value - (self.discount_of(before + value) - self.discount_of(before))
    }

    pub fn cancel_end(&self) -> Option<Time> {
        self.confirmed_at.map(|at| self.rules().cancel_end(at))
    }

    /// Whether it can't be cancelled any more at `now`.
    pub fn closed(&self, now: Time) -> bool {
        self.cancel_end().is_some_and(|end| end <= now)
    }

    /// What waits for a time: the times at which something happens or ceases to be possible.
    /// Those at which commands should have been answered only if `answers`.
    pub fn moments(&self, answers: bool) -> Vec<Time> {
        let mut moments = Vec::new();
        if matches!(self.status.as_str(), "awaiting_payment" | "paying") {
            moments.extend(self.deadline);
        }
        if self.status == "confirmed" {
            moments.extend(self.cancel_end());
        }
        if answers && (self.confirm_open || self.refunds.iter().any(|r| r.open)) {
            let wait = self.rules().payment_answer_max_s;
            moments.extend(self.issued_at.iter().map(|at| at.plus_seconds(wait)));
        }
        moments
    }
}

/// A product.
#[derive(Clone, Debug)]
pub(crate) struct Product {
    pub sku: String,
    pub price: i64,
    pub currency: String,
    pub stocked: bool,
    pub withdrawn: bool,
    pub available: i64,
}

/// A campaign.
#[derive(Clone, Debug)]
pub(crate) struct Campaign {
    pub id: String,
    pub remaining: i64,
    pub closed: bool,
    pub starts: Option<Time>,
    pub ends: Option<Time>,
}

/// A right.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub campaign: String,
    pub customer: String,
    pub state: String,
}

/// A wallet.
#[derive(Clone, Debug)]
pub(crate) struct Wallet {
    pub customer: String,
    pub currency: String,
    pub balance: i64,
    pub available: i64,
}

/// What the tables say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    pub orders: Vec<Order>,
    pub products: Vec<Product>,
    pub campaigns: Vec<Campaign>,
    pub grants: Vec<Grant>,
    pub wallets: Vec<Wallet>,
    /// Kinds and subjects.
    pub attention: Vec<(String, String)>,
    /// Versions by customer.
    pub carts: BTreeMap<String, i64>,
    pub reviews: Vec<String>,
}

impl Snapshot {
    /// Reads the tables.
    pub fn read(tables: &Tables) -> Self {
        let stock: BTreeMap<&str, i64> = rows(tables, View::StockLevels)
            .map(|r| {
                (
                    r.text(views::stock_levels::sku),
                    r.int(views::stock_levels::available),
                )
            })
            .collect();
        Self {
            orders: orders(tables),
            products: rows(tables, View::Products).map(|r| product(r, &stock)).collect(),
            campaigns: rows(tables, View::Coupons).map(campaign).collect(),
            grants: rows(tables, View::CouponGrants).map(grant).collect(),
            wallets: rows(tables, View::Wallets).map(wallet).collect(),
            attention: rows(tables, View::Attention)
                .map(|r| {
                    use views::attention as c;
                    (r.text(c::kind).to_owned(), r.text(c::subject).to_owned())
                })
                .collect(),
            carts: rows(tables, View::Carts)
                .map(|r| {
                    (
                        r.text(views::carts::customer_id).to_owned(),
                        r.int(views::carts::version),
                    )
                })
                .collect(),
            reviews: rows(tables, View::ReviewDocuments)
                .map(|r| r.text(views::review_documents::review_id).to_owned())
                .collect(),
        }
    }

    pub fn order(&self, id: &str) -> Option<&Order> {
        self.orders.iter().find(|o| o.id == id)
    }

    pub fn product(&self, sku: &str) -> Option<&Product> {
        self.products.iter().find(|p| p.sku == sku)
    }

    pub fn campaign(&self, id: &str) -> Option<&Campaign> {
        self.campaigns.iter().find(|c| c.id == id)
    }

    pub fn wallet(&self, customer: &str, currency: &str) -> Option<&Wallet> {
        self.wallets
            .iter()
            .find(|w| w.customer == customer && w.currency == currency)
    }
}

fn product(row: Cells<'_>, stock: &BTreeMap<&str, i64>) -> Product {
    use views::products as c;
    Product {
        sku: row.text(c::sku).to_owned(),
        price: row.int(c::price),
        currency: row.text(c::currency).to_owned(),
        stocked: row.flag(c::stocked),
        withdrawn: row.flag(c::withdrawn),
        available: stock.get(row.text(c::sku)).copied().unwrap_or(0),
    }
}

fn campaign(row: Cells<'_>) -> Campaign {
    use views::coupons as c;
    Campaign {
        id: row.text(c::campaign_id).to_owned(),
        remaining: row.int(c::remaining),
        closed: row.flag(c::closed),
        starts: row.time(c::starts_at),
        ends: row.time(c::ends_at),
    }
}

fn grant(row: Cells<'_>) -> Grant {
    use views::coupon_grants as c;
    Grant {
        campaign: row.text(c::campaign_id).to_owned(),
        customer: row.text(c::customer_id).to_owned(),
        state: row.text(c::state).to_owned(),
    }
}

fn wallet(row: Cells<'_>) -> Wallet {
    use views::wallets as c;
    Wallet {
        customer: row.text(c::customer_id).to_owned(),
        currency: row.text(c::currency).to_owned(),
        balance: row.int(c::balance),
        available: row.int(c::available),
    }
}

fn orders(tables: &Tables) -> Vec<Order> {
    let mut orders: Vec<Order> = rows(tables, View::Orders).map(order).collect();
    let index: BTreeMap<String, usize> = orders
        .iter()
        .enumerate()
        .map(|(i, o)| (o.id.clone(), i))
        .collect();
    let mut of = |id: &str, change: &dyn Fn(&mut Order)| {
        if let Some(&i) = index.get(id) {
            change(&mut orders[i]);
        }
    };
    for row in rows(tables, View::OrderLines) {
        use views::order_lines as c;
        let line = Line {
            no: row.int(c::line_no),
            sku: row.text(c::sku).to_owned(),
            price: row.int(c::unit_price),
            quantity: row.int(c::quantity),
            left: row.int(c::quantity) - row.int(c::cancelled),
        };
        of(row.text(c::order_id), &|o| o.lines.push(line.clone()));
    }
    for row in rows(tables, View::Payments) {
        let payment = payment(row);
        of(row.text(views::payments::order_id), &|o| {
            o.payments.push(payment.clone());
        });
    }
    for row in rows(tables, View::PaymentCommands) {
        use views::payment_commands as c;
        let open = !row.flag(c::answered);
        let refund = row.maybe_text(c::refund_id).map(|id| Refund {
            id: id.to_owned(),
            key: row.text(c::payment_key).to_owned(),
            amount: row.int(c::amount),
            open,
        });
        of(row.text(c::order_id), &|o| match &refund {
            Some(refund) => o.refunds.push(refund.clone()),
            None => o.confirm_open |= open,
        });
    }
    let mut seen = BTreeSet::new();
    for row in rows(tables, View::OrderTimeline) {
        let id = row.text(views::order_timeline::order_id);
        let first = seen.insert(id);
        of(id, &|o| event(o, row, first));
    }
    orders
}

fn order(row: Cells<'_>) -> Order {
    use views::orders as c;
    Order {
        id: row.text(c::order_id).to_owned(),
        customer: row.text(c::customer_id).to_owned(),
        status: row.text(c::status).to_owned(),
        currency: row.text(c::currency).to_owned(),
        total: row.int(c::total),
        discount: row.int(c::discount),
        wallet_amount: row.int(c::wallet_amount),
        payable: row.int(c::payable),
        key: row.maybe_text(c::payment_key).map(str::to_owned),
        campaign: row.maybe_text(c::campaign_id).map(str::to_owned),
        deadline: row.time(c::deadline),
        rules: row.int(c::rules),
        ..Order::default()
    }
}

fn payment(row: Cells<'_>) -> Payment {
    use views::payments as c;
    Payment {
        key: row.text(c::payment_key).to_owned(),
        currency: row.text(c::currency).to_owned(),
        captured: row.int(c::captured),
        refunded: row.int(c::refunded),
        status: row.text(c::status).to_owned(),
        main: row.flag(c::main),
    }
}

/// What a row of the timeline tells about an order.
fn event(order: &mut Order, row: Cells<'_>, first: bool) {
    use views::order_timeline as c;
    let Some(clock) = row.time(c::clock) else { return };
    let (to, note) = (row.text(c::to_status), row.text(c::note));
    if matches!(to, "confirmed" | "refunding") && order.confirmed_at.is_none() {
        order.confirmed_at = Some(clock);
    }
    order.asked_to_cancel |= note == "cancel_after_payment";
    let issues = (to == "paying" && row.text(c::from_status) != "paying")
        || matches!(
            note,
            "redriven" | "amount_mismatch" | "stray_payment" | "late_payment" | "lines_cancelled"
        )
        || (to == "refunding" && row.text(c::from_status) != "refunding");
    if issues && !first {
        if order.issued_at.len() == 3 {
            order.issued_at.remove(0);
        }
        order.issued_at.push(clock);
    }
}
