//! Numbers and bytes, written and read back.

use millrace_operators::varint::{Reader, put, put_bytes, put_signed};
use proptest::prelude::*;

use crate::cases;

/// Numbers of every length.
fn number() -> impl Strategy<Value = u64> {
    (any::<u64>(), 0..64u32).prop_map(|(number, shift)| number >> shift)
}

proptest! {
    #![proptest_config(cases(500))]

    /// What is read is what was put, in the same order, and nothing is left.
    #[test]
    fn what_was_put_is_read(
        numbers in prop::collection::vec(number(), 0..20),
        bytes in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let mut out = Vec::new();
        for number in &numbers {
            put(&mut out, *number);
            put_signed(&mut out, number.cast_signed());
            put_signed(&mut out, number.cast_signed().wrapping_neg());
        }
        put_bytes(&mut out, &bytes);
        let mut reader = Reader::new(&out);
        for number in &numbers {
            prop_assert_eq!(reader.get(), Some(*number));
            prop_assert_eq!(reader.get_signed(), Some(number.cast_signed()));
            prop_assert_eq!(reader.get_signed(), Some(number.cast_signed().wrapping_neg()));
        }
        prop_assert_eq!(reader.get_bytes(), Some(&bytes[..]));
        prop_assert_eq!(reader.rest(), &[] as &[u8]);
    }

    /// A number takes as many bytes as it has groups of 7 bits.
    #[test]
    fn numbers_are_short(number in number()) {
        let mut out = Vec::new();
        put(&mut out, number);
        let bits = 64 - number.leading_zeros() as usize;
        prop_assert_eq!(out.len(), bits.div_ceil(7).max(1));
    }
}

proptest! {
    #![proptest_config(cases(500))]

    /// Bytes that nobody put are read without a panic, and what ends too early is nothing.
    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..24)) {
        let mut reader = Reader::new(&bytes);
        while let Some(number) = reader.get() {
            let mut out = Vec::new();
            put(&mut out, number);
            prop_assert!(out.len() <= bytes.len());
        }
        let mut reader = Reader::new(&bytes);
        if let Some(taken) = reader.get_bytes() {
            prop_assert!(taken.len() < bytes.len());
        }
    }
}

#[test]
fn the_edges_of_each_length_and_both_signs() {
    for shift in 0..64 {
        for number in [1u64 << shift, (1 << shift) - 1, u64::MAX >> shift] {
            let mut out = Vec::new();
            put(&mut out, number);
            put_signed(&mut out, number.cast_signed());
            let mut reader = Reader::new(&out);
            assert_eq!(
                (reader.get(), reader.get_signed()),
                (Some(number), Some(number.cast_signed()))
            );
        }
    }
    let mut out = Vec::new();
    put_signed(&mut out, -1);
    assert_eq!(out, [1], "small numbers of either sign are short");
}
