//! What random logs reached, told from the tables alone.

mod goals;
mod moments;
mod more_goals;
mod observe;
mod records;
mod story;

use std::collections::BTreeMap;
use std::fmt;

use contract::log::History;
use contract::tables::Tables;
use contract::views::View;

use crate::schema::TYPES;

/// How often what was reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    counts: BTreeMap<String, u64>,
}

impl Coverage {
    /// Nothing reached.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts what one epoch, or several, led to: the tables before and after.
    pub fn observe(&mut self, before: &Tables, after: &Tables) {
        observe::observe(self, before, after);
    }

    /// Counts what became of the records of one epoch, by their type: the log, and the tables before and
    /// after. Only this reaches the goals whose names begin with `type:`.
    pub fn observe_log(&mut self, log: &History, before: &Tables, after: &Tables) {
        records::observe(self, log, before, after);
    }

    /// Adds what another coverage counted.
    pub fn merge(&mut self, other: &Coverage) {
        for (goal, count) in &other.counts {
            *self.counts.entry(goal.clone()).or_insert(0) += count;
        }
    }

    /// How often a goal was reached.
    #[must_use]
    pub fn count(&self, goal: &str) -> u64 {
        self.counts.get(goal).copied().unwrap_or(0)
    }

    /// Everything that must be reached, by name; what only [`Coverage::observe_log`] tells is listed by
    /// [`Coverage::required_of_log`].
    #[must_use]
    pub fn required() -> Vec<String> {
        let mut names = Vec::new();
        for (status, cause, outcomes) in goals::CELLS {
            names.extend(outcomes.iter().map(|o| cell(status, cause, o)));
        }
        for status in goals::FINAL {
            for (cause, outcomes) in goals::IN_FINAL {
                names.extend(outcomes.iter().map(|o| cell(status, cause, o)));
            }
        }
        names.extend(goals::REASONS.iter().map(|r| format!("reason: {r}")));
        for (topic, reasons) in goals::QUARANTINE {
            let all = goals::EVERYWHERE.iter().chain(*reasons);
            names.extend(all.map(|r| format!("quarantine: {topic} {r}")));
        }
        for kind in goals::ATTENTION {
            names.extend(["begins", "ends"].map(|w| format!("attention: {kind} {w}")));
        }
        for (group, others) in more_goals::OTHERS {
            names.extend(others.iter().map(|o| format!("{group}: {o}")));
        }
        let shown = View::ALL.iter().filter(|v| **v != View::Audits);
        names.extend(shown.map(|v| format!("rows: {}", v.schema().name)));
        names
    }

    /// What must be reached, by record type.
    #[must_use]
    pub fn required_of_log() -> Vec<String> {
        let of = |(outcome, types): &(&str, &[&str])| -> Vec<String> {
            types.iter().map(|t| format!("type: {t} {outcome}")).collect()
        };
        let everywhere = ["missing_field", "bad_field", "key_mismatch"];
        let all = TYPES
            .iter()
            .flat_map(|t| everywhere.map(|r| format!("type: {} {r}", t.name)));
        all.chain(more_goals::BY_TYPE.iter().flat_map(of)).collect()
    }

    /// What must be reached and was not, as far as tables tell.
    #[must_use]
    pub fn missing(&self) -> Vec<String> {
        Self::required()
            .into_iter()
            .filter(|goal| self.count(goal) == 0)
            .collect()
    }

    /// What must be reached by record type and was not.
    #[must_use]
    pub fn missing_of_log(&self) -> Vec<String> {
        Self::required_of_log()
            .into_iter()
            .filter(|goal| self.count(goal) == 0)
            .collect()
    }

    fn add(&mut self, goal: String) {
        *self.counts.entry(goal).or_insert(0) += 1;
    }
}

fn cell(status: &str, cause: &str, outcome: &str) -> String {
    format!("cell: {status} + {cause} = {outcome}")
}

impl fmt::Display for Coverage {
    /// A line for each goal with its count, those that must be reached first; then whatever else was reached.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut required = Self::required();
        if self.counts.keys().any(|goal| goal.starts_with("type: ")) {
            required.extend(Self::required_of_log());
        }
        for goal in &required {
            let count = self.count(goal);
            let mark = if count == 0 { "  MISSING" } else { "" };
            writeln!(f, "{count:>8}  {goal}{mark}")?;
        }
        writeln!(f, "Beyond what is required:")?;
        for (goal, count) in self.counts.iter().filter(|c| !required.contains(c.0)) {
            writeln!(f, "{count:>8}  {goal}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_goal_has_its_own_name() {
        let mut names = Coverage::required();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn merging_adds_counts() {
        let (mut a, mut b) = (Coverage::new(), Coverage::new());
        a.add("x".to_owned());
        b.add("x".to_owned());
        b.add("y".to_owned());
        a.merge(&b);
        assert_eq!((a.count("x"), a.count("y"), a.count("z")), (2, 1, 0));
    }

    #[test]
    fn empty_tables_reach_nothing() {
        let mut coverage = Coverage::new();
        coverage.observe(&Tables::new(), &Tables::new());
        assert_eq!(coverage.missing(), Coverage::required());
    }
}
