//! `cargo xtask mutants`: do the tests notice when the job is broken?
//!
//! Each mutant ([`table`]) is one replacement in one source. It is applied in a copy of the workspace, then
//! the tests of the crates that decide are run. A mutant is **killed** if they fail or hang, and **survives**
//! if they pass. A survivor is either a test that is missing, or a change that changes nothing, which the
//! table must then explain.

mod place;
mod table;
mod tree;

use std::time::{Duration, Instant};

use crate::{Failure, Outcome};
use place::Places;
use tree::{Tests, Tree};

/// A way to break the job.
#[derive(Clone, Copy, Debug)]
pub struct Mutant {
    /// What it is called: unique.
    pub name: &'static str,
    /// The source, from the workspace's root.
    pub file: &'static str,
    /// What stands there exactly once; how it is broken into lines does not matter.
    pub find: &'static str,
    /// What stands there instead.
    pub replace: &'static str,
    /// What that breaks.
    pub breaks: &'static str,
    /// Why nothing can notice it, if so.
    pub explained: Option<&'static str>,
}

/// What the tests make of a mutant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// They fail.
    Killed,
    /// They hang.
    Hangs,
    /// They pass.
    Survives,
}

/// What to do.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only mutants whose name or file contains this; may be given several times
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Only lists them
    #[arg(long)]
    list: bool,
    /// Sets up the copy anew, but does not ask first whether the tests pass without a mutant
    #[arg(long)]
    trust: bool,
}

/// Runs the command.
///
/// # Errors
/// If a mutant survives without an explanation, doesn't compile, or doesn't find its place.
pub fn run(args: &Args) -> Outcome {
    let chosen: Vec<Mutant> = table::all()
        .filter(|mutant| {
            let named = |only: &String| mutant.name.contains(only) || mutant.file.contains(only);
            args.only.is_empty() || args.only.iter().any(named)
        })
        .collect();
    if chosen.is_empty() {
        return Err(Failure::Found("no mutant is called so".to_owned()));
    }
    if args.list {
        for mutant in &chosen {
            println!("{:<34} {:<40} {}", mutant.name, mutant.file, mutant.breaks);
        }
        return Ok(());
    }
    let tree = Tree::copy()?;
    let broken: Vec<String> = chosen.iter().filter_map(|m| tree.check(m).err()).collect();
    if !broken.is_empty() {
        return Err(Failure::Found(broken.join("\n")));
    }
    if !args.trust {
        println!("without a mutant: building and testing, which may take minutes");
        let started = Instant::now();
        if tree.test(Tests::All, "without")? != Verdict::Survives {
            let log = tree.log("without");
            return Err(Failure::Found(format!(
                "the tests fail without a mutant: see {log}"
            )));
        }
        println!(
            "without a mutant: the tests pass, {:.0} s",
            started.elapsed().as_secs_f64()
        );
    }
    try_all(&tree, &chosen)
}

fn try_all(tree: &Tree, chosen: &[Mutant]) -> Outcome {
    let mut results = Vec::new();
    for (index, mutant) in chosen.iter().enumerate() {
        let started = Instant::now();
        let result = tree.try_mutant(mutant);
        let took = started.elapsed();
        let word = result.as_ref().map_or("ERROR", |verdict| word(*verdict, mutant));
        let (number, of) = (index + 1, chosen.len());
        println!(
            "[{number:>2}/{of}] {word:<10} {:>5.0} s  {}",
            took.as_secs_f64(),
            mutant.name
        );
        results.push((mutant, result, took));
    }
    report(tree, &results)
}

fn word(verdict: Verdict, mutant: &Mutant) -> &'static str {
    match (verdict, mutant.explained) {
        (Verdict::Killed, _) => "killed",
        (Verdict::Hangs, _) => "hangs",
        (Verdict::Survives, Some(_)) => "explained",
        (Verdict::Survives, None) => "SURVIVES",
    }
}

type Tried<'m> = (&'m Mutant, Outcome<Verdict>, Duration);

fn report(tree: &Tree, results: &[Tried<'_>]) -> Outcome {
    println!("\n{:<10} {:<34} what it breaks", "verdict", "mutant");
    let mut unexplained = 0;
    let mut killed = 0;
    for (mutant, result, _) in results {
        let word = result.as_ref().map_or("ERROR", |verdict| word(*verdict, mutant));
        println!("{word:<10} {:<34} {}", mutant.name, mutant.breaks);
        match (result, mutant.explained) {
            (Ok(Verdict::Killed | Verdict::Hangs), None) => killed += 1,
            (Ok(Verdict::Killed | Verdict::Hangs), Some(_)) => {
                killed += 1;
                println!("{:<10} its explanation is out of date: a test notices it", "");
            }
            (Ok(Verdict::Survives), Some(why)) => println!("{:<10} {why}", ""),
            (Ok(Verdict::Survives), None) => unexplained += 1,
            (Err(failure), _) => {
                unexplained += 1;
                println!("{:<10} {failure}", "");
            }
        }
    }
    let took: Duration = results.iter().map(|(_, _, took)| *took).sum();
    println!(
        "\n{} mutants, {killed} killed, {unexplained} not explained, {:.0} s; logs in {}",
        results.len(),
        took.as_secs_f64(),
        tree.logs().display(),
    );
    if unexplained == 0 {
        return Ok(());
    }
    Err(Failure::Found(format!(
        "{unexplained} mutants survive or can't be tried: write the test that is missing, or explain in \
         xtask/src/mutants/table why nothing can notice"
    )))
}

/// Where a mutant applies in a source.
///
/// # Errors
/// In words, if that is not exactly one place.
fn place_of(mutant: &Mutant, source: &str) -> Result<(usize, usize), String> {
    match place::find(source, mutant.find) {
        Places::One(from, until) => Ok((from, until)),
        Places::Other(count) => Err(format!(
            "mutant {}: its text stands {count} times in {}, not once; the source has changed: make its entry \
             in xtask/src/mutants/table name one place again, or remove it if what it breaks is gone\n  {}",
            mutant.name, mutant.file, mutant.find
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_mutant_names_one_place_and_changes_it() {
        let broken: Vec<String> = table::all()
            .filter_map(|mutant| {
                let path = crate::root().join(mutant.file);
                let source = std::fs::read_to_string(&path).unwrap_or_default();
                place_of(&mutant, &source).err()
            })
            .collect();
        assert!(broken.is_empty(), "{}", broken.join("\n"));
        assert!(table::all().all(|mutant| mutant.find != mutant.replace));
    }

    #[test]
    fn mutants_have_names_of_their_own() {
        let names: BTreeSet<&str> = table::all().map(|mutant| mutant.name).collect();
        assert_eq!(names.len(), table::all().count());
        assert!(
            names.len() >= 40,
            "the check is worth little with {} mutants",
            names.len()
        );
    }
}
