//! What is shared with a snapshot against copies of it; what is built anew against what grew.

use millrace_operators::deadlines::Deadlines;
use millrace_operators::index::in_turn;
use millrace_operators::interner::Interner;
use millrace_operators::ledger::{AccountNo, Ledger, Levels};
use millrace_operators::paged::Paged;
use millrace_operators::prints::Prints;
use millrace_operators::slots::{Blobs, Slot, Slots};
use proptest::prelude::*;

use crate::{cases, panics};

/// Great enough that a few dozen items fill pages.
type Big = [u64; 1000];

/// What is done next.
#[derive(Clone, Debug)]
enum Op {
    Push(u64),
    Set(usize, u64),
    Share,
    Forget(usize),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        5 => any::<u64>().prop_map(Op::Push),
        5 => (any::<usize>(), any::<u64>()).prop_map(|(at, value)| Op::Set(at, value)),
        1 => Just(Op::Share),
        1 => any::<usize>().prop_map(Op::Forget),
    ]
}

proptest! {
    #![proptest_config(cases(200))]

    /// A list is the list that a vector is, and so is every snapshot of it, whatever happens afterwards.
    #[test]
    fn a_shared_list_stays_what_it_was(ops in prop::collection::vec(op(), 0..120)) {
        let (mut list, mut vector): (Paged<Big>, Vec<Big>) = (Paged::new(), Vec::new());
        let mut shared: Vec<(Paged<Big>, Vec<Big>)> = Vec::new();
        for op in ops {
            match op {
                Op::Push(value) => {
                    list.push([value; 1000]);
                    vector.push([value; 1000]);
                }
                Op::Set(at, value) if !vector.is_empty() => {
                    let at = at % vector.len();
                    list[at][7] = value;
                    vector[at][7] = value;
                }
                Op::Share => shared.push((list.share(), vector.clone())),
                Op::Forget(at) if !shared.is_empty() => drop(shared.swap_remove(at % shared.len())),
                Op::Set(..) | Op::Forget(_) => {}
            }
        }
        shared.push((list, vector));
        for (list, vector) in shared {
            prop_assert_eq!(list.len(), vector.len());
            prop_assert_eq!(list.last(), vector.last());
            prop_assert!(list.iter().eq(&vector));
            prop_assert!(list.get(vector.len()).is_none());
            prop_assert!(list.into_iter().eq(vector));
        }
    }

    /// Blobs that are shared stay, whatever is put into their slots afterwards; and blobs that are added to
    /// others are found under their new names, and their free slots are used.
    #[test]
    fn shared_blobs_stay_and_appended_ones_are_found(
        sizes in prop::collection::vec((0..1500usize, any::<bool>()), 1..150),
        more in prop::collection::vec((0..1500usize, any::<bool>()), 1..150),
    ) {
        let blob = |size: usize, fill: usize| vec![fill.to_le_bytes()[0]; size];
        let fill = |slots: &mut Slots, sizes: &[(usize, bool)], from: usize| {
            let mut live: Vec<(Slot, Vec<u8>)> = Vec::new();
            for (at, (size, frees)) in sizes.iter().enumerate() {
                live.push((slots.put(&blob(*size, at + from)), blob(*size, at + from)));
                if *frees && at % 2 == 0 {
                    slots.free(live.swap_remove(at % live.len()).0);
                }
            }
            live
        };
        let mut slots = Slots::new();
        let live = fill(&mut slots, &sizes, 0);
        let shared: Blobs = slots.share();
        for (slot, _) in &live {
            slots.free(*slot);
        }
        let mut here = fill(&mut slots, &sizes, 100);
        for (slot, blob) in &live {
            prop_assert_eq!(shared.get(*slot), &blob[..]);
        }
        let mut others = Slots::new();
        let there = fill(&mut others, &more, 50);
        let shift = slots.append(others).expect("they are few");
        here.extend(there.into_iter().map(|(slot, blob)| (shift.of(slot), blob)));
        here.extend(fill(&mut slots, &more, 200));
        for (slot, blob) in &here {
            prop_assert_eq!(slots.get(*slot), &blob[..]);
        }
    }

    /// Built anew from what was shared, everything is found as before, and what comes next gets the same
    /// number; what is there twice is told.
    #[test]
    fn what_is_built_anew_finds_the_same(prints in prop::collection::hash_set(any::<u128>(), 0..400)) {
        let (mut values, mut texts) = (Prints::new(), Interner::new());
        for (value, print) in (0u64..).zip(&prints) {
            values.add(*print, value);
            texts.intern(&print.to_string());
        }
        let anew = Prints::restore(values.share(), &in_turn).expect("each is there once");
        let mut texts_anew = Interner::restore(texts.share(), &in_turn).expect("each is there once");
        for print in &prints {
            let number = values.find(*print).expect("it was added");
            prop_assert_eq!(anew.find(*print), Some(number));
            prop_assert_eq!(anew.value(number), values.value(number));
            prop_assert_eq!(texts_anew.find(&print.to_string()), texts.find(&print.to_string()));
        }
        prop_assert_eq!(texts_anew.intern("another"), texts.intern("another"));
        let mut twice = texts.share();
        prop_assert!(Interner::restore(texts.share(), &in_turn).is_ok());
        twice.push("another");
        let last = u32::try_from(texts.len()).unwrap();
        prop_assert_eq!(Interner::restore(twice, &in_turn).err(), Some(last));
        if let Some(print) = prints.iter().next() {
            let mut twice = values.share();
            twice.prints.push(*print);
            twice.values.push(0);
            prop_assert!(Prints::restore(twice, &in_turn).is_err());
        }
    }

    /// Deadlines that are added to others fall due as if they had been set there, so much later.
    #[test]
    fn appended_deadlines_fall_due_behind_ours(
        ours in prop::collection::vec((0..20i64, any::<u8>()), 0..30),
        theirs in prop::collection::vec((0..20i64, any::<u8>()), 0..30),
        later in 0..5i64,
    ) {
        let (mut all, mut more, mut expected) = (Deadlines::new(), Deadlines::new(), Deadlines::new());
        for (at, item) in &ours {
            all.set(*at, *item);
            expected.set(*at, *item);
        }
        for (at, item) in &theirs {
            more.set(*at, *item);
            expected.set(*at + later, *item);
        }
        prop_assert!(all.append(more, later));
        while let Some(due) = expected.pop(100) {
            prop_assert_eq!(all.pop(100), Some(due));
        }
        prop_assert!(all.is_empty());
    }
}

#[test]
fn a_deadline_beyond_all_times_is_told() {
    let (mut all, mut more) = (Deadlines::new(), Deadlines::new());
    more.set(i64::MAX, 1);
    assert!(!all.append(more, 1));
}

#[test]
fn long_texts_and_pieces_that_fill_up() {
    let mut texts = Interner::new();
    let lens = [
        0, 1, 65_533, 65_534, 65_535, 65_536, 70_000, 30_000, 35_535, 40_000, 2, 200_000, 3,
    ];
    let text = |number: usize| {
        char::from(b'a' + u8::try_from(number).unwrap())
            .to_string()
            .repeat(lens[number])
    };
    for number in 0..lens.len() {
        assert_eq!(texts.intern(&text(number)) as usize, number);
        let _shared = texts.share();
    }
    for number in 0..lens.len() {
        assert!(
            texts.get(u32::try_from(number).unwrap()) == text(number),
            "{number}"
        );
    }
}

#[test]
fn a_ledger_goes_on_with_levels_that_add_up_and_refuses_others() {
    let mut ledger = Ledger::new();
    let account = ledger.open();
    ledger.deposit(account, 5).unwrap();
    assert!(panics(|| ledger.share()), "a change was not taken");
    ledger.take_touched();
    let shared = ledger.share();
    ledger.deposit(account, 2).unwrap();
    let anew = Ledger::restore([shared.levels(account)]).unwrap();
    assert_eq!(
        (anew.levels(account).on_hand, ledger.levels(account).on_hand),
        (5, 7)
    );
    for broken in [
        Levels {
            on_hand: 1,
            held: 0,
            spent: 0,
            inflow: 2,
        },
        Levels {
            on_hand: 1,
            held: -1,
            spent: 0,
            inflow: 1,
        },
        Levels {
            on_hand: i64::MAX,
            held: 0,
            spent: 1,
            inflow: i64::MIN,
        },
    ] {
        assert_eq!(Ledger::restore([broken]).err(), Some(AccountNo(0)), "{broken:?}");
    }
}
