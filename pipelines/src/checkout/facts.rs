//! What orders are decided on besides the ledger's levels: rules in force, products, campaigns, rights,
//! wallets.

use contract::discount::Discount;
use contract::records::{CampaignCreated, ProductUpserted, RulesActivated};
use contract::time::Time;
use contract::values::{Amount, Currency, LowStock};
use operators::index::Index;
use operators::interner::{Interner, hash};
use operators::ledger::{AccountNo, Ledger};
use operators::paged::Paged;

/// What an account stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Stock of a product, by number.
    Stock(u32),
    /// Quota of a campaign, by number.
    Quota(u32),
    /// A customer's right to a campaign, by number of the grant.
    Right(u32),
    /// A wallet, by number.
    Wallet(u32),
}

/// The rules that an order lives under (rules, section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Their version.
    pub version: i64,
    /// How long an order waits to be paid, in seconds.
    pub payment_window_s: i64,
    /// Attempts to pay an order.
    pub payment_attempts_max: u32,
    /// How long after confirmation an order can be cancelled, in seconds.
    pub cancel_window_s: i64,
    /// How long the provider may take to answer, in seconds.
    pub payment_answer_max_s: i64,
    /// Stock at or below which a product is low, unless it says otherwise itself.
    pub low_stock_default: i64,
}

impl Default for Rules {
    fn default() -> Self {
        Rules {
            version: 1,
            payment_window_s: 900,
            payment_attempts_max: 5,
            cancel_window_s: 1_209_600,
            payment_answer_max_s: 3600,
            low_stock_default: 10,
        }
    }
}

impl From<&RulesActivated<'_>> for Rules {
    fn from(r: &RulesActivated<'_>) -> Self {
        Rules {
            version: r.version.get(),
            payment_window_s: r.payment_window_s.get(),
            payment_attempts_max: u32::try_from(r.payment_attempts_max.get())
                .expect("attempts are at most 1,000"),
            cancel_window_s: r.cancel_window_s.get(),
            payment_answer_max_s: r.payment_answer_max_s.get(),
            low_stock_default: r.low_stock_default.get(),
        }
    }
}

/// What is for sale at this point of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Price of a unit.
    pub price: i64,
    /// Of the price.
    pub currency: Currency,
    /// Whether stock is held for it.
    pub stocked: bool,
    /// Whether it is withdrawn.
    pub withdrawn: bool,
    /// Its store, by number of its text.
    pub store: Option<u32>,
    /// Its category, by number of its text.
    pub category: Option<u32>,
    /// Its own threshold of low stock.
    pub low_stock: Option<i64>,
}

/// A product or a sku that has stock.
#[derive(Clone, Copy, Debug, Default)]
pub struct Product {
    /// What is for sale, if it was ever upserted.
    pub offer: Option<Offer>,
    /// Its stock, if it ever had a receipt or adjustment.
    pub stock: Option<AccountNo>,
}

/// A campaign.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// Its name.
    pub name: String,
    /// How many it grants.
    pub quota: i64,
    /// Currency of its amounts.
    pub currency: Currency,
    /// What a coupon takes off.
    pub discount: Discount,
    /// Least total of an order.
    pub min_order_amount: i64,
    /// Its window.
    pub window: (Option<Time>, Option<Time>),
    /// Whether it grants no more.
    pub closed: bool,
    /// How many claims were refused.
    pub refused: i64,
    /// What is left of the quota.
    pub account: AccountNo,
}

impl Campaign {
    /// Whether `now` lies in its window: from its start, before its end.
    #[must_use]
    pub fn is_open_at(&self, now: Time) -> bool {
        self.window.0.is_none_or(|start| start <= now) && self.window.1.is_none_or(|end| now < end)
    }
}

/// A customer's right to a campaign.
#[derive(Clone, Copy, Debug)]
pub struct Grant {
    /// The campaign, by number.
    pub campaign: u32,
    /// The customer, by number.
    pub customer: u32,
    /// The right itself: 1 unit.
    pub account: AccountNo,
    /// The order that holds or spent it.
    pub holder: Option<u32>,
    /// The holder that the view shows.
    pub shown: Option<u32>,
}

fn grant_hash(campaign: u32, customer: u32) -> u64 {
    hash(&(u64::from(campaign) << 32 | u64::from(customer)).to_le_bytes())
}

impl Grant {
    /// To which campaign, and whose: no two rights have the same.
    #[must_use]
    pub fn who(&self) -> (u32, u32) {
        (self.campaign, self.customer)
    }

    /// A hash of that.
    #[must_use]
    pub fn hash(&self) -> u64 {
        grant_hash(self.campaign, self.customer)
    }
}

/// A customer's wallet in one currency.
#[derive(Clone, Copy, Debug)]
pub struct Wallet {
    /// The customer, by number.
    pub customer: u32,
    /// Of its amounts.
    pub currency: Currency,
    /// What is in it.
    pub account: AccountNo,
}

fn wallet_hash(customer: u32, currency: Currency) -> u64 {
    hash(&(u64::from(customer) << 16 | u64::from(currency.to_u16())).to_le_bytes())
}

impl Wallet {
    /// Whose, and in which currency: no two wallets have the same.
    #[must_use]
    pub fn who(&self) -> (u32, Currency) {
        (self.customer, self.currency)
    }

    /// A hash of that.
    #[must_use]
    pub fn hash(&self) -> u64 {
        wallet_hash(self.customer, self.currency)
    }
}

/// All facts.
#[derive(Debug)]
pub struct Facts {
    /// All rules ever in force; the last ones are in force now.
    pub rules: Paged<Rules>,
    /// Skus, numbered.
    pub skus: Interner,
    /// By number of the sku.
    pub products: Paged<Product>,
    /// Stores and categories, numbered.
    pub texts: Interner,
    /// Campaign ids, numbered.
    pub campaign_ids: Interner,
    /// By number of the campaign.
    pub campaigns: Paged<Campaign>,
    /// Customers who have a wallet, a right, a cart, a review or an order that was accepted, numbered.
    pub customers: Interner,
    /// All rights.
    pub grants: Paged<Grant>,
    pub(super) grant_numbers: Index,
    /// All wallets.
    pub wallets: Paged<Wallet>,
    pub(super) wallet_numbers: Index,
    /// By number of the account.
    pub owners: Paged<Owner>,
}

/// The number of the text of a store or category that there is none of: the empty text.
pub const NO_TEXT: u32 = 0;

impl Default for Facts {
    fn default() -> Self {
        let mut texts = Interner::new();
        assert_eq!(texts.intern(""), NO_TEXT, "the first text has the first number");
        Facts {
            rules: Paged::from_iter([Rules::default()]),
            skus: Interner::new(),
            products: Paged::new(),
            texts,
            campaign_ids: Interner::new(),
            campaigns: Paged::new(),
            customers: Interner::new(),
            grants: Paged::new(),
            grant_numbers: Index::new(),
            wallets: Paged::new(),
            wallet_numbers: Index::new(),
            owners: Paged::new(),
        }
    }
}

impl Facts {
    /// The index of the rules in force.
    #[must_use]
    pub fn rules_now(&self) -> u32 {
        u32::try_from(self.rules.len() - 1).expect("rules have fewer than 2^20 versions")
    }

    fn open(&mut self, ledger: &mut Ledger, owner: Owner) -> AccountNo {
        let account = ledger.open();
        assert_eq!(
            account.0 as usize,
            self.owners.len(),
            "the ledger's accounts are ours"
        );
        self.owners.push(owner);
        account
    }

    /// The number of a sku, which gets one if it has none.
    pub fn product(&mut self, sku: &str) -> u32 {
        let number = self.skus.intern(sku);
        if number as usize == self.products.len() {
            self.products.push(Product::default());
        }
        number
    }

    /// The stock account of a sku, opened if it has none. A new one is marked as touched: it has a row from
    /// now on.
    pub fn stock(&mut self, ledger: &mut Ledger, sku: &str) -> (u32, AccountNo) {
        let number = self.product(sku);
        if let Some(account) = self.products[number as usize].stock {
            return (number, account);
        }
        let account = self.open(ledger, Owner::Stock(number));
        self.products[number as usize].stock = Some(account);
        (number, account)
    }

    /// Puts a product up for sale as the record says; its number.
    pub fn upsert(&mut self, r: &ProductUpserted<'_>) -> u32 {
        let number = self.product(r.sku.get());
        let store = r.store_id.map(|store| self.texts.intern(store.get()));
        let category = r.category.map(|category| self.texts.intern(category.get()));
        self.products[number as usize].offer = Some(Offer {
            price: r.price.get(),
            currency: r.currency,
            stocked: r.stocked,
            withdrawn: false,
            store,
            category,
            low_stock: r.low_stock.map(LowStock::get),
        });
        number
    }

    /// The product that is known under a sku, if any: its number and what is for sale.
    #[must_use]
    pub fn offer(&self, sku: &str) -> Option<(u32, Offer)> {
        let number = self.skus.find(sku)?;
        self.products[number as usize].offer.map(|offer| (number, offer))
    }

    /// Opens a campaign as the record says.
    pub fn create(&mut self, ledger: &mut Ledger, r: &CampaignCreated<'_>) {
        let number = self.campaign_ids.intern(r.campaign_id.get());
        assert_eq!(
            number as usize,
            self.campaigns.len(),
            "a campaign is created once"
        );
        let account = self.open(ledger, Owner::Quota(number));
        ledger
            .deposit(account, r.quota.get())
            .expect("a quota is far below the greatest level");
        self.campaigns.push(Campaign {
            name: r.name.get().to_owned(),
            quota: r.quota.get(),
            currency: r.currency,
            discount: r.discount,
            min_order_amount: r.min_order_amount.map_or(0, Amount::get),
            window: (r.starts_at, r.ends_at),
            closed: false,
            refused: 0,
            account,
        });
    }

    /// The number of the right of a customer to a campaign.
    #[must_use]
    pub fn grant(&self, campaign: u32, customer: &str) -> Option<u32> {
        let customer = self.customers.find(customer)?;
        let is_it = |number: u32| self.grants[number as usize].who() == (campaign, customer);
        self.grant_numbers.find(grant_hash(campaign, customer), is_it)
    }

    /// Gives a customer a right to a campaign.
    pub fn add_grant(&mut self, ledger: &mut Ledger, campaign: u32, customer: &str) -> u32 {
        let customer = self.customers.intern(customer);
        let number = u32::try_from(self.grants.len()).expect("fewer than 2^32 rights");
        let account = self.open(ledger, Owner::Right(number));
        ledger.deposit(account, 1).expect("1 is below the greatest level");
        self.grants.push(Grant {
            campaign,
            customer,
            account,
            holder: None,
            shown: None,
        });
        let grants = &self.grants;
        self.grant_numbers.insert(number, |n| grants[n as usize].hash());
        number
    }

    /// The number of a customer's wallet.
    #[must_use]
    pub fn wallet(&self, customer: &str, currency: Currency) -> Option<u32> {
        let customer = self.customers.find(customer)?;
        let is_it = |number: u32| self.wallets[number as usize].who() == (customer, currency);
        self.wallet_numbers.find(wallet_hash(customer, currency), is_it)
    }

    /// The number of a customer's wallet, opened if there is none.
    pub fn open_wallet(&mut self, ledger: &mut Ledger, customer: &str, currency: Currency) -> u32 {
        if let Some(number) = self.wallet(customer, currency) {
            return number;
        }
        let customer = self.customers.intern(customer);
        let number = u32::try_from(self.wallets.len()).expect("fewer than 2^32 wallets");
        let account = self.open(ledger, Owner::Wallet(number));
        self.wallets.push(Wallet {
            customer,
            currency,
            account,
        });
        let wallets = &self.wallets;
        self.wallet_numbers.insert(number, |n| wallets[n as usize].hash());
        number
    }
}
