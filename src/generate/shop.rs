//! Simulated customers of a shop: what they order, and what becomes of it. For `millrace generate` and for
//! the live demo.
//!
//! Everything is drawn from a seed, so that the same seed makes the same records: sent twice they count once.
//! What is popular follows Zipf's law, from the first product on.

use bench::draw::{Random, Zipf, order_id, price};
use contract::log::Topic;
use serde_json::{Value, json};

/// Units of one order, at most.
const UNITS_MAX: u64 = 9;
/// Units of one receipt, at most.
const QUANTITY_MAX: u64 = 1_000_000;

/// A record to be sent or appended.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its stream.
    pub topic: Topic,
    /// Its key.
    pub key: String,
    /// Its value: JSON without line breaks.
    pub value: String,
}

impl Record {
    /// A record of `value`.
    pub fn new(topic: Topic, key: &str, value: &Value) -> Record {
        let (key, value) = (key.to_owned(), value.to_string());
        Record { topic, key, value }
    }
}

/// What can be bought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// Its id.
    pub sku: String,
    /// What it is called.
    pub name: String,
    /// In minor units.
    pub price: u64,
}

impl Product {
    /// `count` made-up products.
    pub fn made_up(count: usize) -> Vec<Product> {
        let product = |number: usize| Product {
            sku: format!("sku-{number:06}"),
            name: format!("Product {number}"),
            price: price(number) as u64,
        };
        (0..count).map(product).collect()
    }

    /// The product's own record.
    pub fn upserted(&self, currency: &str) -> Record {
        let value = json!({
            "type": "product_upserted", "sku": self.sku, "name": self.name, "price": self.price,
            "currency": currency,
        });
        Record::new(Topic::Products, &self.sku, &value)
    }

    /// Goods come in.
    pub fn received(&self, receipt_id: &str, quantity: u64) -> Record {
        let value = json!({
            "type": "stock_received", "receipt_id": receipt_id, "sku": self.sku, "quantity": quantity,
        });
        Record::new(Topic::Stock, &self.sku, &value)
    }
}

/// How many of 100 orders go another way than to be paid.
#[derive(Clone, Copy, Debug)]
pub struct Habits {
    /// Are never paid.
    pub unpaid: u64,
    /// Are paid, and cancelled later.
    pub cancelled: u64,
}

/// What becomes of an order that is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is paid.
    Paid,
    /// It is never paid.
    Unpaid,
    /// It is paid, and cancelled later.
    Cancelled,
}

/// An order of a customer.
#[derive(Clone, Debug)]
pub struct Order {
    /// Its id.
    pub id: String,
    /// Who orders.
    pub customer: String,
    /// Its currency.
    pub currency: &'static str,
    /// Its lines: sku, quantity, unit_price.
    pub lines: Vec<Value>,
    /// What it costs, before discounts and without a wallet's share.
    pub total: u64,
    /// What becomes of it.
    pub fate: Fate,
}

impl Order {
    /// The order itself.
    pub fn placed(&self) -> Value {
        json!({
            "type": "order_placed", "order_id": self.id, "customer_id": self.customer,
            "currency": self.currency, "lines": self.lines,
        })
    }

    /// The customer has paid `amount` at the provider's.
    pub fn submitted(&self, amount: u64) -> Value {
        self.payment("payment_submitted", amount)
    }

    /// The provider confirms that.
    pub fn confirmed(&self, amount: u64) -> Value {
        self.payment("payment_confirmed", amount)
    }

    fn payment(&self, kind: &str, amount: u64) -> Value {
        json!({
            "type": kind, "order_id": self.id, "payment_key": format!("pay-{}", self.id), "amount": amount,
            "currency": self.currency,
        })
    }

    /// The customer changes their mind.
    pub fn cancelled(&self) -> Value {
        json!({"type": "order_cancel_requested", "order_id": self.id, "reason": "changed my mind"})
    }

    /// The order, and what follows.
    pub fn all(&self) -> impl Iterator<Item = Record> + use<> {
        let placed = Record::new(Topic::Orders, &self.id, &self.placed());
        std::iter::once(placed).chain(self.rest())
    }

    /// What follows once it is accepted.
    pub fn rest(&self) -> Vec<Record> {
        let record = |topic, value: &Value| Record::new(topic, &self.id, value);
        let mut rest = Vec::new();
        if self.fate != Fate::Unpaid {
            rest.push(record(Topic::Payments, &self.submitted(self.total)));
            rest.push(record(Topic::Payments, &self.confirmed(self.total)));
        }
        if self.fate == Fate::Cancelled {
            rest.push(record(Topic::Orders, &self.cancelled()));
        }
        rest
    }
}

/// Products, and who buys them.
#[derive(Clone, Debug)]
pub struct Shop {
    products: Vec<Product>,
    currency: &'static str,
    customers: u64,
    habits: Habits,
    zipf: Zipf,
    random: Random,
    /// What ids of orders begin with; without it they are time-ordered as UUIDs of version 7 are.
    name: Option<String>,
    orders: u64,
}

impl Shop {
    /// A shop in which `customers` buy, the first products more often than others, by `skew`.
    ///
    /// # Panics
    /// Without products or customers.
    pub fn new(
        products: Vec<Product>,
        currency: &'static str,
        customers: u64,
        skew: f64,
        habits: Habits,
        seed: u64,
    ) -> Shop {
        assert!(!products.is_empty() && customers > 0, "somebody buys something");
        Shop {
            zipf: Zipf::skewed(products.len(), skew),
            random: Random(seed),
            products,
            currency,
            customers,
            habits,
            name: None,
            orders: 0,
        }
    }

    /// The same, whose orders are called `name` and a number.
    pub fn called(mut self, name: String) -> Shop {
        self.name = Some(name);
        self
    }

    /// Its products.
    pub fn products(&self) -> &[Product] {
        &self.products
    }

    /// Where its chances come from.
    pub fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    /// The records that bring in, for each product, more than `orders` orders can ask for. Receipts are
    /// called `name` and a number.
    pub fn stock(&self, name: &str, orders: u64) -> Vec<Record> {
        let mut stock = Vec::new();
        for (rank, product) in self.products.iter().enumerate() {
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a guess, and far below 2^52"
            )]
            let units = (orders as f64 * self.zipf.share(rank)) as u64 * UNITS_MAX + QUANTITY_MAX / 10;
            for number in 0..units.div_ceil(QUANTITY_MAX) {
                let id = format!("{name}-{}-{number}", product.sku);
                stock.push(product.received(&id, units.min(QUANTITY_MAX)));
            }
        }
        stock
    }

    /// A customer.
    pub fn customer(&mut self) -> String {
        format!("c-{:06}", self.random.below(self.customers))
    }

    /// The next order.
    pub fn order(&mut self) -> Order {
        let number = self.orders;
        self.orders += 1;
        let id = match &self.name {
            Some(name) => format!("{name}-{number}"),
            None => order_id(number, &mut self.random),
        };
        let customer = self.customer();
        let mut total = 0;
        let mut lines = Vec::new();
        for _ in 0..=self.random.below(3) {
            let product = &self.products[self.zipf.next(&mut self.random)];
            let quantity = 1 + self.random.below(3);
            total += quantity * product.price;
            lines.push(json!({"sku": product.sku, "quantity": quantity, "unit_price": product.price}));
        }
        let Habits { unpaid, cancelled } = self.habits;
        let fate = match self.random.below(100) {
            n if n < unpaid => Fate::Unpaid,
            n if n < unpaid + cancelled => Fate::Cancelled,
            _ => Fate::Paid,
        };
        Order {
            id,
            customer,
            currency: self.currency,
            lines,
            total,
            fate,
        }
    }
}

/// A campaign with few coupons and many who want one.
#[derive(Clone, Debug)]
pub struct FlashSale {
    /// Its id.
    pub campaign_id: String,
    /// How many coupons there are.
    pub quota: u64,
    customers: u64,
    random: Random,
}

impl FlashSale {
    /// A campaign that `seed` names.
    pub fn new(quota: u64, customers: u64, seed: u64) -> FlashSale {
        FlashSale {
            campaign_id: format!("flash-{seed:x}"),
            quota,
            customers,
            random: Random(seed),
        }
    }

    /// The campaign's own record.
    pub fn created(&self, currency: &str) -> Record {
        let value = json!({
            "type": "campaign_created", "campaign_id": self.campaign_id, "name": "Flash sale",
            "quota": self.quota, "currency": currency, "discount": {"type": "percent", "value": 10},
        });
        Record::new(Topic::Coupons, &self.campaign_id, &value)
    }

    /// Somebody claims a coupon.
    pub fn claim(&mut self) -> Record {
        let customer = self.random.below(self.customers);
        let value = json!({
            "type": "coupon_claimed", "campaign_id": self.campaign_id,
            "customer_id": format!("c-{customer:06}"),
        });
        Record::new(Topic::Coupons, &self.campaign_id, &value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HABITS: Habits = Habits {
        unpaid: 10,
        cancelled: 10,
    };

    fn shop(seed: u64, skew: f64) -> Shop {
        Shop::new(Product::made_up(50), "KRW", 20, skew, HABITS, seed)
    }

    #[test]
    fn a_seed_names_its_orders() {
        let orders = |seed| {
            let mut shop = shop(seed, 1.0);
            let records: Vec<String> = (0..50).map(|_| shop.order().placed().to_string()).collect();
            records
        };
        assert_eq!(orders(7), orders(7));
        assert_ne!(orders(7), orders(8));
    }

    /// What an order costs is what its lines say, at the products' prices: it can be accepted.
    #[test]
    fn orders_pay_what_products_cost() {
        let mut shop = shop(1, 1.0);
        let prices: Vec<(String, u64)> = shop
            .products()
            .iter()
            .map(|product| (product.sku.clone(), product.price))
            .collect();
        for _ in 0..200 {
            let order = shop.order();
            let mut total = 0;
            for line in &order.lines {
                let price = prices.iter().find(|(sku, _)| line["sku"] == **sku);
                assert_eq!(line["unit_price"], price.expect("a product").1);
                let quantity = line["quantity"].as_u64().expect("a number");
                total += quantity * line["unit_price"].as_u64().expect("a number");
            }
            assert_eq!(order.total, total);
        }
    }

    #[test]
    fn more_skew_sells_more_of_the_first() {
        let share = |skew| {
            let mut shop = shop(3, skew);
            let lines = (0..2_000).flat_map(|_| shop.order().lines);
            lines.filter(|line| line["sku"] == "sku-000000").count()
        };
        let (even, usual, steep) = (share(0.0), share(1.0), share(2.0));
        assert!(even * 5 < usual && usual * 2 < steep, "{even} {usual} {steep}");
    }
}
