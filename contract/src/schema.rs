//! JSON Schema and AsyncAPI of what travels on the streams, generated from the code so that they can't drift.
//!
//! [`files`] yields every generated file; `cargo xtask schema` writes them, a test compares them.
//!
//! Non-guarantees: JSON Schema can't say that a field stands there once, that a whole number is written
//! without fraction, exponent or minus zero, that a day exists in its month, how deep and how long a value
//! may be, or that the key is the entity's id. [`crate::decode::decode`] judges all of that; whatever it
//! accepts is valid by the schemas.

mod asyncapi;
mod rows;
mod yaml;

use serde_json::{Map, Value as Json, json};

use crate::log::Topic;
use crate::records::{Record, object_schema};
use crate::time::Time;
use crate::values::{Attempts, Currency, Field, OrderId, PaymentKey, PositiveAmount, RefundId};
use crate::words::RefundReason;

pub use rows::row;

/// A field of an object for [`object_schema`]: its name, its schema, whether it is required.
type FieldSchema = (&'static str, Json, bool);

/// A type of record of a stream.
struct Kind {
    /// Its `type`, or the stream's name where records have no `type`.
    name: &'static str,
    /// What it says, for people.
    meaning: &'static str,
    /// Its value.
    schema: Json,
}

/// A stream as others see it.
struct Stream {
    /// Its topic's name.
    name: &'static str,
    /// What it carries, for people.
    meaning: &'static str,
    /// The field whose value is the records' key; without one, the key is the topic's name or none.
    key: Option<&'static str>,
    /// Whether millrace writes it; else it reads it.
    ours: bool,
    kinds: Vec<Kind>,
}

/// Every generated file: its path from the repository's root, and its content.
#[must_use]
pub fn files() -> Vec<(String, String)> {
    let streams = streams();
    let schema = |stream: &Stream| {
        let path = format!("docs/schema/{}.json", stream.name);
        (path, format!("{:#}\n", document(stream)))
    };
    let mut files: Vec<_> = streams.iter().map(schema).collect();
    files.push((
        "docs/schema/views.json".to_owned(),
        format!("{:#}\n", rows::document()),
    ));
    files.push((
        "docs/asyncapi.yaml".to_owned(),
        yaml::write(&asyncapi::document(&streams)),
    ));
    files
}

/// The JSON Schema of a stream's values: one of its types.
fn document(stream: &Stream) -> Json {
    let one_of: Vec<_> = stream
        .kinds
        .iter()
        .map(|kind| json!({"$ref": format!("#/$defs/{}", kind.name)}))
        .collect();
    let mut defs = Map::new();
    for kind in &stream.kinds {
        let mut schema = json!({"title": kind.name, "description": kind.meaning});
        if let (Json::Object(schema), Json::Object(rest)) = (&mut schema, kind.schema.clone()) {
            schema.extend(rest);
        }
        defs.insert(kind.name.to_owned(), schema);
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": format!("urn:millrace:schema:{}", stream.name),
        "title": stream.name,
        "description": stream.meaning,
        "oneOf": one_of,
        "$defs": defs,
    })
}

/// All streams: those that millrace reads, in log order, then those that it writes.
fn streams() -> Vec<Stream> {
    let read = Topic::ALL.into_iter().map(|topic| {
        let meanings = Record::meanings(topic).iter();
        let kind = |((name, schema), meaning): ((_, _), &&'static str)| Kind {
            name,
            meaning: meaning.trim(),
            schema,
        };
        Stream {
            name: topic.name(),
            meaning: meaning(topic),
            key: Record::key_field(topic),
            ours: false,
            kinds: Record::schemas(topic)
                .into_iter()
                .zip(meanings)
                .map(kind)
                .collect(),
        }
    });
    read.chain([timeline(), payment_commands()]).collect()
}

const fn meaning(topic: Topic) -> &'static str {
    match topic {
        Topic::Operations => "Rules in force, and what a person must act on.",
        Topic::Products => "Products as they are now.",
        Topic::Stock => "Receipts and adjustments of stock.",
        Topic::Coupons => "Coupon campaigns and claims.",
        Topic::Wallets => "Top-ups of wallets and withdrawals.",
        Topic::Orders => "Orders and what is asked of them.",
        Topic::Payments => "What customers submitted and what payment providers said.",
        Topic::Carts => "Carts.",
        Topic::Reviews => "Reviews of products.",
    }
}

/// The stream that binds records to epochs.
fn timeline() -> Stream {
    let offsets = json!({"type": "array", "items": {"type": "integer", "minimum": 0}});
    let ends: Map<_, _> = Topic::ALL
        .into_iter()
        .map(|topic| (topic.name().to_owned(), offsets.clone()))
        .collect();
    let mut clock = Time::schema();
    clock["pattern"] = json!("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z$");
    let fields = vec![
        ("epoch", json!({"type": "integer", "minimum": 1}), true),
        ("clock", clock, true),
        (
            "ends",
            json!({
                "description": "Per topic the next offset of each partition; what is left out is unchanged.",
                "type": "object",
                "properties": ends,
            }),
            true,
        ),
    ];
    Stream {
        name: "timeline",
        meaning: "Which records each epoch holds, and what the clock then read.",
        key: None,
        ours: true,
        kinds: vec![Kind {
            name: "timeline",
            meaning: "The epoch holds every record below these offsets. The first record of an epoch counts.",
            schema: object_schema(None, fields),
        }],
    }
}

/// The stream of what the payment connector is asked to do.
fn payment_commands() -> Stream {
    let id = "[A-Za-z0-9_.:@+=-]{1,64}";
    let under = |kind: &str| json!({"type": "string", "pattern": format!("^{kind}:{id}:[1-9][0-9]*$")});
    let reasons: Vec<_> = RefundReason::ALL.iter().map(|reason| reason.word()).collect();
    let confirm: Vec<FieldSchema> = vec![
        ("order_id", OrderId::schema(), true),
        ("attempt", Attempts::schema(), true),
        ("payment_key", PaymentKey::schema(), true),
        ("amount", PositiveAmount::schema(), true),
        ("currency", Currency::schema(), true),
        ("idempotency_key", under("confirm"), true),
    ];
    let refund: Vec<FieldSchema> = vec![
        ("order_id", OrderId::schema(), true),
        ("refund_id", RefundId::schema(), true),
        ("payment_key", PaymentKey::schema(), true),
        ("amount", PositiveAmount::schema(), true),
        ("currency", Currency::schema(), true),
        ("reason", json!({"type": "string", "enum": reasons}), true),
        ("idempotency_key", under("refund"), true),
    ];
    Stream {
        name: "payment-commands",
        meaning: "What the payment provider is to be asked for, under an idempotency key.",
        key: Some("order_id"),
        ours: true,
        kinds: vec![
            Kind {
                name: "confirm",
                meaning: "Capture a payment.",
                schema: object_schema(Some("confirm"), confirm),
            },
            Kind {
                name: "refund",
                meaning: "Give money of a captured payment back.",
                schema: object_schema(Some("refund"), refund),
            },
        ],
    }
}
