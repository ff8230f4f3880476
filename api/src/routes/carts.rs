//! Carts: what a customer is about to order, at what it costs now.
//!
//! A cart has a version, which counts its records. Who names the version that was seen (`If-Match`) changes
//! the cart only if it still is that: the job decides, so two clients of one customer can't overwrite each
//! other unawares. A cart that is not there yet has version 0.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::ETAG;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use contract::log::Topic;
use contract::value::Value;
use contract::values::AMOUNT_MAX;
use contract::views::{View, cart_items, carts, products};
use serde_json::{Value as Json, json};
use sinks::read::Select;

use super::orders::accepted;
use super::products::{BySku, available};
use crate::answer::{Answer, Object, members, shown};
use crate::app::{App, Look, Ready, text};
use crate::command::{Command, decided};
use crate::problem::Problem;
use crate::query::{Ids, Query};

/// Products in one cart that are shown, at most.
const ITEMS_MAX: usize = 100_000;

/// A product in a cart.
pub(crate) struct Item {
    pub(crate) sku: String,
    pub(crate) quantity: i64,
    /// What a unit costs now; `None`: it is not for sale.
    pub(crate) unit_price: Option<i64>,
    /// `None`: the product is unknown.
    pub(crate) currency: Option<String>,
    available: Json,
}

/// A cart as it is at one epoch.
pub(crate) struct Cart {
    pub(crate) customer_id: String,
    pub(crate) version: i64,
    pub(crate) items: Vec<Item>,
}

fn number(value: &Value) -> i64 {
    match value {
        Value::Int(number) => *number,
        _ => 0,
    }
}

impl Cart {
    /// Reads a customer's cart, with what its products cost; `None`: nothing was ever put into it.
    pub(crate) async fn read(look: &mut Look, customer_id: &str) -> Result<Option<Cart>, Problem> {
        let key = [text(customer_id)];
        let Some(cart) = look.get(View::Carts, &key).await? else {
            return Ok(None);
        };
        let [owner] = key;
        let wanted = Select::of(View::CartItems, ITEMS_MAX).only(cart_items::customer_id, owner);
        let rows = look.select(&wanted).await?;
        let skus: Vec<String> = rows.iter().map(|row| row[cart_items::sku].to_string()).collect();
        let known = BySku::read(look, View::Products, &skus).await?;
        let stock = BySku::read(look, View::StockLevels, &skus).await?;
        let item = |(row, sku): (&Vec<Value>, String)| {
            let product = known.of(&sku);
            let sold = product.filter(|product| product[products::withdrawn] == Value::Bool(false));
            Item {
                quantity: number(&row[cart_items::quantity]),
                unit_price: sold.map(|product| number(&product[products::price])),
                currency: product.map(|product| product[products::currency].to_string()),
                available: available(product, stock.of(&sku)),
                sku,
            }
        };
        Ok(Some(Cart {
            customer_id: customer_id.to_owned(),
            version: number(&cart[carts::version]),
            items: rows.iter().zip(skus).map(item).collect(),
        }))
    }

    /// What is for sale, by currency; null where that is more than an order may cost.
    fn totals(&self) -> Object {
        let mut totals: Vec<(&str, i128)> = Vec::new();
        for item in &self.items {
            let (Some(price), Some(currency)) = (item.unit_price, &item.currency) else {
                continue;
            };
            let cost = i128::from(price) * i128::from(item.quantity);
            match totals.iter_mut().find(|(known, _)| known == currency) {
                Some((_, total)) => *total += cost,
                None => totals.push((currency, cost)),
            }
        }
        totals.sort_unstable();
        let exact = |total| i64::try_from(total).ok().filter(|total| *total <= AMOUNT_MAX);
        totals
            .into_iter()
            .map(|(currency, total)| (currency.to_owned(), json!(exact(total))))
            .collect()
    }

    /// The cart as it is shown.
    fn object(&self) -> Object {
        let item = |item: &Item| {
            json!({
                "sku": item.sku,
                "quantity": item.quantity,
                "unit_price": item.unit_price,
                "currency": item.currency,
                "available": item.available,
            })
        };
        members([
            ("customer_id", json!(self.customer_id)),
            ("version", json!(self.version)),
            ("items", self.items.iter().map(item).collect()),
            ("totals", Json::Object(self.totals())),
        ])
    }
}

/// An answer with a cart's version as its tag.
fn tagged(version: i64, mut response: Response<Body>) -> Response<Body> {
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{version}\"")) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

/// The version that `If-Match` names, if it is there: in quotes, as `ETag` has it, or without.
pub(crate) fn if_match(headers: &HeaderMap) -> Result<Option<i64>, Problem> {
    let mut values = headers.get_all("if-match").iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let given = value.to_str().unwrap_or_default().trim();
    let quoted = given.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let digits = quoted.unwrap_or(given);
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    let version = digits
        .parse()
        .ok()
        .filter(|version| plain && *version <= AMOUNT_MAX);
    let version = version.filter(|_| values.next().is_none());
    let expected = "the cart's version in quotes, as ETag says it: \"3\"";
    version
        .map(Some)
        .ok_or_else(|| Problem::parameter("If-Match", expected))
}

/// `GET /v1/carts/{customer_id}`
pub(crate) async fn one(State(app): State<Arc<App>>, Ids(id): Ids<String>, query: Query, _: Ready) -> Answer {
    query.end()?;
    let mut look = app.look().await?;
    let cart = Cart::read(&mut look, &id).await?;
    let cart = cart.ok_or_else(|| Problem::not_found("cart of", &id).at(look.epoch))?;
    Ok(tagged(
        cart.version,
        shown(StatusCode::OK, look.epoch, cart.object()),
    ))
}

/// Appends a change of a cart; with wait the cart.
async fn change(app: &App, id: &str, sku: &str, command: &Command, quantity: Option<Json>) -> Answer {
    let mut known = vec![("customer_id", json!(id)), ("sku", json!(sku))];
    known.extend(quantity.map(|quantity| ("quantity", quantity)));
    known.extend(if_match(&command.headers)?.map(|version| ("if_version", json!(version))));
    let value = command.value_of("cart_item_set", &known)?;
    let placed = command.append(app, Topic::Carts, value).await?;
    let Some(mut look) = decided(app, &placed).await? else {
        return Ok(accepted(&placed));
    };
    let cart = Cart::read(&mut look, id).await?;
    let cart = cart.ok_or_else(|| Problem::not_found("cart of", id).at(look.epoch))?;
    let mut object = cart.object();
    object.insert("token".to_owned(), json!(placed.token.text()));
    Ok(tagged(cart.version, shown(StatusCode::OK, look.epoch, object)))
}

/// `PUT /v1/carts/{customer_id}/items/{sku}`
pub(crate) async fn put(
    State(app): State<Arc<App>>,
    Ids((id, sku)): Ids<(String, String)>,
    query: Query,
    command: Command,
) -> Answer {
    query.end()?;
    change(&app, &id, &sku, &command, None).await
}

/// `DELETE /v1/carts/{customer_id}/items/{sku}`
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    Ids((id, sku)): Ids<(String, String)>,
    query: Query,
    command: Command,
) -> Answer {
    query.end()?;
    change(&app, &id, &sku, &command, Some(json!(0))).await
}
