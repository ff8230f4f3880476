//! What explanations say is what the views hold: over random histories that reach every status, reason, note
//! and kind of attention, each explanation is compared with the tables of the oracle.

use std::collections::BTreeSet;

use contract::delta::Tables;
use contract::log::History;
use contract::value::Value;
use contract::views::{View, attention, order_timeline, orders, payment_commands, payments};
use contract::words::{AttentionKind, Note, Status};
use generator::{Generator, Profile, append};
use millrace_api::explain::{Facts, attention as kinds, explain, subjects, words};
use oracle::Oracle;
use serde_json::{Value as Json, json};

const EPOCHS: usize = 60;
const SEEDS: u64 = 60;

type Row = Vec<Value>;

fn rows(tables: &Tables, view: View) -> impl Iterator<Item = Row> {
    tables
        .rows(view)
        .iter()
        .map(|(key, columns)| [key.as_slice(), columns].concat())
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn facts(tables: &Tables, order: Row) -> Facts {
    let id = order[orders::order_id].clone();
    let of = |view: View, column: usize| -> Vec<Row> {
        rows(tables, view).filter(|row| row[column] == id).collect()
    };
    let payments = of(View::Payments, payments::order_id);
    let commands = of(View::PaymentCommands, payment_commands::order_id);
    let about = subjects(&text(&id), &payments, &commands, &[]);
    let about: BTreeSet<(String, String)> = about
        .into_iter()
        .map(|(kind, s)| (kind.word().to_owned(), s))
        .collect();
    let raised = rows(tables, View::Attention)
        .filter(|row| about.contains(&(text(&row[attention::kind]), text(&row[attention::subject]))));
    Facts {
        timeline: of(View::OrderTimeline, order_timeline::order_id),
        attention: raised.collect(),
        payments,
        commands,
        order,
    }
}

/// The rows of `attention` that are about an order, found the other way round: from each row to its order.
fn raised_about(tables: &Tables, id: &str) -> BTreeSet<String> {
    let is_about = |row: &Row| {
        let subject = text(&row[attention::subject]);
        match AttentionKind::from_word(&text(&row[attention::kind])) {
            None | Some(AttentionKind::Oversold | AttentionKind::MoneyInQuarantine) => false,
            Some(AttentionKind::NeedsOperator | AttentionKind::PaymentUnanswered) => subject == id,
            Some(AttentionKind::RefundUnanswered) => rows(tables, View::PaymentCommands).any(|command| {
                text(&command[payment_commands::refund_id]) == subject
                    && text(&command[payment_commands::order_id]) == id
            }),
            Some(_) => rows(tables, View::Payments).any(|payment| {
                let key = text(&payment[payments::payment_key]);
                text(&payment[payments::order_id]) == id && subject == format!("{id}/{key}")
            }),
        }
    };
    let name = |row: Row| {
        format!(
            "{} {}",
            text(&row[attention::kind]),
            text(&row[attention::subject])
        )
    };
    rows(tables, View::Attention).filter(is_about).map(name).collect()
}

/// What the words must name, by status.
fn named(facts: &Facts, status: Status, reason: &str) -> Vec<String> {
    let order = &facts.order;
    match (status, reason) {
        (Status::AwaitingPayment, _) => vec![text(&order[orders::payable]), text(&order[orders::deadline])],
        (Status::Paying, _) => vec![text(&order[orders::payment_key]), text(&order[orders::attempts])],
        (Status::Confirmed | Status::Refunding | Status::NeedsOperator, _)
            if order[orders::paid] != Value::Int(0) =>
        {
            vec![
                text(&order[orders::paid]),
                text(&order[orders::refunded]),
                text(&order[orders::payment_key]),
            ]
        }
        (Status::Rejected, "out_of_stock" | "price_changed" | "unknown_sku" | "insufficient_wallet") => {
            leaves(&serde_json::from_str(&text(&order[orders::reason_detail])).expect("JSON"))
        }
        (Status::Cancelled, "requested") | (Status::PaymentFailed, _)
            if order[orders::reason_detail] != Value::Null =>
        {
            leaves(&serde_json::from_str(&text(&order[orders::reason_detail])).expect("JSON"))
        }
        _ => Vec::new(),
    }
}

fn leaves(json: &Json) -> Vec<String> {
    match json {
        Json::Object(members) => members.values().flat_map(leaves).collect(),
        Json::Array(list) => list.iter().flat_map(leaves).collect(),
        Json::String(text) => vec![text.clone()],
        other => vec![other.to_string()],
    }
}

fn check(tables: &Tables, order: Row, reached: &mut BTreeSet<String>) {
    let id = text(&order[orders::order_id]);
    let facts = facts(tables, order);
    let said = Json::Object(explain(&facts, &[]));
    let order = &facts.order;
    let (word, reason) = (text(&order[orders::status]), text(&order[orders::reason]));
    let status = Status::ALL
        .iter()
        .copied()
        .find(|status| status.word() == word)
        .expect("a status");
    let detail: Json = serde_json::from_str(&text(&order[orders::reason_detail])).unwrap_or_default();
    let known = words::REASONS.contains(&reason.as_str());
    let reason_name = if known || reason.is_empty() {
        reason.as_str()
    } else {
        "(code)"
    };
    reached.insert(format!(
        "{word} {reason_name} {}",
        detail["why"].as_str().unwrap_or_default()
    ));
    assert_eq!(
        (&said["status"], said["is_final"].as_bool()),
        (&json!(word), Some(status.is_final())),
        "{id}"
    );
    assert_eq!(said["meaning"], words::status(status), "{id}");
    let why = said["why"].as_str().unwrap_or_else(|| panic!("{id}: {said}"));
    for fact in named(&facts, status, &reason) {
        assert!(why.contains(&fact), "{id} {word} {reason}: {fact:?} in {why:?}");
    }
    // Since when.
    let mut since = None;
    for row in &facts.timeline {
        if row[order_timeline::from_status] != row[order_timeline::to_status] {
            since = Some(row);
        }
    }
    let since = since.expect("an order has a first row");
    assert_eq!(
        said["since"]["clock"],
        text(&since[order_timeline::clock]),
        "{id}"
    );
    assert_eq!(
        said["since"]["epoch"],
        text(&since[order_timeline::epoch])
            .parse::<i64>()
            .expect("a number")
    );
    // What it waits for.
    let waits = said["waits_for"].as_array().expect("a list");
    let of = |what: &str| {
        waits
            .iter()
            .filter(|wait| wait["for"] == what)
            .collect::<Vec<_>>()
    };
    let open: BTreeSet<String> = rows(tables, View::PaymentCommands)
        .filter(|row| {
            text(&row[payment_commands::order_id]) == id
                && row[payment_commands::answered] == Value::Bool(false)
        })
        .map(|row| text(&row[payment_commands::idempotency_key]))
        .collect();
    let told: BTreeSet<String> = of("provider")
        .iter()
        .map(|w| w["idempotency_key"].as_str().expect("a key").to_owned())
        .collect();
    assert_eq!(told, open, "{id}");
    for wait in waits {
        assert!(wait["since"].is_string(), "{id}: {wait}");
    }
    assert_eq!(
        of("payment").len(),
        usize::from(status == Status::AwaitingPayment),
        "{id}"
    );
    for wait in of("payment") {
        assert_eq!(wait["until"], text(&order[orders::deadline]), "{id}");
    }
    assert_eq!(
        of("operator").len(),
        usize::from(status == Status::NeedsOperator),
        "{id}"
    );
    // What a person must act on.
    let told = said["attention"].as_array().expect("a list").iter().map(|item| {
        let kind = item["kind"].as_str().expect("a kind");
        reached.insert(format!("attention {kind}"));
        assert_eq!(item["meaning"], kinds::meaning(AttentionKind::from_word(kind)));
        format!("{kind} {}", item["subject"].as_str().expect("a subject"))
    });
    assert_eq!(told.collect::<BTreeSet<_>>(), raised_about(tables, &id), "{id}");
    history(&facts, &said, reached);
}

/// Every row of the timeline is told, with its record; every change of status was announced.
fn history(facts: &Facts, said: &Json, reached: &mut BTreeSet<String>) {
    let told = said["history"].as_array().expect("a list");
    assert_eq!(told.len(), facts.timeline.len());
    for (row, told) in facts.timeline.iter().zip(told) {
        let note = text(&row[order_timeline::note]);
        reached.insert(format!("note {note}"));
        let spoken = told["words"].as_str().expect("words");
        let kind = text(&row[order_timeline::cause_type]);
        assert!(
            spoken.starts_with(words::cause(&kind)) && words::cause(&kind) != words::cause("?"),
            "{kind}"
        );
        if let Some(note) = Note::ALL.iter().find(|known| known.word() == note) {
            assert!(spoken.contains(words::note(*note)), "{spoken}");
        }
        let offset = told["cause"]["offset"].as_i64().map_or(Value::Null, Value::Int);
        assert_eq!(offset, row[order_timeline::cause_offset]);
        let (from, to) = (
            text(&row[order_timeline::from_status]),
            text(&row[order_timeline::to_status]),
        );
        let from = Status::ALL.iter().copied().find(|status| status.word() == from);
        if let Some(from) = from.filter(|from| from.word() != to) {
            assert!(spoken.contains(&to), "{spoken}");
            let announced = words::moves(from)
                .iter()
                .any(|[by, goal, when]| *by == kind && (*goal == to || when.contains(&to)));
            assert!(announced, "{} to {to} by {kind}", from.word());
        }
    }
}

/// Statuses with reasons, and what their details say is why.
const REASONS: &[&str] = &[
    "awaiting_payment  ",
    "paying  ",
    "confirmed  ",
    "refunding  ",
    "needs_operator  ",
    "rejected unknown_sku ",
    "rejected invalid_order currency",
    "rejected invalid_order limit",
    "rejected invalid_order wallet",
    "rejected price_changed ",
    "rejected coupon_invalid unknown",
    "rejected coupon_invalid currency",
    "rejected coupon_invalid window",
    "rejected coupon_invalid minimum",
    "rejected coupon_invalid not_granted",
    "rejected coupon_invalid in_use",
    "rejected out_of_stock ",
    "rejected insufficient_wallet ",
    "expired not_paid_in_time ",
    "payment_failed (code) ",
    "payment_failed amount_mismatch ",
    "cancelled requested ",
    "cancelled refunded_by_provider ",
];

#[test]
fn explanations_agree_with_the_views_and_every_word_is_reached() {
    let mut reached = BTreeSet::new();
    for seed in 0..SEEDS {
        let mut generator = Generator::new(seed, Profile::from_seed(seed));
        let (mut log, mut oracle) = (History::new(), Oracle::new());
        for index in 0..EPOCHS {
            append(&generator.next_epoch(&oracle.tables().clone()), &mut log);
            let binding = log.timeline()[index].clone();
            oracle.epoch(binding.epoch, binding.clock, log.records(index));
            if index % 7 == 6 || index == EPOCHS - 1 {
                let tables = oracle.tables();
                for order in rows(tables, View::Orders).collect::<Vec<_>>() {
                    check(tables, order, &mut reached);
                }
            }
        }
    }
    let notes = Note::ALL.iter().map(|note| format!("note {}", note.word()));
    // Of no order.
    let of_orders =
        |kind: &&AttentionKind| !matches!(kind, AttentionKind::Oversold | AttentionKind::MoneyInQuarantine);
    let kinds = AttentionKind::ALL
        .iter()
        .filter(of_orders)
        .map(|kind| format!("attention {}", kind.word()));
    let expected = REASONS
        .iter()
        .map(|reason| (*reason).to_owned())
        .chain(notes)
        .chain(kinds);
    let missing: Vec<String> = expected.filter(|what| !reached.contains(what)).collect();
    assert_eq!(missing, Vec::<String>::new(), "of {SEEDS} seeds");
}

#[test]
fn every_word_has_words_of_its_own() {
    let distinct = |texts: Vec<&'static str>| {
        let set: BTreeSet<&str> = texts.iter().copied().collect();
        assert_eq!(set.len(), texts.len());
        assert!(texts.iter().all(|text| text.len() > 10));
    };
    distinct(Status::ALL.iter().map(|status| words::status(*status)).collect());
    distinct(Note::ALL.iter().map(|note| words::note(*note)).collect());
    distinct(
        AttentionKind::ALL
            .iter()
            .map(|kind| kinds::meaning(Some(*kind)))
            .collect(),
    );
    for kind in AttentionKind::ALL {
        let remedy = kinds::remedy(Some(*kind));
        assert_eq!(
            remedy.contains("attention_resolved"),
            kind.stays(),
            "{}",
            kind.word()
        );
    }
}
