//! Simulated customers who keep buying while the demo runs, their bank, and a storekeeper: clients of the
//! HTTP interface like any other.
//!
//! They know nothing but what the interface tells them.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use contract::log::Topic;
use importers::online_retail::{CURRENCY, life};
use indicatif::ProgressBar;
use serde_json::{Value, json};

use super::bank::Bank;
use crate::Failure;
use crate::client::{Ask, Client, Reply, Target};
use crate::generate::shop::{Fate, Habits, Order, Product, Record, Shop};
use crate::signals::Signals;

/// How many there are, how unevenly products sell, and what customers are like.
const CUSTOMERS: u64 = 25;
const SKEW: f64 = 0.8;
const HABITS: Habits = Habits {
    unpaid: 8,
    cancelled: 10,
};
/// Between two acts, in milliseconds: from, and up to so many more.
const PAUSE_MS: (u64, u64) = (100, 300);
/// Where little is left, so much comes in.
const LITTLE: i64 = 20;
const RECEIPT: u64 = 60;
/// Coupons of a campaign.
const QUOTA: u64 = 20;
/// Orders that may still be cancelled, or returned in part.
const KEPT_MAX: usize = 50;
/// Of 100 carts so many are left behind.
const LEFT: u64 = 35;
/// After a failure.
pub const BREATH: Duration = Duration::from_secs(1);

/// Keeps them buying until it is asked to stop. `ready` hears once there is something to be bought.
pub fn run(
    target: &Target,
    products: Vec<Product>,
    (seed, epoch): (u64, u64),
    ready: SyncSender<()>,
    signals: &Signals,
) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Undone(error.to_string()))?;
    let name = format!("demo-{epoch}");
    let seed = seed ^ epoch.rotate_left(32);
    let retried = Rc::new(Cell::new(0));
    let shop = Shop::new(products, CURRENCY, CUSTOMERS, SKEW, HABITS, seed).called(name.clone());
    let mut customers = Customers {
        client: Client::new(target, &retried),
        shop,
        name,
        made: 0,
        kept: Vec::new(),
        campaign: None,
        coupons: BTreeMap::new(),
        wallets: BTreeMap::new(),
        told: Told::default(),
    };
    let mut bank = Bank::new(Client::new(target, &retried), seed);
    runtime.block_on(async {
        tokio::select! {
            () = customers.live(ready) => {}
            () = bank.live() => {}
            () = signals.asked() => {}
        }
    });
    Ok(())
}

/// What is shown on a terminal.
struct Told {
    orders: u64,
    refused: u64,
    line: ProgressBar,
}

impl Default for Told {
    fn default() -> Told {
        let line = crate::progress::spinner("customers come".to_owned());
        Told {
            orders: 0,
            refused: 0,
            line,
        }
    }
}

struct Customers {
    client: Client,
    shop: Shop,
    /// What all ids of this run begin with.
    name: String,
    /// Ids made so far.
    made: u64,
    kept: Vec<Order>,
    campaign: Option<String>,
    /// Who holds a coupon, and of which campaign.
    coupons: BTreeMap<String, String>,
    /// What customers have in their wallets, as they remember.
    wallets: BTreeMap<String, u64>,
    told: Told,
}

impl Customers {
    async fn live(&mut self, ready: SyncSender<()>) {
        let mut is_filled = false;
        loop {
            let done = if is_filled {
                self.act().await
            } else {
                self.fill().await.map(|()| {
                    is_filled = true;
                    // Who waits for it may have been told to stop.
                    let _ = ready.try_send(());
                })
            };
            if let Err(failure) = done {
                tracing::warn!("customers can't buy: {failure}");
                tokio::time::sleep(BREATH).await;
            }
            let Told {
                orders,
                refused,
                line,
            } = &self.told;
            line.set_message(format!("customers: {orders} orders, {refused} of them refused"));
            let (from, more) = PAUSE_MS;
            let pause = from + self.shop.random().below(more);
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
    }

    /// What somebody does next.
    async fn act(&mut self) -> Result<(), Failure> {
        match self.shop.random().below(100) {
            0..48 => self.order().await,
            48..60 => self.shop_with_a_cart().await,
            60..70 => self.claim().await,
            70..76 => self.top_up().await,
            76..83 => self.cancel().await,
            83..88 => self.cancel_a_line().await,
            88..94 => self.review().await,
            _ => {
                let products = self.shop.products().len() as u64;
                let index = usize::try_from(self.shop.random().below(products)).unwrap_or(0);
                self.restock(index).await
            }
        }
    }

    fn id(&mut self, what: &str) -> String {
        self.made += 1;
        format!("{}-{what}-{}", self.name, self.made)
    }

    async fn post(&mut self, path: &str, value: &Value) -> Result<Reply, Failure> {
        let ask = Ask::post(path, value).with("prefer", "wait=5");
        self.client.send(&ask).await
    }

    async fn append(&mut self, record: &Record) -> Result<Reply, Failure> {
        let ask = Ask::lines(record.topic.name(), record.value.clone());
        self.client.send(&ask).await
    }

    async fn order(&mut self) -> Result<(), Failure> {
        let order = self.shop.order();
        let mut value = order.placed();
        if let Some(campaign) = self.coupons.remove(&order.customer) {
            value["campaign_id"] = json!(campaign);
        }
        // At most half of it, so that it stays below what a discount leaves.
        let wallet = self
            .wallets
            .get(&order.customer)
            .copied()
            .unwrap_or(0)
            .min(order.total / 2);
        if wallet > 0 {
            value["wallet_amount"] = json!(wallet);
            self.wallets
                .entry(order.customer.clone())
                .and_modify(|balance| *balance -= wallet);
        }
        let reply = self.post("/v1/orders", &value).await?;
        self.placed(order, &reply).await
    }

    /// What follows an order, whatever way it was placed.
    async fn placed(&mut self, order: Order, reply: &Reply) -> Result<(), Failure> {
        self.told.orders += 1;
        if reply.status != 201 {
            self.told.refused += 1;
            return Ok(());
        }
        let payable = reply.json()["payable"].as_u64().unwrap_or(0);
        if order.fate == Fate::Unpaid {
            return Ok(());
        }
        if payable > 0 {
            let paid = Ask::post("/v1/payments/confirm", &order.submitted(payable));
            self.client.send(&paid).await?;
        }
        if self.kept.len() < KEPT_MAX {
            self.kept.push(order);
        }
        Ok(())
    }

    /// Fills a cart, and mostly checks out what is in it, at the prices of the moment.
    async fn shop_with_a_cart(&mut self) -> Result<(), Failure> {
        let order = self.shop.order();
        let customer = order.customer.clone();
        let mut filled = String::new();
        for line in &order.lines {
            let value = json!({
                "type": "cart_item_set", "customer_id": customer, "sku": line["sku"],
                "quantity": line["quantity"],
            });
            let reply = self.append(&Record::new(Topic::Carts, &customer, &value)).await?;
            filled = reply.json()["token"].as_str().unwrap_or_default().to_owned();
        }
        if self.shop.random().below(100) < LEFT {
            return Ok(());
        }
        let path = format!("/v1/carts/{customer}/checkout");
        let ask = Ask::post(path, &json!({"order_id": order.id})).with("prefer", "wait=5");
        // The cart as it is with all of that in it.
        let reply = self.client.send(&ask.with("millrace-after", filled)).await?;
        self.placed(order, &reply).await
    }

    /// Says what somebody thinks of what they bought.
    async fn review(&mut self) -> Result<(), Failure> {
        let bought = self.kept.len() as u64;
        if bought == 0 {
            return Ok(());
        }
        let at = usize::try_from(self.shop.random().below(bought)).unwrap_or(0);
        let (order_id, customer) = (self.kept[at].id.clone(), self.kept[at].customer.clone());
        let sku = self.kept[at].lines[0]["sku"].clone();
        let random = self.shop.random();
        let rating = life::rating(random.below(100));
        let text = life::review(rating, random.below(2) == 0, random.below(1 << 32));
        let id = self.id("review");
        let value = json!({
            "type": "review_posted", "review_id": id, "customer_id": customer, "sku": sku,
            "rating": rating, "text": text, "order_id": order_id,
        });
        self.append(&Record::new(Topic::Reviews, &id, &value)).await?;
        Ok(())
    }

    /// One that was ordered a while ago.
    fn kept(&mut self, is_wanted: impl Fn(&Order) -> bool) -> Option<Order> {
        let (count, newest) = (self.kept.len(), 3);
        let found = self
            .kept
            .iter()
            .take(count.saturating_sub(newest))
            .position(is_wanted)?;
        Some(self.kept.remove(found))
    }

    async fn cancel(&mut self) -> Result<(), Failure> {
        if let Some(order) = self.kept(|order| order.fate == Fate::Cancelled) {
            self.post(&format!("/v1/orders/{}/cancel", order.id), &order.cancelled())
                .await?;
        }
        Ok(())
    }

    async fn cancel_a_line(&mut self) -> Result<(), Failure> {
        let Some(order) = self.kept(|order| order.fate == Fate::Paid) else {
            return Ok(());
        };
        let value = json!({
            "cancellation_id": self.id("cancellation"), "reason": "too many",
            "lines": [{"line_no": order.lines.len(), "quantity": 1}],
        });
        self.post(&format!("/v1/orders/{}/cancel-lines", order.id), &value)
            .await?;
        Ok(())
    }

    async fn claim(&mut self) -> Result<(), Failure> {
        let customer = self.shop.customer();
        let campaign = match &self.campaign {
            Some(campaign) => campaign.clone(),
            None => self.campaign().await?,
        };
        let value = json!({"customer_id": customer});
        let reply = self
            .post(&format!("/v1/coupons/{campaign}/claim"), &value)
            .await?;
        match reply.status {
            201 => {
                self.coupons.insert(customer, campaign);
            }
            // It has none left: the next claim begins another.
            409 => self.campaign = None,
            _ => {}
        }
        Ok(())
    }

    async fn campaign(&mut self) -> Result<String, Failure> {
        let id = self.id("winter");
        let value = json!({
            "type": "campaign_created", "campaign_id": id, "name": "Ten per cent off", "quota": QUOTA,
            "currency": CURRENCY, "discount": {"type": "percent", "value": 10},
        });
        self.append(&Record::new(Topic::Coupons, &id, &value)).await?;
        self.campaign = Some(id.clone());
        Ok(id)
    }

    async fn top_up(&mut self) -> Result<(), Failure> {
        let (customer, amount) = (self.shop.customer(), 500 * (1 + self.shop.random().below(10)));
        let value = json!({
            "type": "wallet_topped_up", "topup_id": self.id("topup"), "customer_id": customer,
            "amount": amount, "currency": CURRENCY,
        });
        self.append(&Record::new(Topic::Wallets, &customer, &value))
            .await?;
        *self.wallets.entry(customer).or_default() += amount;
        Ok(())
    }

    /// Fills the shelves: of December 2010 not much is left.
    async fn fill(&mut self) -> Result<(), Failure> {
        for index in 0..self.shop.products().len() {
            self.restock(index).await?;
        }
        Ok(())
    }

    /// Looks how many there are of a product, and orders more where that is little.
    async fn restock(&mut self, index: usize) -> Result<(), Failure> {
        let product = self.shop.products()[index].clone();
        let stock = self
            .client
            .send(&Ask::get(format!("/v1/stock/{}", product.sku)))
            .await?;
        if stock.json()["available"].as_i64().unwrap_or(0) < LITTLE {
            let receipt = product.received(&self.id("receipt"), RECEIPT);
            self.append(&receipt).await?;
        }
        Ok(())
    }
}
