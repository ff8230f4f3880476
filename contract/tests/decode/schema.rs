//! The generated schemas: those in `docs` are those of the code, and they agree with decoding.

use std::collections::BTreeMap;
use std::path::Path;

use contract::log::Topic;
use contract::schema::files;
use regex_lite::Regex;
use serde_json::{Value as Json, json};

use crate::random::{self, Doc, Rng, bend, raw, record, shuffle, write};
use crate::spec::TYPES;
use crate::validator::valid;
use crate::verdict;

fn schemas() -> BTreeMap<String, Json> {
    let parse = |(path, content): (String, String)| {
        let name = path
            .strip_prefix("docs/schema/")?
            .strip_suffix(".json")?
            .to_owned();
        Some((name, serde_json::from_str(&content).expect("JSON")))
    };
    files().into_iter().filter_map(parse).collect()
}

#[test]
fn the_files_in_docs_are_those_of_the_code() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for (path, content) in files() {
        let found = std::fs::read_to_string(root.join(&path)).unwrap_or_default();
        assert!(
            found == content,
            "{path} is not what the code says: run `cargo xtask schema`"
        );
    }
    let mut found = 0;
    for entry in std::fs::read_dir(root.join("docs/schema")).expect("docs/schema") {
        let name = entry.expect("an entry").file_name();
        let name = name.to_string_lossy();
        let known = files()
            .iter()
            .any(|(path, _)| *path == format!("docs/schema/{name}"));
        assert!(known, "docs/schema/{name} is generated no more: delete it");
        found += 1;
    }
    assert_eq!(found, files().len() - 1, "all schemas and asyncapi.yaml");
}

#[test]
fn every_stream_has_a_schema_of_every_type() {
    let schemas = schemas();
    assert_eq!(schemas.len(), 12, "eleven streams, and the views");
    for of in TYPES {
        let def = &schemas[of.topic.name()]["$defs"][of.name];
        let names: Vec<_> = def["properties"]
            .as_object()
            .expect("properties")
            .keys()
            .collect();
        let expected: Vec<_> = ["type"]
            .into_iter()
            .chain(of.fields.iter().map(|f| f.name))
            .collect();
        assert_eq!(names, expected, "{}", of.name);
        assert!(def["description"].is_string());
    }
}

/// Whatever is decoded is valid; whatever is not for a reason that a schema can express is invalid.
#[test]
fn schemas_and_decoding_agree() {
    let schemas = schemas();
    // Numbers and times that are wrong in ways that a schema can't say.
    let beyond = Regex::new(r"[0-9][.eE]|-0|[0-9]{2}:[0-9]{2}").expect("a regular expression");
    let (mut good, mut bad) = (0, 0);
    for seed in 0..4_000 {
        let mut rng = Rng(seed);
        let of = random::kind(&mut rng);
        let (mut doc, key) = record(&mut rng, of);
        shuffle(&mut rng, &mut doc);
        if rng.one_in(2) {
            bend(&mut rng, &mut doc);
        }
        let mut text = String::new();
        write(&mut rng, &doc, true, &mut text);
        let said = verdict(of.topic, Some(key.as_bytes()), Some(text.as_bytes()));
        let Ok(value) = serde_json::from_str::<Json>(&text) else {
            continue;
        };
        let schema = &schemas[of.topic.name()];
        let judged = valid(schema, schema, &value);
        match said {
            "ok" | "key_mismatch" => {
                assert!(judged, "seed {seed}: {text}");
                good += 1;
            }
            "missing_field" | "bad_field" | "unknown_type" if !beyond.is_match(&text) => {
                assert!(!judged, "seed {seed}: {said}: {text}");
                bad += 1;
            }
            _ => {}
        }
    }
    assert!(good > 1000 && bad > 200, "{good} good, {bad} bad");
}

#[test]
fn times_are_bounded_as_far_as_a_pattern_can() {
    let schema = &schemas()["orders"];
    let of = TYPES
        .iter()
        .find(|t| t.name == "order_placed")
        .expect("order_placed");
    let placed = |at: &str| {
        let (Doc::Object(mut fields), key) = record(&mut Rng(1), of) else {
            unreachable!("a record is an object")
        };
        fields.retain(|(name, _)| name != "placed_at");
        fields.push(("placed_at".to_owned(), raw(&format!("\"{at}\""))));
        let mut text = String::new();
        write(&mut Rng(1), &Doc::Object(fields), false, &mut text);
        let decoded = verdict(Topic::Orders, Some(key.as_bytes()), Some(text.as_bytes())) == "ok";
        (
            decoded,
            valid(schema, schema, &serde_json::from_str(&text).expect("JSON")),
        )
    };
    for good in [
        "2026-11-21T09:00:00Z",
        "2026-11-21t09:00:00.1234z",
        "1969-12-31T23:30:00-00:30",
    ] {
        assert_eq!(placed(good), (true, true), "{good}");
    }
    for bad in [
        "2026-11-21",
        "2026-11-21 09:00:00Z",
        "2026-11-21T09:00:60Z",
        "2026-11-21T24:00:00Z",
        "2026-13-21T09:00:00Z",
        "2026-11-21T09:00:00",
        "2026-11-21T09:00:00.Z",
        "2026-11-21T09:00:00+24:00",
    ] {
        assert_eq!(placed(bad), (false, false), "{bad}");
    }
    for beyond in [
        "2026-02-29T09:00:00Z",
        "1969-12-31T23:59:59Z",
        "9999-12-31T23:59:59-00:01",
    ] {
        assert_eq!(placed(beyond), (false, true), "{beyond}");
    }
}

#[test]
fn what_millrace_writes_is_valid() {
    let schemas = schemas();
    let check = |topic: &str, value: Json| valid(&schemas[topic], &schemas[topic], &value);
    let binding =
        json!({"epoch": 1, "clock": "2026-11-21T09:00:00.000Z", "ends": {"orders": [3, 0], "carts": []}});
    assert!(check("timeline", binding));
    assert!(!check(
        "timeline",
        json!({"epoch": 0, "clock": "2026-11-21T09:00:00.000Z", "ends": {}})
    ));
    assert!(!check(
        "timeline",
        json!({"epoch": 1, "clock": "2026-11-21T09:00:00Z", "ends": {}})
    ));
    assert!(!check(
        "timeline",
        json!({"epoch": 1, "clock": "2026-11-21T09:00:00.000Z", "ends": {"orders": [-1]}})
    ));
    let mut command = json!({
        "type": "refund", "order_id": "o", "refund_id": "o:r1", "payment_key": "p", "amount": 1,
        "currency": "KRW",
        "reason": "cancelled", "idempotency_key": "refund:o:1",
    });
    assert!(check("payment-commands", command.clone()));
    command["reason"] = json!("because");
    assert!(!check("payment-commands", command));
    let confirm = json!({
        "type": "confirm", "order_id": "o", "attempt": 1, "payment_key": "p", "amount": 1, "currency": "KRW",
        "idempotency_key": "confirm:o:1",
    });
    assert!(check("payment-commands", confirm));
}

#[test]
fn asyncapi_names_every_stream_and_refers_to_schemas_that_exist() {
    let files = files();
    let (_, yaml) = files
        .iter()
        .find(|(path, _)| path == "docs/asyncapi.yaml")
        .expect("asyncapi.yaml");
    let schemas = schemas();
    for (name, schema) in &schemas {
        let address = |name: &str| yaml.contains(&format!("    address: {name}\n"));
        let of_views = name == "views";
        assert!(of_views || address(name), "{name}");
        for kind in schema["$defs"].as_object().expect("$defs").keys() {
            assert!(!of_views || address(&format!("view-{kind}")), "{kind}");
            let reference = format!("$ref\": \"./schema/{name}.json#/$defs/{kind}\"\n");
            assert!(yaml.contains(&reference), "{reference}");
        }
    }
    let all: usize = schemas
        .values()
        .map(|s| s["$defs"].as_object().map_or(0, serde_json::Map::len))
        .sum();
    assert_eq!(yaml.matches("./schema/").count(), all);
    assert!(!yaml.contains('\t') && yaml.lines().all(|line| line.trim_end() == line));
}
