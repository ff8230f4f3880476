//! From the job's state to lists and back.
//!
//! Both ways name every field of every struct: one that is added does not compile until it is either put
//! into a list, or said to be a buffer that is empty between epochs, or to follow from the rest.

use std::collections::BTreeMap;

use contract::content::Content;
use contract::delta::DeltaBuilder;
use contract::log::{Epoch, Topic};
use contract::views::View;
use operators::deadlines::Deadlines;
use operators::index::{Index, Run};
use operators::interner::Interner;
use operators::ledger::Ledger;
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
use crate::checkout::facts::{Facts, Grant, Wallet};
use crate::checkout::intake::{Counts, Intake};
use crate::checkout::order::Order;
use crate::checkout::rows::Rows;
use crate::checkout::tell::Teller;
use crate::checkout::touched::Kept;
use crate::reviews::ReviewIds;

impl Checkout {
    /// All state, shared with the job.
    #[expect(clippy::too_many_lines, reason = "it names every field once")]
    pub(super) fn share(&mut self) -> Lists {
        let Checkout {
            desk,
            book,
            intake,
            rows,
            before: _,
            // What other jobs were told by a process that is gone, they are told again.
            teller: _,
        } = self;
        let Desk {
            epoch: _,
            now,
            cause,
            ledger,
            facts,
            // These follow from the orders.
            expiries: _,
            windows: _,
            answers: _,
            attention,
            audit,
            holders,
            entries,
        } = desk;
        let Book {
            slots_of,
            slots,
            touched,
            kept: buffers,
            spare: _,
            bytes: _,
        } = book;
        let Intake {
            once,
            counts,
            content: _,
            carts,
            reviews,
            new_grants,
            accounts_before: _,
        } = intake;
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
        } = facts;
        let Audit {
            stock,
            live,
            granted,
            wallets: flows,
            payments,
            kept,
            money_touched,
            violations,
            changed,
        } = audit;
        let Attention { raised, before } = attention;
        let CartVersions { versions } = carts;
        let ReviewIds { posted } = reviews;
        let idle = touched.is_empty() && buffers.is_empty() && rows.is_empty() && entries.is_empty();
        let idle = idle && cause.is_none() && holders.is_empty() && new_grants.is_empty();
        let idle = idle && before.is_empty() && changed.is_empty() && !*money_touched;
        assert!(idle, "a snapshot is taken between epochs");
        let [
            o_rules,
            receipts,
            adjustments,
            o_campaigns,
            topups,
            withdrawals,
            cancellations,
        ] = once;
        let moment = Moment {
            now: *now,
            counts: counts.to_vec(),
            payments: payments
                .iter()
                .map(|(currency, flow)| (*currency, *flow))
                .collect(),
            kept: kept.iter().map(|(currency, kept)| (*currency, *kept)).collect(),
            violations: violations.iter().map(|(key, row)| (key.clone(), *row)).collect(),
        };
        Lists {
            moment: Paged::from_iter([moment]),
            rules: rules.share(),
            orders: OrderList {
                slots_of: slots_of.share(),
                blobs: slots.share(),
            },
            accounts: ledger.share(),
            owners: owners.share(),
            skus: skus.share(),
            products: products.share(),
            texts: texts.share(),
            campaign_ids: campaign_ids.share(),
            campaigns: campaigns.share(),
            customers: customers.share(),
            grants: grants.share(),
            wallets: wallets.share(),
            attention: raised.share(),
            audit_stock: stock.share(),
            audit_live: live.share(),
            audit_granted: granted.share(),
            audit_wallets: flows.share(),
            once_rules: o_rules.share(),
            once_receipts: receipts.share(),
            once_adjustments: adjustments.share(),
            once_campaigns: o_campaigns.share(),
            once_topups: topups.share(),
            once_withdrawals: withdrawals.share(),
            once_cancellations: cancellations.share(),
            carts: versions.share(),
            reviews: posted.share(),
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

fn ids(kind: Kind, listed: Listed<u64>, run: Run<'_>) -> Result<Once, Damaged> {
    Once::restore(listed, run).map_err(twice(kind))
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

impl Gathered {
    /// The job that has this state.
    pub(super) fn checkout(self, epoch: u64, run: Run<'_>) -> Result<Checkout, Damaged> {
        self.check()?;
        let Gathered {
            moment,
            rules,
            orders,
            accounts,
            owners,
            skus,
            products,
            texts,
            campaign_ids,
            campaigns,
            customers,
            grants,
            wallets,
            attention,
            audit_stock,
            audit_live,
            audit_granted,
            audit_wallets,
            once_rules,
            once_receipts,
            once_adjustments,
            once_campaigns,
            once_topups,
            once_withdrawals,
            once_cancellations,
            carts,
            reviews,
        } = self;
        let moment = moment.into_iter().next().expect("there is one");
        let Moment {
            now,
            counts,
            payments,
            kept,
            violations,
        } = moment;
        let counts: [Vec<Counts>; Topic::ALL.len()] = counts
            .try_into()
            .map_err(|_| damaged(Kind::Moment, "it has counts of other topics"))?;
        let ReadOrders {
            slots_of,
            slots,
            mut expiries,
            windows,
            issued,
            reach: _,
        } = *orders;
        // Those of orders that are being paid since before they fell due: they do so only once they are not.
        while expiries.pop(now.ms()).is_some() {}
        let mut answers = Deadlines::new();
        for (number, issued) in issued {
            let wait_ms = rules[number as usize].payment_answer_max_s.checked_mul(1000);
            let fits = wait_ms.is_some_and(|wait_ms| answers.append(issued, wait_ms));
            if !fits {
                return Err(damaged(Kind::Orders, "a command was issued beyond all times"));
            }
        }
        let ledger = Ledger::restore(accounts)
            .map_err(|number| damaged(Kind::Accounts, format!("account {} does not add up", number.0)))?;
        let interner = |kind, texts| Interner::restore(texts, run).map_err(twice(kind));
        let once = [
            ids(Kind::OnceRules, once_rules, run)?,
            ids(Kind::OnceReceipts, once_receipts, run)?,
            ids(Kind::OnceAdjustments, once_adjustments, run)?,
            ids(Kind::OnceCampaigns, once_campaigns, run)?,
            ids(Kind::OnceTopups, once_topups, run)?,
            ids(Kind::OnceWithdrawals, once_withdrawals, run)?,
            ids(Kind::OnceCancellations, once_cancellations, run)?,
        ];
        let intake = Intake {
            once,
            counts,
            content: Content::new(),
            carts: CartVersions {
                versions: Prints::restore(carts, run).map_err(twice(Kind::Carts))?,
            },
            reviews: ReviewIds {
                posted: ids(Kind::Reviews, reviews, run)?,
            },
            new_grants: Vec::new(),
            accounts_before: ledger.len(),
        };
        let facts = Facts {
            rules,
            skus: interner(Kind::Skus, skus)?,
            products,
            texts: interner(Kind::Texts, texts)?,
            campaign_ids: interner(Kind::CampaignIds, campaign_ids)?,
            campaigns,
            customers: interner(Kind::Customers, customers)?,
            grant_numbers: index(Kind::Grants, &grants, Grant::hash, |a, b| a.who() == b.who(), run)?,
            grants,
            wallet_numbers: index(
                Kind::Wallets,
                &wallets,
                Wallet::hash,
                |a, b| a.who() == b.who(),
                run,
            )?,
            wallets,
            owners,
        };
        let audit = Audit {
            stock: audit_stock,
            live: audit_live,
            granted: audit_granted,
            wallets: audit_wallets,
            payments: payments.into_iter().collect(),
            kept: kept.into_iter().collect(),
            money_touched: false,
            violations: violations.into_iter().collect(),
            changed: BTreeMap::new(),
        };
        let mut raised = Standing::default();
        for (key, what) in attention {
            raised.insert(key, what);
        }
        let desk = Desk {
            epoch: Epoch(epoch),
            now,
            cause: None,
            ledger,
            facts,
            expiries,
            windows,
            answers,
            attention: Attention {
                raised,
                before: BTreeMap::new(),
            },
            audit,
            holders: BTreeMap::new(),
            entries: DeltaBuilder::new(View::WalletEntries),
        };
        let book = Book {
            slots_of: Prints::restore(slots_of, run).map_err(twice(Kind::Orders))?,
            slots,
            touched: Vec::new(),
            kept: Kept::default(),
            spare: None,
            bytes: Vec::new(),
        };
        Ok(Checkout {
            desk,
            book,
            intake,
            rows: Rows::default(),
            before: Order::default(),
            teller: Teller::default(),
        })
    }
}
