//! Which crate of the workspace may know which. Dependencies point one way:
//!
//! ```text
//! contract, operators ◄ pipelines ◄ bench ◄ millrace
//! contract ◄ oracle, importers, generator, streams, sinks
//! contract, streams, sinks ◄ api ◄ millrace
//! pipelines, streams, sinks ◄ runtime ◄ millrace
//! brokers ◄ streams, sinks, bench
//! streams ◄ disk; disk, generator, oracle, runtime ◄ sim
//! ```
//!
//! The oracle decides a second time what the pipelines decide, so neither may know the other, except in
//! tests.

use std::collections::{BTreeMap, BTreeSet};

use super::metadata::Metadata;

/// Per crate the crates that its library or program may use, and those that its tests may use besides.
const ALLOWED: &[(&str, &[&str], &[&str])] = &[
    ("contract", &[], &[]),
    ("operators", &[], &[]),
    (
        "pipelines",
        &["contract", "operators"],
        &["oracle", "generator", "importers"],
    ),
    ("oracle", &["contract"], &[]),
    ("importers", &["contract"], &["oracle"]),
    ("brokers", &[], &[]),
    ("streams", &["brokers", "contract"], &["disk", "servers"]),
    ("disk", &["streams"], &[]),
    (
        "sinks",
        &["brokers", "contract"],
        &["pipelines", "generator", "servers"],
    ),
    (
        "runtime",
        &["contract", "operators", "pipelines", "streams", "sinks"],
        &["oracle", "generator"],
    ),
    (
        "api",
        &["contract", "streams", "sinks"],
        &["runtime", "generator", "oracle"],
    ),
    ("generator", &["contract"], &["oracle"]),
    (
        "sim",
        &[
            "contract",
            "disk",
            "generator",
            "oracle",
            "pipelines",
            "runtime",
            "sinks",
            "streams",
        ],
        &[],
    ),
    (
        "bench",
        &[
            "brokers",
            "contract",
            "importers",
            "operators",
            "pipelines",
            "runtime",
            "sinks",
            "streams",
        ],
        &["generator"],
    ),
    (
        "millrace",
        &[
            "contract",
            "pipelines",
            "oracle",
            "importers",
            "bench",
            "brokers",
            "streams",
            "sinks",
            "runtime",
            "api",
        ],
        &["generator", "servers"],
    ),
    ("servers", &[], &[]),
    (
        "xtask",
        &["contract", "generator", "oracle", "servers", "streams"],
        &[],
    ),
];

fn set<'a>(names: impl IntoIterator<Item = &'a &'a str>) -> BTreeSet<String> {
    names.into_iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn crates_know_only_what_is_below_them() {
    let metadata = Metadata::load();
    let members = metadata.members();
    let rows: BTreeSet<String> = set(ALLOWED.iter().map(|(name, ..)| name));
    assert_eq!(
        rows, members,
        "each crate has its row in the table of xtask/tests/guards/layers.rs"
    );
    let mut wrong = Vec::new();
    for (name, normal, dev) in ALLOWED {
        for (kind, allowed) in [
            (None, set(*normal)),
            (Some("build"), set(*normal)),
            (Some("dev"), set(normal.iter().chain(*dev))),
        ] {
            let used = metadata.direct(name, kind);
            let used: BTreeSet<String> = used.intersection(&members).cloned().collect();
            for extra in used.difference(&allowed) {
                wrong.push(format!("{name} uses {extra} ({})", kind.unwrap_or("normal")));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new(), "not allowed by the table");
}

/// The table itself: whoever is below must not be above as well.
#[test]
fn the_table_has_no_circle() {
    let normal: BTreeMap<&str, &[&str]> = ALLOWED.iter().map(|(name, normal, _)| (*name, *normal)).collect();
    let mut left: BTreeSet<&str> = normal.keys().copied().collect();
    while !left.is_empty() {
        let lowest: Vec<&str> = left
            .iter()
            .filter(|name| normal[**name].iter().all(|below| !left.contains(below)))
            .copied()
            .collect();
        assert!(!lowest.is_empty(), "a circle among {left:?}");
        for name in lowest {
            left.remove(name);
        }
    }
}
