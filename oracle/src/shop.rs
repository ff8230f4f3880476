//! All that the log has made so far, and what every record passes through: the fate of a record.
//!
//! Section 1 of the contract: a record is applied, a duplicate, or quarantined; what counts once is
//! remembered whole, by its own id and type.

use std::collections::{BTreeMap, BTreeSet};

use contract::log::{Position, RawRecord, Topic};
use contract::time::Time;

use crate::decode::{Decoded, Unusable, decode};
use crate::order::{Cause, Event, Note, Order, Status};
use crate::records::{Campaign, Int, LinesCancel, OrderPlaced, Product, Reason, Record, Review, Rules};

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Applied,
    Duplicate,
    Quarantined(Reason),
}

/// A product, as last upserted.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) product: Product,
    pub(crate) withdrawn: bool,
}

/// Units of a sku.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stock {
    pub(crate) on_hand: Int,
    pub(crate) held: Int,
    pub(crate) spent: Int,
}

impl Stock {
    pub(crate) fn available(self) -> Int {
        self.on_hand - self.held
    }
}

/// A campaign and what was claimed of it.
#[derive(Clone, Debug)]
pub(crate) struct CampaignState {
    pub(crate) campaign: Campaign,
    pub(crate) closed: bool,
    pub(crate) granted: Int,
    pub(crate) refused: Int,
}

/// The state of a customer's right to a campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Right {
    Available,
    /// By an order.
    Held(String),
    /// By an order.
    Spent(String),
}

/// A customer's right to a campaign.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) rank: Int,
    pub(crate) right: Right,
    pub(crate) claim: Position,
}

/// A customer's wallet in one currency.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wallet {
    pub(crate) balance: Int,
    pub(crate) held: Int,
}

impl Wallet {
    pub(crate) fn available(self) -> Int {
        self.balance - self.held
    }
}

/// A movement of a wallet.
#[derive(Clone, Debug)]
pub(crate) struct WalletEntry {
    pub(crate) kind: &'static str,
    pub(crate) entry_id: String,
    pub(crate) customer_id: String,
    pub(crate) currency: String,
    pub(crate) amount: Int,
    pub(crate) refused: bool,
    pub(crate) epoch: u64,
}

/// A cart.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cart {
    pub(crate) version: Int,
    pub(crate) items: BTreeMap<String, Int>,
}

/// Counts of a partition's records.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) received: Int,
    pub(crate) applied: Int,
    pub(crate) duplicate: Int,
    pub(crate) quarantined: Int,
}

/// What the records and deadlines of an epoch concerned: only its rows can have changed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Touched {
    pub(crate) orders: BTreeSet<String>,
    pub(crate) stock: BTreeSet<String>,
    pub(crate) products: BTreeSet<String>,
    pub(crate) campaigns: BTreeSet<String>,
    pub(crate) grants: BTreeSet<(String, String)>,
    pub(crate) wallets: BTreeSet<(String, String)>,
    pub(crate) carts: BTreeSet<String>,
    pub(crate) reviews: BTreeSet<String>,
    /// Products whose reviews changed.
    pub(crate) ratings: BTreeSet<String>,
    /// Kinds and subjects of attention that stands until it is resolved.
    pub(crate) attention: BTreeSet<(String, String)>,
    pub(crate) partitions: BTreeSet<(Topic, u32)>,
    pub(crate) quarantined: Vec<(Position, Reason)>,
    pub(crate) rules: bool,
}

/// All that the log has made so far.
#[derive(Clone, Debug)]
pub(crate) struct Shop {
    pub(crate) epoch: u64,
    pub(crate) clock: Time,
    pub(crate) rules: Rules,
    /// The records that counted, by type and own id.
    pub(crate) counted: BTreeMap<(&'static str, String), Record>,
    pub(crate) products: BTreeMap<String, Listed>,
    pub(crate) stock: BTreeMap<String, Stock>,
    pub(crate) campaigns: BTreeMap<String, CampaignState>,
    pub(crate) grants: BTreeMap<(String, String), Grant>,
    pub(crate) wallets: BTreeMap<(String, String), Wallet>,
    pub(crate) wallet_entries: Vec<WalletEntry>,
    pub(crate) orders: BTreeMap<String, Order>,
    /// When orders that wait for a payment expire.
    pub(crate) deadlines: BTreeSet<(Time, String)>,
    pub(crate) carts: BTreeMap<String, Cart>,
    /// The reviews that stand.
    pub(crate) reviews: BTreeMap<String, Review>,
    /// The ids of all reviews ever posted, by product and by customer.
    pub(crate) reviews_by_sku: BTreeMap<String, BTreeSet<String>>,
    pub(crate) reviews_by_customer: BTreeMap<String, BTreeSet<String>>,
    /// Attention that stands until it is resolved, with its detail (JSON).
    pub(crate) raised: BTreeMap<(String, String), Option<String>>,
    pub(crate) counts: BTreeMap<(Topic, u32), Counts>,
    pub(crate) touched: Touched,
}

impl Shop {
    /// Before the first record, under version 1 of the rules (rules, section 2).
    pub(crate) fn new() -> Shop {
        Shop {
            epoch: 0,
            clock: Time::default(),
            rules: Rules {
                version: 1,
                payment_window_s: 900,
                payment_attempts_max: 5,
                cancel_window_s: 1_209_600,
                payment_answer_max_s: 3600,
                low_stock_default: 10,
            },
            counted: BTreeMap::new(),
            products: BTreeMap::new(),
            stock: BTreeMap::new(),
            campaigns: BTreeMap::new(),
            grants: BTreeMap::new(),
            wallets: BTreeMap::new(),
            wallet_entries: Vec::new(),
            orders: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            carts: BTreeMap::new(),
            reviews: BTreeMap::new(),
            reviews_by_sku: BTreeMap::new(),
            reviews_by_customer: BTreeMap::new(),
            raised: BTreeMap::new(),
            counts: BTreeMap::new(),
            touched: Touched::default(),
        }
    }

    /// Reads a record, decides it and counts its fate.
    pub(crate) fn receive(&mut self, raw: &RawRecord<'_>) {
        let fate = match decode(raw) {
            Ok(decoded) => {
                let fate = self.decide(raw.at, &decoded);
                if let Fate::Quarantined(reason) = fate {
                    self.quarantine(raw.at, reason, Some(decoded.type_name));
                }
                fate
            }
            Err(Unusable { reason, type_read }) => {
                self.quarantine(raw.at, reason, type_read.as_deref());
                Fate::Quarantined(reason)
            }
        };
        let partition = (raw.at.topic, raw.at.partition);
        let counts = self.counts.entry(partition).or_default();
        counts.received += 1;
        match fate {
            Fate::Applied => counts.applied += 1,
            Fate::Duplicate => counts.duplicate += 1,
            Fate::Quarantined(_) => counts.quarantined += 1,
        }
        self.touched.partitions.insert(partition);
    }

    /// A record becomes a row of `quarantine`; one that could have moved money asks for attention
    /// (rules, section 5).
    fn quarantine(&mut self, at: Position, reason: Reason, type_read: Option<&str>) {
        self.touched.quarantined.push((at, reason));
        let moves_no_money = matches!(
            type_read,
            Some("payment_submitted" | "payment_declined" | "refund_failed")
        );
        if at.topic == Topic::Payments && !moves_no_money {
            let subject = format!("payments/{}/{}", at.partition, at.offset);
            self.raise("money_in_quarantine", &subject, None);
        }
    }

    /// Decides a record that could be read: first whether what it names is known, then whether it or
    /// its like has counted, then by its type.
    fn decide(&mut self, at: Position, decoded: &Decoded) -> Fate {
        let record = &decoded.record;
        if let Some(reason) = self.names_unknown(record) {
            return Fate::Quarantined(reason);
        }
        let own_id = own_id(record).map(|id| (decoded.type_name, id));
        if let Some(counted) = own_id.as_ref().and_then(|id| self.counted.get(id)) {
            return if counted == record {
                Fate::Duplicate
            } else {
                Fate::Quarantined(Reason::Conflict)
            };
        }
        let cause = Cause {
            at: Some(at),
            type_name: decoded.type_name,
        };
        let fate = match at.topic {
            Topic::Operations => self.decide_operations(record),
            Topic::Products | Topic::Stock => self.decide_goods(record),
            Topic::Coupons => self.decide_coupons(record, at),
            Topic::Wallets => self.decide_wallets(record),
            Topic::Orders | Topic::Payments => self.decide_order(record, cause),
            Topic::Carts => self.decide_cart(record),
            Topic::Reviews => self.decide_review(record),
        };
        if let (Fate::Applied, Some(id)) = (fate, own_id) {
            self.counted.insert(id, record.clone());
        }
        fate
    }

    /// `unknown_order`, `unknown_campaign`, `unknown_review`, `unknown_payment`.
    fn names_unknown(&self, record: &Record) -> Option<Reason> {
        match record {
            Record::OrderCancelRequested { order_id, .. }
            | Record::OrderLinesCancelRequested(LinesCancel { order_id, .. })
            | Record::OrderRedriveRequested { order_id }
            | Record::PaymentSubmitted { order_id, .. }
            | Record::PaymentConfirmed { order_id, .. }
            | Record::PaymentDeclined { order_id, .. }
            | Record::RefundFailed { order_id, .. } => {
                (!self.orders.contains_key(order_id)).then_some(Reason::UnknownOrder)
            }
            Record::PaymentRefunded {
                order_id,
                payment_key,
                ..
            } => match self.orders.get(order_id) {
                None => Some(Reason::UnknownOrder),
                Some(order) => {
                    let captured = order
                        .payments
                        .get(payment_key)
                        .is_some_and(|p| p.captured.is_some());
                    (!captured).then_some(Reason::UnknownPayment)
                }
            },
            Record::CampaignClosed { campaign_id } | Record::CouponClaimed { campaign_id, .. } => {
                (!self.campaigns.contains_key(campaign_id)).then_some(Reason::UnknownCampaign)
            }
            Record::ReviewEdited { review_id, .. } | Record::ReviewDeleted { review_id } => {
                let posted = self.counted.contains_key(&("review_posted", review_id.clone()));
                (!posted).then_some(Reason::UnknownReview)
            }
            _ => None,
        }
    }

    /// Adds a row to an order's timeline, and sets its status.
    pub(crate) fn happen(&mut self, order: &mut Order, cause: Cause, to: Status, note: Option<Note>) {
        let from = order.timeline.last().map(|_| order.status);
        order.status = to;
        order.timeline.push(Event {
            epoch: self.epoch,
            clock: self.clock,
            from,
            to,
            cause,
            note,
        });
        self.touched.orders.insert(order.order_id.clone());
    }

    /// A change of status.
    pub(crate) fn change(&mut self, order: &mut Order, cause: Cause, to: Status) {
        self.happen(order, cause, to, None);
    }

    /// "Noted": status unchanged.
    pub(crate) fn note(&mut self, order: &mut Order, cause: Cause, note: Note) {
        self.happen(order, cause, order.status, Some(note));
    }
}

/// The own id of a record that counts once.
fn own_id(record: &Record) -> Option<String> {
    match record {
        Record::OrderPlaced(OrderPlaced { order_id, .. }) => Some(order_id.clone()),
        Record::StockReceived { receipt_id, .. } => Some(receipt_id.clone()),
        Record::StockAdjusted { adjustment_id, .. } => Some(adjustment_id.clone()),
        Record::CampaignCreated(Campaign { campaign_id, .. }) => Some(campaign_id.clone()),
        Record::WalletToppedUp { topup_id, .. } => Some(topup_id.clone()),
        Record::WalletWithdrawn { withdrawal_id, .. } => Some(withdrawal_id.clone()),
        Record::OrderLinesCancelRequested(LinesCancel { cancellation_id, .. }) => {
            Some(cancellation_id.clone())
        }
        Record::ReviewPosted(Review { review_id, .. }) => Some(review_id.clone()),
        Record::RulesActivated(Rules { version, .. }) => Some(version.to_string()),
        _ => None,
    }
}
