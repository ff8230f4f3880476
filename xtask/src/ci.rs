//! `cargo xtask ci`: everything that must pass before a change is taken. What `.ci/run` calls.
//!
//! The first step is what somebody does who has just found us: clone, and run README's command. What it
//! builds, from nothing, in a place of its own, serves the other steps in release, so that nothing is built
//! twice.

use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::process::{Ended, cargo, limited, passes, target_dir};
use crate::summary::Summary;
use crate::{Failure, Outcome, crash, fuzz, root, schemathesis, test};

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
    summary.step("from a fresh clone to the demo's table", fresh_clone);
    summary.step("formatting", || {
        passes(&mut cargo(&["fmt", "--all", "--check"]), "run `cargo fmt --all`")
    });
    summary.step("lints", || {
        let all = ["--all-targets", "--", "-D", "warnings"];
        let some = ["clippy", "--workspace", "--features", test::FEATURES];
        passes(cargo(&some).args(all), "see above")
    });
    summary.step_unless(fuzz::hindrance(), "formatting and lints of fuzz", fuzz::lints);
    summary.step("tests", || test::run(FUZZ_SECONDS));
    summary.step("simulator: 3,000 seeds", || simulator(&["--seeds", "0..3000"]));
    summary.step("simulator: every planted bug is found", || {
        simulator(&["--canary", "all"])
    });
    summary.step("crashes", || crash::short(CRASHES, CRASHES_MAX));
    summary.step_unless(schemathesis::hindrance(), "schemathesis", || {
        schemathesis::run(&schemathesis::Args::default())
    });
    summary.finish()
}

/// Where CI builds in release.
fn release_dir() -> PathBuf {
    target_dir().join("fresh")
}

fn simulator(args: &[&str]) -> Outcome {
    let mut command = cargo(&["run", "--release", "--package", "millrace-sim", "--"]);
    command.args(args).env("CARGO_TARGET_DIR", release_dir());
    passes(&mut command, "see above; --seed N replays a seed")
}

/// Clones this tree, builds from nothing and runs the demo; prints how long that takes. Crates that have been
/// downloaded before are not downloaded again.
///
/// The clone shows how long one takes, and is not what is built: what is checked is the tree as it is.
fn fresh_clone() -> Outcome {
    let place = release_dir();
    if place.exists() {
        fs::remove_dir_all(&place).map_err(Failure::of_file(&place))?;
    }
    let started = Instant::now();
    let clone = place.join("clone");
    let mut git = Command::new("git");
    git.args([
        OsStr::new("clone"),
        OsStr::new("--quiet"),
        root().as_os_str(),
        clone.as_os_str(),
    ]);
    passes(&mut git, "the tree can't be cloned")?;
    demo()?;
    let took = started.elapsed().as_secs();
    println!(
        "from a fresh clone to the demo's table: {}:{:02} min",
        took / 60,
        took % 60
    );
    Ok(())
}

fn demo() -> Outcome {
    let mut command = cargo(&["run", "--release", "--", "demo", "--exit"]);
    command.env("CARGO_TARGET_DIR", release_dir());
    match limited(&mut command, SMOKE_MAX)? {
        Ended::Exited(status) if status.success() => Ok(()),
        Ended::Exited(status) => Err(Failure::Found(format!("the demo ended with {status}"))),
        Ended::TimedOut => Err(Failure::Found(format!(
            "the demo took more than {} s",
            SMOKE_MAX.as_secs()
        ))),
    }
}
