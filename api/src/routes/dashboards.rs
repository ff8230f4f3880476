//! Dashboards: the shop in figures, with the filters that people ask for.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use contract::time::Time;
use contract::value::Value;
use contract::views::{View, revenue_by_day, top_products, vip_customers};
use serde_json::json;
use sinks::read::Select;

use crate::answer::{Answer, items, members, shown};
use crate::app::{App, Ready};
use crate::problem::Problem;
use crate::query::{Ids, Query};

/// Rows of a dashboard, if nothing else is asked for: none of them is cut off then.
const ROWS_MAX: usize = 10_000;

/// The dashboards, and the views that they show.
pub const DASHBOARDS: [(&str, View); 4] = [
    ("revenue", View::RevenueByDay),
    ("top-products", View::TopProducts),
    ("vip-customers", View::VipCustomers),
    ("low-stock", View::LowStock),
];

/// Takes a day out of the query.
fn day(query: &mut Query, name: &str) -> Result<Option<String>, Problem> {
    let Some(day) = query.take(name) else {
        return Ok(None);
    };
    let is_day = day.len() == 10 && Time::parse(&format!("{day}T00:00:00Z")).is_some();
    if is_day {
        return Ok(Some(day));
    }
    Err(Problem::parameter(name, "a day as YYYY-MM-DD"))
}

/// Takes the filters of a dashboard out of the query.
fn filter(mut select: Select, query: &mut Query) -> Result<Select, Problem> {
    let currency = match select.view {
        View::RevenueByDay => {
            let (from, until) = (day(query, "from")?, day(query, "until")?);
            if from.is_some() || until.is_some() {
                let from = Value::Text(from.unwrap_or_default());
                // After all days.
                let until = Value::Text(until.unwrap_or_else(|| "~".to_owned()));
                select.range = Some((from, until));
            }
            if let Some(day) = day(query, "day")? {
                select = select.only(revenue_by_day::day, Value::Text(day));
            }
            revenue_by_day::currency
        }
        View::TopProducts => top_products::currency,
        View::VipCustomers => vip_customers::currency,
        _ => return Ok(select),
    };
    if let Some(wanted) = query.take("currency") {
        let is_currency = wanted.len() == 3 && wanted.bytes().all(|byte| byte.is_ascii_uppercase());
        if !is_currency {
            return Err(Problem::parameter("currency", "three capitals"));
        }
        select = select.only(currency, Value::Text(wanted));
    }
    Ok(select)
}

/// `GET /v1/dashboards/{name}`
pub(crate) async fn one(
    State(app): State<Arc<App>>,
    Ids(name): Ids<String>,
    mut query: Query,
    _: Ready,
) -> Answer {
    let found = DASHBOARDS.iter().find(|(known, _)| *known == name);
    let (_, view) = *found.ok_or_else(|| Problem::not_found("dashboard", &name))?;
    let mut select = filter(Select::of(view, 0), &mut query)?;
    let page = query.page_of(&mut select, ROWS_MAX)?;
    query.end()?;
    let mut look = app.look().await?;
    let mut rows = look.select(&select).await?;
    let next = page.next(&select, &mut rows);
    let mut list = members([("items", items(view, &rows))]);
    if let Some(next) = next {
        list.insert("next".to_owned(), json!(next));
    }
    Ok(shown(StatusCode::OK, look.epoch, list))
}
