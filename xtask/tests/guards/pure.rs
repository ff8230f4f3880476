//! The crates that decide do no I/O: what they are made of can't, and what they say doesn't.
//!
//! A clock, a thread, the environment or a hash map's random order would make a view depend on more than the
//! log.

use std::collections::BTreeSet;
use std::fs;

use super::metadata::Metadata;
use super::{files, root, short};

/// The crates that are functions of their inputs.
const PURE: &[&str] = &["contract", "operators", "pipelines", "oracle"];

/// Everything that their libraries may be made of, and why it is harmless.
const HARMLESS: &[(&str, &[&str])] = &[
    ("our own", PURE),
    ("memory", &["bumpalo", "allocator-api2", "tinyvec"]),
    (
        "tables, whose hasher is always named",
        &["hashbrown", "indexmap", "equivalent"],
    ),
    ("a hasher that hashbrown knows, and we don't use", &["foldhash"]),
    (
        "fixed hashes",
        &[
            "siphasher",
            "xxhash-rust",
            "sha2",
            "digest",
            "block-buffer",
            "crypto-common",
        ],
    ),
    (
        "types for those",
        &["generic-array", "typenum", "cfg-if", "cpufeatures"],
    ),
    (
        "JSON, and numbers as texts",
        &[
            "serde_json",
            "serde_core",
            "serde",
            "itoa",
            "memchr",
            "zmij",
            "ryu",
        ],
    ),
    ("tables of Unicode", &["unicode-normalization"]),
    (
        "dataflow: operators say what is to be done; the runtime starts workers",
        &[
            "timely",
            "timely_bytes",
            "timely_communication",
            "timely_container",
            "timely_logging",
            "differential-dataflow",
        ],
    ),
    (
        "what dataflow keeps and moves its data in",
        &[
            "bincode",
            "bytemuck",
            "byteorder",
            "columnar",
            "columnar_derive",
            "columnation",
            "either",
            "fnv",
            "itertools",
            "paste",
            "smallvec",
        ],
    ),
    (
        "macros, which run when we are built",
        &[
            "thiserror",
            "thiserror-impl",
            "proc-macro2",
            "quote",
            "syn",
            "unicode-ident",
            "serde_derive",
        ],
    ),
];

/// What their sources must not say.
const FORBIDDEN: &[&str] = &[
    "std::{",
    "std::fs",
    "std::net",
    "std::io",
    "std::os",
    "std::process",
    "std::env",
    "std::time",
    "std::thread",
    "std::sync::mpsc",
    "std::collections::HashMap",
    "std::collections::HashSet",
    "std::hash::RandomState",
    "std::hash::DefaultHasher",
    "DefaultHashBuilder",
    "thread_local!",
    "static mut",
    "println!",
    "eprintln!",
    "print!",
    "eprint!",
    "dbg!",
    "SystemTime",
    "Instant::now",
    "extern crate",
    "rand::",
];

#[test]
fn pure_crates_are_made_of_harmless_ones() {
    let metadata = Metadata::load();
    let harmless: BTreeSet<String> = HARMLESS
        .iter()
        .flat_map(|(_, names)| names.iter().map(|name| (*name).to_owned()))
        .collect();
    for pure in PURE {
        let made_of = metadata.closure(pure);
        let others: Vec<&String> = made_of.difference(&harmless).collect();
        assert!(
            others.is_empty(),
            "{pure} is made of {others:?}: does that do no I/O, and does it answer the same always? Then say so \
             in xtask/tests/guards/pure.rs"
        );
    }
}

#[test]
fn pure_sources_say_nothing_of_the_world() {
    let mut wrong = Vec::new();
    for pure in PURE {
        for path in files(&root().join(pure).join("src")) {
            let source = fs::read_to_string(&path).expect("a source is a text");
            // What follows is a test, and tests may print.
            let (source, _) = source.split_once("#[cfg(test)]").unwrap_or((&source, ""));
            for (number, line) in source.lines().enumerate() {
                wrong.extend(forbidden(line).map(|word| format!("{}:{}: {word}", short(&path), number + 1)));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new(), "not for crates without I/O");
}

/// What a line must not say; comments may say everything.
fn forbidden(line: &str) -> impl Iterator<Item = &'static str> {
    let code = line.split("//").next().unwrap_or_default();
    let alone = |word: &str| {
        let starts =
            |at: usize| !code[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_');
        code.match_indices(word).any(|(at, _)| starts(at))
    };
    FORBIDDEN
        .iter()
        .copied()
        .filter(move |word| alone(word))
        .collect::<Vec<_>>()
        .into_iter()
}

#[test]
fn words_are_found_where_they_stand_alone() {
    let found = |line| forbidden(line).collect::<Vec<_>>();
    assert_eq!(found("use std::io::Read;"), ["std::io"]);
    assert_eq!(found("use std::{fs, io};"), ["std::{"]);
    assert_eq!(found("    eprintln!(\"x\");"), ["eprintln!"]);
    assert_eq!(found("let operand::new = 1; // println!"), Vec::<&str>::new());
}
