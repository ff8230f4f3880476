//! Carts. Here: which records of `carts` count (contract, section 1, Once). The job that shows carts builds
//! on it.

use contract::content::Fingerprint;
use contract::decode::Reason;
use contract::values::CartVersion;
use operators::prints::Prints;

use crate::checkout::Fate;

/// The version of every cart: how many records of it were applied.
#[derive(Debug, Default)]
pub struct CartVersions {
    pub(crate) versions: Prints<i64>,
}

impl CartVersions {
    /// Judges a record of a customer's cart: applied if it names no version or the cart's.
    pub fn judge(&mut self, customer_id: &str, if_version: Option<CartVersion>) -> Fate {
        let print = Fingerprint::of(customer_id.as_bytes()).0;
        let cart = self.versions.find(print);
        let version = cart.map_or(0, |cart| *self.versions.value(cart));
        match if_version {
            Some(expected) if expected.get() != version => Fate::Quarantined(
                Reason::Conflict,
                format!("if_version: the cart's version is {version}"),
            ),
            _ => {
                match cart {
                    Some(cart) => *self.versions.value_mut(cart) = version + 1,
                    None => _ = self.versions.add(print, version + 1),
                }
                Fate::Applied
            }
        }
    }
}
