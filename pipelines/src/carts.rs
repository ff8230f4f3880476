//! Carts: which records of `carts` count (contract, section 1, Once), and what they do to what is in a cart.
//!
//! The version is counted where records are judged, so the job keeps items only.

use contract::content::Fingerprint;
use contract::decode::Reason;
use contract::values::CartVersion;
use operators::keyed::Change;
use operators::prints::Prints;
use serde::{Deserialize, Serialize};

use crate::checkout::Fate;

/// The version of every cart: how many records of it were applied.
#[derive(Debug, Default)]
pub struct CartVersions {
    pub(crate) versions: Prints<i64>,
}

impl CartVersions {
    /// Judges a record of a customer's cart: applied if it names no version or the cart's. Gives the
    /// version that the cart then has.
    ///
    /// # Errors
    /// Its fate, if it is not applied.
    pub fn judge(&mut self, customer_id: &str, if_version: Option<CartVersion>) -> Result<i64, Fate> {
        let print = Fingerprint::of(customer_id.as_bytes()).0;
        let cart = self.versions.find(print);
        let version = cart.map_or(0, |cart| *self.versions.value(cart));
        match if_version {
            Some(expected) if expected.get() != version => Err(Fate::Quarantined(
                Reason::Conflict,
                format!("if_version: the cart's version is {version}"),
            )),
            _ => {
                match cart {
                    Some(cart) => *self.versions.value_mut(cart) = version + 1,
                    None => _ = self.versions.add(print, version + 1),
                }
                Ok(version + 1)
            }
        }
    }
}

/// What a record does to a customer's cart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum CartChange {
    /// So many units of a product; 0 takes it out.
    Set(u32, i64),
    /// Nothing is in it.
    Clear,
}

impl Change for CartChange {
    type Sub = u32;
    type Value = i64;
    const LEAST: u32 = 0;

    fn sub(&self) -> Option<u32> {
        match self {
            CartChange::Set(product, _) => Some(*product),
            CartChange::Clear => None,
        }
    }

    fn apply(&self, _: Option<&i64>) -> Option<i64> {
        match self {
            CartChange::Set(_, quantity) => Some(*quantity).filter(|quantity| *quantity > 0),
            CartChange::Clear => None,
        }
    }

    fn put(product: u32, quantity: i64) -> Self {
        CartChange::Set(product, quantity)
    }
}
