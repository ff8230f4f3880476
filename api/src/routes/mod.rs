//! The routes: one table, of which the router and `openapi.json` are made.

mod carts;
mod changes;
mod checkout;
mod coupons;
mod dashboards;
mod explained;
mod facts;
mod orders;
mod payments;
mod products;
mod streams;
mod system;
mod table;
mod views;

use std::sync::Arc;

use axum::Router;
use axum::routing::MethodRouter;

use crate::app::App;
use crate::middleware;

pub(crate) use checkout::UnderWay;
pub use dashboards::DASHBOARDS;
pub use table::{Body, Param, ROUTES, Schema};

/// A method of a path.
pub struct Route {
    /// The method, in lower case.
    pub method: &'static str,
    /// The path, its parts in braces.
    pub path: &'static str,
    /// What it does, in a line.
    pub summary: &'static str,
    /// Its query parameters and headers.
    pub params: &'static [Param],
    /// What it takes.
    pub body: Option<Body>,
    /// The answers that are no problems: status and what is in it.
    pub answers: &'static [(u16, Schema)],
    /// The statuses of problems that it may answer with: all of them, so that clients can count on it.
    pub problems: &'static [u16],
    handler: fn() -> MethodRouter<Arc<App>>,
}

/// The router of all routes.
pub fn router(app: &Arc<App>) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        router = router.route(route.path, (route.handler)());
    }
    router
        .fallback(system::nowhere)
        .method_not_allowed_fallback(system::no_method)
        .layer(axum::middleware::from_fn_with_state(
            Arc::clone(app),
            middleware::around,
        ))
        .with_state(Arc::clone(app))
}
