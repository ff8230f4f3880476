//! The copy of the workspace that mutants are applied in, and the tests that are run there.
//!
//! The copy and what is built of it stay where they are, so that each mutant builds only what it touches.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Mutant, Verdict, place_of};
use crate::process::{Ended, cargo, limited, target_dir};
use crate::{Failure, Outcome, root};

/// What is run: the crates that decide.
const PACKAGES: &[&str] = &["-p", "millrace-operators", "-p", "millrace-pipelines"];

/// How long a build may take, and how long all tests.
const LIMIT: Duration = Duration::from_secs(15 * 60);

/// Few seeds of the comparison with the oracle: most mutants are killed by them.
const FEW_SEEDS: &str = "0..30";

/// Folders and files that the tests don't need.
const LEFT_OUT: &[&str] = &["target", ".git", "fuzz", "docs"];

/// Which tests are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tests {
    /// All, the comparison with the oracle over few logs.
    Few,
    /// All.
    All,
}

/// The copy.
#[derive(Debug)]
pub struct Tree {
    base: PathBuf,
}

impl Tree {
    /// Copies the workspace as it is now.
    ///
    /// # Errors
    /// If a file can't be copied.
    pub fn copy() -> Outcome<Self> {
        let tree = Tree {
            base: target_dir().join("mutants"),
        };
        let copy = tree.base.join("tree");
        if copy.exists() {
            fs::remove_dir_all(&copy).map_err(Failure::of_file(&copy))?;
        }
        copy_folder(root(), &copy)?;
        let logs = tree.logs();
        fs::create_dir_all(&logs).map_err(Failure::of_file(&logs))?;
        Ok(tree)
    }

    /// Where it is written what the tests say.
    pub fn logs(&self) -> PathBuf {
        self.base.join("logs")
    }

    /// The log of a mutant.
    pub fn log(&self, name: &str) -> String {
        self.logs().join(format!("{name}.txt")).display().to_string()
    }

    fn source(&self, mutant: &Mutant) -> PathBuf {
        self.base.join("tree").join(mutant.file)
    }

    /// Whether a mutant finds its place.
    pub fn check(&self, mutant: &Mutant) -> Result<(), String> {
        let path = self.source(mutant);
        let source = fs::read_to_string(&path)
            .map_err(|cause| format!("mutant {}: {}: {cause}", mutant.name, path.display()))?;
        place_of(mutant, &source).map(|_| ())
    }

    /// What the tests make of a mutant; the copy is then as it was.
    ///
    /// # Errors
    /// If it doesn't compile, or a program or file fails.
    pub fn try_mutant(&self, mutant: &Mutant) -> Outcome<Verdict> {
        let path = self.source(mutant);
        let source = fs::read_to_string(&path).map_err(Failure::of_file(&path))?;
        let (from, until) = place_of(mutant, &source).map_err(Failure::Found)?;
        let mutated = [&source[..from], mutant.replace, &source[until..]].concat();
        fs::write(&path, mutated).map_err(Failure::of_file(&path))?;
        let verdict = self
            .test(Tests::Few, mutant.name)
            .and_then(|verdict| match verdict {
                Verdict::Survives => self.test(Tests::All, mutant.name),
                killed => Ok(killed),
            });
        fs::write(&path, source).map_err(Failure::of_file(&path))?;
        verdict
    }

    /// Builds and runs tests on the copy as it is.
    ///
    /// # Errors
    /// If they can't be built, or a program or file fails.
    pub fn test(&self, tests: Tests, name: &str) -> Outcome<Verdict> {
        match self.cargo(&["test", "--no-run"], tests, name)? {
            Ended::Exited(status) if status.success() => {}
            _ => {
                let log = self.log(name);
                return Err(Failure::Found(format!("it does not compile: see {log}")));
            }
        }
        Ok(match self.cargo(&["test"], tests, name)? {
            Ended::Exited(status) if status.success() => Verdict::Survives,
            Ended::Exited(_) => Verdict::Killed,
            Ended::TimedOut => Verdict::Hangs,
        })
    }

    fn cargo(&self, args: &[&str], tests: Tests, name: &str) -> Outcome<Ended> {
        let log = self.logs().join(format!("{name}.txt"));
        let out = File::create(&log).map_err(Failure::of_file(&log))?;
        let errors = out.try_clone().map_err(Failure::of_file(&log))?;
        let mut command = cargo(args);
        command
            .args(PACKAGES)
            .current_dir(self.base.join("tree"))
            .env("CARGO_TARGET_DIR", self.base.join("build"))
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .stdout(out)
            .stderr(errors);
        if tests == Tests::Few {
            command.env("MILLRACE_SEEDS", FEW_SEEDS);
        }
        limited(&mut command, LIMIT)
    }
}

fn copy_folder(from: &Path, to: &Path) -> Outcome {
    fs::create_dir_all(to).map_err(Failure::of_file(to))?;
    for entry in fs::read_dir(from).map_err(Failure::of_file(from))? {
        let entry = entry.map_err(Failure::of_file(from))?;
        let (path, name) = (entry.path(), entry.file_name());
        if from == root() && LEFT_OUT.iter().any(|left_out| name == **left_out) {
            continue;
        }
        if path.is_dir() {
            copy_folder(&path, &to.join(&name))?;
        } else {
            fs::copy(&path, to.join(&name)).map_err(Failure::of_file(&path))?;
        }
    }
    Ok(())
}
