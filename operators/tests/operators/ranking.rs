//! The incremental top k shows what sorting everybody anew shows.

use std::collections::BTreeMap;

use millrace_operators::ranking::{Place, Ranking};
use proptest::prelude::*;

use super::cases;

/// What a step does: of a member (by id) its score, or none if it goes; then, maybe, tell.
type Step = (u8, Option<i8>, bool);

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn what_is_told_is_what_sorting_everybody_shows(
        k in 1_usize..6,
        steps in proptest::collection::vec((0_u8..12, proptest::option::of(-3_i8..4), any::<bool>()), 0..80),
    ) {
        let steps: Vec<Step> = steps;
        let mut ranking = Ranking::new(k);
        let mut members: BTreeMap<u8, i8> = BTreeMap::new();
        let mut shown: BTreeMap<usize, (i8, u8)> = BTreeMap::new();
        for (id, score, tell) in steps {
            let before = match score {
                Some(score) => members.insert(id, score),
                None => members.remove(&id),
            };
            // Adding before removing is allowed, where the two differ.
            if score != before {
                if let Some(score) = score {
                    ranking.add(score, id);
                }
                if let Some(before) = before {
                    ranking.remove(before, id);
                }
            }
            if !tell {
                continue;
            }
            let mut changed = Vec::new();
            ranking.tell(|place, member| {
                changed.push(place);
                match member {
                    Place::Taken(score, id) => {
                        let old = shown.insert(place, (*score, *id));
                        assert_ne!(old, Some((*score, *id)), "only changes are told");
                    }
                    Place::Empty => assert!(shown.remove(&place).is_some(), "only changes are told"),
                }
            });
            prop_assert!(changed.is_sorted());
            let mut sorted: Vec<(i8, u8)> = members.iter().map(|(id, score)| (*score, *id)).collect();
            sorted.sort_by_key(|(score, id)| (-score, *id));
            let first: BTreeMap<usize, (i8, u8)> = sorted.into_iter().take(k).enumerate().collect();
            prop_assert_eq!(&shown, &first);
        }
    }
}
