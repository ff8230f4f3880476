//! `millrace bench NAME`: a table, or lines of JSON.

use std::fmt::Write as _;

use bench::Settings;

use crate::Failure;
use crate::output::print;
use crate::progress::spinner;

/// Runs a bench and prints its figures.
pub fn run(name: &str, json: bool, settings: Settings) -> Result<(), Failure> {
    let Some(bench) = bench::BENCHES.iter().find(|bench| bench.name == name) else {
        let names: Vec<&str> = bench::BENCHES.iter().map(|bench| bench.name).collect();
        return Err(Failure::Usage(format!(
            "no bench is named {name}; there are {}",
            names.join(", ")
        )));
    };
    let line = spinner(format!("{}: {}", bench.name, bench.about));
    let figures = bench.run(settings, &mut |doing| {
        line.set_message(format!("{}: {doing}", bench.name));
    });
    line.finish_and_clear();
    let figures = figures.map_err(Failure::Undone)?;
    let mut out = String::new();
    if !json {
        let _ = writeln!(out, "bench {}: {}", bench.name, bench.about);
    }
    for figure in figures {
        let _ = if json {
            writeln!(out, "{}", figure.to_json())
        } else {
            writeln!(out, "{figure}")
        };
    }
    print(&out)
}
