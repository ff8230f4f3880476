//! The rules that random logs put in force.
//!
//! What a version says is a function of its number, so that whoever sees the version of an order's rules in a
//! table knows its windows, and the clock can be set to the very ends of them.

use contract::time::Time;

/// Rules in force (rules, section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Seconds from an order to its deadline.
    pub payment_window_s: i64,
    /// How many declined attempts end an order.
    pub payment_attempts_max: i64,
    /// Seconds from confirmation to the end of the cancel window.
    pub cancel_window_s: i64,
    /// Seconds after which an unanswered command needs attention.
    pub payment_answer_max_s: i64,
    /// The threshold of products without one.
    pub low_stock_default: i64,
}

const fn set(payment: i64, attempts: i64, cancel: i64, answer: i64, low_stock: i64) -> Rules {
    Rules {
        payment_window_s: payment,
        payment_attempts_max: attempts,
        cancel_window_s: cancel,
        payment_answer_max_s: answer,
        low_stock_default: low_stock,
    }
}

/// What the versions say, in turn; the first is what holds before any was activated.
const SETS: [Rules; 16] = [
    set(900, 5, 1_209_600, 3_600, 10),
    set(60, 2, 300, 30, 3),
    set(300, 4, 3_600, 60, 10),
    set(20, 1, 60, 10, 0),
    set(90, 2, 3_600, 20, 0),
    set(300, 3, 20, 60, 10),
    set(3_600, 2, 86_400, 600, 20),
    set(30, 2, 600, 5, 5),
    set(0, 1, 120, 20, 2),
    set(600, 1, 900, 300, 1_000_000),
    set(120, 3, 0, 15, 100),
    set(86_400, 5, 864_000, 3_600, 6),
    set(10, 3, 40, 0, 1),
    set(31_536_000, 1_000, 31_536_000, 31_536_000, 4),
    set(45, 2, 45, 45, 7),
    set(600, 3, 7_200, 120, 8),
];

/// The rules that random logs give the version.
#[must_use]
pub fn of_version(version: i64) -> Rules {
    let sets = i64::try_from(SETS.len()).unwrap_or(1);
    let index = version.saturating_sub(1).rem_euclid(sets);
    SETS[usize::try_from(index).unwrap_or(0)]
}

impl Rules {
    /// The end of the cancel window of an order that was confirmed at `confirmed`.
    #[must_use]
    pub fn cancel_end(self, confirmed: Time) -> Time {
        confirmed.plus_seconds(self.cancel_window_s)
    }
}
