//! Payments: the customer has been through the provider's payment page.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::StatusCode;
use contract::log::{Epoch, Topic};
use contract::value::Value;
use contract::views::{View, order_timeline, orders, payments};
use contract::words::{Note, PaymentStatus};

use super::orders::{accepted, found, of_order, whole};
use crate::answer::Answer;
use crate::app::{App, Look, text};
use crate::command::{Command, Placed, decided};
use crate::problem::{Kind, Problem};
use crate::query::Query;
use crate::token::{Needed, Token};

/// How long it is waited for an order that was placed a moment ago.
const ORDER_WAIT: Duration = Duration::from_secs(5);

/// `POST /v1/payments/confirm`
pub(crate) async fn confirm(State(app): State<Arc<App>>, query: Query, command: Command) -> Answer {
    query.end()?;
    let members = command.members().unwrap_or_default();
    let field = |name: &str| {
        members
            .get(name)
            .and_then(|value| value.as_str())
            .map(str::to_owned)
    };
    let has_currency = members.get("currency").is_some_and(|value| !value.is_null());
    let value = match (has_currency, field("order_id")) {
        (false, Some(id)) => {
            let currency = currency(&app, &id).await?;
            command.value("payment_submitted", &[("currency", &currency)])?
        }
        // Without an order's id it is refused for that.
        _ => command.value("payment_submitted", &[])?,
    };
    let placed = command.append(&app, Topic::Payments, value).await?;
    let (Some(order_id), Some(payment_key)) = (field("order_id"), field("payment_key")) else {
        return Ok(accepted(&placed));
    };
    answered(&app, &placed, &order_id, &payment_key).await
}

/// The order's currency. Waits for an order that is in the log and not yet in the views.
async fn currency(app: &App, order_id: &str) -> Result<String, Problem> {
    let key = [text(order_id)];
    let (_, mut row) = app.views.get(View::Orders, &key).await?;
    if row.is_none() {
        let mut token = Token::default();
        for (partition, end) in (0..).zip(app.log.ends(Topic::Orders.name())?) {
            if end > 0 {
                token.add(Topic::Orders, partition, end);
            }
        }
        app.feed.holds(&Needed::Token(token), ORDER_WAIT).await;
        (_, row) = app.views.get(View::Orders, &key).await?;
    }
    row.map(|row| row[orders::currency].to_string()).ok_or_else(|| {
        let detail = format!("there is no order {order_id}, whose currency would be the payment's");
        Problem::new(Kind::Quarantined, detail).with("reason", "unknown_order")
    })
}

/// Waits until the attempt is answered, or was not taken as one.
async fn answered(app: &App, placed: &Placed, order_id: &str, payment_key: &str) -> Answer {
    let until = placed.wait.map(|wait| Instant::now() + wait);
    let (Some(mut look), Some(until)) = (decided(app, placed).await?, until) else {
        return Ok(accepted(placed));
    };
    if let Some(note) = note_of(&mut look, placed, order_id).await? {
        let detail = format!("the payment was not taken: {note}");
        return Err(Problem::new(Kind::Refused, detail)
            .with("reason", note)
            .with("token", placed.token.text())
            .at(look.epoch));
    }
    let key = [text(order_id), text(payment_key)];
    let submitted = PaymentStatus::Submitted.word();
    loop {
        // Mostly from memory: it is asked after each commit.
        let (epoch, row) = app.views.get(View::Payments, &key).await?;
        let status = row.map(|row| row[payments::status].to_string());
        if status.as_deref().is_some_and(|status| status != submitted) {
            break;
        }
        let next = Needed::Epoch(Epoch(epoch.map_or(0, |epoch| epoch.0) + 1));
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || !app.feed.holds(&next, left).await {
            return Ok(accepted(placed));
        }
    }
    let mut look = app.look().await?;
    let order = found(&mut look, order_id).await?;
    let lines = of_order(&mut look, View::OrderLines, order_id).await?;
    let paid = of_order(&mut look, View::Payments, order_id).await?;
    Ok(whole(&order, &lines, &paid)
        .token(Some(&placed.token))
        .shown(StatusCode::OK, look.epoch))
}

/// Why a submission is no attempt to pay, if it is none; one that is repeated is.
async fn note_of(look: &mut Look, placed: &Placed, order_id: &str) -> Result<Option<String>, Problem> {
    let rows = of_order(look, View::OrderTimeline, order_id).await?;
    let offset = i64::try_from(placed.stands.offset).unwrap_or(i64::MAX);
    let ours = rows.into_iter().find(|row| {
        row[order_timeline::cause_topic] == text(Topic::Payments.name())
            && row[order_timeline::cause_partition] == Value::Int(i64::from(placed.stands.partition))
            && row[order_timeline::cause_offset] == Value::Int(offset)
    });
    Ok(match ours.map(|row| row[order_timeline::note].clone()) {
        Some(Value::Text(note)) if note != Note::Duplicate.word() => Some(note),
        _ => None,
    })
}
