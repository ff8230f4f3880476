//! The invariants: cheap ones after every commit, the others at the end.

use std::collections::BTreeMap;

use contract::digest::Digest;
use contract::log::{Epoch, Topic};
use contract::views::{View, orders, payment_commands, payments};
use contract::words::Status;
use generator::rows;
use sinks::Frontier;
use streams::timeline;

use crate::reading::Ends;
use crate::store::VIEWS;
use crate::world::{Checked, HEADER, Violation, World, violated};

impl World {
    /// A process has decided an epoch: with the same result as every other that ever did.
    pub(crate) fn check_digest(&mut self, epoch: Epoch, digest: Digest) -> Checked {
        let known = *self.digests.entry(epoch).or_insert(digest);
        if known == digest {
            return Ok(());
        }
        violated(format!(
            "epoch {} was decided in two ways: its digests are {known} and {digest}",
            epoch.0
        ))
    }

    /// What the store holds after it was asked to commit, or after a crash.
    pub(crate) fn check_store(&mut self) -> Checked {
        if let Some(what) = self.store.take_wrong() {
            return violated(what);
        }
        let seen = self.digests_seen;
        let (frontier, new) = self
            .store
            .with(|kept| (kept.frontier.clone(), kept.digests[seen..].to_vec()));
        self.digests_seen += new.len();
        for (epoch, digest) in new {
            self.check_digest(epoch, digest)?;
        }
        let Some(frontier) = frontier else {
            return Ok(());
        };
        let durable = self.log.durable_ends();
        check_durable(&frontier, &durable)?;
        let log = self.log.whole();
        self.truth.go_on(&log, frontier.epoch).map_err(Violation)?;
        if self.truth.epoch() == frontier.epoch {
            if durable[timeline::TOPIC]
                .iter()
                .any(|end| *end < self.truth.timeline_end())
            {
                return violated(format!(
                    "the store shows epoch {}, whose binding is not durable",
                    frontier.epoch.0
                ));
            }
            self.check_rows(frontier.epoch)?;
        }
        Ok(())
    }

    /// That the store shows what the oracle makes of the log.
    fn check_rows(&self, epoch: Epoch) -> Checked {
        self.store.with(|kept| {
            let differences = kept.tables.differences(self.truth.tables(), VIEWS);
            match differences.first() {
                Some(first) => violated(format!(
                    "at epoch {} {} rows of the store are not the oracle's; {first}",
                    epoch.0,
                    differences.len()
                )),
                None => Ok(()),
            }
        })
    }

    /// All that must hold once everything was healthy for long enough.
    pub(crate) fn check_end(&mut self) -> Checked {
        let log = self.log.whole();
        self.truth.reread(&log).map_err(Violation)?;
        self.check_sendings(&log.all_ends())?;
        let audits = self.truth.audit().rows(View::Audits).len();
        if audits > 0 {
            return violated(format!("the oracle's audits find {audits} violations"));
        }
        self.check_store()?;
        self.check_settled()?;
        if self.is_wild {
            return Ok(());
        }
        self.check_books()
    }

    /// That each sending stands in the log as often as its sender was told.
    fn check_sendings(&self, ends: &Ends) -> Checked {
        let log = self.log.whole();
        let mut found: BTreeMap<u64, u64> = BTreeMap::new();
        for (topic, ends) in ends.iter().filter(|(topic, _)| *topic != timeline::TOPIC) {
            for (partition, end) in (0..).zip(ends) {
                log.each_record(topic, partition, 0..*end, |record| {
                    let id = record.headers.get(HEADER).unwrap_or_default();
                    let id = std::str::from_utf8(id).ok().and_then(|id| id.parse().ok());
                    *found.entry(id.unwrap_or(0)).or_default() += 1;
                });
            }
        }
        for (id, sent) in &self.sent {
            let found = found.remove(id).unwrap_or(0);
            let (least, most) = (sent.acknowledged, sent.acknowledged + sent.doubtful);
            let whole = sent.records == 0 || found.is_multiple_of(sent.records);
            if !whole || found < least * sent.records || found > most * sent.records {
                return violated(format!(
                    "sending {id} of {} records was acknowledged {least} times and in doubt {}, but {found} of \
                     its records are in the log",
                    sent.records, sent.doubtful
                ));
            }
        }
        if found.is_empty() {
            return Ok(());
        }
        violated("the log holds records that nobody has sent")
    }

    /// That nothing waits any more.
    fn check_settled(&self) -> Checked {
        let (frontier, node) = (self.store.with(|kept| kept.frontier.clone()), self.node.as_ref());
        let shown = frontier.map_or(Epoch(0), |frontier| frontier.epoch);
        if node.is_none_or(|node| node.last() != shown) {
            return violated("the store does not hold the last epoch");
        }
        self.store.with(|kept| {
            let tables = &kept.tables;
            // Where anybody speaks for the bank a refund may come under an id before it is ours, or be
            // quarantined: then the command is never answered, and a person must act.
            let is_lost = |refund: bool| self.is_wild && refund;
            for row in rows(tables, View::PaymentCommands) {
                let is_refund = row.maybe_text(payment_commands::refund_id).is_some();
                if !row.flag(payment_commands::answered) && !is_lost(is_refund) {
                    let key = row.text(payment_commands::idempotency_key);
                    return violated(format!("command {key} was never answered"));
                }
            }
            for row in rows(tables, View::Orders) {
                let (id, status) = (row.text(orders::order_id), row.text(orders::status));
                let over = |s: &Status| s.is_final() || *s == Status::Confirmed || is_lost(s.is_sold());
                if !Status::ALL.iter().any(|s| s.word() == status && over(s)) {
                    return violated(format!("order {id} is still {status}"));
                }
            }
            for (view, held) in [
                (View::StockLevels, contract::views::stock_levels::held),
                (View::Wallets, contract::views::wallets::held),
            ] {
                if rows(tables, view).any(|row| row.int(held) != 0) {
                    return violated(format!("{} still has something held", view.schema().name));
                }
            }
            let state = contract::views::coupon_grants::state;
            if rows(tables, View::CouponGrants).any(|row| row.text(state) == "held") {
                return violated("coupon_grants still has something held");
            }
            if let Some(row) = rows(tables, View::Audits).next() {
                let (name, subject) = (row.text(0), row.text(1));
                return violated(format!("audit {name} of {subject}"));
            }
            Ok(())
        })
    }

    /// That the bank's books and the views agree, and that whoever was charged has a sold order or the money
    /// back.
    fn check_books(&self) -> Checked {
        self.store.with(|kept| {
            let mut status = BTreeMap::new();
            for row in rows(&kept.tables, View::Orders) {
                let returned = row.int(orders::returned);
                status.insert(row.text(orders::order_id), (row.text(orders::status), returned));
            }
            let mut books = self.bank.books.clone();
            for row in rows(&kept.tables, View::Payments) {
                use payments as c;
                let (order, key) = (row.text(c::order_id), row.text(c::payment_key));
                let money = books
                    .remove(&(order.to_owned(), key.to_owned()))
                    .unwrap_or_default();
                let (captured, refunded) = (row.int(c::captured), row.int(c::refunded));
                if (captured, refunded) != (money.captured, money.refunded) {
                    return violated(format!(
                        "payment {key} of order {order}: the bank has captured {} and refunded {}, the view \
                         says {captured} and {refunded}",
                        money.captured, money.refunded
                    ));
                }
                let (status, returned) = status.get(order).copied().unwrap_or_default();
                let is_kept = row.flag(c::main) && status == Status::Confirmed.word();
                let well = if is_kept {
                    money.by_itself || refunded <= returned
                } else {
                    refunded == captured
                };
                if !well {
                    return violated(format!(
                        "payment {key} of order {order} ({status}): captured {captured}, refunded {refunded}"
                    ));
                }
            }
            let charged = books.iter().find(|(_, money)| money.captured > 0);
            if let Some(((order, key), money)) = charged {
                let captured = money.captured;
                return violated(format!(
                    "the bank has captured {captured} for payment {key} of order {order}, \
                     which no view knows"
                ));
            }
            self.check_asked()
        })
    }

    /// That the bank was asked only what the log says.
    fn check_asked(&self) -> Checked {
        let tables = self.truth.tables();
        let commands: Vec<&str> = rows(tables, View::PaymentCommands)
            .map(|row| row.text(payment_commands::idempotency_key))
            .collect();
        match self.bank.asked().find(|key| !commands.contains(key)) {
            Some(key) => violated(format!(
                "the bank was asked {key}, which the log does not lead to"
            )),
            None => Ok(()),
        }
    }
}

/// That what the store shows would survive a crash of the log.
fn check_durable(frontier: &Frontier, durable: &Ends) -> Checked {
    for topic in Topic::ALL {
        for (partition, end) in frontier.ends[topic as usize].iter().enumerate() {
            let durable = durable[topic.name()].get(partition).copied().unwrap_or(0);
            if *end > durable {
                return violated(format!(
                    "the store shows {}/{partition} up to {end}, which is durable up to {durable}",
                    topic.name()
                ));
            }
        }
    }
    Ok(())
}
