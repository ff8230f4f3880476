//! The ledger: accounts, and holds of several legs taken all or nothing.
//!
//! An account has `on_hand` (what is there), `held` (what of it is promised) and `spent` (what has left for
//! good through holds); `available = on_hand - held`. A [`Hold`] is a group of legs, each an account and an
//! amount. It is taken only if every account has the amount available, and resolved exactly once: posted
//! (`on_hand` and `held` go down, `spent` goes up) or released (`held` goes down). Because availability is
//! checked when a hold is taken, posting can't fail. A frozen hold can't be released by a deadline. Legs of
//! a posted hold can be given back, in parts.
//!
//! Invariants, asserted at every operation, in release builds too: `inflow = on_hand + spent` for each
//! account, where `inflow` sums what came in from outside less what was taken out; `held` and `spent` are
//! never negative; a hold is resolved once and gives back at most what it posted. A breach is a bug of ours
//! and stops the process before it can reach a sink; no input can cause one, as every refusal is an answer
//! ([`Short`], [`PassedLimit`]).
//!
//! The ledger knows accounts by number only: names, and what an account stands for, are its user's.

mod hold;

pub use hold::{Hold, HoldState, Leg};

use crate::paged::Paged;

/// The greatest level that a deposit may lead to: 2^53-1.
pub const LEVEL_MAX: i64 = (1 << 53) - 1;

/// An account, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountNo(pub u32);

/// Levels of an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Levels {
    /// What is there, held or not.
    pub on_hand: i64,
    /// What of it is promised.
    pub held: i64,
    /// What has left through posted holds and was not given back.
    pub spent: i64,
    /// What came in from outside less what was taken out.
    pub inflow: i64,
}

impl Levels {
    /// What can still be promised.
    #[must_use]
    pub const fn available(&self) -> i64 {
        self.on_hand - self.held
    }

    /// Whether they add up.
    #[must_use]
    #[inline]
    pub fn add_up(&self) -> bool {
        self.on_hand.checked_add(self.spent) == Some(self.inflow) && self.held >= 0 && self.spent >= 0
    }

    #[inline]
    fn check(&self, account: AccountNo) {
        assert!(self.add_up(), "account {account:?} does not add up: {self:?}");
    }
}

/// An amount would lead to a level above [`LEVEL_MAX`] (or below its negative); nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PassedLimit;

/// More was asked than is available; nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Short;

#[derive(Clone, Copy, Debug, Default)]
struct Account {
    levels: Levels,
    touched: bool,
}

/// All accounts, and which of them changed since that was last asked.
#[derive(Debug, Default)]
pub struct Ledger {
    accounts: Paged<Account>,
    touched: Vec<(AccountNo, Levels)>,
}

/// All accounts' levels at one moment.
#[derive(Debug, Default)]
pub struct Accounts(Paged<Account>);

impl Accounts {
    /// An account's levels.
    #[must_use]
    pub fn levels(&self, account: AccountNo) -> Levels {
        self.0[account.0 as usize].levels
    }

    /// How many accounts there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Ledger {
    /// No accounts.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens an account with nothing in it.
    pub fn open(&mut self) -> AccountNo {
        let number = u32::try_from(self.accounts.len()).expect("fewer than 2^32 accounts");
        self.accounts.push(Account::default());
        AccountNo(number)
    }

    /// An account's levels.
    #[must_use]
    #[inline]
    pub fn levels(&self, account: AccountNo) -> Levels {
        self.accounts[account.0 as usize].levels
    }

    /// Changes an account's levels, noting what they were and checking that they add up.
    #[inline]
    fn change(&mut self, number: AccountNo, change: impl FnOnce(&mut Levels)) {
        let account = &mut self.accounts[number.0 as usize];
        if !account.touched {
            account.touched = true;
            self.touched.push((number, account.levels));
        }
        change(&mut account.levels);
        account.levels.check(number);
    }

    /// Notes an account as changed, though its levels stay: what stands for it elsewhere did.
    pub fn touch(&mut self, account: AccountNo) {
        self.change(account, |_| ());
    }

    /// Puts `amount` in from outside, or takes `-amount` out whether or not it is available.
    ///
    /// # Errors
    /// If the level would pass [`LEVEL_MAX`].
    pub fn deposit(&mut self, account: AccountNo, amount: i64) -> Result<(), PassedLimit> {
        let level = self.levels(account).on_hand.checked_add(amount);
        if !level.is_some_and(|level| (-LEVEL_MAX..=LEVEL_MAX).contains(&level)) {
            return Err(PassedLimit);
        }
        self.change(account, |levels| {
            levels.on_hand += amount;
            levels.inflow += amount;
        });
        Ok(())
    }

    /// Takes `amount` out if it is available.
    ///
    /// # Errors
    /// If it is not.
    pub fn withdraw(&mut self, account: AccountNo, amount: i64) -> Result<(), Short> {
        if self.levels(account).available() < amount {
            return Err(Short);
        }
        self.change(account, |levels| {
            levels.on_hand -= amount;
            levels.inflow -= amount;
        });
        Ok(())
    }

    /// Grants one unit, for good. Answers which one it was, from 1: the rank.
    ///
    /// # Errors
    /// If none is left.
    pub fn grant(&mut self, quota: AccountNo) -> Result<i64, Short> {
        if self.levels(quota).available() < 1 {
            return Err(Short);
        }
        self.change(quota, |levels| {
            levels.on_hand -= 1;
            levels.spent += 1;
        });
        Ok(self.levels(quota).spent)
    }

    /// The accounts that changed since this was last asked, with their levels then, in the order of their
    /// first change.
    pub fn take_touched(&mut self) -> Vec<(AccountNo, Levels)> {
        for (account, _) in &self.touched {
            self.accounts[account.0 as usize].touched = false;
        }
        std::mem::take(&mut self.touched)
    }

    /// All accounts' levels, cheaply, by number.
    ///
    /// # Panics
    /// If a change of an account was not taken yet.
    #[must_use]
    pub fn share(&mut self) -> Accounts {
        let Ledger { accounts, touched } = self;
        assert!(touched.is_empty(), "all changes were taken");
        Accounts(accounts.share())
    }

    /// What was shared, to go on with.
    ///
    /// # Errors
    /// The first account whose levels do not add up.
    pub fn restore(levels: impl IntoIterator<Item = Levels>) -> Result<Self, AccountNo> {
        let mut ledger = Ledger::new();
        for levels in levels {
            let number = ledger.open();
            if !levels.add_up() {
                return Err(number);
            }
            ledger.accounts[number.0 as usize].levels = levels;
        }
        Ok(ledger)
    }

    /// How many accounts there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.accounts.len()
    }

    /// Whether there is no account.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty()
    }
}
