//! Carts. Here: which records of `carts` count (contract, section 1, Once). The job that shows carts builds
//! on it.

use contract::content::Fingerprint;
use contract::decode::Reason;
use contract::values::CartVersion;
use hashbrown::HashMap;

use crate::checkout::Fate;
use crate::hashing::FixedState;

/// The version of every cart: how many records of it were applied.
#[derive(Debug, Default)]
pub struct CartVersions {
    versions: HashMap<u128, i64, FixedState>,
}

impl CartVersions {
    /// Judges a record of a customer's cart: applied if it names no version or the cart's.
    pub fn judge(&mut self, customer_id: &str, if_version: Option<CartVersion>) -> Fate {
        let version = self
            .versions
            .entry(Fingerprint::of(customer_id.as_bytes()).0)
            .or_insert(0);
        match if_version {
            Some(expected) if expected.get() != *version => Fate::Quarantined(
                Reason::Conflict,
                format!("if_version: the cart's version is {version}"),
            ),
            _ => {
                *version += 1;
                Fate::Applied
            }
        }
    }
}
