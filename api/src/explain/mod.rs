//! Explanations: in words and data, where an order is, why, since when, what it waits for, and which record
//! did what.
//!
//! [`explain`] is a function of an order's rows in the views as of one epoch, and of the partitions that can't
//! be read at the moment: whatever else it names stands in a view. It decides nothing; rules are the job's.

pub mod attention;
pub mod words;

use contract::value::Value;
use contract::views::{
    View, attention as att, order_timeline as tl, orders, payment_commands as cmd, payments,
};
use contract::words::{AttentionKind, Note, Status};
use serde_json::{Value as Json, json};
use sinks::read::Row;
use streams::Trouble;

use crate::answer::{Object, json as value_json, members, object};

/// An order's rows, all as of one epoch.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Of `orders`.
    pub order: Row,
    /// Of `order_timeline`, in order.
    pub timeline: Vec<Row>,
    /// Of `payments`.
    pub payments: Vec<Row>,
    /// Of `payment_commands`.
    pub commands: Vec<Row>,
    /// Of `attention`: those about the order, its payments, its refunds and its products.
    pub attention: Vec<Row>,
}

fn text(value: &Value) -> &str {
    match value {
        Value::Text(text) | Value::Json(text) => text,
        _ => "",
    }
}

/// The status of a word, which is one that the job wrote.
fn status_of(value: &Value) -> Option<Status> {
    Status::ALL
        .iter()
        .copied()
        .find(|status| status.word() == text(value))
}

/// The subjects of `attention` that are about an order, by kind. `skus` are its products.
#[must_use]
pub fn subjects(
    order_id: &str,
    payments: &[Row],
    commands: &[Row],
    skus: &[String],
) -> Vec<(AttentionKind, String)> {
    let mut subjects = Vec::new();
    for kind in AttentionKind::ALL.iter().copied() {
        let about: Vec<String> = match kind {
            AttentionKind::NeedsOperator | AttentionKind::PaymentUnanswered => vec![order_id.to_owned()],
            AttentionKind::RefundFailed | AttentionKind::OverRefunded | AttentionKind::RefundedByProvider => {
                let key = |row: &Row| format!("{order_id}/{}", text(&row[payments::payment_key]));
                payments.iter().map(key).collect()
            }
            AttentionKind::RefundUnanswered => {
                let refunds = commands.iter().filter(|row| text(&row[cmd::kind]) == "refund");
                refunds.map(|row| text(&row[cmd::refund_id]).to_owned()).collect()
            }
            AttentionKind::Oversold => skus.to_vec(),
            // A record that can't be used belongs to no order.
            AttentionKind::MoneyInQuarantine => Vec::new(),
        };
        subjects.extend(about.into_iter().map(|subject| (kind, subject)));
    }
    subjects
}

/// Says where an order is, and why; `troubles` are the partitions that can't be read.
#[must_use]
pub fn explain(facts: &Facts, troubles: &[Trouble]) -> Object {
    let order = &facts.order;
    let status = status_of(&order[orders::status]);
    let detail: Json = value_json(&order[orders::reason_detail]);
    let why = status
        .zip(reason(order))
        .map(|(status, reason)| words::reason(status, reason, &detail));
    let moves = status.map_or::<&[_], _>(&[], words::moves);
    let moves: Json = moves
        .iter()
        .map(|[by, to, when]| json!({"by": by, "to": to, "when": when}))
        .collect();
    let mut explained = members([
        ("order_id", value_json(&order[orders::order_id])),
        ("status", value_json(&order[orders::status])),
        ("reason", value_json(&order[orders::reason])),
        ("reason_detail", detail),
        ("meaning", json!(status.map(words::status))),
        ("why", json!(why.or_else(|| state_of(facts, status)))),
        ("since", since(facts)),
        ("waits_for", waits_for(facts, status, troubles)),
        ("moved_by", moves),
        ("is_final", json!(status.is_some_and(Status::is_final))),
    ]);
    explained.insert(
        "attention".to_owned(),
        facts.attention.iter().map(raised).collect(),
    );
    explained.insert("history".to_owned(), facts.timeline.iter().map(step).collect());
    explained
}

fn reason(order: &Row) -> Option<&str> {
    match &order[orders::reason] {
        Value::Text(reason) => Some(reason),
        _ => None,
    }
}

/// Why an order that is not final is where it is.
fn state_of(facts: &Facts, status: Option<Status>) -> Option<String> {
    let order = &facts.order;
    let currency = &order[orders::currency];
    let main = facts
        .payments
        .iter()
        .find(|row| row[payments::main] == Value::Bool(true));
    Some(match status? {
        Status::AwaitingPayment => {
            let tried = if order[orders::attempts] == Value::Int(0) {
                "Nobody has tried to pay it yet.".to_owned()
            } else {
                format!("Attempts so far, all declined: {}.", order[orders::attempts])
            };
            let until = &order[orders::deadline];
            format!(
                "{} {currency} are to be paid until {until}. {tried}",
                order[orders::payable]
            )
        }
        Status::Paying => {
            let key = &order[orders::payment_key];
            let asked = facts
                .timeline
                .iter()
                .rev()
                .take_while(|row| text(&row[tl::from_status]) == "paying");
            let cancel = asked
                .into_iter()
                .any(|row| text(&row[tl::note]) == Note::CancelAfterPayment.word());
            let then = if cancel {
                " A cancel was asked for meanwhile: it is cancelled once that is answered."
            } else {
                ""
            };
            format!(
                "Payment {key} (attempt {}) is not answered yet.{then}",
                order[orders::attempts]
            )
        }
        Status::Confirmed => match main {
            Some(main) => format!(
                "It was paid with {}: {} {currency} captured, {} given back.",
                main[payments::payment_key],
                main[payments::captured],
                main[payments::refunded]
            ),
            None => "Nothing was left to be paid.".to_owned(),
        },
        Status::Refunding | Status::NeedsOperator => match main {
            Some(main) => format!(
                "Of {} {currency} captured with {}, {} are given back.",
                main[payments::captured],
                main[payments::payment_key],
                main[payments::refunded]
            ),
            None => "Its money is to be given back.".to_owned(),
        },
        Status::Rejected | Status::Expired | Status::PaymentFailed | Status::Cancelled => return None,
    })
}

/// Since when, and by which record, it has its status.
fn since(facts: &Facts) -> Json {
    let changed = |row: &&Row| row[tl::from_status] != row[tl::to_status];
    let row = facts.timeline.iter().rev().find(changed);
    row.map_or(Json::Null, |row| {
        json!({
            "epoch": value_json(&row[tl::epoch]),
            "clock": value_json(&row[tl::clock]),
            "seq": value_json(&row[tl::seq]),
            "cause": cause(row),
        })
    })
}

fn cause(row: &Row) -> Json {
    json!({
        "topic": value_json(&row[tl::cause_topic]),
        "partition": value_json(&row[tl::cause_partition]),
        "offset": value_json(&row[tl::cause_offset]),
        "type": value_json(&row[tl::cause_type]),
    })
}

/// What it waits for: the customer's payment, the provider's answers, a person; before all of these for
/// partitions without which nothing is decided.
fn waits_for(facts: &Facts, status: Option<Status>, troubles: &[Trouble]) -> Json {
    let order = &facts.order;
    let since = |epoch: &Value| {
        let row = facts.timeline.iter().rev().find(|row| row[tl::epoch] == *epoch);
        row.map_or(Json::Null, |row| value_json(&row[tl::clock]))
    };
    let mut waits = Vec::new();
    let moves = !status.is_some_and(Status::is_final);
    for trouble in troubles.iter().filter(|trouble| trouble.stalls && moves) {
        let Trouble {
            topic,
            partition,
            why,
            ..
        } = trouble;
        waits.push(json!({
            "for": "log",
            "words": format!("{topic}/{partition}, without which nothing is decided, to be readable again"),
            "topic": topic,
            "partition": partition,
            "reason": why,
        }));
    }
    if status == Some(Status::AwaitingPayment) {
        waits.push(json!({
            "for": "payment",
            "words": "the customer's payment",
            "amount": value_json(&order[orders::payable]),
            "currency": value_json(&order[orders::currency]),
            "since": self::since(facts)["clock"],
            "until": value_json(&order[orders::deadline]),
        }));
    }
    for command in facts
        .commands
        .iter()
        .filter(|row| row[cmd::answered] == Value::Bool(false))
    {
        let words = if text(&command[cmd::kind]) == "confirm" {
            "the provider's answer to a confirmation"
        } else {
            "the provider's answer to a refund"
        };
        waits.push(json!({
            "for": "provider",
            "words": words,
            "kind": value_json(&command[cmd::kind]),
            "idempotency_key": value_json(&command[cmd::idempotency_key]),
            "payment_key": value_json(&command[cmd::payment_key]),
            "refund_id": value_json(&command[cmd::refund_id]),
            "amount": value_json(&command[cmd::amount]),
            "currency": value_json(&command[cmd::currency]),
            "reason": value_json(&command[cmd::reason]),
            "issued": value_json(&command[cmd::issued]),
            "since": since(&command[cmd::epoch]),
        }));
    }
    if status == Some(Status::NeedsOperator) {
        waits.push(json!({
            "for": "operator",
            "words": "a person to redrive the refund that failed",
            "since": self::since(facts)["clock"],
        }));
    }
    Json::Array(waits)
}

/// A row of `attention`, with words.
fn raised(row: &Row) -> Json {
    let kind = AttentionKind::from_word(text(&row[att::kind]));
    let mut item = object(View::Attention, row);
    item.insert("meaning".to_owned(), json!(attention::meaning(kind)));
    item.insert("remedy".to_owned(), json!(attention::remedy(kind)));
    Json::Object(item)
}

/// A row of the timeline, with words.
fn step(row: &Row) -> Json {
    let mut words = words::cause(text(&row[tl::cause_type])).to_owned();
    let noted = Note::ALL
        .iter()
        .copied()
        .find(|note| note.word() == text(&row[tl::note]));
    if let Some(note) = noted {
        words.push(' ');
        words.push_str(words::note(note));
    }
    if row[tl::from_status] != row[tl::to_status] {
        words.push_str(&format!(" The order became {}.", row[tl::to_status]));
    }
    json!({
        "seq": value_json(&row[tl::seq]),
        "epoch": value_json(&row[tl::epoch]),
        "clock": value_json(&row[tl::clock]),
        "words": words,
        "from_status": value_json(&row[tl::from_status]),
        "to_status": value_json(&row[tl::to_status]),
        "note": value_json(&row[tl::note]),
        "cause": cause(row),
    })
}
