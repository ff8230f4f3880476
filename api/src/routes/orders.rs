//! Orders: placing, reading, cancelling.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use contract::installation::Installation;
use contract::log::Topic;
use contract::value::Value;
use contract::views::{View, order_lines, order_timeline, orders, payments};
use contract::words::Status;
use serde_json::{Value as Json, json};
use sinks::read::{Form, Order, Row, Select};

use crate::answer::{Answer, Text, items, json as json_of, members, plain, shown};
use crate::app::{App, Look, Ready, text};
use crate::command::{Command, Placed, decided, fate};
use crate::fresh::ORDER;
use crate::problem::{Kind, Problem};
use crate::query::{Ids, Query};
use crate::token::Token;

/// Rows that belong to one order, at most: more than an order's lines can be.
const ROWS_MAX: usize = 100_000;

/// The order with its lines and payments, which are what [`ORDER`] names.
pub(crate) fn whole(order: &Row, lines: &[Row], paid: &[Row]) -> Text {
    Text::of(View::Orders, order)
        .rows("lines", View::OrderLines, lines)
        .rows("payments", View::Payments, paid)
}

/// The same of rows by [`ORDER`]; `None`: there is no such order.
fn of_rows(rows: &[Vec<Row>]) -> Option<(&Row, Text)> {
    let [orders, lines, paid] = rows else {
        return None;
    };
    let order = orders.first()?;
    Some((order, whole(order, lines, paid)))
}

/// The order as it is shown, but for the moment; nothing, if there is none.
static FORM: Form = Form {
    views: ORDER,
    show: |rows| of_rows(rows).map_or_else(Vec::new, |(_, order)| order.made()),
};

/// What belongs to an order in a view whose key begins with it.
pub(crate) async fn of_order(look: &mut Look, view: View, order_id: &str) -> Result<Vec<Row>, Problem> {
    debug_assert_eq!(
        (
            order_lines::order_id,
            payments::order_id,
            order_timeline::order_id
        ),
        (0, 0, 0)
    );
    look.select(&Select::of(view, ROWS_MAX).only(0, text(order_id)))
        .await
}

/// The order, or a 404.
pub(crate) async fn found(look: &mut Look, order_id: &str) -> Result<Row, Problem> {
    let row = look.get(View::Orders, &[text(order_id)]).await?;
    let epoch = look.epoch;
    row.ok_or_else(|| Problem::not_found("order", order_id).at(epoch))
}

/// An order's rows, as [`ORDER`] names them, or a 404.
pub(crate) async fn read(look: &mut Look, order_id: &str) -> Result<Vec<Vec<Row>>, Problem> {
    let order = found(look, order_id).await?;
    let lines = of_order(look, View::OrderLines, order_id).await?;
    let paid = of_order(look, View::Payments, order_id).await?;
    Ok(vec![vec![order], lines, paid])
}

/// `GET /v1/orders/{order_id}`
pub(crate) async fn one(State(app): State<Arc<App>>, Ids(id): Ids<String>, query: Query, _: Ready) -> Answer {
    query.end()?;
    let (epoch, shown) = app.show(&FORM, &id).await?;
    if shown.is_empty() {
        return Err(Problem::not_found("order", &id).at(epoch));
    }
    Ok(Text::again(&shown).shown(StatusCode::OK, epoch))
}

/// `GET /v1/orders/{order_id}/timeline`
pub(crate) async fn timeline(
    State(app): State<Arc<App>>,
    Ids(id): Ids<String>,
    query: Query,
    _: Ready,
) -> Answer {
    query.end()?;
    let mut look = app.look().await?;
    found(&mut look, &id).await?;
    let rows = of_order(&mut look, View::OrderTimeline, &id).await?;
    let list = members([("items", items(View::OrderTimeline, &rows))]);
    Ok(shown(StatusCode::OK, look.epoch, list))
}

async fn list(app: &App, mut query: Query, filter: Option<(usize, Value)>) -> Answer {
    let mut select = Select {
        order: Order::Newest,
        ..Select::of(View::Orders, 0)
    };
    select.filters.extend(filter);
    let page = query.page(&mut select)?;
    query.end()?;
    let mut look = app.look().await?;
    let mut rows = look.select(&select).await?;
    let next = page.next(&select, &mut rows);
    let mut list = members([("items", items(View::Orders, &rows))]);
    if let Some(next) = next {
        list.insert("next".to_owned(), json!(next));
    }
    Ok(shown(StatusCode::OK, look.epoch, list))
}

/// `GET /v1/orders`
pub(crate) async fn all(State(app): State<Arc<App>>, mut query: Query, _: Ready) -> Answer {
    let status = query.take("status");
    let known = |word: &String| Status::ALL.iter().any(|status| status.word() == word);
    if status.as_ref().is_some_and(|status| !known(status)) {
        let words: Vec<&str> = Status::ALL.iter().map(|status| status.word()).collect();
        return Err(Problem::parameter(
            "status",
            &format!("one of {}", words.join(", ")),
        ));
    }
    let filter = status.map(|status| (orders::status, Value::Text(status)));
    list(&app, query, filter).await
}

/// `GET /v1/customers/{customer_id}/orders`
pub(crate) async fn of_customer(
    State(app): State<Arc<App>>,
    Ids(id): Ids<String>,
    query: Query,
    _: Ready,
) -> Answer {
    if !is_id(&id) {
        return Err(Problem::not_found("customer", &id));
    }
    list(&app, query, Some((orders::customer_id, Value::Text(id)))).await
}

/// An id that nobody else has: a UUID of version 7.
pub(crate) fn new_id() -> Result<String, Problem> {
    let mut random = [0; 10];
    let failed = |_| Problem::new(Kind::Unavailable, "the system gives no random numbers").retry_after(1);
    getrandom::fill(&mut random).map_err(failed)?;
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let ms = since.unwrap_or_default().as_millis();
    let id = Installation::new(u64::try_from(ms).unwrap_or(u64::MAX), random);
    Ok(id.to_string())
}

/// The id that `Idempotency-Key` gives an order.
pub(crate) fn header_id(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(key) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let key = key.to_str().ok().map(str::trim).filter(|key| is_id(key));
    let expected = "an id: 1 to 64 of A-Z a-z 0-9 _ . : @ + = -";
    let key = key.ok_or_else(|| Problem::parameter("Idempotency-Key", expected))?;
    Ok(Some(key.to_owned()))
}

/// `POST /v1/orders`
pub(crate) async fn place(State(app): State<Arc<App>>, query: Query, command: Command) -> Answer {
    query.end()?;
    let header = header_id(&command.headers)?;
    let given = command
        .members()
        .and_then(|mut members| members.remove("order_id"));
    let (order_id, value) = match given {
        // Of another type it is judged as the record is.
        Some(id) if !id.is_null() => {
            let id = id.as_str().unwrap_or_default().to_owned();
            (id, command.value("order_placed", &[])?)
        }
        _ => {
            let id = header.map_or_else(new_id, Ok)?;
            let value = command.value("order_placed", &[("order_id", &id)])?;
            (id, value)
        }
    };
    // Before it is appended: the commit that makes the order may come before its answer.
    let awaited = command.waits().then(|| app.feed.fresh.await_order(&order_id));
    let placed = command.append(&app, Topic::Orders, value).await?;
    if !placed.is_visible(&app).await {
        let answer = members([
            ("order_id", json!(order_id)),
            ("token", json!(placed.token.text())),
        ]);
        return Ok(plain(StatusCode::ACCEPTED, &Json::Object(answer)));
    }
    if let Some(made) = awaited.and_then(|awaited| awaited.made_by(&placed.stands)) {
        return placed_as(&made.rows, &order_id, &placed.token, made.epoch.0);
    }
    let mut look = fate(&app, &placed).await?;
    let rows = read(&mut look, &order_id).await?;
    placed_as(&rows, &order_id, &placed.token, look.epoch)
}

/// The order that was placed, or that it was rejected.
pub(crate) fn placed_as(rows: &[Vec<Row>], order_id: &str, token: &Token, epoch: u64) -> Answer {
    let Some((order, whole)) = of_rows(rows) else {
        return Err(Problem::not_found("order", order_id).at(epoch));
    };
    if order[orders::status] == text(Status::Rejected.word()) {
        let reason = json_of(&order[orders::reason]);
        let detail = format!(
            "order {order_id} was rejected: {}",
            reason.as_str().unwrap_or_default()
        );
        return Err(Problem::new(Kind::Rejected, detail)
            .with("reason", reason)
            .with("reason_detail", json_of(&order[orders::reason_detail]))
            .with("order_id", order_id)
            .with("token", token.text())
            .at(epoch));
    }
    Ok(whole.token(Some(token)).shown(StatusCode::CREATED, epoch))
}

/// Whether a text is an id (contract, Values).
pub(crate) fn is_id(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.:@+=-".contains(&byte);
    (1..=64).contains(&text.len()) && text.bytes().all(allowed)
}

/// Appends a record about an order; with wait the order.
async fn about(app: &App, id: &str, command: &Command, kind: &str) -> Answer {
    let value = command.value(kind, &[("order_id", id)])?;
    let placed = command.append(app, Topic::Orders, value).await?;
    match decided(app, &placed).await? {
        None => Ok(accepted(&placed)),
        Some(mut look) => {
            let rows = read(&mut look, id).await?;
            let (_, order) = of_rows(&rows).ok_or_else(|| Problem::not_found("order", id))?;
            Ok(order.token(Some(&placed.token)).shown(StatusCode::OK, look.epoch))
        }
    }
}

/// What is answered where nobody waits.
pub(crate) fn accepted(placed: &Placed) -> axum::http::Response<axum::body::Body> {
    plain(StatusCode::ACCEPTED, &json!({"token": placed.token.text()}))
}

/// `POST /v1/orders/{order_id}/cancel`
pub(crate) async fn cancel(
    State(app): State<Arc<App>>,
    Ids(id): Ids<String>,
    query: Query,
    command: Command,
) -> Answer {
    query.end()?;
    about(&app, &id, &command, "order_cancel_requested").await
}

/// `POST /v1/orders/{order_id}/cancel-lines`
pub(crate) async fn cancel_lines(
    State(app): State<Arc<App>>,
    Ids(id): Ids<String>,
    query: Query,
    command: Command,
) -> Answer {
    query.end()?;
    about(&app, &id, &command, "order_lines_cancel_requested").await
}

/// `POST /v1/orders/{order_id}/redrive`
pub(crate) async fn redrive(
    State(app): State<Arc<App>>,
    Ids(id): Ids<String>,
    query: Query,
    command: Command,
) -> Answer {
    query.end()?;
    about(&app, &id, &command, "order_redrive_requested").await
}
