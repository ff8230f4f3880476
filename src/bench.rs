//! `millrace bench NAME`: a table, or lines of JSON.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bench::Settings;

use crate::Failure;
use crate::output::print;
use crate::progress::spinner;
use crate::signals::Signals;

/// The bench that needs brokers.
const KAFKA: &str = "kafka";

/// What it needs is there; what tells it to end, so that it removes its topics.
fn kafka(settings: &Settings) -> Result<Arc<AtomicBool>, Failure> {
    if !cfg!(feature = "kafka") {
        let what = "this millrace was built without Kafka, which bench kafka measures: build it with --features kafka";
        return Err(Failure::Usage(what.to_owned()));
    }
    if settings.brokers.is_none() {
        let what = "bench kafka needs brokers: say which with --brokers HOST:PORT";
        return Err(Failure::Usage(what.to_owned()));
    }
    Ok(Signals::new()?.flag())
}

/// Runs a bench and prints its figures.
pub fn run(name: &str, json: bool, mut settings: Settings) -> Result<(), Failure> {
    if name == KAFKA {
        settings.stop = kafka(&settings)?;
    }
    let Some(bench) = bench::BENCHES.iter().find(|bench| bench.name == name) else {
        let names: Vec<&str> = bench::BENCHES.iter().map(|bench| bench.name).collect();
        return Err(Failure::Usage(format!(
            "no bench is named {name}; there are {}",
            names.join(", ")
        )));
    };
    let line = spinner(format!("{}: {}", bench.name, bench.about));
    let figures = bench.run(&settings, &mut |doing| {
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
