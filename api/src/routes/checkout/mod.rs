//! Checkout: what is in a cart becomes an order, at the prices that the customer saw.
//!
//! The order is placed first, and only once it is accepted its lines are taken out of the cart, so that a
//! rejected order (`price_changed`, `out_of_stock`) leaves the cart as it was. They are taken out at the
//! version that was ordered: a cart that somebody changed meanwhile stays as it then is. The server does that
//! also when nobody waits for it. One that stops in between leaves the order placed and the cart full: the
//! same request again, under the same id, finds the order and empties the cart.
//!
//! While a checkout of a customer is under way another is refused, so that who asks twice at once orders
//! once. The job judges prices, stock, coupon and wallet, as of every order; what is refused here is only
//! what can't be made an order of.

mod lines;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Response, StatusCode};
use contract::log::Topic;
use contract::value::Value;
use contract::views::{View, order_lines, orders};
use contract::words::Status;
use serde_json::{Value as Json, json};
use sinks::read::Row;
use tokio::sync::oneshot;

use self::lines::{bad_field, given, order_of, picked, quantities, stale, taking_out};
use super::carts::{Cart, Item, if_match};
use super::orders::{header_id, new_id, placed_as, read};
use crate::answer::{Answer, Object, plain};
use crate::app::{App, Ready, text};
use crate::append::New;
use crate::command::{Command, fate};
use crate::problem::{Kind, Problem};
use crate::query::{Ids, Query, preferred_wait};
use crate::token::{Needed, Token};

/// How long the server stays with an order until it is decided.
const DECISION_MAX: Duration = Duration::from_secs(600);
/// How long it waits to see a cart emptied, if nothing else is asked for.
const EMPTIED_USUAL: Duration = Duration::from_secs(5);
/// Checkouts under way at once, at most.
const UNDER_WAY_MAX: usize = 8_192;

/// The customers whose checkout is under way.
#[derive(Debug, Default)]
pub(crate) struct UnderWay(Mutex<HashSet<String>>);

/// A customer's checkout is under way until this goes.
struct Entered {
    app: Arc<App>,
    customer_id: String,
}

impl UnderWay {
    fn with<T>(&self, act: impl FnOnce(&mut HashSet<String>) -> T) -> T {
        // What is guarded is always whole.
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Entered {
    fn new(app: &Arc<App>, customer_id: &str) -> Result<Entered, Problem> {
        let is_new = app.checkouts.with(|known| {
            if known.len() >= UNDER_WAY_MAX {
                return Err(Problem::overloaded("too many carts are being ordered"));
            }
            Ok(known.insert(customer_id.to_owned()))
        })?;
        if !is_new {
            let detail = format!("the cart of {customer_id} is being ordered: ask for it again");
            return Err(Problem::new(Kind::Refused, detail).with("reason", "under_way"));
        }
        Ok(Entered {
            app: Arc::clone(app),
            customer_id: customer_id.to_owned(),
        })
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.app.checkouts.with(|known| known.remove(&self.customer_id));
    }
}

/// Takes items out of a cart and waits until that is visible. Whatever hinders it, the order stands.
async fn take_out(app: &App, records: Vec<New>, wait: Duration) -> Token {
    let mut token = Token::default();
    match app.appender.append(Topic::Carts, records, None, true).await {
        Ok(places) => {
            for stands in places {
                token.add(stands.topic, stands.partition, stands.offset + 1);
            }
            app.feed.holds(&Needed::Token(token.clone()), wait).await;
        }
        Err(problem) => tracing::warn!(why = problem.detail(), "an ordered cart stays as it is"),
    }
    token
}

fn is_rejected(rows: &[Vec<Row>]) -> bool {
    let order = rows.first().and_then(|orders| orders.first());
    order.is_none_or(|order| order[orders::status] == text(Status::Rejected.word()))
}

/// A checkout whose record is checked.
struct Checkout {
    entered: Entered,
    command: Command,
    order_id: String,
    order: Vec<u8>,
    taking_out: Vec<New>,
}

impl Checkout {
    /// Appends the order and goes on until it is decided, whether or not anybody waits; with wait the order.
    async fn run(self) -> Answer {
        let wait = preferred_wait(&self.command.headers);
        let order_id = self.order_id.clone();
        let (tell, told) = oneshot::channel();
        let finished = tokio::spawn(self.finish(tell));
        let Ok(token) = told.await else {
            // It was not appended.
            let stopped = |_| Problem::overloaded("the server stops");
            return finished.await.map_err(stopped)?;
        };
        if let Some(wait) = wait
            && let Ok(Ok(answer)) = tokio::time::timeout(wait, finished).await
        {
            return answer;
        }
        let accepted = json!({"order_id": order_id, "token": token});
        Ok(plain(StatusCode::ACCEPTED, &accepted))
    }

    /// Appends the order and tells its token; once it is accepted takes it out of the cart. The order.
    async fn finish(self, tell: oneshot::Sender<String>) -> Answer {
        let app = Arc::clone(&self.entered.app);
        let placed = self.command.append(&app, Topic::Orders, self.order).await?;
        // Who asked may have gone.
        let _ = tell.send(placed.token.text());
        let needed = Needed::Token(placed.token.clone());
        if !app.feed.holds(&needed, DECISION_MAX).await {
            let detail = format!("order {} is not decided yet; the cart stays", self.order_id);
            return Err(Problem::new(Kind::Unavailable, detail));
        }
        let mut look = fate(&app, &placed).await?;
        let rows = read(&mut look, &self.order_id).await?;
        if is_rejected(&rows) {
            return placed_as(&rows, &self.order_id, &placed.token, look.epoch);
        }
        drop(look);
        let mut token = take_out(&app, self.taking_out, DECISION_MAX).await;
        let stands = placed.stands;
        token.add(stands.topic, stands.partition, stands.offset + 1);
        let mut look = app.look().await?;
        let rows = read(&mut look, &self.order_id).await?;
        placed_as(&rows, &self.order_id, &token, look.epoch)
    }
}

/// The items of a cart that still holds just what was ordered.
fn still_there<'a>(cart: &'a Cart, lines: &[Row]) -> Option<Vec<&'a Item>> {
    let quantities = quantities(cart);
    let ordered: HashSet<String> = lines
        .iter()
        .map(|line| line[order_lines::sku].to_string())
        .collect();
    let is_there = |line: &Row| {
        let found = quantities.get(line[order_lines::sku].to_string().as_str());
        found.is_some_and(|quantity| line[order_lines::quantity] == Value::Int(*quantity))
    };
    let items = cart.items.iter().filter(|item| ordered.contains(&item.sku));
    lines.iter().all(is_there).then(|| items.collect())
}

/// The answer for an order that is there already; `None`: there is none. Its cart is emptied, if that was not
/// done.
async fn standing(
    app: &App,
    headers: &HeaderMap,
    order_id: &str,
    customer_id: &str,
) -> Result<Option<Response<Body>>, Problem> {
    let mut look = app.look().await?;
    let Some(order) = look.get(View::Orders, &[text(order_id)]).await? else {
        return Ok(None);
    };
    if order[orders::customer_id] != text(customer_id) {
        let detail = format!("order {order_id} is another customer's");
        let problem = Problem::new(Kind::Conflict, detail).with("reason", "conflict");
        return Err(problem.at(look.epoch));
    }
    let rows = read(&mut look, order_id).await?;
    let cart = Cart::read(&mut look, customer_id).await?;
    let epoch = look.epoch;
    drop(look);
    let mut token = Token::default();
    if let Some(cart) = cart.filter(|_| !is_rejected(&rows))
        && let Some(items) = still_there(&cart, &rows[1])
    {
        let wait = preferred_wait(headers).unwrap_or(EMPTIED_USUAL);
        token = take_out(app, taking_out(&cart, &items), wait).await;
    }
    placed_as(&rows, order_id, &token, epoch).map(Some)
}

/// The id that the client gave the order, if it gave one.
fn given_id(body: &Object, headers: &HeaderMap) -> Result<Option<String>, Problem> {
    match given(body, "order_id") {
        None => header_id(headers),
        Some(Json::String(id)) => Ok(Some(id.clone())),
        Some(_) => Err(bad_field("order_id: expected an id")),
    }
}

/// `POST /v1/carts/{customer_id}/checkout`
pub(crate) async fn checkout(
    State(app): State<Arc<App>>,
    Ids(id): Ids<String>,
    query: Query,
    _: Ready,
    command: Command,
) -> Answer {
    query.end()?;
    let version = if_match(&command.headers)?;
    let is_empty = command.body.iter().all(u8::is_ascii_whitespace);
    let body = if is_empty {
        Some(Object::new())
    } else {
        command.members()
    };
    let not_json =
        || Problem::new(Kind::BadJson, "the body is not one JSON object").with("reason", "bad_json");
    let body = body.ok_or_else(not_json)?;
    let order_id = given_id(&body, &command.headers)?;
    let entered = Entered::new(&app, &id)?;
    if let Some(order_id) = &order_id
        && let Some(answer) = standing(&app, &command.headers, order_id, &id).await?
    {
        return Ok(answer);
    }
    let order_id = order_id.map_or_else(new_id, Ok)?;
    let mut look = app.look().await?;
    let cart = Cart::read(&mut look, &id).await?;
    let epoch = look.epoch;
    drop(look);
    let cart = cart.ok_or_else(|| Problem::not_found("cart of", &id).at(epoch))?;
    if version.is_some_and(|version| version != cart.version) {
        return Err(stale(&cart).at(epoch));
    }
    let (items, currency) = picked(&cart, &body).map_err(|problem| problem.at(epoch))?;
    let order = order_of(&cart, &items, &currency, &order_id, &body).map_err(|problem| problem.at(epoch))?;
    let taking_out = taking_out(&cart, &items);
    let checkout = Checkout {
        entered,
        command,
        order_id,
        order,
        taking_out,
    };
    checkout.run().await
}
