//! Deciding an order that is placed.

use super::Mutant;

const PLACE: &str = "pipelines/src/checkout/place.rs";

/// The mutants.
pub const MUTANTS: &[Mutant] = &[
    Mutant::new(
        "total-one-lower",
        PLACE,
        "*total <= AMOUNT_MAX",
        "*total < AMOUNT_MAX",
        "a total of 2^53-1",
    ),
    Mutant::new(
        "coupon-before-prices",
        PLACE,
        "check_prices(asked)?; let (discount, right) = self.check_coupon(asked, total)?;",
        "let (discount, right) = self.check_coupon(asked, total)?; check_prices(asked)?;",
        "the first check that fails is the reason",
    ),
    Mutant::new(
        "wallet-pays-the-discount",
        PLACE,
        "wallet_amount > total - discount",
        "wallet_amount > total",
        "a wallet pays at most what the coupon leaves",
    ),
    Mutant::new(
        "minimum-is-not-enough",
        PLACE,
        "total < campaign.min_order_amount",
        "total <= campaign.min_order_amount",
        "an order of exactly the minimum",
    ),
    Mutant::new(
        "right-used-twice",
        PLACE,
        ".available() < 1",
        ".available() < 0",
        "a right is used once",
    ),
    Mutant::new(
        "lines-of-a-sku-not-summed",
        PLACE,
        "kept.1 += if same { next.1 } else { 0 };",
        "kept.1 = kept.1.max(if same { next.1 } else { 0 });",
        "several lines of one sku are one amount",
    ),
    Mutant::new(
        "last-unit-stays",
        PLACE,
        "stock.filter(|_| amount <= available)",
        "stock.filter(|_| amount < available)",
        "the last unit can be sold",
    ),
    Mutant::new(
        "last-coin-stays",
        PLACE,
        "account.filter(|_| amount <= available)",
        "account.filter(|_| amount < available)",
        "a wallet can be emptied",
    ),
    Mutant::new(
        "sells-what-is-withdrawn",
        PLACE,
        "offer.is_none_or(|(_, offer)| offer.withdrawn)",
        "offer.is_none()",
        "a withdrawn product is not sold",
    ),
    Mutant::new(
        "placed-in-the-future",
        PLACE,
        "placed_at.min(self.now)",
        "placed_at",
        "placed_at is at most the clock",
    ),
    Mutant::new(
        "short-unsorted",
        PLACE,
        "short.sort_unstable();",
        "",
        "skus are listed in bytes order",
    ),
    Mutant::new(
        "prices-sorted-by-value",
        PLACE,
        "skus.sort_by_key(|(sku, ..)| *sku);",
        "skus.sort_unstable();",
        "asked is the price of the first line that differs",
    ),
    Mutant::new(
        "unknown-listed-twice",
        PLACE,
        "skus.sort_unstable(); skus.dedup();",
        "skus.sort_unstable();",
        "skus are listed once each",
    ),
    Mutant::new(
        "free-orders-wait",
        PLACE,
        "if terms.payable == 0 {",
        "if terms.payable < 0 {",
        "an order that costs nothing is confirmed at once",
    ),
];
