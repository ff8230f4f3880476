//! Parameters: what stands in a path, a query or a header.

use contract::log::Topic;
use contract::views::View;
use contract::words::Status;
use serde_json::{Value as Json, json};

use super::{ID, text};
use crate::query::LIMIT_MAX;
use crate::routes::{DASHBOARDS, Param, Route};
use crate::token;

/// All parameters of a route, those of its path first.
pub(super) fn parameters(route: &Route) -> Json {
    let parts = route.path.split('/');
    let in_path = parts.filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let in_path = in_path.map(|name| {
        let mut part = described(name, "path", path_schema(name), "");
        part["required"] = json!(true);
        part
    });
    in_path
        .chain(route.params.iter().map(|param| parameter(*param)))
        .collect()
}

/// What a part of a path may be.
fn path_schema(name: &str) -> Json {
    match name {
        "topic" => json!({"enum": Topic::ALL.map(Topic::name)}),
        "view" => json!({"enum": View::ALL.iter().map(|view| view.schema().name).collect::<Vec<_>>()}),
        "name" => json!({"enum": DASHBOARDS.map(|(name, _)| name)}),
        _ => json!({"type": "string", "pattern": ID}),
    }
}

fn described(name: &str, place: &str, schema: Json, what: &str) -> Json {
    let mut parameter = json!({"name": name, "in": place, "description": what});
    parameter["schema"] = schema;
    parameter
}

fn parameter(param: Param) -> Json {
    let one = described;
    match param {
        Param::Limit => one(
            "limit",
            "query",
            json!({"type": "integer", "minimum": 1, "maximum": LIMIT_MAX}),
            "Rows of the page; 100 if it is not said, of a dashboard 10,000.",
        ),
        Param::After => one("after", "query", text(), "What next of the page before said."),
        Param::AfterEpoch => one(
            "after",
            "query",
            json!({"type": "integer", "minimum": 0}),
            "Changes after this epoch; without it first the whole view.",
        ),
        Param::IfMatch => one(
            "If-Match",
            "header",
            json!({"type": "string", "pattern": "^(\"[0-9]{1,15}\"|[0-9]{1,15})$"}),
            "The version of the cart that was seen, as ETag says it; 0 before its first change. Without it \
             the cart is changed whatever its version.",
        ),
        Param::MillraceAfter => one(
            "Millrace-After",
            "header",
            json!({"type": "string", "pattern": token::pattern()}),
            "A token or an epoch: the answer waits until the views hold it.",
        ),
        Param::Prefer => one(
            "Prefer",
            "header",
            text(),
            "wait=N: how many seconds to wait, at most 60.",
        ),
        Param::IdempotencyKey => one(
            "Idempotency-Key",
            "header",
            json!({"type": "string", "pattern": ID}),
            "The order's id, where the body has none.",
        ),
        Param::LastEventId => one(
            "Last-Event-ID",
            "header",
            text(),
            "The epoch to go on from; before after.",
        ),
        filter => filter_parameter(filter),
    }
}

fn day() -> Json {
    json!({"type": "string", "format": "date"})
}

/// What a list is filtered by.
fn filter_parameter(param: Param) -> Json {
    let one = described;
    match param {
        Param::Status => {
            let words: Vec<&str> = Status::ALL.iter().map(|status| status.word()).collect();
            one(
                "status",
                "query",
                json!({"enum": words}),
                "Only orders of this status.",
            )
        }
        Param::Category => one("category", "query", text(), "Only products of this category."),
        Param::Tag => one("tag", "query", text(), "Only products with this tag."),
        Param::StoreId => one("store_id", "query", text(), "Only products of this store."),
        Param::From => one("from", "query", day(), "From this UTC day on."),
        Param::Until => one("until", "query", day(), "Before this UTC day."),
        Param::Day => one("day", "query", day(), "On this UTC day."),
        Param::Currency => {
            let schema = json!({"type": "string", "pattern": "^[A-Z]{3}$"});
            one("currency", "query", schema, "In this currency.")
        }
        Param::Column => json!({
            "name": "columns",
            "in": "query",
            "style": "form",
            "explode": true,
            "schema": {"type": "object", "additionalProperties": {"type": "string"}},
            "description": "Any column of the view, with the value that it must have.",
        }),
        other => unreachable!("{other:?} is no filter"),
    }
}
