//! Numbers of texts against a list.

use millrace_operators::interner::{Interner, hash};
use proptest::prelude::*;

use crate::cases;

proptest! {
    #![proptest_config(cases(200))]

    /// A text's number is its place among the distinct texts, in the order in which they came.
    #[test]
    fn a_text_keeps_its_place(texts in prop::collection::vec("[ab한]{0,4}", 0..60)) {
        let mut interner = Interner::new();
        let mut list: Vec<String> = Vec::new();
        for text in &texts {
            let place = list.iter().position(|known| known == text);
            let number = |place: usize| u32::try_from(place).unwrap();
            prop_assert_eq!(interner.find(text), place.map(number));
            let place = place.unwrap_or_else(|| {
                list.push(text.clone());
                list.len() - 1
            });
            prop_assert_eq!(interner.intern(text), number(place));
            prop_assert_eq!(interner.len(), list.len());
        }
        for (number, text) in (0u32..).zip(&list) {
            prop_assert_eq!(interner.get(number), text);
        }
        prop_assert_eq!(interner.is_empty(), list.is_empty());
    }
}

#[test]
fn texts_keep_their_numbers_as_the_table_grows() {
    let mut interner = Interner::new();
    let text = |number: u32| format!("sku-{number:0width$}", width = number as usize % 7);
    for number in 0..5000 {
        assert_eq!(interner.intern(&text(number)), number);
    }
    for number in 0..5000 {
        assert_eq!(interner.find(&text(number)), Some(number));
        assert_eq!(interner.get(number), text(number));
    }
    assert_eq!(interner.len(), 5000);
}

/// Hashes are kept in packed orders: another build or machine must read what this one wrote.
/// The numbers come from another implementation of SipHash-1-3.
#[test]
fn the_hash_is_the_same_for_ever() {
    assert_eq!(hash(b""), 9_317_965_062_598_840_803);
    assert_eq!(hash(b"millrace"), 9_418_872_728_286_545_545);
}
