//! Reads that are one view's rows: stock, wallets, attention, audits.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use contract::views::{View, attention};
use contract::words::AttentionKind;
use serde_json::{Value as Json, json};
use sinks::read::Select;

use crate::answer::{Answer, Text, items, members, object, shown};
use crate::app::{App, Ready, text};
use crate::explain::attention as words;
use crate::problem::Problem;
use crate::query::{Ids, Query};

/// Rows of a list that has no pages, at most.
const ROWS_MAX: usize = 10_000;

/// `GET /v1/stock/{sku}`
pub(crate) async fn stock(
    State(app): State<Arc<App>>,
    Ids(sku): Ids<String>,
    query: Query,
    _: Ready,
) -> Answer {
    query.end()?;
    let (epoch, row) = app.views.get(View::StockLevels, &[text(&sku)]).await?;
    let epoch = epoch.map_or(0, |epoch| epoch.0);
    let row = row.ok_or_else(|| Problem::not_found("stock of", &sku).at(epoch))?;
    Ok(Text::of(View::StockLevels, &row).shown(StatusCode::OK, epoch))
}

/// `GET /v1/wallets/{customer_id}`
pub(crate) async fn wallet(
    State(app): State<Arc<App>>,
    Ids(id): Ids<String>,
    query: Query,
    _: Ready,
) -> Answer {
    query.end()?;
    let mut look = app.look().await?;
    let rows = look
        .select(&Select::of(View::Wallets, ROWS_MAX).only(0, text(&id)))
        .await?;
    if rows.is_empty() {
        return Err(Problem::not_found("wallet of", &id).at(look.epoch));
    }
    let balances: Json = rows
        .iter()
        .map(|row| {
            let mut row = object(View::Wallets, row);
            row.shift_remove("customer_id");
            Json::Object(row)
        })
        .collect();
    let wallet = members([("customer_id", json!(id)), ("balances", balances)]);
    Ok(shown(StatusCode::OK, look.epoch, wallet))
}

/// `GET /v1/attention`
pub(crate) async fn attention(State(app): State<Arc<App>>, query: Query, _: Ready) -> Answer {
    query.end()?;
    let mut look = app.look().await?;
    let rows = look.select(&Select::of(View::Attention, ROWS_MAX)).await?;
    let explained = rows.iter().map(|row| {
        let mut item = object(View::Attention, row);
        let kind = AttentionKind::from_word(&row[attention::kind].to_string());
        item.insert("meaning".to_owned(), json!(words::meaning(kind)));
        item.insert("remedy".to_owned(), json!(words::remedy(kind)));
        Json::Object(item)
    });
    let list = members([("items", explained.collect())]);
    Ok(shown(StatusCode::OK, look.epoch, list))
}

/// `GET /v1/audits`
pub(crate) async fn audits(State(app): State<Arc<App>>, query: Query, _: Ready) -> Answer {
    query.end()?;
    let mut look = app.look().await?;
    let rows = look.select(&Select::of(View::Audits, ROWS_MAX)).await?;
    let violations = items(View::Audits, &rows);
    let answer = members([("ok", json!(rows.is_empty())), ("violations", violations)]);
    Ok(shown(StatusCode::OK, look.epoch, answer))
}
