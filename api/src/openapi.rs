//! `openapi.json` and its page, made of the table of routes, the contract's JSON Schemas and the views'
//! schemas, so that they can't drift.
//!
//! It is built as plain JSON: the records' schemas come as JSON Schema 2020-12, which OpenAPI 3.1 takes as it
//! is.

mod parameters;
mod shop;

use std::fmt::Write as _;

use contract::log::Topic;
use contract::records::Record;
use contract::schema::row;
use contract::views::View;
use serde_json::{Map, Value as Json, json};

use crate::routes::{Body, ROUTES, Route, Schema};
use parameters::parameters;

/// What an id looks like.
const ID: &str = "^[A-Za-z0-9_.:@+=-]{1,64}$";

/// The description of all paths.
#[must_use]
pub fn document() -> Json {
    let mut paths: Map<String, Json> = Map::new();
    for route in ROUTES {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method] = operation(route);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "millrace",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Commerce on a log. Reads show one epoch and say which (as_of, Millrace-Epoch). \
                            Writes answer once the record is durable; with Prefer: wait=N, once decided.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    })
}

fn operation(route: &Route) -> Json {
    let mut responses = Map::new();
    for (status, schema) in route.answers {
        responses.insert(status.to_string(), answer(*schema));
    }
    for status in route.problems {
        let known = responses.contains_key(&status.to_string());
        if !known {
            responses.insert(status.to_string(), problem());
        }
    }
    let mut operation = json!({
        "summary": route.summary,
        "operationId": operation_id(route),
        "parameters": parameters(route),
        "responses": responses,
    });
    if let Some(body) = route.body {
        operation["requestBody"] = request_body(body);
    }
    operation
}

fn operation_id(route: &Route) -> String {
    let path = route.path.replace(['{', '}'], "");
    let words: Vec<&str> = path.split(['/', '.']).filter(|word| !word.is_empty()).collect();
    format!("{}-{}", route.method, words.join("-"))
}

fn problem() -> Json {
    json!({
        "description": "A problem (RFC 9457).",
        "content": {"application/problem+json": {"schema": reference("Problem")}},
    })
}

fn reference(name: &str) -> Json {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// The schema of a record's body: without its type and what the path says.
fn record(topic: &str, kind: &str, given: &[&str], optional: bool) -> Json {
    let topic = Topic::from_name(topic).expect("the table names topics");
    let schemas = Record::schemas(topic);
    let found = schemas.into_iter().find(|(name, _)| *name == kind);
    let (_, mut schema) = found.expect("the table names types of the topic");
    let dropped = |name: &str| name == "type" || given.contains(&name);
    if let Some(Json::Array(required)) = schema.get_mut("required") {
        required.retain(|name| !name.as_str().is_some_and(dropped));
    }
    if let Some(Json::Object(properties)) = schema.get_mut("properties") {
        properties.retain(|name, _| name != "type" && (optional || !dropped(name)));
        for name in given {
            if let Some(schema) = properties.get_mut(*name) {
                *schema = json!({"anyOf": [schema.take(), {"type": "null"}]});
            }
        }
    }
    schema
}

fn request_body(body: Body) -> Json {
    match body {
        Body::Record(topic, kind, given) => {
            let schema = record(topic, kind, given, false);
            let needed = schema["required"]
                .as_array()
                .is_some_and(|required| !required.is_empty());
            json!({"required": needed, "content": {"application/json": {"schema": schema}}})
        }
        Body::Loose(topic, kind, given) => {
            let schema = record(topic, kind, given, true);
            json!({"required": true, "content": {"application/json": {"schema": schema}}})
        }
        Body::Checkout => json!({
            "required": false,
            "content": {"application/json": {"schema": shop::checkout()}},
        }),
        Body::Lines => json!({
            "required": false,
            "description": "A record's value a line; see asyncapi.yaml. What is none is told as rejected.",
            "content": {
                "application/x-ndjson": {"schema": {"type": "string"}},
                "application/json": {"schema": {}},
            },
        }),
    }
}

fn answer(schema: Schema) -> Json {
    let content = |schema: Json| json!({"application/json": {"schema": schema}});
    let (what, content) = match schema {
        Schema::Row(view) => ("The row.", content(with_epoch(&reference(view)))),
        Schema::Order => ("The order.", content(reference("Order"))),
        Schema::List(view) => ("Rows.", content(list(&reference(view)))),
        Schema::AnyRows => {
            let mut both = content(list(&json!({"type": "object"})));
            both["text/csv"] = json!({"schema": {"type": "string"}});
            ("Rows.", both)
        }
        Schema::Token => ("Appended.", content(object(&[("token", text())]))),
        Schema::Placed => (
            "Appended.",
            content(object(&[("order_id", text()), ("token", text())])),
        ),
        Schema::Lines => ("Appended.", content(reference("Lines"))),
        Schema::Product => ("The product.", content(with_epoch(&reference("Product")))),
        Schema::Products => ("Products.", content(list(&reference("Product")))),
        Schema::Reviews => ("Reviews.", content(shop::reviews())),
        Schema::Cart => ("The cart.", content(reference("Cart"))),
        Schema::Dashboard => ("The rows of its view.", content(list(&json!({"type": "object"})))),
        Schema::Wallet => ("The wallet.", content(reference("Wallet"))),
        Schema::Audits => {
            let violations = json!({"type": "array", "items": reference("audits")});
            let members = [
                ("ok", json!({"type": "boolean"})),
                ("violations", violations),
                ("as_of", epoch()),
            ];
            ("Violations.", content(object(&members)))
        }
        Schema::Views => ("The views.", content(list(&json!({"type": "object"})))),
        Schema::Explanation => (
            "The explanation.",
            content(with_epoch(&json!({"type": "object"}))),
        ),
        Schema::Events => ("Events.", json!({"text/event-stream": {"schema": text()}})),
        Schema::Object => ("An object.", content(json!({"type": "object"}))),
        Schema::Metrics => ("Metrics.", json!({"text/plain": {"schema": text()}})),
        Schema::Html => ("A page.", json!({"text/html": {"schema": text()}})),
    };
    json!({"description": what, "content": content})
}

fn text() -> Json {
    json!({"type": "string"})
}

fn epoch() -> Json {
    json!({"type": "integer", "minimum": 0})
}

/// An object that has all these members.
fn object(members: &[(&str, Json)]) -> Json {
    let names: Vec<&str> = members.iter().map(|(name, _)| *name).collect();
    let properties: Map<String, Json> = members
        .iter()
        .map(|(n, s)| ((*n).to_owned(), s.clone()))
        .collect();
    json!({"type": "object", "properties": properties, "required": names})
}

fn with_epoch(schema: &Json) -> Json {
    json!({"allOf": [schema, object(&[("as_of", epoch())])]})
}

fn list(item: &Json) -> Json {
    let mut list = object(&[
        ("items", json!({"type": "array", "items": item})),
        ("as_of", epoch()),
    ]);
    list["properties"]["next"] = text();
    list
}

fn schemas() -> Json {
    let mut schemas = Map::new();
    let number = || json!({"type": "integer"});
    let problem = object(&[
        ("type", text()),
        ("title", text()),
        ("status", number()),
        ("detail", text()),
    ]);
    schemas.insert("Problem".to_owned(), problem);
    let listed = |view: View, without: &str| json!({"type": "array", "items": row(view, &[without])});
    let parts = [
        ("lines", listed(View::OrderLines, "order_id")),
        ("payments", listed(View::Payments, "order_id")),
        ("as_of", epoch()),
    ];
    schemas.insert(
        "Order".to_owned(),
        json!({"allOf": [row(View::Orders, &[]), object(&parts)]}),
    );
    let balances = listed(View::Wallets, "customer_id");
    let wallet = object(&[
        ("customer_id", text()),
        ("balances", balances),
        ("as_of", epoch()),
    ]);
    schemas.insert("Wallet".to_owned(), wallet);
    let rejected = object(&[("line", number()), ("reason", text()), ("detail", text())]);
    let lines = object(&[
        ("accepted", epoch()),
        ("rejected", json!({"type": "array", "items": rejected})),
        ("token", json!({"type": ["string", "null"]})),
    ]);
    schemas.insert("Lines".to_owned(), lines);
    schemas.insert("Product".to_owned(), shop::product());
    schemas.insert("Cart".to_owned(), shop::cart());
    for view in View::ALL {
        schemas.insert(view.schema().name.to_owned(), row(*view, &[]));
    }
    Json::Object(schemas)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// The beginning of the page.
const PAGE: &str = r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>millrace: HTTP</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em }
code, pre { font-family: ui-monospace, monospace }
pre { background: #f4f4f4; padding: .6em; overflow: auto; max-height: 30em }
summary { cursor: pointer }
summary b { display: inline-block; width: 4.5em }
</style>
<h1>millrace</h1>
<p>Everything below is in <a href="/openapi.json">openapi.json</a>.</p>
"#;

/// The same as a page for people: nothing is loaded from elsewhere.
#[must_use]
pub fn page() -> String {
    let mut page = String::from(PAGE);
    for route in ROUTES {
        let operation = operation(route);
        let pretty = serde_json::to_string_pretty(&operation).unwrap_or_default();
        let _ = write!(
            page,
            "<details><summary><b>{}</b> <code>{}</code> {}</summary><pre>{}</pre></details>",
            route.method.to_uppercase(),
            escaped(route.path),
            escaped(route.summary),
            escaped(&pretty)
        );
    }
    page.push_str("</html>\n");
    page
}
