//! The ledger: accounts and holds.

use super::Mutant;

const LEDGER: &str = "operators/src/ledger/mod.rs";
const HOLD: &str = "operators/src/ledger/hold.rs";

/// The mutants.
pub const MUTANTS: &[Mutant] = &[
    Mutant::new(
        "available-counts-held",
        LEDGER,
        "self.on_hand - self.held",
        "self.on_hand",
        "what is promised can be promised again",
    ),
    Mutant::new(
        "held-may-be-negative",
        LEDGER,
        "&& self.held >= 0 && self.spent >= 0",
        "&& self.spent >= 0",
        "a hold that the ledger does not contain can be released",
    ),
    Mutant::new(
        "spent-may-be-negative",
        LEDGER,
        "&& self.held >= 0 && self.spent >= 0",
        "&& self.held >= 0",
        "more can be given back than was spent",
    ),
    Mutant::new(
        "inflow-is-not-checked",
        LEDGER,
        "self.on_hand.checked_add(self.spent) == Some(self.inflow) &&",
        "",
        "the assertion that nothing is made or lost",
    )
    .explained(
        "each operation moves both sides of the equation alike: the assertion guards against a \
         change of the code, and no call from outside can trip it",
    ),
    Mutant::new(
        "limit-one-higher",
        LEDGER,
        "(-LEVEL_MAX..=LEVEL_MAX)",
        "(-LEVEL_MAX..=LEVEL_MAX + 1)",
        "a level above 2^53-1",
    ),
    Mutant::new(
        "limit-one-lower",
        LEDGER,
        "(-LEVEL_MAX..=LEVEL_MAX)",
        "(-LEVEL_MAX - 1..=LEVEL_MAX)",
        "a level below -(2^53-1)",
    ),
    Mutant::new(
        "withdraws-what-is-held",
        LEDGER,
        "self.levels(account).available() < amount",
        "self.levels(account).on_hand < amount",
        "a wallet can be emptied while an order counts on it",
    ),
    Mutant::new(
        "withdraw-leaves-one",
        LEDGER,
        "self.levels(account).available() < amount",
        "self.levels(account).available() <= amount",
        "the last unit can't be withdrawn",
    ),
    Mutant::new(
        "grants-one-too-many",
        LEDGER,
        "self.levels(quota).available() < 1",
        "self.levels(quota).available() < 0",
        "101 of 100 coupons",
    ),
    Mutant::new(
        "rank-from-zero",
        LEDGER,
        "Ok(self.levels(quota).spent)",
        "Ok(self.levels(quota).spent - 1)",
        "the first grant's rank",
    ),
    Mutant::new(
        "touched-once-for-ever",
        LEDGER,
        "self.accounts[account.0 as usize].touched = false;",
        "let _ = account;",
        "changes after the first epoch are not shown",
    ),
    Mutant::new(
        "touched-without-before",
        LEDGER,
        "self.touched.push((number, account.levels));",
        "self.touched.push((number, Levels::default()));",
        "what an account was before an epoch",
    ),
    Mutant::new(
        "holds-with-one-short",
        HOLD,
        "if !short.is_empty() { return Err(short); }",
        "if short.len() > 1 { return Err(short); }",
        "a hold is all or nothing",
    ),
    Mutant::new(
        "freezes-the-other-way",
        HOLD,
        "hold.state = if frozen {",
        "hold.state = if !frozen {",
        "a frozen hold does not expire",
    ),
    Mutant::new(
        "posting-keeps-the-promise",
        HOLD,
        "levels.on_hand -= leg.amount; levels.held -= leg.amount;",
        "levels.on_hand -= leg.amount;",
        "what is posted is no longer held",
    ),
    Mutant::new(
        "posts-twice",
        HOLD,
        r#"matches!(hold.state, HoldState::Open | HoldState::Frozen), "a hold is posted once""#,
        r#"true, "a hold is posted once""#,
        "a hold is resolved once",
    ),
    Mutant::new(
        "released-stays-open",
        HOLD,
        "hold.state = HoldState::Released;",
        "hold.state = HoldState::Open;",
        "a hold is resolved once",
    ),
    Mutant::new(
        "expires-frozen",
        HOLD,
        r#"assert!(hold.state == HoldState::Open, "a frozen hold does not expire");"#,
        "",
        "a frozen hold does not expire",
    ),
    Mutant::new(
        "given-back-stays-spent",
        HOLD,
        "levels.on_hand += amount; levels.spent -= amount;",
        "levels.on_hand += amount; levels.inflow += amount;",
        "units sold are what was not given back",
    ),
    Mutant::new(
        "all-given-back-stays-spent",
        HOLD,
        "levels.on_hand += leg.amount; levels.spent -= leg.amount;",
        "levels.on_hand += leg.amount; levels.inflow += leg.amount;",
        "units sold are what was not given back",
    ),
    Mutant::new(
        "gives-back-too-much",
        HOLD,
        "0 < amount && amount <= leg.amount,",
        "0 < amount,",
        "a leg gives back at most what it posted",
    ),
    Mutant::new(
        "keeps-empty-legs",
        HOLD,
        "hold.legs.retain(|leg| leg.amount > 0);",
        "",
        "a leg that was given back is gone",
    ),
];
