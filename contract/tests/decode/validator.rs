//! As much of JSON Schema (2020-12) as our schemas use, written by hand: the crates that know all of it
//! take minutes to build. It panics at every keyword that it doesn't know, so that none is passed over.

use regex_lite::Regex;
use serde_json::Value as Json;

/// Whether `value` is valid by `schema`, whose `$ref`s lead into `root`.
pub fn valid(root: &Json, schema: &Json, value: &Json) -> bool {
    let keywords = schema.as_object().expect("a schema is an object");
    keywords
        .iter()
        .all(|(keyword, arg)| holds(root, keyword, arg, schema, value))
}

fn holds(root: &Json, keyword: &str, arg: &Json, schema: &Json, value: &Json) -> bool {
    let all = |arg: &Json, test: &dyn Fn(&Json) -> bool| {
        arg.as_array().expect(keyword).iter().filter(|s| test(s)).count()
    };
    let number = |bound: &Json| value.as_f64().zip(bound.as_f64());
    match keyword {
        "$schema" | "$id" | "$defs" | "title" | "description" | "format" => true,
        "$ref" => {
            let name = arg
                .as_str()
                .and_then(|path| path.strip_prefix("#/$defs/"))
                .expect("a local $ref");
            valid(root, &root["$defs"][name], value)
        }
        "oneOf" => all(arg, &|schema| valid(root, schema, value)) == 1,
        "anyOf" => all(arg, &|schema| valid(root, schema, value)) > 0,
        "not" => !valid(root, arg, value),
        "const" => value == arg,
        "enum" => all(arg, &|one| one == value) > 0,
        "type" => match arg.as_str().expect("one type") {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "null" => value.is_null(),
            "integer" => value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|n| n.fract() == 0.0),
            other => panic!("type {other}"),
        },
        "minimum" => number(arg).is_none_or(|(n, least)| n >= least),
        "maximum" => number(arg).is_none_or(|(n, most)| n <= most),
        "minLength" => value
            .as_str()
            .is_none_or(|s| s.chars().count() as u64 >= arg.as_u64().expect(keyword)),
        "maxLength" => value
            .as_str()
            .is_none_or(|s| s.chars().count() as u64 <= arg.as_u64().expect(keyword)),
        "minItems" => value
            .as_array()
            .is_none_or(|l| l.len() as u64 >= arg.as_u64().expect(keyword)),
        "maxItems" => value
            .as_array()
            .is_none_or(|l| l.len() as u64 <= arg.as_u64().expect(keyword)),
        "pattern" => {
            let pattern = Regex::new(arg.as_str().expect(keyword)).expect("a regular expression");
            value.as_str().is_none_or(|s| pattern.is_match(s))
        }
        "items" => value
            .as_array()
            .is_none_or(|l| l.iter().all(|v| valid(root, arg, v))),
        "required" => value
            .as_object()
            .is_none_or(|o| all(arg, &|name| !o.contains_key(name.as_str().expect(keyword))) == 0),
        "properties" => value.as_object().is_none_or(|o| {
            let known = arg.as_object().expect(keyword);
            o.iter()
                .all(|(name, v)| known.get(name).is_none_or(|schema| valid(root, schema, v)))
        }),
        other => panic!("keyword {other} in {schema}"),
    }
}
