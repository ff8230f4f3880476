//! Rows of views as they are shown: over REST, and as values of the topics that views are kept as.

use serde_json::{Map, Value as Json, json};

use crate::views::{Column, Type, View};

/// A column's value.
fn value(column: &Column) -> Json {
    let ty = match column.ty {
        Type::Text | Type::Time => "string",
        Type::Int => "integer",
        Type::Bool => "boolean",
        Type::Double => "number",
        Type::Json => return json!({"description": column.meaning}),
    };
    let ty = if column.nullable {
        json!([ty, "null"])
    } else {
        json!(ty)
    };
    let mut schema = json!({"type": ty, "description": column.meaning});
    if column.ty == Type::Time {
        schema["format"] = json!("date-time");
    }
    schema
}

fn object<'a>(columns: impl Iterator<Item = &'a Column> + Clone) -> Json {
    let names: Vec<&str> = columns.clone().map(|column| column.name).collect();
    let properties: Map<_, _> = columns
        .map(|column| (column.name.to_owned(), value(column)))
        .collect();
    json!({"type": "object", "properties": properties, "required": names})
}

/// The JSON Schema of a view's row, without the columns of these names.
#[must_use]
pub fn row(view: View, without: &[&str]) -> Json {
    let columns = view.schema().columns.iter();
    object(columns.filter(|column| !without.contains(&column.name)))
}

/// The JSON Schema of a row's key, as topics have it.
pub(super) fn key(view: View) -> Json {
    let schema = view.schema();
    object(schema.columns[..schema.key_len].iter())
}

/// The rows of all views.
pub(super) fn document() -> Json {
    let mut defs = Map::new();
    for view in View::ALL {
        let name = view.schema().name;
        let mut schema = json!({"title": name});
        if let (Json::Object(schema), Json::Object(rest)) = (&mut schema, row(*view, &[])) {
            schema.extend(rest);
        }
        defs.insert(name.to_owned(), schema);
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:millrace:schema:views",
        "title": "views",
        "description": "A row of each view, as REST shows it and as the topic `view-NAME` holds it.",
        "$defs": defs,
    })
}
