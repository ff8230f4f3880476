//! The table of routes.

use axum::routing::{delete, get, post, put};

use super::{Route, changes, coupons, explained, facts, orders, payments, streams, system, views};

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
    /// Any object.
    Object,
    /// Text of metrics.
    Metrics,
    /// A page.
    Html,
}

use Param::{After, AfterEpoch, Column, IdempotencyKey, LastEventId, Limit, MillraceAfter, Prefer, Status};

const READ: &[Param] = &[MillraceAfter, Prefer];
const PAGE: &[Param] = &[Limit, After, MillraceAfter, Prefer];
const WRITE: &[Param] = &[Prefer];
const READ_PROBLEMS: &[u16] = &[400, 401, 404, 503, 504];
const WRITE_PROBLEMS: &[u16] = &[400, 401, 404, 408, 409, 413, 415, 422, 503];

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

/// A path whose views no job keeps yet.
macro_rules! later {
    ($method:ident $path:literal $summary:literal) => {
        route!($method $path $summary facts::not_kept, &[], None, &[(200, Schema::Object)], READ_PROBLEMS)
    };
}

const MOVED: &[(u16, Schema)] = &[(200, Schema::Order), (202, Schema::Token)];
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
    read!("/v1/dashboards/{name}" "A dashboard." facts::dashboard, READ, Schema::Object),
    later!(get "/v1/products" "Products."),
    later!(get "/v1/products/{sku}" "A product."),
    later!(get "/v1/products/{sku}/reviews" "Reviews of a product."),
    later!(get "/v1/carts/{customer_id}" "A cart."),
    later!(put "/v1/carts/{customer_id}/items/{sku}" "Put a product into a cart."),
    later!(delete "/v1/carts/{customer_id}/items/{sku}" "Take a product out of a cart."),
    later!(post "/v1/carts/{customer_id}/checkout" "Order what is in a cart."),
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
