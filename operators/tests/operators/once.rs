//! Verdicts against a map.

use std::collections::BTreeMap;

use millrace_operators::once::{Once, Verdict};
use proptest::prelude::*;

use crate::{cases, panics};

proptest! {
    #![proptest_config(cases(300))]

    /// The first content of an id counts for ever; ids are told apart by all of their bits.
    #[test]
    fn a_verdict_is_that_of_the_first_content(
        records in prop::collection::vec((0..4u128, 0..4u128, 0..3u64, any::<bool>()), 0..60),
    ) {
        let mut once = Once::new();
        let mut known: BTreeMap<u128, u64> = BTreeMap::new();
        for (high, low, content, counts) in records {
            let id = high << 64 | low;
            let expected = match known.get(&id) {
                None => Verdict::First,
                Some(kept) if *kept == content => Verdict::Same,
                Some(_) => Verdict::Other,
            };
            prop_assert_eq!(once.judge(id, content), expected);
            if !counts {
                continue;
            }
            let refused = panics(|| once.keep(id, content));
            prop_assert_eq!(refused, expected != Verdict::First);
            known.entry(id).or_insert(content);
            prop_assert_eq!(once.len(), known.len());
            prop_assert!(!once.is_empty());
        }
    }
}
