//! The AsyncAPI 3.0 document: a channel for each stream, with its key, its header and its messages, and one for
//! each view, which may be kept as a topic.

use serde_json::{Map, Value as Json, json};

use super::{Stream, rows};
use crate::views::View;

/// The whole document.
pub(super) fn document(streams: &[Stream]) -> Json {
    let (mut channels, mut operations, mut messages) = (Map::new(), Map::new(), Map::new());
    for stream in streams {
        let id = stream.name.replace('-', "_");
        channels.insert(id.clone(), channel(stream));
        let (verb, action) = if stream.ours {
            ("write", "send")
        } else {
            ("read", "receive")
        };
        let operation = json!({
            "action": action,
            "summary": stream.meaning,
            "channel": {"$ref": format!("#/channels/{id}")},
        });
        operations.insert(format!("{verb}_{id}"), operation);
        for kind in &stream.kinds {
            messages.insert(kind.name.to_owned(), message(stream, kind.name, kind.meaning));
        }
    }
    for view in View::ALL {
        let (name, id) = (view.schema().name, format!("view_{}", view.schema().name));
        channels.insert(id.clone(), channel_of_view(name, &id));
        let operation = json!({
            "action": "send",
            "summary": "Where `changelog.views` names it.",
            "channel": {"$ref": format!("#/channels/{id}")},
        });
        operations.insert(format!("write_{id}"), operation);
        messages.insert(id, message_of_view(*view));
    }
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "millrace",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The streams that millrace reads and writes: Kafka topics, or the embedded log. Keys \
                and values are UTF-8; a value is one JSON object of at most 1,048,576 bytes. A record that can't \
                be used becomes a row of the view `quarantine`.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {"kafka": {
            "host": "{brokers}",
            "protocol": "kafka",
            "description": "Where `millrace up --kafka` reads and writes; TLS and SASL as the brokers want them. Topics \
                are behind `kafka.topic_prefix`, where that is set.",
            "variables": {"brokers": {"default": "localhost:9092", "description": "HOST:PORT of a broker."}},
        }},
        "channels": channels,
        "operations": operations,
        "components": {
            "messages": messages,
            "messageTraits": {"traced": {"headers": headers()}, "committed": {"headers": epoch()}},
        },
    })
}

fn channel(stream: &Stream) -> Json {
    let reference = |kind: &super::Kind| {
        let message = json!({"$ref": format!("#/components/messages/{}", kind.name)});
        (kind.name.to_owned(), message)
    };
    let messages: Map<_, _> = stream.kinds.iter().map(reference).collect();
    let mut kafka = json!({"topic": stream.name});
    if stream.name == "timeline" {
        // Of all others as many as whoever makes them likes.
        kafka["partitions"] = json!(1);
    }
    kafka["bindingVersion"] = json!("0.5.0");
    json!({
        "address": stream.name,
        "description": stream.meaning,
        "messages": messages,
        "bindings": {"kafka": kafka},
    })
}

fn message(stream: &Stream, kind: &str, meaning: &str) -> Json {
    let mut message = json!({
        "name": kind,
        "summary": meaning,
        "traits": [{"$ref": "#/components/messageTraits/traced"}],
        "payload": {"$ref": format!("./schema/{}.json#/$defs/{kind}", stream.name)},
    });
    let key = match stream.key {
        Some(field) => json!({"type": "string", "description": format!("The value's `{field}`.")}),
        None if stream.ours => return message,
        None => json!({"type": "string", "const": stream.name}),
    };
    message["bindings"] = json!({"kafka": {"key": key, "bindingVersion": "0.5.0"}});
    message
}

fn channel_of_view(name: &str, id: &str) -> Json {
    json!({
        "address": format!("view-{name}"),
        "description": format!("The rows of the view `{name}`: the last one under a key counts, and null removes it."),
        "messages": {id: {"$ref": format!("#/components/messages/{id}")}},
        "bindings": {"kafka": {
            "topic": format!("view-{name}"),
            "topicConfiguration": {"cleanup.policy": ["compact"]},
            "bindingVersion": "0.5.0",
        }},
    })
}

fn message_of_view(view: View) -> Json {
    let name = view.schema().name;
    let mut key = rows::key(view);
    key["description"] = json!("As JSON.");
    json!({
        "name": format!("view_{name}"),
        "summary": "A row, or null: it is gone.",
        "traits": [{"$ref": "#/components/messageTraits/committed"}],
        "payload": {"oneOf": [{"$ref": format!("./schema/views.json#/$defs/{name}")}, {"type": "null"}]},
        "bindings": {"kafka": {"key": key, "bindingVersion": "0.5.0"}},
    })
}

fn epoch() -> Json {
    json!({
        "type": "object",
        "properties": {"epoch": {"type": "string", "description": "The epoch of the commit that wrote it."}},
    })
}

fn headers() -> Json {
    json!({
        "type": "object",
        "properties": {"traceparent": {
            "type": "string",
            "description": "W3C Trace Context; kept and passed on.",
            "pattern": "^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$",
        }},
    })
}
