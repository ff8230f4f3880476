//! Coupons: campaigns and claims.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use contract::log::Topic;
use contract::time::Time;
use contract::value::Value;
use contract::views::{View, coupon_grants, coupons};
use sinks::read::Row;

use super::orders::accepted;
use crate::answer::{Answer, Text};
use crate::app::{App, Look, Ready, text};
use crate::command::{Command, Placed, decided};
use crate::problem::{Kind, Problem};
use crate::query::{Ids, Query};

/// `GET /v1/coupons/{campaign_id}`
pub(crate) async fn one(State(app): State<Arc<App>>, Ids(id): Ids<String>, query: Query, _: Ready) -> Answer {
    query.end()?;
    let (epoch, row) = app.views.get(View::Coupons, &[text(&id)]).await?;
    let epoch = epoch.map_or(0, |epoch| epoch.0);
    let row = row.ok_or_else(|| Problem::not_found("campaign", &id).at(epoch))?;
    Ok(Text::of(View::Coupons, &row).shown(StatusCode::OK, epoch))
}

/// `POST /v1/coupons/{campaign_id}/claim`
pub(crate) async fn claim(
    State(app): State<Arc<App>>,
    Ids(id): Ids<String>,
    query: Query,
    command: Command,
) -> Answer {
    query.end()?;
    let value = command.value("coupon_claimed", &[("campaign_id", &id)])?;
    let members = command.members().unwrap_or_default();
    let customer = members.get("customer_id").and_then(|value| value.as_str());
    let customer = customer.unwrap_or_default().to_owned();
    let placed = command.append(&app, Topic::Coupons, value).await?;
    let Some(mut look) = decided(&app, &placed).await? else {
        return Ok(accepted(&placed));
    };
    let grant = look
        .get(View::CouponGrants, &[text(&id), text(&customer)])
        .await?;
    let Some(grant) = grant else {
        return Err(refusal(&mut look, &id, &placed).await?);
    };
    let offset = i64::try_from(placed.stands.offset).unwrap_or(i64::MAX);
    let ours = grant[coupon_grants::cause_partition] == Value::Int(i64::from(placed.stands.partition))
        && grant[coupon_grants::cause_offset] == Value::Int(offset);
    let status = if ours { StatusCode::CREATED } else { StatusCode::OK };
    Ok(Text::of(View::CouponGrants, &grant)
        .token(Some(&placed.token))
        .shown(status, look.epoch))
}

/// Why a claim was refused. Grants are never given back: where some remain the claim was not made in time;
/// where none do, and the campaign still is open, it was exhausted.
async fn refusal(look: &mut Look, id: &str, placed: &Placed) -> Result<Problem, Problem> {
    let campaign = look.get(View::Coupons, &[text(id)]).await?;
    let open = campaign.as_ref().is_some_and(|row| is_open(row, look.clock));
    let remains = campaign.is_some_and(|row| row[coupons::remaining] > Value::Int(0));
    let (reason, what) = if remains || !open {
        ("not_open", "is closed, or outside its window")
    } else {
        ("exhausted", "has no coupon left")
    };
    let problem = Problem::new(Kind::Refused, format!("campaign {id} {what}"));
    Ok(problem
        .with("reason", reason)
        .with("token", placed.token.text())
        .at(look.epoch))
}

/// Whether a campaign grants at this time.
fn is_open(row: &Row, now: Option<Time>) -> bool {
    let begun = match (&row[coupons::starts_at], now) {
        (Value::Time(start), Some(now)) => *start <= now,
        _ => true,
    };
    let ended = match (&row[coupons::ends_at], now) {
        (Value::Time(end), Some(now)) => *end <= now,
        _ => false,
    };
    row[coupons::closed] == Value::Bool(false) && begun && !ended
}
