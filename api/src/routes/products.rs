//! Products: what is for sale, how many are there, and what customers say of them.
//!
//! Stock and ratings are joined here, at one epoch: a sale or a review then changes one row, however many
//! pages show the product.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use contract::value::Value;
use contract::views::{View, product_ratings, products, review_documents, stock_levels};
use serde_json::{Value as Json, json};
use sinks::read::{Row, Select};

use crate::answer::{Answer, Object, items, json as json_of, members, object, shown};
use crate::app::{App, Look, Ready, text};
use crate::problem::Problem;
use crate::query::{Ids, Query};

/// Rows of some views by the first part of their key, a text that tells them apart.
pub(crate) struct BySku(HashMap<String, Row>);

impl BySku {
    /// Reads the rows of these products.
    pub(crate) async fn read(look: &mut Look, view: View, skus: &[String]) -> Result<BySku, Problem> {
        let wanted = Select::of(view, skus.len()).among(skus.to_vec());
        let rows = look.select(&wanted).await?;
        Ok(BySku(
            rows.into_iter().map(|row| (row[0].to_string(), row)).collect(),
        ))
    }

    /// That of a product.
    pub(crate) fn of(&self, sku: &str) -> Option<&Row> {
        self.0.get(sku)
    }
}

/// How many units can be had: null of what is never held, 0 without a row in `stock_levels`.
pub(crate) fn available(product: Option<&Row>, stock: Option<&Row>) -> Json {
    if product.is_some_and(|product| product[products::stocked] == Value::Bool(false)) {
        return Json::Null;
    }
    stock.map_or(json!(0), |stock| json_of(&stock[stock_levels::available]))
}

/// `count` and `mean` of a row of `product_ratings`.
fn rating(row: Option<&Row>) -> Object {
    let (count, mean) = row.map_or((json!(0), Json::Null), |row| {
        (
            json_of(&row[product_ratings::count]),
            json_of(&row[product_ratings::mean]),
        )
    });
    members([("count", count), ("mean", mean)])
}

/// A product as it is shown.
fn whole(product: &Row, stock: Option<&Row>, rated: Option<&Row>) -> Object {
    let mut whole = object(View::Products, product);
    whole.insert("available".to_owned(), available(Some(product), stock));
    whole.insert("rating".to_owned(), Json::Object(rating(rated)));
    whole
}

/// A product's row, or a 404.
async fn found(look: &mut Look, sku: &str) -> Result<Row, Problem> {
    let row = look.get(View::Products, &[text(sku)]).await?;
    let epoch = look.epoch;
    row.ok_or_else(|| Problem::not_found("product", sku).at(epoch))
}

/// `GET /v1/products/{sku}`
pub(crate) async fn one(
    State(app): State<Arc<App>>,
    Ids(sku): Ids<String>,
    query: Query,
    _: Ready,
) -> Answer {
    query.end()?;
    let mut look = app.look().await?;
    let product = found(&mut look, &sku).await?;
    let key = [text(&sku)];
    let stock = look.get(View::StockLevels, &key).await?;
    let rated = look.get(View::ProductRatings, &key).await?;
    let whole = whole(&product, stock.as_ref(), rated.as_ref());
    Ok(shown(StatusCode::OK, look.epoch, whole))
}

/// `GET /v1/products`
pub(crate) async fn all(State(app): State<Arc<App>>, mut query: Query, _: Ready) -> Answer {
    let mut select = Select::of(View::Products, 0);
    for (name, column) in [("category", products::category), ("store_id", products::store_id)] {
        if let Some(wanted) = query.take(name) {
            select = select.only(column, Value::Text(wanted));
        }
    }
    if let Some(tag) = query.take("tag") {
        select = select.holding(products::tags, tag);
    }
    let page = query.page(&mut select)?;
    query.end()?;
    let mut look = app.look().await?;
    let mut rows = look.select(&select).await?;
    let next = page.next(&select, &mut rows);
    let skus: Vec<String> = rows.iter().map(|row| row[products::sku].to_string()).collect();
    let stock = BySku::read(&mut look, View::StockLevels, &skus).await?;
    let ratings = BySku::read(&mut look, View::ProductRatings, &skus).await?;
    let one = |(row, sku): (&Row, &String)| Json::Object(whole(row, stock.of(sku), ratings.of(sku)));
    let items = rows.iter().zip(&skus).map(one).collect();
    let mut list = members([("items", items)]);
    if let Some(next) = next {
        list.insert("next".to_owned(), json!(next));
    }
    Ok(shown(StatusCode::OK, look.epoch, list))
}

/// `GET /v1/products/{sku}/reviews`
pub(crate) async fn reviews(
    State(app): State<Arc<App>>,
    Ids(sku): Ids<String>,
    mut query: Query,
    _: Ready,
) -> Answer {
    let mut select = Select::of(View::ReviewDocuments, 0).only(review_documents::sku, text(&sku));
    let page = query.page(&mut select)?;
    query.end()?;
    let mut look = app.look().await?;
    found(&mut look, &sku).await?;
    let mut rows = look.select(&select).await?;
    let next = page.next(&select, &mut rows);
    let rated = look.get(View::ProductRatings, &[text(&sku)]).await?;
    let mut rating = rating(rated.as_ref());
    let histogram: Json = (product_ratings::r1..=product_ratings::r5)
        .map(|stars| rated.as_ref().map_or(json!(0), |row| json_of(&row[stars])))
        .collect();
    rating.insert("histogram".to_owned(), histogram);
    let mut list = members([("items", items(View::ReviewDocuments, &rows))]);
    if let Some(next) = next {
        list.insert("next".to_owned(), json!(next));
    }
    list.insert("rating".to_owned(), Json::Object(rating));
    Ok(shown(StatusCode::OK, look.epoch, list))
}
