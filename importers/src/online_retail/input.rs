//! What was read: typed lines, and those that could not be typed.

use std::sync::Arc;

use contract::time::Time;

use super::Reason;

/// A line whose fields could all be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Where it stands in the file, the header being line 1.
    pub number: u64,
    /// InvoiceNo, as an id of at most 48 characters without dots.
    pub invoice: Arc<str>,
    /// StockCode, as an id.
    pub sku: Arc<str>,
    /// Description, as it stands; may be empty.
    pub description: Arc<str>,
    /// Quantity, -1,000,000 to 1,000,000.
    pub quantity: i64,
    /// InvoiceDate, taken as UTC.
    pub at: Time,
    /// UnitPrice in pence.
    pub price: i64,
    /// CustomerID as an id; none for guests.
    pub customer: Option<Arc<str>>,
}

/// All lines of a file: typed, or listed with the reason why not.
#[derive(Clone, Debug, Default)]
pub struct Input {
    /// The lines that could be read.
    pub lines: Vec<Line>,
    /// The numbers of those that could not, and why.
    pub listed: Vec<(u64, Reason)>,
}

impl Input {
    /// How many lines the file has, the header apart.
    #[must_use]
    pub fn read(&self) -> u64 {
        (self.lines.len() + self.listed.len()) as u64
    }
}

/// Whether a sku is a fee or a service, which nobody holds in stock.
///
/// Postage, carriage, Dotcom postage, manual entries, discounts, samples, bad debts, bank charges, Amazon's
/// fees, the commission for Cancer Research UK, and gift vouchers, which are printed when they are sold.
/// Goods are all others, also those with codes of letters (`PADS`, `DCGSSBOY`).
#[must_use]
pub fn is_fee(sku: &str) -> bool {
    matches!(
        sku.to_ascii_uppercase().as_str(),
        "POST" | "C2" | "DOT" | "M" | "D" | "S" | "B" | "BANK=20CHARGES" | "AMAZONFEE" | "CRUK"
    ) || sku.starts_with("gift_")
}
