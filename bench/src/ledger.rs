//! `bench ledger`: legs held and posted a second on one core, over 10,000 accounts and on one hot account.

use std::hint::black_box;

use operators::ledger::{AccountNo, Ledger, Leg};

use crate::mix::Random;
use crate::{Figure, Settings, Stopwatch, median};

const LEGS: usize = 3_000_000;
const LEGS_A_HOLD: usize = 2;
const TURNS: usize = 5;

/// Seconds to hold and post [`LEGS`] legs, spread over `accounts` accounts.
fn hold_and_post(accounts: u64) -> f64 {
    let mut ledger = Ledger::new();
    let numbers: Vec<AccountNo> = (0..accounts).map(|_| ledger.open()).collect();
    for account in &numbers {
        for _ in 0..10 {
            ledger
                .deposit(*account, 1_000_000_000)
                .expect("far below the greatest level");
        }
    }
    ledger.take_touched();
    let mut random = Random(7);
    let legs_a_hold = LEGS_A_HOLD.min(numbers.len());
    let holds: Vec<Vec<Leg>> = (0..LEGS / legs_a_hold)
        .map(|_| {
            let first = usize::try_from(random.below(accounts)).expect("a small number");
            let leg = |n: usize| Leg {
                account: numbers[(first + n) % numbers.len()],
                amount: 1,
            };
            (0..legs_a_hold).map(leg).collect()
        })
        .collect();
    let start = Stopwatch::start();
    for (index, legs) in holds.into_iter().enumerate() {
        let mut hold = ledger.hold(legs).expect("there is enough");
        ledger.post(&mut hold);
        black_box(&hold);
        if index % 1000 == 0 {
            black_box(ledger.take_touched());
        }
    }
    start.seconds()
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub(crate) fn run(_: &Settings, progress: &mut dyn FnMut(&str)) -> Result<Vec<Figure>, String> {
    let mut measure = |metric: &str, accounts| {
        progress(metric);
        let rates = (0..TURNS)
            .map(|_| LEGS as f64 / hold_and_post(accounts))
            .collect();
        Figure::new("ledger", metric, median(rates), "legs/s").at_least(3_000_000.0)
    };
    Ok(vec![
        measure("hold + post, 10,000 accounts", 10_000),
        measure("hold + post, one hot account", 1),
    ])
}
