//! Which offsets an epoch may be bound at, from rounds of looking at all ends.
//!
//! A round asks for the end of every partition, of each broker at its own moment. Of three rounds, one after
//! another, payments (and carts and reviews) are bound where the first saw them, orders where the second did,
//! everything else where the third did. Whoever wrote an order had by then been told of the price and the
//! stock that the order goes by; so an order that the second round saw came after those, and the third
//! round, begun later, sees them. Each round serves as third, second and first in turn: one round a pass is
//! enough, however many topics and brokers there are.
//!
//! The clock of such an epoch must not be later than the beginning of its first round: what was
//! acknowledged before that clock is then bound, so that no order expires whose payment came in time.
//!
//! A partition whose end can't be had stays where it was seen last.

use contract::log::Topic;

/// One look at all ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Round {
    /// The wall clock before it began, in milliseconds since 1970.
    pub began_ms: i64,
    /// Per stream.
    pub ends: Vec<u64>,
}

/// The last three rounds, the newest last.
#[derive(Clone, Debug)]
pub struct Staged {
    /// Per stream, how many rounds back it is bound.
    back: Vec<usize>,
    rounds: [Round; 3],
}

/// How many rounds back a topic is bound.
pub fn rounds_back(topic: &str) -> usize {
    match Topic::from_name(topic) {
        Some(Topic::Orders) => 1,
        Some(Topic::Payments | Topic::Carts | Topic::Reviews) => 2,
        _ => 0,
    }
}

/// Whether orders can't be decided without a topic: from the first of the contract's table to payments.
pub fn decides(topic: &str) -> bool {
    Topic::from_name(topic).is_some_and(|topic| topic <= Topic::Payments)
}

impl Staged {
    /// Begins with one round, as if it had been seen three times.
    pub fn new(back: Vec<usize>, first: &Round) -> Staged {
        let rounds = std::array::from_fn(|_| first.clone());
        Staged { back, rounds }
    }

    /// Takes the next round; whether anything can be bound that could not before.
    pub fn push(&mut self, round: Round) -> bool {
        let before = self.ends();
        self.rounds.rotate_left(1);
        self.rounds[2] = round;
        before != self.ends()
    }

    /// Per stream where it can be bound.
    pub fn ends(&self) -> Vec<u64> {
        let of = |(stream, back): (usize, &usize)| self.rounds[2 - back].ends[stream];
        self.back.iter().enumerate().map(of).collect()
    }

    /// The latest clock that these ends admit.
    pub fn as_of_ms(&self) -> i64 {
        self.rounds[0].began_ms
    }

    /// Whether the newest round saw what can't be bound yet.
    pub fn waits(&self) -> bool {
        self.rounds[2].ends != self.ends()
    }

    /// The newest ends.
    pub fn newest(&self) -> &[u64] {
        &self.rounds[2].ends
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Producers that append to one of nine partitions after another, each append caused by all that were
    /// acknowledged before it, while rounds look at each partition at a moment of its own: what is bound
    /// never holds a later topic's record without the earlier topics' that caused it.
    #[test]
    fn what_is_bound_holds_what_it_was_caused_by() {
        for seed in 0..200_u64 {
            let mut state = seed;
            let mut below = |n: usize| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                usize::try_from(state >> 33).expect("31 bits") % n
            };
            let mut ends = vec![0_u64; 9];
            // For each order and payment: what it was caused by.
            let mut causes: Vec<Vec<Vec<u64>>> = vec![Vec::new(); 9];
            let back = Topic::ALL.map(|topic| rounds_back(topic.name())).to_vec();
            let round = |began_ms, ends: &[u64]| Round {
                began_ms,
                ends: ends.to_vec(),
            };
            let mut staged = Staged::new(back, &round(0, &ends));
            for now_ms in 1..300 {
                let mut seen = vec![0; 9];
                let mut order: Vec<usize> = (0..9).collect();
                (0..9).for_each(|i| order.swap(i, below(9)));
                for stream in order {
                    for _ in 0..below(3) {
                        let to = below(9);
                        causes[to].push(ends.clone());
                        ends[to] += 1;
                    }
                    seen[stream] = ends[stream];
                }
                staged.push(Round {
                    began_ms: now_ms,
                    ends: seen,
                });
                let bound = staged.ends();
                let earlier = |stream: usize| match Topic::ALL[stream] {
                    Topic::Orders => 0..5,
                    Topic::Payments => 0..6,
                    _ => 0..0,
                };
                for stream in 0..9 {
                    for cause in &causes[stream][..usize::try_from(bound[stream]).expect("few")] {
                        assert!(
                            earlier(stream).all(|s| cause[s] <= bound[s]),
                            "seed {seed}, {stream}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn all_that_was_seen_is_bound_two_rounds_later_and_the_clock_is_that_of_the_first() {
        let back = ["payments", "orders", "stock"].map(rounds_back).to_vec();
        let round = |began_ms, end| Round {
            began_ms,
            ends: vec![end; 3],
        };
        let mut staged = Staged::new(back, &round(1, 5));
        assert!(!staged.waits());
        for (began_ms, ends, as_of_ms) in [(2, [5, 5, 6], 1), (3, [5, 6, 6], 1), (4, [6, 6, 6], 2)] {
            assert!(staged.push(round(began_ms, 6)));
            assert_eq!((staged.ends(), staged.as_of_ms()), (ends.to_vec(), as_of_ms));
        }
        assert!(!staged.waits());
        assert!(!staged.push(round(5, 6)));
    }
}
