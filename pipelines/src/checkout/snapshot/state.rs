//! From the job's state to lists and back.
//!
//! Both ways name every field of every struct: one that is added does not compile until it is either put
//! into a list, or said to be a buffer that is empty between epochs, or to follow from the rest.

use std::collections::BTreeMap;
use std::mem::take;

use contract::content::Content;
use contract::delta::DeltaBuilder;
use contract::log::Epoch;
use contract::time::Time;
use contract::views::View;
use operators::deadlines::Deadlines;
use operators::index::{Index, Run};
use operators::interner::{Interner, Texts};
use operators::ledger::{AccountNo, Ledger};
use operators::once::Once;
use operators::paged::Paged;
use operators::prints::{Listed, Prints};

use super::Damaged;
use super::lists::{Gathered, Kind, Lists};
use super::orders::{OrderList, ReadOrders};
use super::wire::Moment;
use crate::carts::CartVersions;
use crate::checkout::Checkout;
use crate::checkout::attention::{Attention, Standing};
use crate::checkout::audit::Audit;
use crate::checkout::book::Book;
use crate::checkout::desk::Desk;
use crate::checkout::facts::{Facts, Grant, Rules, Wallet};
use crate::checkout::intake::{Counts, Intake, KINDS};
use crate::checkout::low_stock::LowStock;
use crate::checkout::order::Order;
use crate::checkout::rows::Rows;
use crate::checkout::tell::Teller;
use crate::checkout::touched::Kept;
use crate::reviews::ReviewIds;

impl Book {
    /// All orders. What the epoch touched must be settled.
    fn share(&mut self) -> OrderList {
        let Book {
            slots_of,
            slots,
            touched,
            kept,
            spare: _,
            bytes: _,
        } = self;
        assert!(
            touched.is_empty() && kept.is_empty(),
            "a snapshot is taken between epochs"
        );
        OrderList {
            slots_of: slots_of.share(),
            blobs: slots.share(),
        }
    }
}

impl Attention {
    fn share(&mut self) -> Standing {
        let Attention { raised, before } = self;
        assert!(before.is_empty(), "a snapshot is taken between epochs");
        raised.share()
    }
}

impl CartVersions {
    fn share(&mut self) -> Listed<i64> {
        let CartVersions { versions } = self;
        versions.share()
    }
}

impl ReviewIds {
    fn share(&mut self) -> Listed<u64> {
        let ReviewIds { posted } = self;
        posted.share()
    }
}

/// What counts once, carts, reviews.
type Ids = ([Listed<u64>; KINDS], Listed<i64>, Listed<u64>);

impl Intake {
    fn share(&mut self) -> Ids {
        let Intake {
            once,
            carts,
            reviews,
            new_grants,
            counts: _,
            content: _,
            accounts_before: _,
        } = self;
        assert!(new_grants.is_empty(), "a snapshot is taken between epochs");
        (once.each_mut().map(Once::share), carts.share(), reviews.share())
    }
}

impl Moment {
    /// What is small, of the rest of the desk.
    fn of(now: Time, counts: &[Vec<Counts>], audit: &Audit) -> Self {
        let Audit {
            // Lists of their own.
            stock: _,
            live: _,
            granted: _,
            wallets: _,
            payments,
            kept,
            money_touched,
            violations,
            changed,
        } = audit;
        assert!(
            !money_touched && changed.is_empty(),
            "a snapshot is taken between epochs"
        );
        Moment {
            now,
            counts: counts.to_vec(),
            payments: payments
                .iter()
                .map(|(currency, flow)| (*currency, *flow))
                .collect(),
            kept: kept.iter().map(|(currency, kept)| (*currency, *kept)).collect(),
            violations: violations.iter().map(|(key, row)| (key.clone(), *row)).collect(),
        }
    }
}

impl Desk {
    /// Whether it is between epochs. Says of each field whether it is state: then it is in a list, or follows
    /// from the orders.
    fn is_idle(&self) -> bool {
        let Desk {
            cause,
            holders,
            entries,
            epoch: _,
            now: _,
            ledger: _,
            facts: _,
            expiries: _,
            windows: _,
            answers: _,
            attention: _,
            audit: _,
        } = self;
        cause.is_none() && holders.is_empty() && entries.is_empty()
    }
}

impl Checkout {
    /// All state, shared with the job.
    pub(super) fn share(&mut self) -> Lists {
        let Checkout {
            desk,
            book,
            intake,
            rows,
            before: _,
            // What other jobs were told by a process that is gone, they are told again.
            teller: _,
            // It follows from products, stock and rules.
            low_stock,
        } = self;
        assert!(
            desk.is_idle() && rows.is_empty() && low_stock.is_idle(),
            "a snapshot is taken between epochs"
        );
        let Facts {
            rules,
            skus,
            products,
            texts,
            campaign_ids,
            campaigns,
            customers,
            grants,
            grant_numbers: _,
            wallets,
            wallet_numbers: _,
            owners,
        } = &mut desk.facts;
        let moment = Moment::of(desk.now, &intake.counts, &desk.audit);
        let (once, carts, reviews) = intake.share();
        let [
            o_rules,
            receipts,
            adjustments,
            o_campaigns,
            topups,
            withdrawals,
            cancellations,
        ] = once;
        Lists {
            moment: Paged::from_iter([moment]),
            orders: book.share(),
            accounts: desk.ledger.share(),
            rules: rules.share(),
            owners: owners.share(),
            skus: skus.share(),
            products: products.share(),
            texts: texts.share(),
            campaign_ids: campaign_ids.share(),
            campaigns: campaigns.share(),
            customers: customers.share(),
            grants: grants.share(),
            wallets: wallets.share(),
            attention: desk.attention.share(),
            audit_stock: desk.audit.stock.share(),
            audit_live: desk.audit.live.share(),
            audit_granted: desk.audit.granted.share(),
            audit_wallets: desk.audit.wallets.share(),
            once_rules: o_rules,
            once_receipts: receipts,
            once_adjustments: adjustments,
            once_campaigns: o_campaigns,
            once_topups: topups,
            once_withdrawals: withdrawals,
            once_cancellations: cancellations,
            carts,
            reviews,
        }
    }
}

fn damaged(kind: Kind, what: impl Into<String>) -> Damaged {
    Damaged::new(kind.name(), what)
}

/// What is there twice.
fn twice(kind: Kind) -> impl FnOnce(u32) -> Damaged {
    move |number| damaged(kind, format!("entry {number} is there twice"))
}

fn ids(kind: Kind, listed: &mut Listed<u64>, run: Run<'_>) -> Result<Once, Damaged> {
    Once::restore(take(listed), run).map_err(twice(kind))
}

/// The index of a list whose entries stand for something each.
fn index<T: Send + Sync>(
    kind: Kind,
    list: &Paged<T>,
    hash: impl Fn(&T) -> u64 + Sync,
    same: impl Fn(&T, &T) -> bool + Sync,
    run: Run<'_>,
) -> Result<Index, Damaged> {
    let hash = |number: u32| hash(&list[number as usize]);
    let same = |a: u32, b: u32| same(&list[a as usize], &list[b as usize]);
    Index::build(list.len(), &hash, &same, run).map_err(twice(kind))
}

/// What falls due.
struct Due {
    expiries: Deadlines<u32>,
    windows: Deadlines<u32>,
    answers: Deadlines<u32>,
}

impl Due {
    fn of(orders: &mut ReadOrders, rules: &Paged<Rules>, now: Time) -> Result<Self, Damaged> {
        let mut due = Due {
            expiries: take(&mut orders.expiries),
            windows: take(&mut orders.windows),
            answers: Deadlines::new(),
        };
        // An order that is being paid may be past its deadline, which has then fallen due to no effect.
        while due.expiries.pop(now.ms()).is_some() {}
        for (number, issued) in take(&mut orders.issued) {
            let wait_ms = rules[number as usize].payment_answer_max_s.checked_mul(1000);
            if !wait_ms.is_some_and(|wait_ms| due.answers.append(issued, wait_ms)) {
                return Err(damaged(Kind::Orders, "a command was issued beyond all times"));
            }
        }
        Ok(due)
    }
}

/// Each takes the lists that it needs. What they make names every field of it.
impl Gathered {
    fn intake(&mut self, counts: Vec<Vec<Counts>>, run: Run<'_>) -> Result<Intake, Damaged> {
        let other = |_| damaged(Kind::Moment, "it has counts of other topics");
        Ok(Intake {
            once: [
                ids(Kind::OnceRules, &mut self.once_rules, run)?,
                ids(Kind::OnceReceipts, &mut self.once_receipts, run)?,
                ids(Kind::OnceAdjustments, &mut self.once_adjustments, run)?,
                ids(Kind::OnceCampaigns, &mut self.once_campaigns, run)?,
                ids(Kind::OnceTopups, &mut self.once_topups, run)?,
                ids(Kind::OnceWithdrawals, &mut self.once_withdrawals, run)?,
                ids(Kind::OnceCancellations, &mut self.once_cancellations, run)?,
            ],
            counts: counts.try_into().map_err(other)?,
            content: Content::new(),
            carts: CartVersions {
                versions: Prints::restore(take(&mut self.carts), run).map_err(twice(Kind::Carts))?,
            },
            reviews: ReviewIds {
                posted: ids(Kind::Reviews, &mut self.reviews, run)?,
            },
            new_grants: Vec::new(),
            accounts_before: self.owners.len(),
        })
    }

    fn facts(&mut self, run: Run<'_>) -> Result<Facts, Damaged> {
        let interner = |kind, texts: &mut Texts| Interner::restore(take(texts), run).map_err(twice(kind));
        let (grants, wallets) = (take(&mut self.grants), take(&mut self.wallets));
        let same_grant = |a: &Grant, b: &Grant| a.who() == b.who();
        let same_wallet = |a: &Wallet, b: &Wallet| a.who() == b.who();
        Ok(Facts {
            rules: take(&mut self.rules),
            skus: interner(Kind::Skus, &mut self.skus)?,
            products: take(&mut self.products),
            texts: interner(Kind::Texts, &mut self.texts)?,
            campaign_ids: interner(Kind::CampaignIds, &mut self.campaign_ids)?,
            campaigns: take(&mut self.campaigns),
            customers: interner(Kind::Customers, &mut self.customers)?,
            grant_numbers: index(Kind::Grants, &grants, Grant::hash, same_grant, run)?,
            grants,
            wallet_numbers: index(Kind::Wallets, &wallets, Wallet::hash, same_wallet, run)?,
            wallets,
            owners: take(&mut self.owners),
        })
    }

    /// The job that has this state.
    pub(super) fn checkout(mut self, epoch: u64, run: Run<'_>) -> Result<Checkout, Damaged> {
        self.check()?;
        let Moment {
            now,
            counts,
            payments,
            kept,
            violations,
        } = take(&mut self.moment)
            .into_iter()
            .next()
            .expect("it was checked to have one");
        let intake = self.intake(counts, run)?;
        let due = Due::of(&mut self.orders, &self.rules, now)?;
        let unsound =
            |number: AccountNo| damaged(Kind::Accounts, format!("entry {} does not add up", number.0));
        let mut raised = Standing::default();
        for (key, what) in take(&mut self.attention) {
            raised.insert(key, what);
        }
        let desk = Desk {
            epoch: Epoch(epoch),
            now,
            cause: None,
            ledger: Ledger::restore(take(&mut self.accounts)).map_err(unsound)?,
            facts: self.facts(run)?,
            expiries: due.expiries,
            windows: due.windows,
            answers: due.answers,
            attention: Attention {
                raised,
                before: BTreeMap::new(),
            },
            audit: Audit {
                stock: self.audit_stock,
                live: self.audit_live,
                granted: self.audit_granted,
                wallets: self.audit_wallets,
                payments: payments.into_iter().collect(),
                kept: kept.into_iter().collect(),
                money_touched: false,
                violations: violations.into_iter().collect(),
                changed: BTreeMap::new(),
            },
            holders: BTreeMap::new(),
            entries: DeltaBuilder::new(View::WalletEntries),
        };
        let book = Book {
            slots_of: Prints::restore(self.orders.slots_of, run).map_err(twice(Kind::Orders))?,
            slots: self.orders.slots,
            touched: Vec::new(),
            kept: Kept::default(),
            spare: None,
            bytes: Vec::new(),
        };
        let (rows, before) = (Rows::default(), Order::default());
        Ok(Checkout {
            low_stock: LowStock::of(&desk.facts, &desk.ledger),
            desk,
            book,
            intake,
            rows,
            before,
            teller: Teller::default(),
        })
    }
}
