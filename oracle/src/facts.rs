//! Deciding everything but orders: section 3 of the rules ("Products", "Stock", "Claims", withdrawals),
//! rules in force (section 2), carts and reviews (contract, sections 1 and 2).

use contract::log::Position;

use crate::records::{AMOUNT_MAX, Int, Money, Product, Reason, Record};
use crate::shop::{CampaignState, Fate, Grant, Listed, Right, Shop, WalletEntry};

impl Shop {
    /// The stream `operations`.
    pub(crate) fn decide_operations(&mut self, record: &Record) -> Fate {
        match record {
            Record::RulesActivated(rules) => {
                if rules.version <= self.rules.version {
                    return Fate::Quarantined(Reason::Conflict);
                }
                self.rules = rules.clone();
                self.touched.rules = true;
            }
            Record::AttentionRaised { kind, subject, note } => self.attention_raised(kind, subject, note),
            Record::AttentionResolved { kind, subject } => self.attention_resolved(kind, subject),
            _ => {}
        }
        Fate::Applied
    }

    /// The streams `products` and `stock`.
    pub(crate) fn decide_goods(&mut self, record: &Record) -> Fate {
        match record {
            Record::ProductUpserted(product) => self.upsert(product),
            Record::ProductWithdrawn { sku } => {
                if let Some(listed) = self.products.get_mut(sku) {
                    listed.withdrawn = true;
                    self.touched.products.insert(sku.clone());
                }
                Fate::Applied
            }
            Record::StockReceived { sku, quantity, .. } => self.add_stock(sku, *quantity),
            Record::StockAdjusted { sku, delta, .. } => self.add_stock(sku, *delta),
            _ => Fate::Applied,
        }
    }

    /// An upsert replaces the whole product and ends a withdrawal.
    fn upsert(&mut self, product: &Product) -> Fate {
        if let Some(Listed { product: before, .. }) = self.products.get(&product.sku)
            && (before.stocked != product.stocked || before.currency != product.currency)
        {
            return Fate::Quarantined(Reason::Conflict);
        }
        self.touched.products.insert(product.sku.clone());
        let listed = Listed {
            product: product.clone(),
            withdrawn: false,
        };
        self.products.insert(product.sku.clone(), listed);
        Fate::Applied
    }

    /// Receipts and adjustments are facts and always apply.
    fn add_stock(&mut self, sku: &str, delta: Int) -> Fate {
        let on_hand = self.stock.get(sku).map_or(0, |stock| stock.on_hand) + delta;
        if on_hand > AMOUNT_MAX {
            return Fate::Quarantined(Reason::Limit);
        }
        self.stock.entry(sku.to_owned()).or_default().on_hand = on_hand;
        self.touched.stock.insert(sku.to_owned());
        Fate::Applied
    }

    /// The stream `coupons`.
    pub(crate) fn decide_coupons(&mut self, record: &Record, at: Position) -> Fate {
        match record {
            Record::CampaignCreated(campaign) => {
                self.touched.campaigns.insert(campaign.campaign_id.clone());
                let state = CampaignState {
                    campaign: campaign.clone(),
                    closed: false,
                    granted: 0,
                    refused: 0,
                };
                self.campaigns.insert(campaign.campaign_id.clone(), state);
                Fate::Applied
            }
            Record::CampaignClosed { campaign_id } => {
                if let Some(state) = self.campaigns.get_mut(campaign_id) {
                    state.closed = true;
                    self.touched.campaigns.insert(campaign_id.clone());
                }
                Fate::Applied
            }
            Record::CouponClaimed {
                campaign_id,
                customer_id,
            } => self.claim(campaign_id, customer_id, at),
            _ => Fate::Applied,
        }
    }

    /// A claim: duplicate, refused, or granted with the next rank.
    fn claim(&mut self, campaign_id: &str, customer_id: &str, at: Position) -> Fate {
        let right = (campaign_id.to_owned(), customer_id.to_owned());
        let Some(state) = self.campaigns.get_mut(campaign_id) else {
            return Fate::Quarantined(Reason::UnknownCampaign);
        };
        if self.grants.contains_key(&right) {
            return Fate::Duplicate;
        }
        self.touched.campaigns.insert(campaign_id.to_owned());
        let not_open = state.closed || !state.campaign.is_open_at(self.clock);
        let exhausted = state.granted >= state.campaign.quota;
        if not_open || exhausted {
            state.refused += 1;
            return Fate::Applied;
        }
        state.granted += 1;
        let grant = Grant {
            rank: state.granted,
            right: Right::Available,
            claim: at,
        };
        self.touched.grants.insert(right.clone());
        self.grants.insert(right, grant);
        Fate::Applied
    }

    /// The stream `wallets`.
    pub(crate) fn decide_wallets(&mut self, record: &Record) -> Fate {
        match record {
            Record::WalletToppedUp {
                topup_id,
                customer_id,
                money,
            } => {
                let key = (customer_id.clone(), money.currency.clone());
                let balance = self.wallets.get(&key).map_or(0, |wallet| wallet.balance) + money.amount;
                if balance > AMOUNT_MAX {
                    return Fate::Quarantined(Reason::Limit);
                }
                self.wallets.entry(key.clone()).or_default().balance = balance;
                self.touched.wallets.insert(key);
                self.enter("top_up", topup_id, customer_id, money, false);
            }
            Record::WalletWithdrawn {
                withdrawal_id,
                customer_id,
                money,
            } => {
                let key = (customer_id.clone(), money.currency.clone());
                let available = self.wallets.get(&key).map_or(0, |wallet| wallet.available());
                let refused = money.amount > available;
                if !refused && let Some(wallet) = self.wallets.get_mut(&key) {
                    wallet.balance -= money.amount;
                    self.touched.wallets.insert(key);
                }
                self.enter("withdrawal", withdrawal_id, customer_id, money, refused);
            }
            _ => {}
        }
        Fate::Applied
    }

    /// Adds a row to `wallet_entries`.
    pub(crate) fn enter(
        &mut self,
        kind: &'static str,
        id: &str,
        customer: &str,
        money: &Money,
        refused: bool,
    ) {
        self.wallet_entries.push(WalletEntry {
            kind,
            entry_id: id.to_owned(),
            customer_id: customer.to_owned(),
            currency: money.currency.clone(),
            amount: money.amount,
            refused,
            epoch: self.epoch,
        });
    }

    /// The stream `carts`.
    pub(crate) fn decide_cart(&mut self, record: &Record) -> Fate {
        let (Record::CartItemSet {
            customer_id,
            if_version,
            ..
        }
        | Record::CartCleared {
            customer_id,
            if_version,
        }) = record
        else {
            return Fate::Applied;
        };
        let version = self.carts.get(customer_id).map_or(0, |cart| cart.version);
        if if_version.is_some_and(|asked| asked != version) {
            return Fate::Quarantined(Reason::Conflict);
        }
        let cart = self.carts.entry(customer_id.clone()).or_default();
        cart.version += 1;
        match record {
            Record::CartItemSet { sku, quantity: 0, .. } => {
                cart.items.remove(sku);
            }
            Record::CartItemSet { sku, quantity, .. } => {
                cart.items.insert(sku.clone(), *quantity);
            }
            _ => cart.items.clear(),
        }
        self.touched.carts.insert(customer_id.clone());
        Fate::Applied
    }

    /// The stream `reviews`: after a deletion edits and deletions are applied without effect.
    pub(crate) fn decide_review(&mut self, record: &Record) -> Fate {
        match record {
            Record::ReviewPosted(review) => {
                let id = review.review_id.clone();
                self.reviews_by_sku
                    .entry(review.sku.clone())
                    .or_default()
                    .insert(id.clone());
                self.reviews_by_customer
                    .entry(review.customer_id.clone())
                    .or_default()
                    .insert(id.clone());
                self.touch_review(&id, &review.sku);
                self.reviews.insert(id, review.clone());
            }
            Record::ReviewEdited {
                review_id,
                rating,
                text,
            } => {
                if let Some(mut review) = self.reviews.remove(review_id) {
                    review.rating = rating.unwrap_or(review.rating);
                    review.text = text.clone().unwrap_or(review.text);
                    self.touch_review(review_id, &review.sku);
                    self.reviews.insert(review_id.clone(), review);
                }
            }
            Record::ReviewDeleted { review_id } => {
                if let Some(review) = self.reviews.remove(review_id) {
                    self.touch_review(review_id, &review.sku);
                }
            }
            _ => {}
        }
        Fate::Applied
    }

    fn touch_review(&mut self, review_id: &str, sku: &str) {
        self.touched.reviews.insert(review_id.to_owned());
        self.touched.ratings.insert(sku.to_owned());
    }
}
