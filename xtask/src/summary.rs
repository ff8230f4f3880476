//! Steps, one after another, and what became of each.

use std::fmt;
use std::time::{Duration, Instant};

use crate::{Failure, Outcome};

/// What is said of a step that failed.
const FAILED: &str = "FAILED";

/// What became of a step.
struct Step {
    name: String,
    word: &'static str,
    took: Duration,
}

/// What became of all steps.
#[derive(Default)]
pub struct Summary {
    steps: Vec<Step>,
}

impl Summary {
    /// Runs a step, whatever became of those before: whoever has two mistakes wants to hear of both.
    pub fn step(&mut self, name: &str, run: impl FnOnce() -> Outcome) {
        println!("\n── {name}");
        let started = Instant::now();
        let failure = run().err();
        if let Some(failure) = &failure {
            println!("── {name} failed: {failure}");
        }
        self.steps.push(Step {
            name: name.to_owned(),
            word: if failure.is_some() { FAILED } else { "ok" },
            took: started.elapsed(),
        });
    }

    /// Runs a step, unless something hinders it: then it is named as skipped, with the reason.
    pub fn step_unless(&mut self, hindrance: Option<String>, name: &str, run: impl FnOnce() -> Outcome) {
        let Some(why) = hindrance else {
            return self.step(name, run);
        };
        println!("\n── {name} skipped: {why}");
        self.steps.push(Step {
            name: format!("{name}: {why}"),
            word: "skipped",
            took: Duration::ZERO,
        });
    }

    /// Prints what became of the steps.
    ///
    /// # Errors
    /// If one failed.
    pub fn finish(self) -> Outcome {
        println!("\n{self}");
        let failed: Vec<&str> = self
            .steps
            .iter()
            .filter(|step| step.word == FAILED)
            .map(|step| step.name.as_str())
            .collect();
        if failed.is_empty() {
            return Ok(());
        }
        Err(Failure::Found(format!("failed: {}", failed.join(", "))))
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.steps {
            let Step { name, word, took } = step;
            writeln!(f, "{word:>8} {:>8.1} s  {name}", took.as_secs_f64())?;
        }
        let total: Duration = self.steps.iter().map(|step| step.took).sum();
        write!(f, "{:>8} {:>8.1} s", "total", total.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_skipped_is_named_and_fails_nothing() {
        let mut summary = Summary::default();
        summary.step_unless(None, "done", || Ok(()));
        summary.step_unless(Some("no python3".to_owned()), "left", || {
            unreachable!("it is hindered")
        });
        let said = summary.to_string();
        assert!(
            said.contains("skipped") && said.contains("left: no python3"),
            "{said}"
        );
        assert!(summary.finish().is_ok());
        let mut summary = Summary::default();
        summary.step("broken", || Err(Failure::Found("x".to_owned())));
        let failed = summary.finish().expect_err("a step failed");
        assert_eq!(failed.to_string(), "failed: broken");
    }
}
