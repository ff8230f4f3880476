//! SQL views for analysts: what people ask for together, joined once.
//!
//! They hold nothing. SQLite computes them from the tables when they are asked, so that they cost a commit
//! nothing, are of the same epoch as everything else, and can be made anew in any file without a refill: that
//! is done when the file is opened ([`keep`]). A view or table of the same name that somebody else made stays
//! as it is, with a warning.
//!
//! Amounts are whole minor units, as everywhere; here their names say so (`_minor`), since analysts carry
//! columns to places where nobody reads the contract.

use contract::views::{Column, Type, View};
use sqlx::AssertSqlSafe;
use sqlx::sqlite::SqliteArguments;

use super::connection::Connection;
use super::schema::quoted;
use crate::SinkError;

/// Tells our views from those of others.
const OURS: &str = "/* made by millrace */";

/// A column of a SQL view, and what it is computed of.
#[derive(Debug)]
pub struct SqlColumn {
    /// Its name, type and meaning.
    pub column: Column,
    expression: &'static str,
}

/// A SQL view.
#[derive(Debug)]
pub struct SqlView {
    /// Its name.
    pub name: &'static str,
    /// What a row is, for people.
    pub meaning: &'static str,
    /// All columns.
    pub columns: &'static [SqlColumn],
    /// How many columns, from the first, tell its rows apart.
    pub key_len: usize,
    from: &'static str,
    /// The tables that it reads.
    reads: &'static [View],
}

macro_rules! columns {
    ($( $name:ident : [$ty:ident $($null:tt)?] $expression:expr, $meaning:literal; )+) => {
        &[$( SqlColumn {
            column: Column {
                name: stringify!($name),
                ty: Type::$ty,
                nullable: columns!(@null $($null)?),
                meaning: $meaning,
            },
            expression: $expression,
        }, )+]
    };
    (@null) => { false };
    (@null ?) => { true };
}

/// A line's part of what its order's coupon still takes off: `off`, shared by value in the order of lines and
/// rounded so that the parts add up to it. (The product of two amounts may pass 2^63-1; SQLite then goes on
/// with doubles, and the last line still makes it whole.)
macro_rules! discount {
    () => {
        "CASE WHEN o.discount = 0 THEN 0 ELSE (SELECT \
         CASE WHEN before + own = whole THEN off ELSE CAST(off * (before + own) / whole AS INTEGER) END - \
         CASE WHEN before = whole THEN off ELSE CAST(off * before / whole AS INTEGER) END \
         FROM (SELECT whole, before, own, whole - (o.total - o.discount - o.returned) AS off \
         FROM (SELECT sum(value) AS whole, sum(value * (line_no < l.line_no)) AS before, \
         sum(value * (line_no = l.line_no)) AS own \
         FROM (SELECT line_no, (quantity - cancelled) * unit_price AS value FROM order_lines \
         WHERE order_id = o.order_id)))) END"
    };
}

/// What units cost before discounts. The value of an order that was rejected as too large is not known.
macro_rules! gross {
    () => {
        "CASE WHEN o.total IS NOT NULL THEN (l.quantity - l.cancelled) * l.unit_price END"
    };
}

/// All of them.
pub const SQL_VIEWS: &[SqlView] = &[
    SqlView {
        name: "product_listing",
        meaning: "One row a product, with availability, rating and sales.",
        key_len: 1,
        from: "products AS p LEFT JOIN stock_levels AS s ON s.sku = p.sku \
               LEFT JOIN product_ratings AS r ON r.sku = p.sku \
               LEFT JOIN units_by_product AS u ON u.sku = p.sku LEFT JOIN low_stock AS w ON w.sku = p.sku",
        reads: &[
            View::Products,
            View::StockLevels,
            View::ProductRatings,
            View::UnitsByProduct,
            View::LowStock,
        ],
        columns: columns! {
            sku: [Text] "p.sku", "the product";
            name: [Text] "p.name", "its name";
            category: [Text ?] "p.category", "its category";
            store_id: [Text ?] "p.store_id", "who sells it";
            price_minor: [Int] "p.price", "price of a unit, in minor units of the currency";
            currency: [Text] "p.currency", "of the price";
            stocked: [Bool] "p.stocked", "false for fees and services, which are never held";
            withdrawn: [Bool] "p.withdrawn", "whether it is not for sale";
            on_hand: [Int ?] "CASE WHEN p.stocked THEN coalesce(s.on_hand, 0) END",
                "units in the house, reserved ones too; null for fees";
            reserved: [Int ?] "CASE WHEN p.stocked THEN coalesce(s.held, 0) END",
                "units held by orders that are not paid; null for fees";
            available: [Int ?] "CASE WHEN p.stocked THEN coalesce(s.available, 0) END",
                "on_hand - reserved; null for fees";
            low_stock: [Bool] "w.sku IS NOT NULL", "whether it runs out: it is in the view low_stock";
            units_sold: [Int] "coalesce(u.units, 0)", "units sold so far";
            ratings: [Int] "coalesce(r.count, 0)", "how many reviews";
            rating: [Double ?] "r.mean", "their mean, 1 to 5; null without reviews";
            tags: [Json] "p.tags", "a list of texts";
            epoch: [Int] "p.epoch", "the last epoch that changed the product itself";
        },
    },
    SqlView {
        name: "order_facts",
        meaning: "One row a line of an order, with what is known of order and product.",
        key_len: 2,
        from: "orders AS o JOIN order_lines AS l ON l.order_id = o.order_id \
               LEFT JOIN products AS p ON p.sku = l.sku",
        reads: &[
            View::Orders,
            View::OrderLines,
            View::OrderTimeline,
            View::Products,
        ],
        columns: columns! {
            order_id: [Text] "o.order_id", "the order";
            line_no: [Int] "l.line_no", "its line, from 1";
            customer_id: [Text] "o.customer_id", "who placed it";
            store_id: [Text] "l.store_id", "the product's store when it was decided, '' if none";
            category: [Text] "l.category", "the product's category when it was decided, '' if none";
            sku: [Text] "l.sku", "what was ordered";
            product_name: [Text ?] "p.name", "its name now";
            quantity: [Int] "l.quantity", "units ordered";
            cancelled: [Int] "l.cancelled", "units of it that were cancelled line by line";
            units: [Int] "l.quantity - l.cancelled", "quantity - cancelled";
            currency: [Text] "o.currency", "of the amounts";
            unit_price_minor: [Int] "l.unit_price", "price of a unit, in minor units of the currency";
            gross_minor: [Int ?] gross!(), "units x unit price, in minor units; null above 2^53-1";
            discount_minor: [Int] discount!(), "its part of the coupon's discount, in minor units";
            net_minor: [Int ?] concat!(gross!(), " - ", discount!()),
                "gross - discount, in minor units: of sold lines it adds up to the revenue";
            campaign_id: [Text ?] "o.campaign_id", "the coupon's campaign, as asked";
            status: [Text] "o.status", "where the order stands";
            reason: [Text ?] "o.reason", "why it was rejected, expired, failed or cancelled";
            sold: [Bool] "o.status IN ('confirmed', 'refunding', 'needs_operator')",
                "whether it counts as sold";
            placed_at: [Time] "o.placed_at", "when it was placed";
            day: [Text] "substr(o.placed_at, 1, 10)", "UTC day of that, YYYY-MM-DD";
            confirmed_at: [Time ?] "(SELECT t.clock FROM order_timeline AS t WHERE t.order_id = o.order_id \
                AND t.to_status = 'confirmed' ORDER BY t.seq LIMIT 1)", "when it was confirmed, if ever";
            status_since: [Time ?] "(SELECT t.clock FROM order_timeline AS t WHERE t.order_id = o.order_id \
                AND t.from_status IS NOT t.to_status ORDER BY t.seq DESC LIMIT 1)",
                "when it came to where it stands";
            epoch: [Int] "o.epoch", "the last epoch that changed the order";
        },
    },
];

impl SqlView {
    /// The SQL view named `name`.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static SqlView> {
        SQL_VIEWS.iter().find(|view| view.name == name)
    }

    /// The statement that makes it.
    fn create(&self) -> String {
        let columns = self.columns.iter().map(|c| quoted(c.column.name));
        let expressions = self.columns.iter().map(|c| c.expression);
        format!(
            "CREATE VIEW {} ({}) AS {OURS} SELECT {} FROM {}",
            self.name,
            columns.collect::<Vec<_>>().join(", "),
            expressions.collect::<Vec<_>>().join(", "),
            self.from
        )
    }
}

/// Makes the SQL views whose tables are kept, unless they are there as this version makes them.
pub(super) async fn keep(connection: &mut Connection, views: &[View]) -> Result<(), SinkError> {
    for view in SQL_VIEWS {
        if !view.reads.iter().all(|read| views.contains(read)) {
            continue;
        }
        match found(connection, view.name).await? {
            Some(sql) if sql == view.create() => {}
            Some(sql) if !sql.contains(OURS) => tracing::warn!(
                view = view.name,
                "something of this name that millrace did not make is in the view store; it stays as it is"
            ),
            found => {
                connection.run("BEGIN IMMEDIATE").await?;
                let made = make(connection, view, found.is_some()).await;
                let end = if made.is_ok() { "COMMIT" } else { "ROLLBACK" };
                let ended = connection.run(end).await;
                made.and(ended)?;
            }
        }
    }
    Ok(())
}

/// The statement that made what has this name, if there is anything.
async fn found(connection: &mut Connection, name: &str) -> Result<Option<String>, SinkError> {
    let mut arguments = SqliteArguments::default();
    super::write::bind(&mut arguments, name);
    let sql = "SELECT coalesce(sql, '') FROM sqlite_schema WHERE name = ?";
    let rows = connection.rows(sql, arguments).await?;
    Ok(rows.first().and_then(|row| sqlx::Row::try_get(row, 0).ok()))
}

async fn make(connection: &mut Connection, view: &SqlView, is_there: bool) -> Result<(), SinkError> {
    if is_there {
        let sql = format!("DROP VIEW {}", view.name);
        connection.run(AssertSqlSafe(sql)).await?;
    }
    connection.run(AssertSqlSafe(view.create())).await?;
    let columns = view.columns.iter().map(|c| &c.column);
    super::schema::describe(connection, view.name, "SQL view", view.meaning, columns).await
}
