//! The bank, its books, and the connector's view of what it is asked to do.
//!
//! The books are an opinion of their own on who was charged: what the views say of payments is compared with
//! them at the end.

use std::collections::BTreeMap;

use contract::tables::Tables;
use contract::views::{View, payment_commands as c, payments};
use generator::{Rng, rows};
use serde_json::{Value, json};

use crate::canary::Canary;

/// A command as a row of `payment_commands` tells it.
#[derive(Clone, Debug)]
pub struct Command {
    /// Its idempotency key.
    pub key: String,
    /// The order.
    pub order_id: String,
    /// The payment.
    pub payment_key: String,
    /// Of a refund: its id.
    pub refund_id: Option<String>,
    /// How much.
    pub amount: i64,
    /// Of the amount.
    pub currency: String,
    /// How often it was issued.
    pub issued: i64,
}

/// The commands that nobody has answered, as the store shows them.
#[must_use]
pub fn unanswered(tables: &Tables) -> Vec<Command> {
    let open = rows(tables, View::PaymentCommands).filter(|row| !row.flag(c::answered));
    let command = |row: generator::Cells<'_>| Command {
        key: row.text(c::idempotency_key).to_owned(),
        order_id: row.text(c::order_id).to_owned(),
        payment_key: row.text(c::payment_key).to_owned(),
        refund_id: row.maybe_text(c::refund_id).map(str::to_owned),
        amount: row.int(c::amount),
        currency: row.text(c::currency).to_owned(),
        issued: row.int(c::issued),
    };
    open.map(command).collect()
}

/// A payment in the bank's books.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Money {
    /// What the customer was charged.
    pub captured: i64,
    /// What was given back.
    pub refunded: i64,
    /// Of both.
    pub currency: String,
    /// Something was given back without being asked for.
    pub by_itself: bool,
}

/// What the bank says to a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The customer was charged.
    Captured,
    /// The customer was not charged.
    Declined,
    /// So much was given back.
    Refunded(i64),
    /// Nothing was given back.
    Failed,
}

/// An order and a payment key.
pub type PaymentId = (String, String);

/// The bank.
#[derive(Debug, Default)]
pub struct Bank {
    /// By order and payment key.
    pub books: BTreeMap<PaymentId, Money>,
    /// By idempotency key.
    answers: BTreeMap<String, Answer>,
    /// How many things it did of its own accord.
    own: u64,
    /// Others speak in its name, so that its books are worth nothing.
    is_spoken_for: bool,
    /// It answers well from now on.
    pub is_healthy: bool,
    canary: Option<Canary>,
}

impl Bank {
    /// A bank with empty books.
    #[must_use]
    pub fn new(is_spoken_for: bool, canary: Option<Canary>) -> Bank {
        Bank {
            is_spoken_for,
            canary,
            ..Bank::default()
        }
    }

    /// Asks the bank to do what a command says. Asked again under the same key it answers the same, and does
    /// nothing.
    pub fn ask(&mut self, command: &Command, rng: &mut Rng) -> Answer {
        let known = self.answers.get(&command.key).cloned();
        if let Some(known) = known
            .clone()
            .filter(|_| self.canary != Some(Canary::DoubleCharge))
        {
            return known;
        }
        let money = self
            .books
            .entry((command.order_id.clone(), command.payment_key.clone()));
        let money = money.or_default();
        let answer = match (known, &command.refund_id) {
            (Some(known), _) => known,
            (None, None) if rng.chance(70) => Answer::Captured,
            (None, None) => Answer::Declined,
            (None, Some(_)) if money.captured - money.refunded < command.amount && !self.is_spoken_for => {
                Answer::Failed
            }
            (None, Some(_)) if self.is_healthy => Answer::Refunded(command.amount),
            (None, Some(_)) => match rng.below(100) {
                0..18 => Answer::Failed,
                18..32 if command.amount > 1 => Answer::Refunded(command.amount / 2),
                _ => Answer::Refunded(command.amount),
            },
        };
        match &answer {
            Answer::Captured => {
                money.captured += command.amount;
                money.currency.clone_from(&command.currency);
            }
            Answer::Refunded(amount) => money.refunded += amount,
            Answer::Declined | Answer::Failed => {}
        }
        self.answers.insert(command.key.clone(), answer.clone());
        answer
    }

    /// Charges a customer without having been asked by us: what was declined is captured after all, or the
    /// customer pays the bank directly.
    pub fn capture(&mut self, payment: &PaymentId, amount: i64, currency: &str) {
        let money = self.books.entry(payment.clone()).or_default();
        money.captured += amount;
        currency.clone_into(&mut money.currency);
    }

    /// Gives back a part of some payment of which we know, or all of it, without having been asked: the record
    /// that says so.
    pub fn refund_by_itself(&mut self, shown: &Tables, rng: &mut Rng) -> Option<(String, Value)> {
        let left: Vec<PaymentId> = rows(shown, View::Payments)
            .filter(|row| row.int(payments::captured) > 0)
            .map(|row| {
                let (order, key) = (row.text(payments::order_id), row.text(payments::payment_key));
                (order.to_owned(), key.to_owned())
            })
            .filter(|payment| {
                let money = self.books.get(payment);
                money.is_some_and(|money| money.captured > money.refunded)
            })
            .collect();
        let payment = rng.pick_from(&left)?;
        let refund_id = format!("bank-{}", self.next_own());
        let money = self.books.get_mut(payment)?;
        let rest = money.captured - money.refunded;
        let amount = if rng.chance(60) { rest } else { rng.range(1, rest) };
        money.refunded += amount;
        money.by_itself = true;
        let (order_id, payment_key) = payment;
        let record = json!({"type": "payment_refunded", "order_id": order_id, "payment_key": payment_key,
            "amount": amount, "currency": money.currency, "refund_id": refund_id});
        Some((order_id.clone(), record))
    }

    /// A number for something that it does of its own accord.
    pub fn next_own(&mut self) -> u64 {
        self.own += 1;
        self.own
    }

    /// The idempotency keys under which it did or refused something.
    pub fn asked(&self) -> impl Iterator<Item = &str> {
        self.answers.keys().map(String::as_str)
    }
}

/// The record of a capture.
#[must_use]
pub fn confirmed((order_id, payment_key): &PaymentId, amount: i64, currency: &str) -> Value {
    json!({"type": "payment_confirmed", "order_id": order_id, "payment_key": payment_key, "amount": amount,
        "currency": currency})
}

/// The record that tells an answer to a command.
#[must_use]
pub fn record(command: &Command, answer: &Answer) -> Value {
    let (order_id, payment_key) = (&command.order_id, &command.payment_key);
    let failure = |kind: &str| {
        json!({"type": kind, "order_id": order_id, "payment_key": payment_key, "code": "REJECTED",
            "message": "no"})
    };
    match answer {
        Answer::Captured => {
            let payment = (order_id.clone(), payment_key.clone());
            confirmed(&payment, command.amount, &command.currency)
        }
        Answer::Declined => failure("payment_declined"),
        Answer::Refunded(amount) => {
            json!({"type": "payment_refunded", "order_id": order_id, "payment_key": payment_key,
                "amount": amount, "currency": command.currency, "refund_id": command.refund_id})
        }
        Answer::Failed => {
            let mut record = failure("refund_failed");
            record["refund_id"] = json!(command.refund_id);
            record
        }
    }
}
