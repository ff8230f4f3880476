//! Digests: whether two histories of views are the same, without comparing them row by row.
//!
//! An epoch's [`Sum`] adds up a hash of each change, so that neither the order of the changes nor how they
//! are spread over workers shows in it. The [`Digest`] chains the epochs: two histories with the same digest
//! made the same changes in the same epochs at the same clocks. A replay that reaches a sink's frontier with
//! another digest than the sink's was decided by other rules, or is not deterministic (design, invariant 8).
//!
//! Hashes are XXH3 of 128 bits: against accidents, not against somebody who looks for collisions.

use std::fmt;
use std::ops::AddAssign;

use xxhash_rust::xxh3::{xxh3_128, xxh3_128_with_seed};

use crate::delta::Delta;
use crate::log::Epoch;
use crate::time::Time;

/// What an epoch changed, whatever the order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum(u128);

impl Sum {
    /// Adds the changes of a delta.
    pub fn add(&mut self, delta: &Delta) {
        for change in delta.changes() {
            // Key and columns lie in one piece and each tells its own end.
            let seed = (delta.view() as u64) << 8 | change.op as u64;
            self.0 = self.0.wrapping_add(xxh3_128_with_seed(change.bytes(), seed));
        }
    }
}

impl AddAssign for Sum {
    fn add_assign(&mut self, other: Sum) {
        self.0 = self.0.wrapping_add(other.0);
    }
}

/// All changes of all epochs up to one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digest(u128);

impl Digest {
    /// The digest after another epoch.
    #[must_use]
    pub fn after(self, epoch: Epoch, clock: Time, sum: Sum) -> Digest {
        let mut bytes = [0; 48];
        bytes[..16].copy_from_slice(&self.0.to_be_bytes());
        bytes[16..24].copy_from_slice(&epoch.0.to_be_bytes());
        bytes[24..32].copy_from_slice(&clock.ms().to_be_bytes());
        bytes[32..].copy_from_slice(&sum.0.to_be_bytes());
        Digest(xxh3_128(&bytes))
    }

    /// Reads what [`fmt::Display`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Digest> {
        let digest = Digest(u128::from_str_radix(text, 16).ok()?);
        (digest.to_string() == text).then_some(digest)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delta::DeltaBuilder;
    use crate::views::{OversoldRow, View};

    fn delta(skus: &[(&str, i64)]) -> Delta {
        let mut builder = DeltaBuilder::new(View::Oversold);
        for (sku, short) in skus {
            builder.upsert(&OversoldRow { sku, short: *short });
        }
        builder.finish(Epoch(1))
    }

    fn sum(deltas: &[Delta]) -> Sum {
        let mut sum = Sum::default();
        deltas.iter().for_each(|delta| sum.add(delta));
        sum
    }

    #[test]
    fn order_and_cut_do_not_show_but_every_change_does() {
        let whole = sum(&[delta(&[("a", 1), ("b", 2)])]);
        assert_eq!(whole, sum(&[delta(&[("b", 2)]), delta(&[("a", 1)])]));
        for other in [&[("a", 1)][..], &[("a", 2), ("b", 2)], &[("a", 1), ("c", 2)], &[]] {
            assert_ne!(whole, sum(&[delta(other)]));
        }
        let mut deletion = DeltaBuilder::new(View::Oversold);
        deletion.delete(&"a");
        let mut patch = DeltaBuilder::new(View::Oversold);
        patch.patch(&"a", |_| {});
        let (deletion, patch) = (deletion.finish(Epoch(1)), patch.finish(Epoch(1)));
        assert_ne!(sum(&[deletion]), sum(&[patch]), "the same bytes, done otherwise");
    }

    #[test]
    fn epoch_clock_and_history_show() {
        let (sum, clock) = (Sum::default(), Time::default());
        let first = Digest::default().after(Epoch(1), clock, sum);
        assert_ne!(first, Digest::default().after(Epoch(2), clock, sum));
        assert_ne!(first, Digest::default().after(Epoch(1), clock.plus_ms(1), sum));
        assert_ne!(first, first.after(Epoch(1), clock, sum));
        assert_eq!(Digest::parse(&first.to_string()), Some(first));
        assert_eq!(Digest::parse("+0"), None);
    }
}
