//! `cargo xtask test`: every test of the workspace, documentation's examples included, then the fuzz targets
//! briefly.
//!
//! Tests run in the dev profile: it optimises enough for the random ones (they take as long as in release),
//! builds in less time, and checks overflow.
//!
//! The features that add servers are on, so that everything is built once and all of it is tested; the build
//! without them is the one that the demo of `cargo xtask ci` runs. What needs a server that is not there is
//! skipped, by name (`cargo xtask services`).

use crate::process::{cargo, watched};
use crate::summary::Summary;
use crate::{Failure, Outcome, fuzz};

/// The features that tests and lints are built with.
pub const FEATURES: &str = "millrace/kafka";

/// Tests that ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    passed: u64,
    failed: u64,
}

impl Counts {
    /// Adds what a line of the test harness says, if it is its last one.
    fn add(&mut self, line: &str) {
        let Some((_, rest)) = line.split_once("test result: ") else {
            return;
        };
        let mut before = "";
        for word in rest.split([' ', ';']).filter(|word| !word.is_empty()) {
            let number = || before.parse().unwrap_or(0);
            match word {
                "passed" => self.passed += number(),
                "failed" => self.failed += number(),
                _ => {}
            }
            before = word;
        }
    }
}

/// Runs the command.
///
/// # Errors
/// If a test fails.
pub fn run(fuzz_seconds: u64) -> Outcome {
    let mut summary = Summary::default();
    let mut counts = Counts::default();
    summary.step("cargo test", || workspace(&mut counts));
    if fuzz_seconds > 0 {
        summary.step_unless(fuzz::hindrance(), "fuzz", || fuzz::run(fuzz_seconds, None));
    }
    let outcome = summary.finish();
    println!("{} passed, {} failed", counts.passed, counts.failed);
    outcome
}

fn workspace(counts: &mut Counts) -> Outcome {
    let mut command = cargo(&["test", "--workspace", "--features", FEATURES, "--no-fail-fast"]);
    if watched(&mut command, |line| counts.add(line))? {
        return Ok(());
    }
    let found = match counts.failed {
        0 => "a test could not be built or run".to_owned(),
        failed => format!("{failed} tests failed"),
    };
    Err(Failure::Found(found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_harness_s_last_lines_are_counted() {
        let mut counts = Counts::default();
        counts.add("running 3 tests");
        counts.add(
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s",
        );
        counts.add("test result: FAILED. 30 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out");
        assert_eq!(
            counts,
            Counts {
                passed: 42,
                failed: 3
            }
        );
    }
}
