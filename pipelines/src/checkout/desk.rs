//! The desk: everything that deciding one record may read and change besides the order at hand.

use std::collections::BTreeMap;

use contract::delta::DeltaBuilder;
use contract::log::{Epoch, Position};
use contract::time::Time;
use contract::views::{View, WalletEntriesRow};
use operators::deadlines::Deadlines;
use operators::ledger::Ledger;

use super::attention::Attention;
use super::audit::Audit;
use super::facts::{Facts, Rules};

/// What became of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It counted, even if only noted or refused.
    Applied,
    /// It had counted already.
    Duplicate,
    /// It can't be used: reason and detail.
    Quarantined(contract::decode::Reason, String),
}

/// The state of the job, the book of orders apart.
#[derive(Debug)]
pub struct Desk {
    /// The epoch.
    pub epoch: Epoch,
    /// Its clock.
    pub now: Time,
    /// The record at hand and its type; none while deadlines fire.
    pub cause: Option<(Position, &'static str)>,
    /// Accounts.
    pub ledger: Ledger,
    /// Products, campaigns, rights, wallets, rules.
    pub facts: Facts,
    /// Orders by the time at which they expire.
    pub expiries: Deadlines<u32>,
    /// Orders by the end of their cancel window.
    pub windows: Deadlines<u32>,
    /// Orders by the time at which a command has waited too long.
    pub answers: Deadlines<u32>,
    /// What a person must act on and that stays until resolved.
    pub attention: Attention,
    /// Sums kept by another path.
    pub audit: Audit,
    /// Ids of the orders that took a right in this epoch, by number.
    pub holders: BTreeMap<u32, String>,
    /// Movements of wallets in this epoch.
    pub entries: DeltaBuilder,
}

impl Default for Desk {
    fn default() -> Self {
        Desk {
            epoch: Epoch(0),
            now: Time::default(),
            cause: None,
            ledger: Ledger::new(),
            facts: Facts::default(),
            expiries: Deadlines::new(),
            windows: Deadlines::new(),
            answers: Deadlines::new(),
            attention: Attention::default(),
            audit: Audit::default(),
            holders: BTreeMap::new(),
            entries: DeltaBuilder::new(View::WalletEntries),
        }
    }
}

impl Desk {
    /// The rules with this index.
    #[must_use]
    pub fn rules(&self, index: u32) -> Rules {
        self.facts.rules[index as usize]
    }

    /// The epoch as the views show it.
    #[must_use]
    pub fn epoch_number(&self) -> i64 {
        i64::try_from(self.epoch.0).expect("fewer than 2^63 epochs")
    }

    /// A movement of a wallet.
    pub fn entry(&mut self, kind: &str, entry_id: &str, wallet: u32, amount: i64) {
        let wallet_facts = self.facts.wallets[wallet as usize];
        self.audit.wallet_moved(wallet, kind, amount);
        self.entries.upsert(&WalletEntriesRow {
            kind,
            entry_id,
            customer_id: self.facts.customers.get(wallet_facts.customer),
            amount,
            currency: wallet_facts.currency.get(),
            status: "applied",
            epoch: i64::try_from(self.epoch.0).expect("fewer than 2^63 epochs"),
        });
    }
}
