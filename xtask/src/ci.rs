//! `cargo xtask ci`: everything that must pass before a change is taken. What `.ci/run` calls.

use std::time::Duration;

use crate::process::{Ended, cargo, limited, passes};
use crate::summary::Summary;
use crate::{Failure, Outcome, crash, fuzz, test};

/// Seconds for each fuzz target.
const FUZZ_SECONDS: u64 = 5;

/// How often a running millrace is killed, and the time after which it is enough.
const CRASHES: u64 = 100;
const CRASHES_MAX: Duration = Duration::from_secs(90);

/// How long the README's command may take, its release build included.
const SMOKE_MAX: Duration = Duration::from_secs(30 * 60);

/// Runs the command.
///
/// # Errors
/// If a step fails.
pub fn run() -> Outcome {
    let mut summary = Summary::default();
    summary.step("formatting", || {
        passes(&mut cargo(&["fmt", "--all", "--check"]), "run `cargo fmt --all`")
    });
    summary.step("lints", || {
        let all = ["--all-targets", "--", "-D", "warnings"];
        passes(cargo(&["clippy", "--workspace"]).args(all), "see above")
    });
    match fuzz::hindrance() {
        None => summary.step("formatting and lints of fuzz", fuzz::lints),
        Some(why) => println!("fuzz left out: {why}"),
    }
    summary.step("tests", || test::run(FUZZ_SECONDS));
    summary.step("simulator: 3,000 seeds", || simulator(&["--seeds", "0..3000"]));
    summary.step("simulator: every planted bug is found", || {
        simulator(&["--canary", "all"])
    });
    summary.step("crashes", || crash::short(CRASHES, CRASHES_MAX));
    summary.step("README: cargo run --release -- demo --exit", demo);
    summary.finish()
}

fn simulator(args: &[&str]) -> Outcome {
    let run = ["run", "--release", "--package", "millrace-sim", "--"];
    passes(cargo(&run).args(args), "see above; --seed N replays a seed")
}

fn demo() -> Outcome {
    let mut command = cargo(&["run", "--release", "--", "demo", "--exit"]);
    match limited(&mut command, SMOKE_MAX)? {
        Ended::Exited(status) if status.success() => Ok(()),
        Ended::Exited(status) => Err(Failure::Found(format!("the demo ended with {status}"))),
        Ended::TimedOut => Err(Failure::Found(format!(
            "the demo took more than {} s",
            SMOKE_MAX.as_secs()
        ))),
    }
}
