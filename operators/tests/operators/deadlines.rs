//! Deadlines against a list.

use millrace_operators::deadlines::Deadlines;
use proptest::prelude::*;

use crate::cases;

proptest! {
    #![proptest_config(cases(300))]

    /// What is due comes instant by instant, in the order in which it was set; what is not due stays.
    #[test]
    fn what_falls_due_comes_in_order(
        steps in prop::collection::vec((any::<bool>(), -5..20i64), 0..80),
    ) {
        let mut deadlines = Deadlines::new();
        let mut list: Vec<(i64, usize)> = Vec::new();
        for (item, (sets, at)) in steps.into_iter().enumerate() {
            if sets {
                deadlines.set(at, item);
                list.push((at, item));
            } else {
                let first = list.iter().map(|(at, _)| *at).min();
                let expected = first.filter(|first| *first <= at).map(|first| {
                    let due = list.iter().filter(|(at, _)| *at == first);
                    (first, due.map(|(_, item)| *item).collect::<Vec<_>>())
                });
                if let Some((first, _)) = expected {
                    list.retain(|(at, _)| *at != first);
                }
                prop_assert_eq!(deadlines.pop(at), expected);
            }
            prop_assert_eq!(deadlines.next(), list.iter().map(|(at, _)| *at).min());
            prop_assert_eq!(deadlines.len(), list.len());
            prop_assert_eq!(deadlines.is_empty(), list.is_empty());
        }
    }
}
