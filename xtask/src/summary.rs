//! Steps, one after another, and what became of each.

use std::fmt;
use std::time::{Duration, Instant};

use crate::{Failure, Outcome};

/// What became of a step.
struct Step {
    name: String,
    failure: Option<Failure>,
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
            failure,
            took: started.elapsed(),
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
            .filter(|step| step.failure.is_some())
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
            let word = if step.failure.is_some() { "FAILED" } else { "ok" };
            writeln!(f, "{word:>8} {:>8.1} s  {}", step.took.as_secs_f64(), step.name)?;
        }
        let total: Duration = self.steps.iter().map(|step| step.took).sum();
        write!(f, "{:>8} {:>8.1} s", "total", total.as_secs_f64())
    }
}
