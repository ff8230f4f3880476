//! What must not be checked in: paths of somebody's machine, sources of crates but the public one; and files
//! too long to read.

use std::fs;
use std::io::Write as _;

use super::{files, root, short};

/// Lines from which on a source is long.
const LINES_MAX: usize = 400;

/// Where people's files lie on their machines. Put together here, so that this file does not name them
/// itself.
fn private() -> Vec<String> {
    ["work", "root", "home", "Users"]
        .iter()
        .map(|folder| format!("/{folder}/"))
        .collect()
}

/// Ends of host names that mean something inside one network only.
const INNER: &[&str] = &[".internal", ".intranet", ".corp", ".lan", ".localdomain"];

/// The hosts of the URLs in a line.
fn hosts(line: &str) -> impl Iterator<Item = &str> {
    line.split("://").skip(1).map(|rest| {
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || ".-_@".contains(c)));
        &rest[..end.unwrap_or(rest.len())]
    })
}

fn trouble(line: &str) -> Option<String> {
    let starts_there = |folder: &String| {
        line.match_indices(folder.as_str()).any(|(at, _)| {
            // A path, not a part of a URL's or of a path from here.
            !line[..at].ends_with(|before: char| before.is_alphanumeric() || "._-}$)".contains(before))
        })
    };
    if let Some(folder) = private().into_iter().find(starts_there) {
        return Some(format!("a path of one machine: {folder}"));
    }
    let inner = |host: &&str| INNER.iter().any(|end| host.ends_with(end));
    hosts(line)
        .find(inner)
        .map(|host| format!("a host of one network: {host}"))
}

#[test]
fn no_file_names_somebody_s_machine() {
    let mut wrong = Vec::new();
    for path in files(root()) {
        // What is no text names nothing.
        let Ok(text) = fs::read_to_string(&path) else {
            continue;
        };
        for (number, line) in text.lines().enumerate() {
            wrong.extend(trouble(line).map(|what| format!("{}:{}: {what}", short(&path), number + 1)));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn crates_come_from_the_public_registry() {
    let public = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";
    for lock in ["Cargo.lock", "fuzz/Cargo.lock"] {
        let text = fs::read_to_string(root().join(lock)).expect("the lock file is checked in");
        let others: Vec<&str> = text
            .lines()
            .filter(|line| line.starts_with("source = ") && *line != public)
            .collect();
        assert_eq!(others, Vec::<&str>::new(), "{lock}");
    }
}

/// Only a warning: a table may be as long as what it lists.
#[test]
fn long_sources_are_named() {
    for path in files(root()) {
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a source is a text");
        let lines = text.lines().count();
        if lines > LINES_MAX {
            // Not by eprintln, which is not shown of tests that pass.
            let _ = writeln!(std::io::stderr(), "warning: {} has {lines} lines", short(&path));
        }
    }
}

#[test]
fn paths_are_told_from_parts_of_others() {
    let path = |folder: &str| format!("cd /{folder}/x");
    assert!(trouble(&path("work")).is_some());
    assert!(trouble(&format!("\"{}\"", path("root"))).is_some());
    assert!(trouble("see docs/work/x and https://example.com/home/x").is_none());
    assert!(trouble(&format!("https://crates.example{}/index", INNER[0])).is_some());
    assert!(trouble("http://localhost:8080/orders").is_none());
}
