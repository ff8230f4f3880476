//! The explanation of an order: gathers its rows.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use contract::value::Value;
use contract::views::{View, order_lines, orders, payment_commands};
use sinks::read::{Row, Select};

use super::orders::{found, of_order};
use crate::answer::{Answer, shown};
use crate::app::{App, Look, Ready, text};
use crate::explain::{Facts, explain, subjects};
use crate::problem::Problem;
use crate::query::{Ids, Query};

/// Commands of one order, at most.
const ROWS_MAX: usize = 100_000;

/// The commands of an order: those whose idempotency key begins with `confirm:{order_id}:` or
/// `refund:{order_id}:`, which is a range of the view's key.
async fn commands(look: &mut Look, order_id: &str) -> Result<Vec<Row>, Problem> {
    let mut all = Vec::new();
    for kind in ["confirm", "refund"] {
        // `;` is what follows `:`.
        let (from, until) = (format!("{kind}:{order_id}:"), format!("{kind}:{order_id};"));
        let mut select = Select::of(View::PaymentCommands, ROWS_MAX);
        select.range = Some((Value::Text(from), Value::Text(until)));
        // An order's id may hold colons.
        let select = select.only(payment_commands::order_id, text(order_id));
        all.extend(look.select(&select).await?);
    }
    Ok(all)
}

/// `GET /v1/orders/{order_id}/explain`
pub(crate) async fn one(State(app): State<Arc<App>>, Ids(id): Ids<String>, query: Query, _: Ready) -> Answer {
    query.end()?;
    let mut look = app.look().await?;
    let order = found(&mut look, &id).await?;
    let payments = of_order(&mut look, View::Payments, &id).await?;
    let commands = commands(&mut look, &id).await?;
    let lines = of_order(&mut look, View::OrderLines, &id).await?;
    let skus: BTreeSet<String> = lines
        .iter()
        .map(|row| row[order_lines::sku].to_string())
        .collect();
    // A final order holds nothing that others could be short of.
    let held = order[orders::status] == text("awaiting_payment") || order[orders::status] == text("paying");
    let skus: Vec<String> = if held {
        skus.into_iter().collect()
    } else {
        Vec::new()
    };
    let mut attention = Vec::new();
    for (kind, subject) in subjects(&id, &payments, &commands, &skus) {
        let key = [text(kind.word()), Value::Text(subject)];
        attention.extend(look.get(View::Attention, &key).await?);
    }
    let facts = Facts {
        order,
        timeline: of_order(&mut look, View::OrderTimeline, &id).await?,
        payments,
        commands,
        attention,
    };
    let explained = explain(&facts, &app.log.troubles());
    Ok(shown(StatusCode::OK, look.epoch, explained))
}
