//! What comes in: every record gets its fate (applied, duplicate, quarantined), and every partition its
//! counts.

use contract::content::{Content, Fingerprint};
use contract::decode::{Reason, Rejected};
use contract::log::{Epoch, Position, Topic};
use contract::records::{
    AttentionRaised, AttentionResolved, CampaignClosed, CampaignCreated, CartCleared, CartItemSet,
    CouponClaimed, OrderPlaced, ProductUpserted, Record, RulesActivated, StockAdjusted, StockReceived,
    WalletToppedUp, WalletWithdrawn,
};
use contract::time::Time;
use contract::views::{QuarantineRow, StreamCountsRow, View, WalletEntriesRow};
use contract::words::AttentionKind;
use operators::ledger::PassedLimit;
use operators::once::{Once, Verdict};

use super::Checkout;
use super::desk::Fate;
use super::facts::Rules;
use super::json::note_detail;
use super::touched::Touched;
use crate::carts::CartVersions;
use crate::reviews::ReviewIds;

/// Which ids count once, per type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Rules,
    Receipt,
    Adjustment,
    Campaign,
    Topup,
    Withdrawal,
    Cancellation,
}

pub(super) const KINDS: usize = 7;

/// Counts of one input partition.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) received: u64,
    pub(super) applied: u64,
    pub(super) duplicate: u64,
    pub(super) quarantined: u64,
    /// Whether this epoch had a record of the partition.
    pub(super) touched: bool,
}

/// A grant of this epoch: what its row shows and nobody needs again.
#[derive(Clone, Copy, Debug)]
pub struct NewGrant {
    /// The right, by number.
    pub grant: u32,
    /// Which grant of the campaign it was.
    pub rank: i64,
    /// The claim.
    pub at: Position,
}

/// State of the intake.
#[derive(Debug, Default)]
pub struct Intake {
    pub(super) once: [Once; KINDS],
    pub(super) counts: [Vec<Counts>; Topic::ALL.len()],
    /// What a record says: a buffer.
    pub(super) content: Content,
    pub(super) carts: CartVersions,
    pub(super) reviews: ReviewIds,
    /// Grants of this epoch, by number.
    pub(super) new_grants: Vec<NewGrant>,
    /// How many accounts there were at the start of the epoch: those from here on are new.
    pub(super) accounts_before: usize,
}

impl Intake {
    fn content(&mut self, record: &Record<'_>) -> u64 {
        self.content.clear();
        record.feed(&mut self.content);
        self.content.digest()
    }
}

fn limit(field: &str) -> Fate {
    Fate::Quarantined(Reason::Limit, format!("{field}: the level would pass 2^53-1"))
}

fn conflict(detail: String) -> Fate {
    Fate::Quarantined(Reason::Conflict, detail)
}

impl Checkout {
    /// Starts an epoch.
    pub fn begin(&mut self, epoch: Epoch, clock: Time) {
        self.desk.epoch = epoch;
        self.desk.now = clock.max(self.desk.now);
        let number = self.desk.epoch_number();
        self.rows.begin(number, self.desk.now);
        self.intake.accounts_before = self.desk.ledger.len();
    }

    /// Decides the next record of the epoch, in log order.
    pub fn record(&mut self, at: Position, decoded: Result<&Record<'_>, &Rejected>) {
        let fate = match decoded {
            Ok(record) => {
                self.desk.cause = Some((at, record.kind()));
                self.apply(at, record)
            }
            Err(rejected) => Fate::Quarantined(rejected.reason, rejected.detail.clone()),
        };
        self.desk.cause = None;
        let counts = self.counts(at);
        counts.received += 1;
        match &fate {
            Fate::Applied => counts.applied += 1,
            Fate::Duplicate => counts.duplicate += 1,
            Fate::Quarantined(..) => counts.quarantined += 1,
        }
        if let Fate::Quarantined(reason, detail) = fate {
            let kind = decoded.map_or_else(|rejected| rejected.kind, |record| Some(record.kind()));
            self.quarantine(at, reason, &detail, kind);
        }
    }

    fn counts(&mut self, at: Position) -> &mut Counts {
        let partitions = &mut self.intake.counts[at.topic as usize];
        let partition = at.partition as usize;
        if partitions.len() <= partition {
            partitions.resize(partition + 1, Counts::default());
        }
        let counts = &mut partitions[partition];
        counts.touched = true;
        counts
    }

    fn quarantine(&mut self, at: Position, reason: Reason, detail: &str, kind: Option<&str>) {
        let epoch = self.desk.epoch_number();
        self.rows.of(View::Quarantine).upsert(&QuarantineRow {
            topic: at.topic.name(),
            partition: i64::from(at.partition),
            offset: at.offset.cast_signed(),
            reason: reason.name(),
            detail,
            epoch,
        });
        let moneyless = matches!(
            kind,
            Some("payment_submitted" | "payment_declined" | "refund_failed")
        );
        if at.topic == Topic::Payments && !moneyless {
            let subject = format!("payments/{}/{}", at.partition, at.offset);
            let kind = AttentionKind::MoneyInQuarantine.word();
            self.desk.attention.raise(kind, &subject, None, self.desk.now);
        }
    }

    /// Writes the counts of the partitions that had records.
    pub(super) fn write_counts(&mut self) {
        for topic in Topic::ALL {
            for (partition, counts) in (0u32..).zip(&mut self.intake.counts[topic as usize]) {
                if !std::mem::take(&mut counts.touched) {
                    continue;
                }
                let Counts {
                    received,
                    applied,
                    duplicate,
                    quarantined,
                    ..
                } = *counts;
                let sum = applied + duplicate + quarantined;
                self.desk
                    .audit
                    .check_counts(topic.name(), partition, received, sum);
                self.rows.of(View::StreamCounts).upsert(&StreamCountsRow {
                    topic: topic.name(),
                    partition: i64::from(partition),
                    received: received.cast_signed(),
                    applied: applied.cast_signed(),
                    duplicate: duplicate.cast_signed(),
                    quarantined: quarantined.cast_signed(),
                });
            }
        }
    }

    fn apply(&mut self, at: Position, record: &Record<'_>) -> Fate {
        match record {
            Record::RulesActivated(r) => self.rules_activated(record, r),
            Record::AttentionRaised(r) => self.attention_raised(r),
            Record::AttentionResolved(r) => self.attention_resolved(r),
            Record::ProductUpserted(r) => self.product_upserted(r),
            Record::ProductWithdrawn(r) => {
                self.product_withdrawn(r.sku.get());
                Fate::Applied
            }
            Record::StockReceived(r) => self.stock_received(record, r),
            Record::StockAdjusted(r) => self.stock_adjusted(record, r),
            Record::CampaignCreated(r) => self.campaign_created(record, r),
            Record::CampaignClosed(r) => self.campaign_closed(r),
            Record::CouponClaimed(r) => self.coupon_claimed(at, r),
            Record::WalletToppedUp(r) => self.wallet_topped_up(record, r),
            Record::WalletWithdrawn(r) => self.wallet_withdrawn(record, r),
            Record::OrderPlaced(r) => self.order_placed(record, r),
            Record::OrderLinesCancelRequested(r) => {
                if self.book.find(r.order_id.get()).is_none() {
                    return unknown_order(r.order_id.get());
                }
                self.once(Kind::Cancellation, r.cancellation_id.get(), record, |job| {
                    job.with_order(r.order_id.get(), |job, t| {
                        job.desk.cancel_lines(t, r);
                        Fate::Applied
                    })
                })
            }
            Record::OrderCancelRequested(_)
            | Record::OrderRedriveRequested(_)
            | Record::PaymentSubmitted(_)
            | Record::PaymentConfirmed(_)
            | Record::PaymentDeclined(_)
            | Record::PaymentRefunded(_)
            | Record::RefundFailed(_) => self.with_order(record.key(), |job, t| job.order_asked(t, record)),
            Record::CartItemSet(_)
            | Record::CartCleared(_)
            | Record::ReviewPosted(_)
            | Record::ReviewEdited(_)
            | Record::ReviewDeleted(_) => self.others(record),
        }
    }

    /// Passes a record on to its order.
    fn order_asked(&mut self, t: &mut Touched, record: &Record<'_>) -> Fate {
        match record {
            Record::OrderCancelRequested(r) => self.desk.cancel(t, r.reason.get()),
            Record::OrderRedriveRequested(_) => self.desk.redrive(t),
            Record::PaymentSubmitted(r) => self.desk.payment_submitted(t, r),
            Record::PaymentConfirmed(r) => return self.desk.payment_confirmed(t, r),
            Record::PaymentDeclined(r) => self.desk.payment_declined(t, r),
            Record::PaymentRefunded(r) => return self.desk.payment_refunded(t, r),
            Record::RefundFailed(r) => self.desk.refund_failed(t, r),
            _ => unreachable!("{} is not for one order", record.kind()),
        }
        Fate::Applied
    }

    fn with_order(&mut self, id: &str, decide: impl FnOnce(&mut Self, &mut Touched) -> Fate) -> Fate {
        let Some(number) = self.book.find(id) else {
            return unknown_order(id);
        };
        let mut touched = self.book.take(number, id);
        let fate = decide(self, &mut touched);
        self.book.give(touched);
        fate
    }

    /// Applies a record whose id counts once; `apply` may still refuse it.
    fn once(
        &mut self,
        kind: Kind,
        id: &str,
        record: &Record<'_>,
        apply: impl FnOnce(&mut Self) -> Fate,
    ) -> Fate {
        let content = self.intake.content(record);
        let print = Fingerprint::of(id.as_bytes()).0;
        match self.intake.once[kind as usize].judge(print, content) {
            Verdict::Same => Fate::Duplicate,
            Verdict::Other => conflict(format!("{id}: has counted with another content")),
            Verdict::First => {
                let fate = apply(self);
                if fate == Fate::Applied {
                    self.intake.once[kind as usize].keep(print, content);
                }
                fate
            }
        }
    }

    fn rules_activated(&mut self, record: &Record<'_>, r: &RulesActivated<'_>) -> Fate {
        self.once(Kind::Rules, &r.version.get().to_string(), record, |job| {
            let rules = &mut job.desk.facts.rules;
            let current = rules.last().map_or(0, |rules| rules.version);
            if r.version.get() <= current {
                return conflict(format!(
                    "version: expected above {current}, that of the rules in force"
                ));
            }
            rules.push(Rules::from(r));
            job.low_stock.touch_all();
            Fate::Applied
        })
    }

    fn attention_raised(&mut self, r: &AttentionRaised<'_>) -> Fate {
        if AttentionKind::from_word(r.kind.get()).is_none() {
            let detail = Some(note_detail(r.note.get()));
            self.desk
                .attention
                .raise(r.kind.get(), r.subject.get(), detail, self.desk.now);
        }
        Fate::Applied
    }

    fn attention_resolved(&mut self, r: &AttentionResolved<'_>) -> Fate {
        if AttentionKind::from_word(r.kind.get()).is_none_or(AttentionKind::stays) {
            self.desk.attention.resolve(r.kind.get(), r.subject.get());
        }
        Fate::Applied
    }

    fn product_upserted(&mut self, r: &ProductUpserted<'_>) -> Fate {
        if let Some((_, known)) = self.desk.facts.offer(r.sku.get()) {
            if known.currency != r.currency {
                return conflict(format!(
                    "currency: expected {}, which can't change",
                    known.currency.get()
                ));
            }
            if known.stocked != r.stocked {
                return conflict(format!("stocked: expected {}, which can't change", known.stocked));
            }
        }
        let number = self.desk.facts.upsert(r);
        self.low_stock.touch(number);
        self.teller.product(number, r);
        Fate::Applied
    }

    fn product_withdrawn(&mut self, sku: &str) {
        let Some(number) = self.desk.facts.skus.find(sku) else {
            return;
        };
        if let Some(offer) = &mut self.desk.facts.products[number as usize].offer {
            offer.withdrawn = true;
            self.low_stock.touch(number);
            self.teller.withdrawn(number);
        }
    }

    /// Records of carts and reviews: whether they count is said here, what they do is another job's.
    fn others(&mut self, record: &Record<'_>) -> Fate {
        let Intake { carts, reviews, .. } = &mut self.intake;
        let fate = match record {
            Record::CartItemSet(CartItemSet {
                customer_id,
                if_version,
                ..
            })
            | Record::CartCleared(CartCleared {
                customer_id,
                if_version,
                ..
            }) => match carts.judge(customer_id.get(), *if_version) {
                Ok(version) => {
                    self.teller.cart(record, version, &mut self.desk.facts);
                    return Fate::Applied;
                }
                Err(fate) => fate,
            },
            Record::ReviewPosted(r) => {
                let content = self.intake.content(record);
                self.intake.reviews.posted(r.review_id.get(), content)
            }
            Record::ReviewEdited(r) => reviews.known(r.review_id.get()),
            Record::ReviewDeleted(r) => reviews.known(r.review_id.get()),
            _ => unreachable!("{} is decided here", record.kind()),
        };
        if fate == Fate::Applied {
            self.teller.review(record, &mut self.desk.facts);
        }
        fate
    }

    fn stock_received(&mut self, record: &Record<'_>, r: &StockReceived<'_>) -> Fate {
        self.once(Kind::Receipt, r.receipt_id.get(), record, |job| {
            job.move_stock(r.sku.get(), r.quantity.get())
                .map_or_else(|_| limit("quantity"), |()| Fate::Applied)
        })
    }

    fn stock_adjusted(&mut self, record: &Record<'_>, r: &StockAdjusted<'_>) -> Fate {
        self.once(Kind::Adjustment, r.adjustment_id.get(), record, |job| {
            job.move_stock(r.sku.get(), r.delta.get())
                .map_or_else(|_| limit("delta"), |()| Fate::Applied)
        })
    }

    fn move_stock(&mut self, sku: &str, units: i64) -> Result<(), PassedLimit> {
        let (product, account) = self.desk.facts.stock(&mut self.desk.ledger, sku);
        self.desk.ledger.deposit(account, units)?;
        self.desk.audit.stock_moved(product, units);
        Ok(())
    }

    fn campaign_created(&mut self, record: &Record<'_>, r: &CampaignCreated<'_>) -> Fate {
        self.once(Kind::Campaign, r.campaign_id.get(), record, |job| {
            job.desk.facts.create(&mut job.desk.ledger, r);
            Fate::Applied
        })
    }

    fn campaign_closed(&mut self, r: &CampaignClosed<'_>) -> Fate {
        let Some(number) = self.desk.facts.campaign_ids.find(r.campaign_id.get()) else {
            return unknown_campaign(r.campaign_id.get());
        };
        let campaign = &mut self.desk.facts.campaigns[number as usize];
        if !std::mem::replace(&mut campaign.closed, true) {
            self.desk.ledger.touch(campaign.account);
        }
        Fate::Applied
    }

    fn coupon_claimed(&mut self, at: Position, r: &CouponClaimed<'_>) -> Fate {
        let (facts, ledger) = (&mut self.desk.facts, &mut self.desk.ledger);
        let Some(number) = facts.campaign_ids.find(r.campaign_id.get()) else {
            return unknown_campaign(r.campaign_id.get());
        };
        if facts.grant(number, r.customer_id.get()).is_some() {
            return Fate::Duplicate;
        }
        let campaign = &mut facts.campaigns[number as usize];
        let open = !campaign.closed && campaign.is_open_at(self.desk.now);
        let rank = if open {
            ledger.grant(campaign.account).ok()
        } else {
            None
        };
        let Some(rank) = rank else {
            campaign.refused += 1;
            ledger.touch(campaign.account);
            return Fate::Applied;
        };
        let grant = facts.add_grant(ledger, number, r.customer_id.get());
        self.desk.audit.coupon_granted(number);
        self.intake.new_grants.push(NewGrant { grant, rank, at });
        Fate::Applied
    }

    fn wallet_topped_up(&mut self, record: &Record<'_>, r: &WalletToppedUp<'_>) -> Fate {
        self.once(Kind::Topup, r.topup_id.get(), record, |job| {
            let (customer, amount) = (r.customer_id.get(), r.amount.get());
            let wallet = job
                .desk
                .facts
                .open_wallet(&mut job.desk.ledger, customer, r.currency);
            let account = job.desk.facts.wallets[wallet as usize].account;
            if job.desk.ledger.deposit(account, amount).is_err() {
                return limit("amount");
            }
            job.desk.entry("top_up", r.topup_id.get(), wallet, amount);
            Fate::Applied
        })
    }

    fn wallet_withdrawn(&mut self, record: &Record<'_>, r: &WalletWithdrawn<'_>) -> Fate {
        self.once(Kind::Withdrawal, r.withdrawal_id.get(), record, |job| {
            let (customer, amount) = (r.customer_id.get(), r.amount.get());
            let wallet = job.desk.facts.wallet(customer, r.currency);
            let account = wallet.map(|wallet| job.desk.facts.wallets[wallet as usize].account);
            match (
                wallet,
                account.map(|account| job.desk.ledger.withdraw(account, amount)),
            ) {
                (Some(wallet), Some(Ok(()))) => {
                    job.desk
                        .entry("withdrawal", r.withdrawal_id.get(), wallet, amount);
                }
                _ => {
                    let epoch = job.desk.epoch_number();
                    job.desk.entries.upsert(&WalletEntriesRow {
                        kind: "withdrawal",
                        entry_id: r.withdrawal_id.get(),
                        customer_id: customer,
                        amount,
                        currency: r.currency.get(),
                        status: "refused",
                        epoch,
                    });
                }
            }
            Fate::Applied
        })
    }

    fn order_placed(&mut self, record: &Record<'_>, r: &OrderPlaced<'_>) -> Fate {
        let content = self.intake.content(record);
        let id = r.order_id.get();
        if let Some(number) = self.book.find(id) {
            return if self.book.content(number) == content {
                Fate::Duplicate
            } else {
                conflict(format!("{id}: has counted with another content"))
            };
        }
        let mut touched = self.book.open(id);
        self.desk.place(&mut touched, r, content);
        self.book.give(touched);
        Fate::Applied
    }
}

fn unknown_order(id: &str) -> Fate {
    Fate::Quarantined(Reason::UnknownOrder, format!("order_id: no such order: {id}"))
}

fn unknown_campaign(id: &str) -> Fate {
    Fate::Quarantined(
        Reason::UnknownCampaign,
        format!("campaign_id: no such campaign: {id}"),
    )
}
