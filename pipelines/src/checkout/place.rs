//! Deciding an order that is placed (rules, section 3, Orders): the first check that fails is the reason.

use contract::records::{Line as AskedLine, OrderPlaced};
use contract::values::AMOUNT_MAX;
use contract::words::Status;
use operators::ledger::Leg;

use super::desk::Desk;
use super::facts::{NO_TEXT, Offer};
use super::json::{skus_detail, why_detail, write_sku};
use super::order::{Line, Order};
use super::touched::{Birth, BirthLine, Cause, Event, Touched};

/// An order as asked, with what is for sale under each line's sku.
struct Asked<'r, 'a> {
    record: &'r OrderPlaced<'a>,
    lines: Vec<(AskedLine<'a>, Option<(u32, Offer)>)>,
    /// Sum of quantity x unit_price, if it is at most 2^53-1.
    total: Option<i64>,
}

/// What an accepted order costs and uses.
struct Terms {
    discount: i64,
    payable: i64,
    right: Option<u32>,
    wallet: Option<u32>,
}

fn reject<T>(reason: &str, detail: String) -> Result<T, Cause> {
    Err(Cause {
        reason: reason.to_owned(),
        detail: Some(detail),
    })
}

fn invalid<T>(reason: &str, why: &str) -> Result<T, Cause> {
    reject(reason, why_detail(why))
}

impl Desk {
    /// order_placed, of an id that has not counted yet.
    pub(super) fn place(&mut self, t: &mut Touched, r: &OrderPlaced<'_>, content: u64) {
        let asked = self.asked(r);
        self.remember(&mut t.birth, &asked);
        t.order.content = content;
        t.order.rules = self.facts.rules_now();
        t.order.currency = r.currency;
        match self.decide(&asked) {
            Ok(terms) => self.accept(t, &asked, terms),
            Err(cause) => {
                t.cause = Some(cause);
                self.begin(t, Status::Rejected);
            }
        }
    }

    fn asked<'r, 'a>(&self, record: &'r OrderPlaced<'a>) -> Asked<'r, 'a> {
        let mut total: i128 = 0;
        let lines = record.lines.get().iter().map(|line| {
            total += i128::from(line.quantity.get()) * i128::from(line.unit_price.get());
            (*line, self.facts.offer(line.sku.get()))
        });
        let lines = lines.collect();
        let total = i64::try_from(total).ok().filter(|total| *total <= AMOUNT_MAX);
        Asked { record, lines, total }
    }

    /// Keeps the columns that never change for the end of the epoch.
    fn remember(&self, birth: &mut Birth, asked: &Asked<'_, '_>) {
        let r = asked.record;
        birth.customer_id.push_str(r.customer_id.get());
        birth.campaign_id = r.campaign_id.map(|id| id.get().to_owned());
        birth.wallet_amount = r.wallet_amount.get();
        birth.total = asked.total;
        birth.placed_at = r.placed_at.map_or(self.now, |placed_at| placed_at.min(self.now));
        for (line, offer) in &asked.lines {
            let start = birth.skus.len();
            birth.skus.push_str(line.sku.get());
            birth.lines.push(BirthLine {
                sku: (start, birth.skus.len()),
                quantity: line.quantity.get(),
                unit_price: line.unit_price.get(),
                store: offer.and_then(|(_, offer)| offer.store),
                category: offer.and_then(|(_, offer)| offer.category),
            });
        }
    }

    fn begin(&mut self, t: &mut Touched, status: Status) {
        t.order.status = status;
        t.order.seq = 1;
        t.events.push(Event {
            from: None,
            to: status,
            cause: self.cause,
            note: None,
        });
    }

    /// The six checks; everything is held if all pass.
    fn decide(&mut self, asked: &Asked<'_, '_>) -> Result<(Terms, operators::ledger::Hold), Cause> {
        let r = asked.record;
        check_known(asked)?;
        if asked
            .lines
            .iter()
            .any(|(_, offer)| offer.is_some_and(|(_, o)| o.currency != r.currency))
        {
            return invalid("invalid_order", "currency");
        }
        let Some(total) = asked.total else {
            return invalid("invalid_order", "limit");
        };
        check_prices(asked)?;
        let (discount, right) = self.check_coupon(asked, total)?;
        let wallet_amount = r.wallet_amount.get();
        if wallet_amount > total - discount {
            return invalid("invalid_order", "wallet");
        }
        let wallet = if wallet_amount > 0 {
            self.facts.wallet(r.customer_id.get(), r.currency)
        } else {
            None
        };
        let legs = self.legs(asked, right, wallet)?;
        let payable = total - discount - wallet_amount;
        let terms = Terms {
            discount,
            payable,
            right,
            wallet,
        };
        let hold = self.ledger.hold(legs);
        Ok((terms, hold.expect("every leg's availability was just checked")))
    }

    fn check_coupon(&self, asked: &Asked<'_, '_>, total: i64) -> Result<(i64, Option<u32>), Cause> {
        let r = asked.record;
        let Some(campaign_id) = r.campaign_id else {
            return Ok((0, None));
        };
        let coupon_invalid = |why| invalid("coupon_invalid", why);
        let Some(number) = self.facts.campaign_ids.find(campaign_id.get()) else {
            return coupon_invalid("unknown");
        };
        let campaign = &self.facts.campaigns[number as usize];
        if campaign.currency != r.currency {
            return coupon_invalid("currency");
        }
        if !campaign.is_open_at(self.now) {
            return coupon_invalid("window");
        }
        if total < campaign.min_order_amount {
            return coupon_invalid("minimum");
        }
        let Some(right) = self.facts.grant(number, r.customer_id.get()) else {
            return coupon_invalid("not_granted");
        };
        if self
            .ledger
            .levels(self.facts.grants[right as usize].account)
            .available()
            < 1
        {
            return coupon_invalid("in_use");
        }
        Ok((campaign.discount.of(total), Some(right)))
    }

    /// One leg a stocked sku, the right and the wallet, all of them available.
    fn legs(
        &self,
        asked: &Asked<'_, '_>,
        right: Option<u32>,
        wallet: Option<u32>,
    ) -> Result<Vec<Leg>, Cause> {
        let stocked = asked.lines.iter().filter_map(|(line, offer)| match offer {
            Some((product, Offer { stocked: true, .. })) => Some((*product, line.quantity.get())),
            _ => None,
        });
        let mut units: Vec<(u32, i64)> = stocked.collect();
        units.sort_unstable();
        units.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            kept.1 += if same { next.1 } else { 0 };
            same
        });
        let mut legs = Vec::with_capacity(units.len() + 2);
        let mut short: Vec<(&str, i64, i64)> = Vec::new();
        for (product, amount) in units {
            let stock = self.facts.products[product as usize].stock;
            let available = stock.map_or(0, |stock| self.ledger.levels(stock).available());
            match stock.filter(|_| amount <= available) {
                Some(account) => legs.push(Leg { account, amount }),
                None => short.push((self.facts.skus.get(product), amount, available)),
            }
        }
        if !short.is_empty() {
            short.sort_unstable();
            let detail = skus_detail(&short, |(sku, asked, available), out| {
                write_sku(sku, *asked, "available", *available, out);
            });
            return reject("out_of_stock", detail);
        }
        if let Some(right) = right {
            legs.push(Leg {
                account: self.facts.grants[right as usize].account,
                amount: 1,
            });
        }
        let amount = asked.record.wallet_amount.get();
        if amount > 0 {
            let account = wallet.map(|wallet| self.facts.wallets[wallet as usize].account);
            let available = account.map_or(0, |account| self.ledger.levels(account).available());
            match account.filter(|_| amount <= available) {
                Some(account) => legs.push(Leg { account, amount }),
                None => {
                    let detail = format!("{{\"asked\":{amount},\"available\":{available}}}");
                    return reject("insufficient_wallet", detail);
                }
            }
        }
        Ok(legs)
    }

    fn accept(&mut self, t: &mut Touched, asked: &Asked<'_, '_>, terms: (Terms, operators::ledger::Hold)) {
        let (terms, hold) = terms;
        let order: &mut Order = &mut t.order;
        order.discount = terms.discount;
        order.wallet_amount = asked.record.wallet_amount.get();
        order.payable = terms.payable;
        order.right = terms.right;
        order.wallet = terms.wallet;
        order.hold = hold;
        order.customer = self.facts.customers.intern(asked.record.customer_id.get());
        order.day = t.birth.placed_at.day_number();
        order.lines.extend(asked.lines.iter().map(|(line, offer)| {
            let (product, offer) = offer.expect("every product is known");
            Line {
                product,
                quantity: line.quantity.get(),
                cancelled: 0,
                unit_price: line.unit_price.get(),
                store: offer.store.unwrap_or(NO_TEXT),
                category: offer.category.unwrap_or(NO_TEXT),
            }
        }));
        if let Some(right) = terms.right {
            self.facts.grants[right as usize].holder = Some(t.number);
            self.holders.insert(t.number, t.id.clone());
        }
        if terms.payable == 0 {
            self.sell(t);
            self.open_window(t);
            self.begin(t, Status::Confirmed);
        } else {
            let deadline = self.now.plus_seconds(self.rules(t.order.rules).payment_window_s);
            t.order.deadline = deadline.ms();
            self.expiries.set(deadline.ms(), t.number);
            self.begin(t, Status::AwaitingPayment);
        }
    }
}

fn check_known(asked: &Asked<'_, '_>) -> Result<(), Cause> {
    let unknown = |offer: &Option<(u32, Offer)>| offer.is_none_or(|(_, offer)| offer.withdrawn);
    if !asked.lines.iter().any(|(_, offer)| unknown(offer)) {
        return Ok(());
    }
    let lines = asked.lines.iter().filter(|(_, offer)| unknown(offer));
    let mut skus: Vec<&str> = lines.map(|(line, _)| line.sku.get()).collect();
    skus.sort_unstable();
    skus.dedup();
    reject(
        "unknown_sku",
        skus_detail(&skus, |sku, out| contract::json::write_str(out, sku)),
    )
}

fn check_prices(asked: &Asked<'_, '_>) -> Result<(), Cause> {
    let differing = asked.lines.iter().filter_map(|(line, offer)| {
        let price = offer.map(|(_, offer)| offer.price)?;
        (line.unit_price.get() != price).then_some((line.sku.get(), line.unit_price.get(), price))
    });
    let mut skus: Vec<(&str, i64, i64)> = differing.collect();
    if skus.is_empty() {
        return Ok(());
    }
    // Stable, so that the first line that differs stands first among those of its sku.
    skus.sort_by_key(|(sku, ..)| *sku);
    skus.dedup_by_key(|(sku, ..)| *sku);
    let detail = skus_detail(&skus, |(sku, asked, price), out| {
        write_sku(sku, *asked, "price", *price, out);
    });
    reject("price_changed", detail)
}
