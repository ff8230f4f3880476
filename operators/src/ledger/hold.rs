//! Holds: their life and their legs.

use super::{AccountNo, Ledger};

/// An amount of an account, part of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leg {
    /// The account.
    pub account: AccountNo,
    /// How much of it. Of a posted hold: what was not given back.
    pub amount: i64,
}

/// Where a hold is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldState {
    /// Taken; a deadline may release it.
    Open,
    /// Taken; no deadline may release it.
    Frozen,
    /// What it held is spent.
    Posted,
    /// It holds nothing.
    Released,
}

/// A group of legs, taken all or nothing. Only the [`Ledger`] makes, moves and resolves one.
#[derive(Clone, Debug)]
pub struct Hold {
    state: HoldState,
    legs: Vec<Leg>,
}

impl Default for Hold {
    /// A hold of nothing, released.
    fn default() -> Self {
        Hold {
            state: HoldState::Released,
            legs: Vec::new(),
        }
    }
}

impl Hold {
    /// Where it is in its life.
    #[must_use]
    pub fn state(&self) -> HoldState {
        self.state
    }

    /// Its legs: what is held, or posted and not given back.
    #[must_use]
    pub fn legs(&self) -> &[Leg] {
        &self.legs
    }

    /// How much of an account it holds, or posted and did not give back.
    #[must_use]
    pub fn amount(&self, account: AccountNo) -> i64 {
        self.legs
            .iter()
            .filter(|leg| leg.account == account)
            .map(|leg| leg.amount)
            .sum()
    }

    /// Makes it what it was when it was put away: the ledger's levels must still contain it.
    pub fn restore(&mut self, state: HoldState, legs: impl Iterator<Item = Leg>) {
        self.state = state;
        self.legs.clear();
        self.legs.extend(legs);
    }
}

impl Ledger {
    /// Takes a hold of `legs`, all or nothing. No account stands there twice.
    ///
    /// # Errors
    /// The legs that are more than what is available; nothing is held then.
    pub fn hold(&mut self, legs: Vec<Leg>) -> Result<Hold, Vec<Leg>> {
        let is_short = |leg: &&Leg| self.levels(leg.account).available() < leg.amount;
        let short: Vec<Leg> = legs.iter().filter(is_short).copied().collect();
        if !short.is_empty() {
            return Err(short);
        }
        for leg in &legs {
            assert!(leg.amount > 0, "a leg holds something: {leg:?}");
            self.change(leg.account, |levels| levels.held += leg.amount);
            assert!(
                self.levels(leg.account).available() >= 0,
                "two legs of one account: {leg:?}"
            );
        }
        Ok(Hold {
            state: HoldState::Open,
            legs,
        })
    }

    /// Keeps deadlines from releasing it, or lets them again.
    ///
    /// # Panics
    /// If it is resolved.
    pub fn freeze(&mut self, hold: &mut Hold, frozen: bool) {
        assert!(
            matches!(hold.state, HoldState::Open | HoldState::Frozen),
            "a resolved hold is not frozen"
        );
        hold.state = if frozen {
            HoldState::Frozen
        } else {
            HoldState::Open
        };
    }

    /// Spends what it holds.
    ///
    /// # Panics
    /// If it is resolved.
    pub fn post(&mut self, hold: &mut Hold) {
        assert!(
            matches!(hold.state, HoldState::Open | HoldState::Frozen),
            "a hold is posted once"
        );
        for leg in &hold.legs {
            self.change(leg.account, |levels| {
                levels.on_hand -= leg.amount;
                levels.held -= leg.amount;
                levels.spent += leg.amount;
            });
        }
        hold.state = HoldState::Posted;
    }

    /// Lets go of what it holds.
    ///
    /// # Panics
    /// If it is resolved.
    pub fn release(&mut self, hold: &mut Hold) {
        assert!(
            matches!(hold.state, HoldState::Open | HoldState::Frozen),
            "a hold is released once"
        );
        for leg in hold.legs.drain(..) {
            self.change(leg.account, |levels| levels.held -= leg.amount);
        }
        hold.state = HoldState::Released;
    }

    /// Lets go of what it holds because its time is over.
    ///
    /// # Panics
    /// If it is frozen or resolved.
    pub fn expire(&mut self, hold: &mut Hold) {
        assert!(hold.state == HoldState::Open, "a frozen hold does not expire");
        self.release(hold);
    }

    /// Gives back `amount` of a posted leg.
    ///
    /// # Panics
    /// If the hold is not posted, or less is left of the leg.
    pub fn give_back(&mut self, hold: &mut Hold, account: AccountNo, amount: i64) {
        assert!(
            hold.state == HoldState::Posted,
            "only what was posted is given back"
        );
        let leg = hold.legs.iter_mut().find(|leg| leg.account == account);
        let leg = leg.expect("only what was posted is given back");
        assert!(
            0 < amount && amount <= leg.amount,
            "at most what was posted is given back: {amount} of {leg:?}"
        );
        leg.amount -= amount;
        self.change(account, |levels| {
            levels.on_hand += amount;
            levels.spent -= amount;
        });
        hold.legs.retain(|leg| leg.amount > 0);
    }

    /// Gives back all that is left of a posted hold.
    ///
    /// # Panics
    /// If it is not posted.
    pub fn give_back_all(&mut self, hold: &mut Hold) {
        assert!(
            hold.state == HoldState::Posted,
            "only what was posted is given back"
        );
        for leg in hold.legs.drain(..) {
            self.change(leg.account, |levels| {
                levels.on_hand += leg.amount;
                levels.spent -= leg.amount;
            });
        }
    }
}
