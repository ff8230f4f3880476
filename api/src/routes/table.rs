//! The table of routes.

use axum::routing::{delete, get, post, put};

use super::{
    Route, carts, changes, checkout, coupons, dashboards, explained, facts, orders, payments, products,
    streams, system, views,
};

/// A query parameter or header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Param {
    /// Rows of a page.
    Limit,
    /// Where the page begins.
    After,
    /// The epoch to follow from.
    AfterEpoch,
    /// An order's status.
    Status,
    /// A product's category.
    Category,
    /// One of a product's tags.
    Tag,
    /// A product's store.
    StoreId,
    /// From this day on.
    From,
    /// Before this day.
    Until,
    /// On this day.
    Day,
    /// In this currency.
    Currency,
    /// `If-Match`: a cart's version.
    IfMatch,
    /// Any column of the view.
    Column,
    /// `Millrace-After`.
    MillraceAfter,
    /// `Prefer: wait=N`.
    Prefer,
    /// `Idempotency-Key`.
    IdempotencyKey,
    /// `Last-Event-ID`.
    LastEventId,
}

/// What a request's body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// A record of a type (topic, type), of which the path gives these fields.
    Record(&'static str, &'static str, &'static [&'static str]),
    /// The same, of which more fields may be left out.
    Loose(&'static str, &'static str, &'static [&'static str]),
    /// What to order of a cart.
    Checkout,
    /// A record's value a line.
    Lines,
}

/// What is in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schema {
    /// A row of a view, with `as_of`.
    Row(&'static str),
    /// The order with lines and payments.
    Order,
    /// `{items, next?, as_of}` of a view's rows.
    List(&'static str),
    /// `{items}` of rows of any view; JSON or CSV.
    AnyRows,
    /// `{token}`, with an order's id where it was placed.
    Token,
    /// `{order_id, token}`.
    Placed,
    /// `{accepted, rejected, token}`.
    Lines,
    /// A product with stock and rating.
    Product,
    /// Such products.
    Products,
    /// Reviews, with the rating.
    Reviews,
    /// A cart, with its version as `ETag`.
    Cart,
    /// A wallet.
    Wallet,
    /// `{ok, violations}`.
    Audits,
    /// The list of views.
    Views,
    /// An explanation.
    Explanation,
    /// Server-sent events.
    Events,
    /// Rows of a dashboard.
    Dashboard,
    /// Any object.
    Object,
    /// Text of metrics.
    Metrics,
    /// A page.
    Html,
}

use Param::{
    After, AfterEpoch, Category, Column, Currency, Day, From, IdempotencyKey, IfMatch, LastEventId, Limit,
    MillraceAfter, Prefer, Status, StoreId, Tag, Until,
};

const READ: &[Param] = &[MillraceAfter, Prefer];
const PAGE: &[Param] = &[Limit, After, MillraceAfter, Prefer];
const WRITE: &[Param] = &[Prefer];
const READ_PROBLEMS: &[u16] = &[400, 401, 404, 503, 504];
const WRITE_PROBLEMS: &[u16] = &[400, 401, 404, 408, 409, 413, 415, 422, 503];
const CART_PROBLEMS: &[u16] = &[400, 401, 404, 408, 409, 412, 413, 415, 422, 503];
const CHECKOUT_PROBLEMS: &[u16] = &[400, 401, 404, 408, 409, 412, 413, 415, 422, 503, 504];

macro_rules! route {
    ($method:ident $path:literal $summary:literal $handler:expr, $params:expr, $body:expr,
     $answers:expr, $problems:expr) => {
        Route {
            method: stringify!($method),
            path: $path,
            summary: $summary,
            params: $params,
            body: $body,
            answers: $answers,
            problems: $problems,
            handler: || $method($handler),
        }
    };
}

/// A read.
macro_rules! read {
    ($path:literal $summary:literal $handler:expr, $params:expr, $answer:expr) => {
        route!(get $path $summary $handler, $params, None, &[(200, $answer)], READ_PROBLEMS)
    };
}

/// A command.
macro_rules! write {
    ($path:literal $summary:literal $handler:expr, $body:expr, $answers:expr) => {
        route!(post $path $summary $handler, WRITE, Some($body), $answers, WRITE_PROBLEMS)
    };
}

const MOVED: &[(u16, Schema)] = &[(200, Schema::Order), (202, Schema::Token)];
const CHANGED: &[(u16, Schema)] = &[(200, Schema::Cart), (202, Schema::Token)];
const ID: &[&str] = &["order_id"];

/// All routes.
pub const ROUTES: &[Route] = &[
    route!(post "/v1/orders" "Place an order." orders::place, &[Prefer, IdempotencyKey],
        Some(Body::Loose("orders", "order_placed", ID)),
        &[(201, Schema::Order), (202, Schema::Placed)], WRITE_PROBLEMS),
    read!("/v1/orders" "Orders, newest first." orders::all,
        &[Status, Limit, After, MillraceAfter, Prefer], Schema::List("orders")),
    read!("/v1/orders/{order_id}" "An order with its lines and payments." orders::one, READ, Schema::Order),
    read!("/v1/orders/{order_id}/timeline" "What happened to an order." orders::timeline, READ,
        Schema::List("order_timeline")),
    read!("/v1/orders/{order_id}/explain" "Where an order is, and why." explained::one, READ,
        Schema::Explanation),
    read!("/v1/customers/{customer_id}/orders" "A customer's orders, newest first." orders::of_customer, PAGE,
        Schema::List("orders")),
    write!("/v1/orders/{order_id}/cancel" "Cancel an order." orders::cancel,
        Body::Record("orders", "order_cancel_requested", ID), MOVED),
    write!("/v1/orders/{order_id}/cancel-lines" "Cancel units of some lines." orders::cancel_lines,
        Body::Record("orders", "order_lines_cancel_requested", ID), MOVED),
    write!("/v1/orders/{order_id}/redrive" "Issue what is unanswered or failed again." orders::redrive,
        Body::Record("orders", "order_redrive_requested", ID), MOVED),
    write!("/v1/payments/confirm" "The customer has paid at the provider's." payments::confirm,
        Body::Loose("payments", "payment_submitted", &["currency"]), MOVED),
    read!("/v1/stock/{sku}" "Stock of a product." facts::stock, READ, Schema::Row("stock_levels")),
    read!("/v1/coupons/{campaign_id}" "A campaign." coupons::one, READ, Schema::Row("coupons")),
    write!("/v1/coupons/{campaign_id}/claim" "Claim a coupon." coupons::claim,
        Body::Record("coupons", "coupon_claimed", &["campaign_id"]),
        &[(200, Schema::Row("coupon_grants")), (201, Schema::Row("coupon_grants")), (202, Schema::Token)]),
    read!("/v1/wallets/{customer_id}" "A wallet." facts::wallet, READ, Schema::Wallet),
    read!("/v1/attention" "What a person must act on." facts::attention, READ, Schema::List("attention")),
    read!("/v1/audits" "Violated account rules." facts::audits, READ, Schema::Audits),
    read!("/v1/views" "The views that are kept." views::list, READ, Schema::Views),
    route!(get "/v1/views/{view}" "Rows of any view." views::rows,
        &[Column, Limit, After, MillraceAfter, Prefer], None, &[(200, Schema::AnyRows)],
        &[400, 401, 404, 406, 503, 504]),
    route!(get "/v1/views/{view}/changes" "Changes of a view as server-sent events." changes::follow,
        &[AfterEpoch, LastEventId, MillraceAfter, Prefer], None, &[(200, Schema::Events)],
        &[400, 401, 404, 410, 503, 504]),
    route!(post "/v1/streams/{topic}" "Append records, one a line." streams::append, &[], Some(Body::Lines),
        &[(202, Schema::Lines)], &[400, 401, 404, 408, 413, 415, 503]),
    read!("/v1/dashboards/{name}" "A dashboard; days (from, until, day) are for revenue, a currency for all \
        but low-stock." dashboards::one,
        &[From, Until, Day, Currency, Limit, After, MillraceAfter, Prefer], Schema::Dashboard),
    read!("/v1/products" "Products by sku, withdrawn ones too, with stock and rating." products::all,
        &[Category, Tag, StoreId, Limit, After, MillraceAfter, Prefer], Schema::Products),
    read!("/v1/products/{sku}" "A product with stock and rating." products::one, READ, Schema::Product),
    read!("/v1/products/{sku}/reviews" "Reviews of a product by review_id, with its rating."
        products::reviews, PAGE, Schema::Reviews),
    read!("/v1/carts/{customer_id}" "A cart at what it costs now." carts::one, READ, Schema::Cart),
    route!(put "/v1/carts/{customer_id}/items/{sku}" "Put so many of a product into a cart; 0 takes it out."
        carts::put, &[IfMatch, Prefer],
        Some(Body::Record("carts", "cart_item_set", &["customer_id", "sku"])), CHANGED, CART_PROBLEMS),
    route!(delete "/v1/carts/{customer_id}/items/{sku}" "Take a product out of a cart." carts::delete,
        &[IfMatch, Prefer], None, CHANGED, CART_PROBLEMS),
    route!(post "/v1/carts/{customer_id}/checkout" "Order what is in a cart at the prices that were seen. \
        Accepted, it is taken out of the cart, also if nobody waits; rejected, the cart stays."
        checkout::checkout, &[IfMatch, IdempotencyKey, MillraceAfter, Prefer], Some(Body::Checkout),
        &[(201, Schema::Order), (202, Schema::Placed)], CHECKOUT_PROBLEMS),
    route!(get "/healthz" "Whether the process lives." system::alive, &[], None,
        &[(200, Schema::Object)], &[]),
    route!(get "/readyz" "Whether commands are decided as they come." system::ready, &[], None,
        &[(200, Schema::Object), (503, Schema::Object)], &[401]),
    route!(get "/metrics" "Metrics as Prometheus reads them." system::metrics, &[], None,
        &[(200, Schema::Metrics)], &[401, 503]),
    route!(get "/openapi.json" "This description." system::description, &[], None,
        &[(200, Schema::Object)], &[401, 503]),
    route!(get "/docs" "This description as a page." system::browse, &[], None,
        &[(200, Schema::Html)], &[401, 503]),
];
