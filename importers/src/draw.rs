//! Choices that the data leaves open, drawn from hashes of ids: the same in every run.

/// FNV-1a over purpose and id, then mixed as MurmurHash3 ends, so that small remainders are evenly spread.
pub fn hash(seed: u64, purpose: &str, id: &str) -> u64 {
    let bytes = purpose.bytes().chain([0]).chain(id.bytes());
    let mut h = bytes.fold(0xcbf2_9ce4_8422_2325 ^ seed, |h, b| {
        (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    h = (h ^ (h >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    h = (h ^ (h >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    h ^ (h >> 33)
}

/// The partition of the records with this key; of 0 partitions as of 1.
pub fn partition(key: &str, partitions: u32) -> u32 {
    u32::try_from(hash(0, "partition", key) % u64::from(partitions.max(1))).unwrap_or(0)
}
