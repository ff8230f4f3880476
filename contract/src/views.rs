//! The views: their names, columns and types, once, from which everything else about them is derived.
//!
//! One macro table (below) yields for each view the [`View`] variant, its [`ViewSchema`], a typed row to
//! write it with (`OrdersRow { .. }`) and its columns by name (`orders::status`) for patches. Names, their
//! order and the key are fixed by the contract, section 2; the meanings are what `millrace_views` tells an
//! analyst.
//!
//! Invariant: the key columns come first; values are written in the order of the columns.

use crate::delta::{ColumnWriter, KeyWriter, Put, PutKey};
use crate::time::Time;

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Unicode text without U+0000.
    Text,
    /// A whole number, -2^63 to 2^63-1: money in minor units, counts, epochs.
    Int,
    /// A flag.
    Bool,
    /// An instant, in milliseconds.
    Time,
    /// Compact JSON, fields in the contract's order, non-ASCII as it is.
    Json,
    /// A double.
    Double,
}

/// A column of a view.
#[derive(Debug)]
pub struct Column {
    /// Its name in every sink and in REST.
    pub name: &'static str,
    /// Its type.
    pub ty: Type,
    /// Whether it may be null.
    pub nullable: bool,
    /// What it means, for people.
    pub meaning: &'static str,
}

/// A view's name, key and columns.
#[derive(Debug)]
pub struct ViewSchema {
    /// Its name: the table's name in SQL sinks.
    pub name: &'static str,
    /// How many columns, from the first, are the key.
    pub key_len: usize,
    /// All columns, the key first.
    pub columns: &'static [Column],
    /// What a row is, for people.
    pub meaning: &'static str,
}

impl ViewSchema {
    /// The position of the column named `name`.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|c| c.name == name)
    }
}

macro_rules! column_ty {
    (Text) => { &'a str };
    (Int) => { i64 };
    (Bool) => { bool };
    (Time) => { Time };
    (Json) => { Json<'a> };
    (Double) => { f64 };
    (Text ?) => { Option<&'a str> };
    (Int ?) => { Option<i64> };
    (Time ?) => { Option<Time> };
    (Json ?) => { Option<Json<'a>> };
}

macro_rules! nullable {
    () => {
        false
    };
    (?) => {
        true
    };
}

macro_rules! views {
    ($( $(#[doc = $meaning:literal])+ $variant:ident $row:ident $name:ident {
        key { $( $kcol:ident : $kty:ident $kdoc:literal, )+ }
        $( $col:ident : [$ty:ident $($null:tt)?] $doc:literal, )*
    } )+) => {
        /// Every view, in the contract's order.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum View { $( $(#[doc = $meaning])+ $variant, )+ }

        impl View {
            /// All views, in the contract's order.
            pub const ALL: &'static [View] = &[ $( View::$variant, )+ ];

            /// The view's name, key and columns.
            #[must_use]
            pub const fn schema(self) -> &'static ViewSchema {
                match self { $( View::$variant => {
                    const SCHEMA: ViewSchema = ViewSchema {
                        name: stringify!($name),
                        key_len: [$( stringify!($kcol), )+].len(),
                        columns: &[
                            $( Column {
                                name: stringify!($kcol), ty: Type::$kty, nullable: false, meaning: $kdoc,
                            }, )+
                            $( Column {
                                name: stringify!($col),
                                ty: Type::$ty,
                                nullable: nullable!($($null)?),
                                meaning: $doc,
                            }, )*
                        ],
                        meaning: concat!($( $meaning, )+),
                    };
                    &SCHEMA
                } )+ }
            }
        }

        $(
            $(#[doc = $meaning])+
            #[derive(Clone, Copy, Debug)]
            pub struct $row<'a> {
                $( #[doc = $kdoc] pub $kcol: column_ty!($kty), )+
                $( #[doc = $doc] pub $col: column_ty!($ty $($null)?), )*
            }

            impl Row for $row<'_> {
                const VIEW: View = View::$variant;
                #[inline]
                fn put_key(&self, out: &mut KeyWriter<'_>) { $( self.$kcol.put_key(out); )+ }
                #[inline]
                fn put_columns(&self, out: &mut ColumnWriter<'_>) { $( self.$col.put(out); )* }
            }

            #[allow(non_upper_case_globals, reason = "each constant has exactly its column's name")]
            #[doc = concat!("The columns of `", stringify!($name), "` by name.")]
            pub mod $name {
                views!(@indices 0usize; $( $kcol )+ $( $col )*);
            }
        )+
    };
    (@indices $n:expr; $head:ident $($tail:ident)*) => {
        #[doc = concat!("The position of column `", stringify!($head), "`.")]
        pub const $head: usize = $n;
        views!(@indices $n + 1; $($tail)*);
    };
    (@indices $n:expr;) => {};
}

/// A typed row of one view, ready to be written as an upsert.
pub trait Row {
    /// The view it belongs to.
    const VIEW: View;
    /// Writes the key columns.
    fn put_key(&self, out: &mut KeyWriter<'_>);
    /// Writes all other columns.
    fn put_columns(&self, out: &mut ColumnWriter<'_>);
}

/// Compact JSON text, written by us: valid, fields in the contract's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Json<'a>(pub &'a str);

views! {
    /// One row an order: where it stands, why, and its money.
    Orders OrdersRow orders {
        key { order_id: Text "the order", }
        customer_id: [Text] "who placed it",
        status: [Text] "where it stands: awaiting_payment, paying, confirmed and so on",
        reason: [Text?] "why it was rejected, expired, failed or cancelled",
        reason_detail: [Json?] "the reason's details",
        currency: [Text] "of all its amounts",
        total: [Int?] "sum of quantity x unit_price; null above 2^53-1",
        discount: [Int] "what the coupon took off",
        wallet_amount: [Int] "what the wallet pays, as asked",
        payable: [Int] "total - discount - wallet_amount; 0 if rejected",
        returned: [Int] "value given back for cancelled lines",
        campaign_id: [Text?] "the coupon's campaign, as asked",
        payment_key: [Text?] "of the main payment, else the last submitted",
        attempts: [Int] "payment attempts so far",
        paid: [Int] "captured by the main payment",
        refunded: [Int] "refunded of the main payment",
        deadline: [Time?] "when an unpaid order expires; kept afterwards",
        placed_at: [Time] "the record's, at most the clock of its epoch",
        rules: [Int] "version of the rules it lives under",
        epoch: [Int] "the last epoch that changed the row",
    }
    /// One row a line of an order.
    OrderLines OrderLinesRow order_lines {
        key { order_id: Text "the order", line_no: Int "from 1", }
        sku: [Text] "what was ordered",
        quantity: [Int] "units ordered",
        unit_price: [Int] "price of a unit, as asked",
        cancelled: [Int] "units cancelled since",
        store_id: [Text] "the product's store when it was decided, '' if none",
        category: [Text] "the product's category when it was decided, '' if none",
    }
    /// One row for each thing that happened to an order.
    OrderTimeline OrderTimelineRow order_timeline {
        key { order_id: Text "the order", seq: Int "from 1", }
        epoch: [Int] "when it was decided",
        clock: [Time] "the epoch's clock",
        from_status: [Text?] "status before; null at first",
        to_status: [Text] "status after",
        cause_topic: [Text?] "topic of the record that did it; null for a deadline",
        cause_partition: [Int?] "its partition",
        cause_offset: [Int?] "its offset",
        cause_type: [Text] "the record's type, or deadline",
        note: [Text?] "what was noted",
    }
    /// One row a stock keeping unit.
    StockLevels StockLevelsRow stock_levels {
        key { sku: Text "the product", }
        on_hand: [Int] "units in the house, held ones too",
        held: [Int] "units held by orders that are not paid",
        available: [Int] "on_hand - held",
        spent: [Int] "units sold",
    }
    /// One row a payment key of an order.
    Payments PaymentsRow payments {
        key { order_id: Text "the order", payment_key: Text "the provider's key", }
        attempt: [Int?] "which attempt it was; null if it was never submitted",
        currency: [Text] "the capture's, else the submission's",
        submitted: [Int] "amount submitted",
        captured: [Int] "amount captured",
        refunded: [Int] "amount refunded",
        status: [Text] "submitted, declined, captured, refund_pending, refunded or refund_failed",
        main: [Bool] "whether it is the capture that confirmed the order",
        code: [Text?] "of the last decline or failure",
        epoch: [Int] "the last epoch that changed the row",
    }
    /// One row a command to the payment provider.
    PaymentCommands PaymentCommandsRow payment_commands {
        key { idempotency_key: Text "under which it may be repeated", }
        kind: [Text] "confirm or refund",
        order_id: [Text] "the order",
        payment_key: [Text] "the payment",
        attempt: [Int?] "of a confirm: which attempt",
        refund_id: [Text?] "of a refund: its id",
        amount: [Int] "to be confirmed or refunded",
        currency: [Text] "of the amount",
        reason: [Text?] "of a refund: why",
        issued: [Int] "how often it was issued",
        answered: [Bool] "whether the provider has answered",
        epoch: [Int] "the last epoch that changed the row",
    }
    /// One row a coupon campaign.
    Coupons CouponsRow coupons {
        key { campaign_id: Text "the campaign", }
        name: [Text] "its name",
        quota: [Int] "how many can be granted",
        granted: [Int] "how many were",
        remaining: [Int] "quota - granted",
        refused: [Int] "how many claims were refused",
        closed: [Bool] "whether granting has ended",
        starts_at: [Time?] "start of its window",
        ends_at: [Time?] "end of its window, exclusive",
    }
    /// One row a customer's right to a campaign.
    CouponGrants CouponGrantsRow coupon_grants {
        key { campaign_id: Text "the campaign", customer_id: Text "the holder", }
        rank: [Int] "which grant of the campaign it was, from 1",
        state: [Text] "available, held or spent",
        order_id: [Text?] "the order that holds or spent it",
        cause_partition: [Int] "partition of the claim",
        cause_offset: [Int] "offset of the claim",
        epoch: [Int] "the last epoch that changed the row",
    }
    /// One row a customer's wallet in one currency.
    Wallets WalletsRow wallets {
        key { customer_id: Text "the owner", currency: Text "of its amounts", }
        balance: [Int] "money in the wallet, held money too",
        held: [Int] "held by orders that are not paid",
        available: [Int] "balance - held",
    }
    /// One row for each movement of a wallet.
    WalletEntries WalletEntriesRow wallet_entries {
        key {
            kind: Text "top_up, withdrawal, order, order_returned or lines_returned",
            entry_id: Text "the top-up, withdrawal, order or cancellation",
        }
        customer_id: [Text] "the owner",
        amount: [Int] "what was moved, positive",
        currency: [Text] "of the amount",
        status: [Text] "applied or refused",
        epoch: [Int] "when",
    }
    /// One row a product of which more is held than is there.
    Oversold OversoldRow oversold {
        key { sku: Text "the product", }
        short: [Int] "available is below zero by that much",
    }
    /// One row for each thing that a person must act on.
    Attention AttentionRow attention {
        key { kind: Text "what it is", subject: Text "what it is about", }
        since: [Time] "clock since when",
        detail: [Json?] "more about it",
    }
    /// One row a partition of an input stream that has records.
    StreamCounts StreamCountsRow stream_counts {
        key { topic: Text "the stream", partition: Int "its partition", }
        received: [Int] "records read",
        applied: [Int] "records that counted",
        duplicate: [Int] "records that had counted already",
        quarantined: [Int] "records that could not be used",
    }
    /// One row a record that could not be used.
    Quarantine QuarantineRow quarantine {
        key { topic: Text "the stream", partition: Int "its partition", offset: Int "its offset", }
        reason: [Text] "why",
        detail: [Text] "which field, and what was expected",
        epoch: [Int] "when it was read",
    }
    /// One row a violated account rule: empty is well.
    Audits AuditsRow audits {
        key { name: Text "the rule", subject: Text "what it was checked for", }
        expected: [Int] "by the one path",
        actual: [Int] "by the other",
    }
    /// One row a product.
    Products ProductsRow products {
        key { sku: Text "the product", }
        name: [Text] "its name",
        price: [Int] "price of a unit",
        currency: [Text] "of the price",
        stocked: [Bool] "false for fees and services, which are never held",
        store_id: [Text?] "who sells it",
        category: [Text?] "its category",
        description: [Text?] "its description",
        tags: [Json] "a list of texts",
        images: [Json] "a list of texts",
        low_stock: [Int?] "its own threshold for low_stock",
        withdrawn: [Bool] "whether it is not for sale",
        epoch: [Int] "the last epoch that changed the row",
    }
    /// One row a cart.
    Carts CartsRow carts {
        key { customer_id: Text "the owner", }
        version: [Int] "+1 for each applied record",
        epoch: [Int] "the last epoch that changed the row",
    }
    /// One row a product in a cart.
    CartItems CartItemsRow cart_items {
        key { customer_id: Text "the owner", sku: Text "the product", }
        quantity: [Int] "how many",
    }
    /// One row a review, with what is known of its product: ready to be embedded.
    ReviewDocuments ReviewDocumentsRow review_documents {
        key { review_id: Text "the review", }
        sku: [Text] "the product",
        product_name: [Text?] "its name now; null while unknown",
        category: [Text?] "its category now",
        tags: [Json?] "its tags now",
        store_id: [Text?] "its store now",
        author: [Text] "the customer id's first two characters and ***",
        rating: [Int] "1 to 5",
        text: [Text] "what was written",
        images: [Json] "a list of texts",
        verified_purchase: [Bool] "the customer has a sold order with units of it",
        embedding_text: [Text] "what an embedding is computed of",
        content_hash: [Text] "SHA-256 of embedding_text, hex",
        epoch: [Int] "the last epoch that changed the row",
    }
    /// One row a product with reviews.
    ProductRatings ProductRatingsRow product_ratings {
        key { sku: Text "the product", }
        count: [Int] "how many reviews",
        mean: [Double] "their mean rating",
        r1: [Int] "reviews with 1",
        r2: [Int] "reviews with 2",
        r3: [Int] "reviews with 3",
        r4: [Int] "reviews with 4",
        r5: [Int] "reviews with 5",
    }
    /// Revenue of sold orders by day of placed_at.
    RevenueByDay RevenueByDayRow revenue_by_day {
        key { day: Text "UTC day, YYYY-MM-DD", currency: Text "of the amounts", }
        orders: [Int] "sold orders",
        units: [Int] "units sold",
        revenue: [Int] "sum of total - discount - returned",
    }
    /// Units and gross by day and store.
    RevenueByStore RevenueByStoreRow revenue_by_store {
        key {
            day: Text "UTC day, YYYY-MM-DD",
            currency: Text "of the amounts",
            store_id: Text "the store, '' if none",
        }
        units: [Int] "units sold",
        gross: [Int] "units x unit_price",
    }
    /// Units and gross by day and category.
    RevenueByCategory RevenueByCategoryRow revenue_by_category {
        key {
            day: Text "UTC day, YYYY-MM-DD",
            currency: Text "of the amounts",
            category: Text "the category, '' if none",
        }
        units: [Int] "units sold",
        gross: [Int] "units x unit_price",
    }
    /// Units, orders and gross by product.
    UnitsByProduct UnitsByProductRow units_by_product {
        key { sku: Text "the product", }
        units: [Int] "units sold",
        orders: [Int] "sold orders with units of it",
        gross: [Int] "units x unit_price",
    }
    /// Best sellers.
    TopProducts TopProductsRow top_products {
        key { currency: Text "of gross", rank: Int "1 to 100", }
        sku: [Text] "the product",
        units: [Int] "units sold",
        gross: [Int] "units x unit_price",
    }
    /// Best customers.
    VipCustomers VipCustomersRow vip_customers {
        key { currency: Text "of spent", rank: Int "1 to 100", }
        customer_id: [Text] "the customer",
        orders: [Int] "sold orders",
        spent: [Int] "sum of total - discount - returned",
    }
    /// Products that run out.
    LowStock LowStockRow low_stock {
        key { sku: Text "the product", }
        available: [Int] "on_hand - held",
        threshold: [Int] "the product's low_stock, else that of the rules in force now",
    }
}

/// How many views of [`View::ALL`], from the first, are the `checkout` job's (the contract's first table).
pub const CHECKOUT_VIEWS: usize = View::Audits as usize + 1;
