//! The end of an epoch: what falls due fires, then everything that changed is written as deltas and put away.

use contract::delta::Delta;
use contract::views::{self, CouponGrantsRow, CouponsRow, OversoldRow, StockLevelsRow, View, WalletsRow};
use contract::words::{AttentionKind, GrantState, Status};
use operators::ledger::Levels;

use super::Checkout;
use super::facts::Owner;

impl Checkout {
    /// Ends the epoch: fires deadlines, and gives out what the epoch changed.
    pub fn end(&mut self) -> Vec<Delta> {
        self.fire_expiries();
        self.close_windows();
        self.look_for_answers();
        self.write_orders();
        self.write_accounts();
        self.intake.new_grants.clear();
        self.desk.holders.clear();
        self.write_counts();
        let (facts, ledger) = (&self.desk.facts, &self.desk.ledger);
        self.low_stock.write(facts, ledger, self.rows.of(View::LowStock));
        self.desk.attention.write(self.rows.of(View::Attention));
        self.desk.audit.write(self.rows.of(View::Audits));
        std::mem::swap(self.rows.of(View::WalletEntries), &mut self.desk.entries);
        let deltas = self.rows.finish(self.desk.epoch);
        std::mem::swap(self.rows.of(View::WalletEntries), &mut self.desk.entries);
        deltas
    }

    /// Orders that are not paid in time, by (deadline, order_id).
    fn fire_expiries(&mut self) {
        while let Some((_, numbers)) = self.desk.expiries.pop(self.desk.now.ms()) {
            let waiting = |number: &u32| self.book.glance(*number).status == Status::AwaitingPayment;
            let mut waiting: Vec<(String, u32)> = numbers
                .into_iter()
                .filter(waiting)
                .map(|number| (self.book.id(number), number))
                .collect();
            waiting.sort_unstable();
            for (id, number) in waiting {
                let mut t = self.book.take(number, &id);
                self.desk.expire(&mut t);
                self.book.give(t);
            }
        }
    }

    /// Orders whose cancel window is over become closed records.
    fn close_windows(&mut self) {
        while let Some((_, numbers)) = self.desk.windows.pop(self.desk.now.ms()) {
            for number in numbers {
                if self.book.glance(number).status == Status::Confirmed {
                    self.book.close(number);
                }
            }
        }
    }

    /// Commands that have waited too long for their answer.
    fn look_for_answers(&mut self) {
        while let Some((_, numbers)) = self.desk.answers.pop(self.desk.now.ms()) {
            for number in numbers {
                let glance = self.book.glance(number);
                if glance.status == Status::Paying || glance.open_refunds {
                    let mut t = self.book.take(number, "");
                    self.desk.look_for_answers(&mut t);
                    self.book.give(t);
                }
            }
        }
    }

    fn write_orders(&mut self) {
        for place in self.book.touched_by_id() {
            let (touched, known) = self.book.load(place, &mut self.before);
            let before = known.then_some(&self.before);
            if let Some(before) = before {
                self.desk.audit.order(before, &self.desk.facts, -1);
            }
            self.desk.audit.order(&touched.order, &self.desk.facts, 1);
            self.rows.order(&touched, before, &self.desk.facts);
            self.teller.order(before, &touched.order, &self.desk.facts);
            self.book.settle(touched);
        }
        self.book.end();
    }

    fn write_accounts(&mut self) {
        for (account, before) in self.desk.ledger.take_touched() {
            let levels = self.desk.ledger.levels(account);
            self.desk.audit.check_account(account, &levels, &self.desk.facts);
            let is_new = account.0 as usize >= self.intake.accounts_before;
            let changed = is_new || levels != before;
            match self.desk.facts.owners[account.0 as usize] {
                Owner::Stock(product) if changed => self.write_stock(product, before, levels),
                Owner::Quota(campaign) => self.write_campaign(campaign, levels),
                Owner::Right(grant) => self.write_grant(grant, before, levels),
                Owner::Wallet(wallet) if changed => self.write_wallet(wallet, levels),
                Owner::Stock(_) | Owner::Wallet(_) => {}
            }
        }
    }

    fn write_stock(&mut self, product: u32, before: Levels, levels: Levels) {
        self.teller.stock(product, before, levels);
        self.low_stock.touch(product);
        let sku = self.desk.facts.skus.get(product);
        let Levels {
            on_hand, held, spent, ..
        } = levels;
        let available = levels.available();
        self.rows.of(View::StockLevels).upsert(&StockLevelsRow {
            sku,
            on_hand,
            held,
            available,
            spent,
        });
        let short = |levels: &Levels| (-levels.available()).max(0);
        match (short(&before), short(&levels)) {
            (was, is) if was == is => {}
            (_, 0) => self.rows.of(View::Oversold).delete(&sku),
            (_, short) => self.rows.of(View::Oversold).upsert(&OversoldRow { sku, short }),
        }
        let (was, is) = (before.available() < 0, available < 0);
        self.rows
            .attend(was, is, AttentionKind::Oversold, sku, self.desk.now);
    }

    fn write_campaign(&mut self, number: u32, levels: Levels) {
        let campaign = &self.desk.facts.campaigns[number as usize];
        self.rows.of(View::Coupons).upsert(&CouponsRow {
            campaign_id: self.desk.facts.campaign_ids.get(number),
            name: &campaign.name,
            quota: campaign.quota,
            granted: levels.spent,
            remaining: levels.available(),
            refused: campaign.refused,
            closed: campaign.closed,
            starts_at: campaign.window.0,
            ends_at: campaign.window.1,
        });
    }

    fn write_grant(&mut self, number: u32, before: Levels, levels: Levels) {
        let grant = self.desk.facts.grants[number as usize];
        let epoch = self.desk.epoch_number();
        let state = state_of(levels);
        let holder = grant.holder.filter(|_| grant.holder != grant.shown);
        let order_id = holder.map(|holder| self.desk.holders[&holder].as_str());
        let campaign_id = self.desk.facts.campaign_ids.get(grant.campaign);
        let customer_id = self.desk.facts.customers.get(grant.customer);
        let new = self.intake.new_grants.iter().find(|new| new.grant == number);
        let out = self.rows.of(View::CouponGrants);
        if let Some(new) = new {
            out.upsert(&CouponGrantsRow {
                campaign_id,
                customer_id,
                rank: new.rank,
                state: state.word(),
                order_id,
                cause_partition: i64::from(new.at.partition),
                cause_offset: new.at.offset.cast_signed(),
                epoch,
            });
        } else if state != state_of(before) || grant.holder != grant.shown {
            out.patch(&(campaign_id, customer_id), |patch| {
                use views::coupon_grants as c;
                patch.set(c::state, &state.word()).set(c::epoch, &epoch);
                if grant.holder != grant.shown {
                    patch.set(c::order_id, &order_id);
                }
            });
        }
        self.desk.facts.grants[number as usize].shown = grant.holder;
    }

    fn write_wallet(&mut self, number: u32, levels: Levels) {
        let wallet = &self.desk.facts.wallets[number as usize];
        self.rows.of(View::Wallets).upsert(&WalletsRow {
            customer_id: self.desk.facts.customers.get(wallet.customer),
            currency: wallet.currency.get(),
            balance: levels.on_hand,
            held: levels.held,
            available: levels.available(),
        });
    }
}

fn state_of(levels: Levels) -> GrantState {
    match levels {
        Levels { held: 1.., .. } => GrantState::Held,
        Levels { spent: 1.., .. } => GrantState::Spent,
        _ => GrantState::Available,
    }
}
