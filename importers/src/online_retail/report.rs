//! The account of every line: mapped, or listed with a reason.

use std::collections::BTreeMap;
use std::fmt;

macro_rules! kinds {
    ($(#[doc = $doc:literal])+ $name:ident { $( $variant:ident $id:ident $meaning:literal, )+ }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $( #[doc = $meaning] $variant, )+ }

        impl $name {
            /// All of them.
            pub const ALL: &'static [$name] = &[ $( $name::$variant, )+ ];

            /// Its name in tables and machine-readable output.
            #[must_use]
            pub const fn id(self) -> &'static str {
                match self { $( $name::$variant => stringify!($id), )+ }
            }

            /// What it means, for people.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $( $name::$variant => $meaning, )+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.meaning())
            }
        }
    };
}

kinds! {
    /// What a line was mapped to.
    Mapped {
        OrderLine order_line "a line of an order",
        GiftLine gift_line "a line of an order at price 0",
        CancelledOrder cancelled_order "units of an order that is cancelled whole",
        CancelledLine cancelled_line "units cancelled of an order's lines",
        StockAdjustment stock_adjustment "an adjustment of stock",
    }
}

kinds! {
    /// Why a line is listed and not mapped.
    Reason {
        BlankLine blank_line "the line is blank",
        LineTooLong line_too_long "the line has more than 65,536 bytes",
        BadQuotes bad_quotes "a quote is not closed, or something follows the closing one",
        WrongColumnCount wrong_column_count "it has not as many columns as the header",
        NotAnId not_an_id "InvoiceNo or StockCode is empty or too long for an id",
        BadDescription bad_description "Description has U+0000 or more than 4,000 characters",
        BadQuantity bad_quantity "Quantity is not a whole number",
        QuantityOutOfRange quantity_out_of_range "Quantity is beyond 1,000,000 units",
        BadDate bad_date "InvoiceDate is not a date like 2010-12-01 08:26:00",
        BadPrice bad_price "UnitPrice is not a decimal number within the limits of money",
        PriceBelowAPenny price_below_a_penny "UnitPrice has parts of a penny, and money is whole pence",
        BadCustomer bad_customer "CustomerID is neither digits nor empty",
        CustomerDiffers customer_differs "another customer than on the first line of the invoice",
        BadDebtAdjustment bad_debt_adjustment "an adjustment of bad debt (A...), which is no order",
        NegativePrice negative_price "UnitPrice is below zero",
        ZeroQuantity zero_quantity "Quantity is zero",
        NegativeWithoutOrder negative_without_order "units given back on an invoice that is no cancellation",
        PositiveCancellation positive_cancellation "a cancellation (C...) of a positive quantity",
        FeeAdjustment fee_adjustment "an adjustment of the stock of a fee, which has none",
        CancelWithoutCustomer cancel_without_customer "a guest's cancellation: nothing says of which order",
        NeverBought never_bought "a cancellation of what that customer has not bought before",
        NoMatchingOrder no_matching_order
            "a cancellation that fits no order of that customer, at its price and with units left",
        OrderNotSold order_not_sold "a cancellation of an order that was rejected or not paid in this import",
        TooLate too_late "a cancellation after the cancel window",
    }
}

/// How much the importer made of the lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Made {
    /// Epochs bound.
    pub epochs: u64,
    /// Records of all streams.
    pub records: u64,
    /// Products.
    pub products: u64,
    /// Upserts with another price than before, after a product's first.
    pub price_changes: u64,
    /// Receipts of stock.
    pub receipts: u64,
    /// Those of them that came short, and receipts that did not come at all.
    pub short_receipts: u64,
    /// Orders placed.
    pub orders: u64,
    /// Invoices that had to be split into several orders.
    pub split_invoices: u64,
    /// Orders that will be rejected.
    pub rejected: u64,
    /// Orders declined once, then paid.
    pub declined: u64,
    /// Orders never paid.
    pub unpaid: u64,
    /// Orders cancelled whole.
    pub cancelled_orders: u64,
    /// Requests to cancel some lines of an order.
    pub line_cancellations: u64,
    /// Refunds by the bank.
    pub refunds: u64,
    /// Their sum, in pence.
    pub refunded: u64,
}

/// The account of an import: every line once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Lines read, the header apart.
    pub read: u64,
    /// How many lines were mapped to what.
    pub mapped: BTreeMap<Mapped, u64>,
    /// The numbers of the lines that were listed, by reason, in ascending order.
    pub listed: BTreeMap<Reason, Vec<u64>>,
    /// What became of them.
    pub made: Made,
}

impl Report {
    /// How many lines were mapped.
    #[must_use]
    pub fn mapped_lines(&self) -> u64 {
        self.mapped.values().sum()
    }

    /// How many lines were listed.
    #[must_use]
    pub fn listed_lines(&self) -> u64 {
        self.listed.values().map(|lines| lines.len() as u64).sum()
    }

    /// Whether every line is accounted for.
    #[must_use]
    pub fn balanced(&self) -> bool {
        self.mapped_lines() + self.listed_lines() == self.read
    }

    pub(super) fn map(&mut self, mapped: Mapped) {
        *self.mapped.entry(mapped).or_default() += 1;
    }

    pub(super) fn list(&mut self, line: u64, reason: Reason) {
        self.listed.entry(reason).or_default().push(line);
    }

    fn made_rows(&self) -> [(&'static str, u64); 14] {
        let made = &self.made;
        [
            ("epochs", made.epochs),
            ("records", made.records),
            ("products", made.products),
            ("price changes", made.price_changes),
            ("receipts", made.receipts),
            ("  of these short", made.short_receipts),
            ("orders", made.orders),
            ("  rejected", made.rejected),
            ("  declined once", made.declined),
            ("  never paid", made.unpaid),
            ("  cancelled whole", made.cancelled_orders),
            ("invoices split", made.split_invoices),
            ("cancellations of lines", made.line_cancellations),
            ("refunds", made.refunds),
        ]
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<26} {:>11}", "lines read", grouped(self.read))?;
        writeln!(f, "{:<26} {:>11}", "mapped", grouped(self.mapped_lines()))?;
        for (mapped, lines) in &self.mapped {
            writeln!(f, "  {:<24} {:>11}  {mapped}", mapped.id(), grouped(*lines))?;
        }
        writeln!(f, "{:<26} {:>11}", "listed", grouped(self.listed_lines()))?;
        for (reason, lines) in &self.listed {
            let (count, first) = (lines.len() as u64, lines.first().copied().unwrap_or_default());
            writeln!(
                f,
                "  {:<24} {:>11}  {reason} (first: line {first})",
                reason.id(),
                grouped(count)
            )?;
        }
        writeln!(f, "in the log")?;
        for (name, count) in self.made_rows() {
            writeln!(f, "  {name:<24} {:>11}", grouped(count))?;
        }
        let refunded = self.made.refunded;
        write!(
            f,
            "  {:<24} {:>8}.{:02}",
            "refunded, GBP",
            grouped(refunded / 100),
            refunded % 100
        )
    }
}

/// A number with a comma at each thousand.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
