//! Which worker does what.
//!
//! Worker 0 decides, and that is more than its share, so keyed work is spread over the others.

/// The worker for a key with this hash, of `workers`.
#[must_use]
pub fn away_from_first(hash: u64, workers: usize) -> u64 {
    let others = workers as u64 - 1;
    // Hashes of small keys differ in few bits; multiplied, and shifted, all of them count.
    let mixed = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    if others == 0 { 0 } else { 1 + mixed % others }
}
