//! The UCI data set "Online Retail" (Daqing Chen, CC BY 4.0, doi 10.24432/C5BW33): every invoice line of a
//! British shop, December 2010 to December 2011.
//!
//! [`read`] turns CSV, plain or gzipped, into an [`Input`]; [`import`] turns that into an [`Import`]: a log
//! with its timeline, and a [`Report`] in which every line is mapped or listed with a [`Reason`].
//!
//! **What becomes what**
//! - *Products.* A product is upserted before the first order that pays for it and whenever an order pays
//!   another price or gives another name. Names are the data's own texts. Fees and services (postage,
//!   carriage, manual entries, charges, commissions, discounts, samples, gift vouchers) are not stocked:
//!   [`is_fee`].
//! - *Ids* are the data's codes; a byte that an id may not have is written as `=` and two hexadecimal digits,
//!   so `BANK CHARGES` becomes `BANK=20CHARGES` and no two codes meet. Codes that differ in case stay two
//!   products, as they have prices of their own. A customer `17850.0` is `17850`; who has no id is the guest
//!   of one invoice, `guest-536365`.
//! - *Orders.* One invoice is one order, a line of the data one line of it. An order pays each product at one
//!   price, so an invoice that pays several is split (`536365`, `536365.2`), each with its prices upserted
//!   before it. A line at price 0 for a customer, or beside priced lines, is a gift: an order line at price
//!   0, which the product costs until an order pays for it again.
//! - *Payments.* An order that will be accepted is paid at once; a few are declined first or never paid
//!   ([`Options`]). An order that will be rejected isn't charged: the importer counts stock in log order, as
//!   the rules do. Were it ever wrong, the capture would be refunded as a late payment, and nothing else
//!   would be lost.
//! - *Stock.* Each month the shop receives what it will sell until the month's end, but some receipts come
//!   short, so that some orders run out. Lines at price 0 without a customer, in an invoice of nothing else,
//!   are what the shop's people entered for damage, losses and finds: adjustments, with the description as
//!   reason.
//! - *Cancellations* (`C...`) look among the customer's earlier orders for the newest of which they are all
//!   that is left: it is cancelled. Else for the newest into which they fit, at their prices: those units are
//!   cancelled. Else the same for each line alone. The bank's refund follows in the same epoch.
//! - *Country* has no field in the contract and is not carried. Times are local British times without a zone
//!   and are taken as UTC. An invoice counts when its last line was entered.
//!
//! **Epochs** are cut where a day begins, where a product gets another price than an order of the epoch pays,
//! and where a customer cancels who ordered in the epoch. The clock of an epoch is the time of its last
//! invoice.
//!
//! **Invariants.** Every order's unit_price is the product's price at that point of the log. Lines read =
//! lines mapped + lines listed. Every record satisfies the contract. The same input and options give the same
//! bytes.
//!
//! **How it fails.** What makes the whole file unreadable (nothing there, cut, damaged, not UTF-8, columns
//! missing) is an [`ImportError`] that names line and column and what to do. A line that alone is bad is
//! listed, and nothing beside it is lost. The mapping itself cannot fail.

mod cancel;
mod epoch;
mod error;
mod fields;
mod import;
mod input;
mod invoice;
pub mod life;
mod plan;
mod read;
mod records;
mod report;
mod shop;

use crate::draw::{hash, partition};

pub use error::ImportError;
pub use import::{Import, import};
pub use input::{Input, Line, is_fee};
pub use read::read;
pub use report::{Made, Mapped, Reason, Report};

/// December 2010 of the data set, gzipped: 42,481 lines, unchanged.
pub const DECEMBER_2010: &[u8] = include_bytes!("../../data/online-retail-2010-12.csv.gz");

/// The currency of all prices.
pub const CURRENCY: &str = "GBP";

/// Reads the part of December 2010 that this crate carries.
///
/// # Errors
/// As [`read`]; a test shows that none occurs.
pub fn december_2010() -> Result<Input, ImportError> {
    read(DECEMBER_2010)
}

/// What the data set doesn't say and the importer has to make up. All choices are drawn from hashes of ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How many of 1,000 receipts (one a product and month) come a tenth short.
    pub short_per_mille: u32,
    /// How many of 1,000 orders are declined once before they are paid.
    pub declined_per_mille: u32,
    /// How many of 1,000 orders are never paid.
    pub unpaid_per_mille: u32,
    /// Partitions of the streams; 0 counts as 1.
    pub partitions: u32,
    /// Another seed draws other receipts and orders.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            short_per_mille: 10,
            declined_per_mille: 10,
            unpaid_per_mille: 5,
            partitions: 4,
            seed: 0,
        }
    }
}

impl Options {
    /// Whether `id` is among the `per_mille` of 1,000 drawn for `purpose`.
    fn draws(&self, per_mille: u32, purpose: &str, id: &str) -> bool {
        hash(self.seed, purpose, id) % 1000 < u64::from(per_mille)
    }

    /// The partition of the records with this key.
    fn partition(&self, key: &str) -> u32 {
        partition(key, self.partitions)
    }
}
