//! What the ledger refuses, at the edge of each limit.

use millrace_operators::ledger::{AccountNo, Hold, HoldState, LEVEL_MAX, Ledger, Leg, PassedLimit, Short};

use crate::panics;

fn with(amount: i64) -> (Ledger, AccountNo) {
    let mut ledger = Ledger::new();
    let account = ledger.open();
    ledger.deposit(account, amount).expect("within the limit");
    (ledger, account)
}

fn restored(state: HoldState, account: AccountNo, amount: i64) -> Hold {
    let mut hold = Hold::default();
    hold.restore(state, [Leg { account, amount }].into_iter());
    hold
}

#[test]
fn the_greatest_level_is_2_to_the_53_less_1_either_way() {
    let max = (1i64 << 53) - 1;
    assert_eq!(LEVEL_MAX, max);
    let (mut ledger, account) = with(max);
    assert_eq!(ledger.deposit(account, 1), Err(PassedLimit));
    assert_eq!(ledger.levels(account).on_hand, max);
    let (mut ledger, account) = with(-max);
    assert_eq!(ledger.deposit(account, -1), Err(PassedLimit));
    assert_eq!(ledger.deposit(account, i64::MIN), Err(PassedLimit));
    assert_eq!(ledger.levels(account).on_hand, -max);
    assert_eq!(ledger.levels(account).inflow, -max);
}

#[test]
fn what_is_held_is_neither_withdrawn_nor_granted_nor_held_again() {
    let (mut ledger, account) = with(3);
    let all = vec![Leg { account, amount: 3 }];
    let _hold = ledger.hold(all).expect("3 are available");
    let one = Leg { account, amount: 1 };
    assert_eq!(ledger.withdraw(account, 1), Err(Short));
    assert_eq!(ledger.grant(account), Err(Short));
    assert_eq!(ledger.hold(vec![one]).err(), Some(vec![one]));
    assert_eq!(ledger.levels(account).held, 3);
}

#[test]
fn a_hold_with_one_leg_short_takes_none() {
    let (mut ledger, plenty) = with(10);
    let little = ledger.open();
    let leg = |account, amount| Leg { account, amount };
    let short = ledger.hold(vec![leg(plenty, 5), leg(little, 1)]).err();
    assert_eq!(short, Some(vec![leg(little, 1)]));
    assert_eq!(ledger.levels(plenty).held, 0);
}

#[test]
fn ranks_go_up_from_1_to_the_quota() {
    let (mut ledger, quota) = with(100);
    let ranks: Vec<i64> = std::iter::from_fn(|| ledger.grant(quota).ok()).collect();
    assert_eq!(ranks, (1..=100).collect::<Vec<_>>());
}

#[test]
fn a_hold_has_no_empty_leg_and_no_account_twice() {
    let (mut ledger, account) = with(4);
    let leg = |amount| Leg { account, amount };
    assert!(panics(|| ledger.hold(vec![leg(0)])));
    let (mut ledger, _) = with(4);
    assert!(panics(|| ledger.hold(vec![leg(3), leg(3)])));
}

#[test]
fn a_hold_that_the_ledger_does_not_contain_is_not_resolved() {
    let (mut ledger, account) = with(5);
    let mut hold = restored(HoldState::Open, account, 1);
    assert!(panics(|| ledger.release(&mut hold)), "held would be negative");
    let (mut ledger, account) = with(5);
    let mut hold = restored(HoldState::Posted, account, 1);
    assert!(
        panics(|| ledger.give_back(&mut hold, account, 1)),
        "spent would be negative"
    );
}

#[test]
fn a_hold_that_was_put_away_goes_on_where_it_was() {
    let (mut ledger, account) = with(5);
    let leg = Leg { account, amount: 2 };
    let mut hold = ledger.hold(vec![leg]).expect("2 are available");
    ledger.post(&mut hold);
    let mut again = restored(hold.state(), account, hold.amount(account));
    ledger.give_back(&mut again, account, 1);
    assert_eq!(again.amount(account), 1);
    assert_eq!(ledger.levels(account).spent, 1);
    assert_eq!(ledger.levels(account).on_hand, 4);
}
