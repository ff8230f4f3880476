//! Hash maps whose hashing is the same in every run. Their order is never seen all the same.

use std::hash::BuildHasherDefault;

/// SipHash-1-3 with fixed keys.
pub type FixedState = BuildHasherDefault<siphasher::sip::SipHasher13>;
