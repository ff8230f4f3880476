//! The ledger against a list of all that ever happened, summed up anew after each operation.

use millrace_operators::ledger::{AccountNo, Hold, HoldState, LEVEL_MAX, Ledger, Leg, Levels};
use proptest::prelude::*;

use crate::{cases, panics};

/// What happened.
#[derive(Clone, Debug)]
enum Fact {
    Deposited(AccountNo, i64),
    Withdrawn(AccountNo, i64),
    Granted(AccountNo),
    Held(usize, Leg),
    Resolved(usize, HoldState),
    GivenBack(AccountNo, i64),
}

/// What is tried next. Accounts and holds are taken modulo what there is.
#[derive(Clone, Debug)]
enum Op {
    Open,
    Touch(usize),
    Deposit(usize, i64),
    Withdraw(usize, i64),
    Grant(usize),
    Hold(Vec<(usize, i64)>),
    Freeze(usize, bool),
    Post(usize),
    Release(usize),
    Expire(usize),
    GiveBack(usize, usize, i64),
    GiveBackAll(usize),
    TakeTouched,
}

fn amount() -> impl Strategy<Value = i64> {
    prop_oneof![6 => 1..10i64, 1 => 1..1_000_000i64, 1 => LEVEL_MAX - 20..=LEVEL_MAX]
}

fn op() -> impl Strategy<Value = Op> {
    let legs = prop::collection::vec((0..6usize, 1..6i64), 1..4);
    let one = any::<usize>;
    prop_oneof![
        1 => Just(Op::Open),
        1 => one().prop_map(Op::Touch),
        6 => (one(), amount(), any::<bool>())
            .prop_map(|(account, amount, out)| Op::Deposit(account, if out { -amount } else { amount })),
        3 => (one(), amount()).prop_map(|(account, amount)| Op::Withdraw(account, amount)),
        2 => one().prop_map(Op::Grant),
        8 => legs.prop_map(Op::Hold),
        2 => (one(), any::<bool>()).prop_map(|(hold, frozen)| Op::Freeze(hold, frozen)),
        4 => one().prop_map(Op::Post),
        2 => one().prop_map(Op::Release),
        2 => one().prop_map(Op::Expire),
        4 => (one(), one(), 0..8i64).prop_map(|(hold, leg, amount)| Op::GiveBack(hold, leg, amount)),
        1 => one().prop_map(Op::GiveBackAll),
        2 => Just(Op::TakeTouched),
    ]
}

/// The ledger, and what it must say.
#[derive(Default)]
struct World {
    ledger: Ledger,
    holds: Vec<Hold>,
    facts: Vec<Fact>,
    accounts: Vec<AccountNo>,
    touched: Vec<(AccountNo, Levels)>,
}

impl World {
    /// The oracle: what an account's levels are after all that happened.
    fn levels(&self, account: AccountNo) -> Levels {
        let (mut inflow, mut held, mut spent) = (0, 0, 0);
        for fact in &self.facts {
            match fact {
                Fact::Deposited(at, amount) if *at == account => inflow += amount,
                Fact::Withdrawn(at, amount) if *at == account => inflow -= amount,
                Fact::Granted(at) if *at == account => spent += 1,
                Fact::GivenBack(at, amount) if *at == account => spent -= amount,
                Fact::Held(hold, leg) if leg.account == account => match self.resolution(*hold) {
                    None => held += leg.amount,
                    Some(HoldState::Posted) => spent += leg.amount,
                    Some(_) => {}
                },
                _ => {}
            }
        }
        Levels {
            on_hand: inflow - spent,
            held,
            spent,
            inflow,
        }
    }

    fn resolution(&self, hold: usize) -> Option<HoldState> {
        self.facts.iter().find_map(|fact| match fact {
            Fact::Resolved(resolved, state) if *resolved == hold => Some(*state),
            _ => None,
        })
    }

    /// Notes the accounts that the next facts change.
    fn touch(&mut self, accounts: impl IntoIterator<Item = AccountNo>) {
        for account in accounts {
            if self.touched.iter().all(|(known, _)| *known != account) {
                self.touched.push((account, self.levels(account)));
            }
        }
    }

    fn account(&self, any: usize) -> AccountNo {
        self.accounts[any % self.accounts.len()]
    }

    fn run(&mut self, op: &Op) {
        match *op {
            Op::Open => self.accounts.push(self.ledger.open()),
            Op::Touch(any) => {
                let account = self.account(any);
                self.touch([account]);
                self.ledger.touch(account);
            }
            Op::TakeTouched => {
                let expected = std::mem::take(&mut self.touched);
                assert_eq!(self.ledger.take_touched(), expected);
            }
            Op::Deposit(any, amount) => self.deposit(self.account(any), amount),
            Op::Withdraw(any, amount) => self.withdraw(self.account(any), amount),
            Op::Grant(any) => self.grant(self.account(any)),
            Op::Hold(ref legs) => self.hold(legs),
            _ if self.holds.is_empty() => {}
            Op::Freeze(any, frozen) => self.freeze(any % self.holds.len(), frozen),
            Op::Post(any) => self.resolve(any % self.holds.len(), HoldState::Posted, false),
            Op::Release(any) => self.resolve(any % self.holds.len(), HoldState::Released, false),
            Op::Expire(any) => self.resolve(any % self.holds.len(), HoldState::Released, true),
            Op::GiveBack(any, leg, amount) => self.give_back(any % self.holds.len(), leg, amount),
            Op::GiveBackAll(any) => self.give_back_all(any % self.holds.len()),
        }
    }

    fn deposit(&mut self, account: AccountNo, amount: i64) {
        let level = self.levels(account).on_hand + amount;
        let result = self.ledger.deposit(account, amount);
        assert_eq!(result.is_ok(), level.abs() <= LEVEL_MAX, "limit of {level}");
        if result.is_ok() {
            self.touch([account]);
            self.facts.push(Fact::Deposited(account, amount));
        }
    }

    fn withdraw(&mut self, account: AccountNo, amount: i64) {
        let Levels { on_hand, held, .. } = self.levels(account);
        let result = self.ledger.withdraw(account, amount);
        assert_eq!(result.is_ok(), amount <= on_hand - held);
        if result.is_ok() {
            self.touch([account]);
            self.facts.push(Fact::Withdrawn(account, amount));
        }
    }

    fn grant(&mut self, quota: AccountNo) {
        let Levels {
            on_hand, held, spent, ..
        } = self.levels(quota);
        let expected = (on_hand - held > 0).then_some(spent + 1);
        assert_eq!(self.ledger.grant(quota).ok(), expected);
        if expected.is_some() {
            self.touch([quota]);
            self.facts.push(Fact::Granted(quota));
        }
    }

    fn hold(&mut self, asked: &[(usize, i64)]) {
        let mut legs: Vec<Leg> = Vec::new();
        for &(any, amount) in asked {
            let account = self.account(any);
            if legs.iter().all(|leg| leg.account != account) {
                legs.push(Leg { account, amount });
            }
        }
        let is_short = |leg: &&Leg| {
            let Levels { on_hand, held, .. } = self.levels(leg.account);
            on_hand - held < leg.amount
        };
        let short: Vec<Leg> = legs.iter().filter(is_short).copied().collect();
        match self.ledger.hold(legs.clone()) {
            Err(refused) => assert_eq!(refused, short),
            Ok(hold) => {
                assert_eq!(short, [], "a hold is all or nothing");
                assert_eq!((hold.state(), hold.legs()), (HoldState::Open, &legs[..]));
                self.touch(legs.iter().map(|leg| leg.account));
                let number = self.holds.len();
                self.holds.push(hold);
                self.facts
                    .extend(legs.into_iter().map(|leg| Fact::Held(number, leg)));
            }
        }
    }

    fn freeze(&mut self, at: usize, frozen: bool) {
        let hold = &mut self.holds[at];
        let refused = panics(|| self.ledger.freeze(hold, frozen));
        assert_eq!(
            refused,
            self.resolution(at).is_some(),
            "a resolved hold is not frozen"
        );
        if !refused {
            let state = if frozen {
                HoldState::Frozen
            } else {
                HoldState::Open
            };
            assert_eq!(self.holds[at].state(), state);
        }
    }

    fn resolve(&mut self, at: usize, to: HoldState, expires: bool) {
        let before = self.holds[at].clone();
        let touched = before.legs().iter().map(|leg| leg.account);
        let must_refuse = self.resolution(at).is_some() || (expires && before.state() == HoldState::Frozen);
        let hold = &mut self.holds[at];
        let refused = panics(|| match (to, expires) {
            (HoldState::Posted, _) => self.ledger.post(hold),
            (_, true) => self.ledger.expire(hold),
            (_, false) => self.ledger.release(hold),
        });
        assert_eq!(
            refused, must_refuse,
            "a hold resolves once; frozen, it does not expire"
        );
        if refused {
            return;
        }
        assert_eq!(self.holds[at].state(), to);
        self.touch(touched);
        self.facts.push(Fact::Resolved(at, to));
    }

    fn give_back(&mut self, at: usize, any: usize, amount: i64) {
        let legs = self.holds[at].legs().to_vec();
        let leg = (!legs.is_empty()).then(|| legs[any % legs.len()]);
        let account = leg.map_or(self.account(any), |leg| leg.account);
        let fits = leg.is_some_and(|leg| 0 < amount && amount <= leg.amount);
        let may = fits && self.resolution(at) == Some(HoldState::Posted);
        let hold = &mut self.holds[at];
        let refused = panics(|| self.ledger.give_back(hold, account, amount));
        assert_eq!(refused, !may, "only what was posted is given back, and no more");
        if !refused {
            let left = leg.map_or(0, |leg| leg.amount) - amount;
            assert_eq!(self.holds[at].amount(account), left);
            assert!(self.holds[at].legs().iter().all(|leg| leg.amount > 0));
            self.touch([account]);
            self.facts.push(Fact::GivenBack(account, amount));
        }
    }

    fn give_back_all(&mut self, at: usize) {
        let legs = self.holds[at].legs().to_vec();
        let hold = &mut self.holds[at];
        let refused = panics(|| self.ledger.give_back_all(hold));
        let posted = self.resolution(at) == Some(HoldState::Posted);
        assert_eq!(refused, !posted, "only what was posted is given back");
        if !refused {
            assert_eq!(self.holds[at].legs(), []);
            self.touch(legs.iter().map(|leg| leg.account));
            let given = legs.iter().map(|leg| Fact::GivenBack(leg.account, leg.amount));
            self.facts.extend(given);
        }
    }

    fn check(&self) {
        for account in &self.accounts {
            let levels = self.ledger.levels(*account);
            assert_eq!(levels, self.levels(*account), "{account:?}");
            assert_eq!(levels.available(), levels.on_hand - levels.held);
        }
    }
}

proptest! {
    #![proptest_config(cases(400))]

    /// Conservation, all or nothing, resolved once, frozen does not expire, given back in parts, limits.
    #[test]
    fn levels_are_the_sum_of_all_that_happened(ops in prop::collection::vec(op(), 1..80)) {
        let mut world = World::default();
        world.run(&Op::Open);
        for op in &ops {
            world.run(op);
            world.check();
        }
        world.run(&Op::TakeTouched);
        prop_assert_eq!(world.ledger.len(), world.accounts.len());
        prop_assert!(!world.ledger.is_empty());
    }
}
