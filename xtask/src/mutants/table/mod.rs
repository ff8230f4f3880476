//! The mutants. Each breaks one thing that somebody would miss.

mod intake;
mod ledger;
mod operators;
mod place;
mod rows;
mod saga;

use super::Mutant;

impl Mutant {
    /// A mutant that the tests must kill.
    const fn new(
        name: &'static str,
        file: &'static str,
        find: &'static str,
        replace: &'static str,
        breaks: &'static str,
    ) -> Self {
        Mutant {
            name,
            file,
            find,
            replace,
            breaks,
            explained: None,
        }
    }

    /// Says why nothing can notice it.
    const fn explained(self, why: &'static str) -> Self {
        Mutant {
            explained: Some(why),
            ..self
        }
    }
}

/// All mutants.
pub fn all() -> impl Iterator<Item = Mutant> {
    let tables = [
        ledger::MUTANTS,
        operators::MUTANTS,
        saga::MUTANTS,
        place::MUTANTS,
        intake::MUTANTS,
        rows::MUTANTS,
    ];
    tables.into_iter().flatten().copied()
}
