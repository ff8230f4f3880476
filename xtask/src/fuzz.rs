//! `cargo xtask fuzz`: the fuzz targets, which live in a workspace of their own (see `fuzz/README.md`).

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::process::{cargo, passes, succeeds, target_dir};
use crate::summary::Summary;
use crate::{Failure, Outcome, root};

fn folder() -> PathBuf {
    root().join("fuzz")
}

/// Cargo in the fuzz targets' workspace: its flags count only there, and only if the environment names none.
fn in_folder(args: &[&str]) -> Command {
    let mut command = cargo(args);
    command
        .current_dir(folder())
        .env("CARGO_TARGET_DIR", target_dir().join("fuzz"))
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    command
}

/// Why the fuzz targets can't be built here, if so: libFuzzer is C++.
#[must_use]
pub fn hindrance() -> Option<String> {
    let compiler = std::env::var_os("CXX").unwrap_or_else(|| "c++".into());
    let name = compiler.to_string_lossy().into_owned();
    let mut command = Command::new(compiler);
    command
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let works = succeeds(&mut command).unwrap_or(false);
    (!works).then(|| format!("libFuzzer needs a C++ compiler, and there is no {name}"))
}

/// The targets' names, in order.
fn targets() -> Outcome<Vec<String>> {
    let place = folder().join("fuzz_targets");
    let mut names = Vec::new();
    for entry in fs::read_dir(&place).map_err(Failure::of_file(&place))? {
        let path = entry.map_err(Failure::of_file(&place))?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            names.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    Ok(names)
}

/// Fuzzes each target, or one, for `seconds`.
///
/// # Errors
/// If a target finds something, or there is none of that name.
pub fn run(seconds: u64, only: Option<&str>) -> Outcome {
    if let Some(why) = hindrance() {
        return Err(Failure::Found(why));
    }
    let targets = targets()?;
    let chosen = targets
        .iter()
        .filter(|name| only.is_none_or(|only| only == **name));
    let chosen: Vec<&String> = chosen.collect();
    if chosen.is_empty() {
        return Err(Failure::Found(format!("the targets are {}", targets.join(", "))));
    }
    let mut summary = Summary::default();
    summary.step("build", || {
        passes(&mut in_folder(&["build", "--release"]), "see above")
    });
    for name in chosen {
        summary.step(&format!("{name}, {seconds} s"), || target(name, seconds));
    }
    summary.finish()
}

fn target(name: &str, seconds: u64) -> Outcome {
    let at = |kind: &str| format!("{kind}/{name}");
    for kind in ["corpus", "artifacts"] {
        let place = folder().join(at(kind));
        fs::create_dir_all(&place).map_err(Failure::of_file(&place))?;
    }
    let mut command = in_folder(&["run", "--quiet", "--release", "--bin", name, "--"]);
    command.args([at("corpus"), at("seeds")]);
    command.arg("-dict=words.dict");
    command.arg(format!("-artifact_prefix=artifacts/{name}/"));
    command.arg(format!("-max_total_time={seconds}"));
    command.arg("-verbosity=0");
    let again = format!("the input is in fuzz/artifacts/{name}; fuzz/README.md says how to run it again");
    passes(&mut command, &again)
}

/// Formatting and lints of the targets.
///
/// # Errors
/// If there is anything to say about them.
pub fn lints() -> Outcome {
    passes(&mut in_folder(&["fmt", "--check"]), "run `cargo fmt` in fuzz/")?;
    let args = ["clippy", "--release", "--all-targets", "--", "-D", "warnings"];
    passes(&mut in_folder(&args), "see above")
}
