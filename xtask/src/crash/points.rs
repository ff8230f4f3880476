//! Which kill point comes next.
//!
//! Some points are passed only where something was left behind: the log's file is made once, a file that was
//! never finished is removed on opening, a torn tail is cut. Such a point is taken as soon as it can be
//! passed; all others come in random order, first those that were not yet hit.

use std::collections::BTreeMap;
use std::path::Path;

use generator::Rng;

use super::child::is_there;

/// How often a point that is passed all the time is let pass, at most.
const PASSES_MAX: u64 = 30;

/// The points, and how often each was hit.
pub struct Points {
    hits: BTreeMap<String, u64>,
    /// Points that were asked for and not passed as often: the first pass is taken next time.
    missed: Vec<String>,
}

/// What a crash has left in a data directory.
#[derive(Clone, Copy, Debug)]
pub struct Left {
    /// There is no log yet.
    fresh: bool,
    /// Files that were not finished: of segments, indexes, the log's own.
    unfinished: [bool; 3],
    /// The last segment ends in half a write.
    torn: bool,
    /// The log is trimmed: its file is written anew, and segments are removed.
    trims: bool,
}

impl Left {
    /// Looks. `torn`: the last crash was in the midst of a write to a segment.
    pub fn look(log: &Path, torn: bool, trims: bool) -> Left {
        Left {
            fresh: !is_there(log, "millrace-log"),
            unfinished: [".segment.new", ".index.new", "millrace-log.new"].map(|end| is_there(log, end)),
            torn,
            trims,
        }
    }

    /// Whether a point that needs something can be passed; `None`: it needs nothing.
    fn allows(self, point: &str) -> Option<bool> {
        let [segment, index, meta] = self.unfinished;
        let step = point.rsplit_once('.').map_or(point, |(step, _)| step);
        match step {
            "meta.create" | "meta.write" | "meta.sync" | "meta.rename" if self.trims && !self.fresh => None,
            "segment.remove" | "index.remove" if self.trims => None,
            "meta.create" | "meta.write" | "meta.sync" | "meta.rename" => Some(self.fresh),
            "meta.remove" => Some(meta),
            "segment.remove" => Some(segment),
            "index.remove" => Some(index),
            "segment.set_len" => Some(self.torn),
            _ => None,
        }
    }
}

impl Points {
    /// All are to be hit.
    pub fn new(names: &str) -> Points {
        Points {
            hits: names.lines().map(|name| (name.to_owned(), 0)).collect(),
            missed: Vec::new(),
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.hits.len()
    }

    /// A point that needs what is there now, and was not hit yet.
    pub fn rare(&self, left: Left) -> Option<String> {
        let mut open = self.hits.iter().filter(|(_, hits)| **hits == 0);
        let found = open.find(|(name, _)| left.allows(name) == Some(true));
        found.map(|(name, _)| name.clone())
    }

    /// Any other point that can be passed now; those that were not yet hit first.
    pub fn some(&self, left: Left, rng: &mut Rng) -> String {
        let can = || {
            self.hits
                .iter()
                .filter(|(name, _)| left.allows(name).unwrap_or(true))
        };
        // A tail is torn by one point only, for two that need it.
        let never = self.never();
        let tears = |name: &str| {
            name == "segment.write.torn" && never.iter().any(|name| name.starts_with("segment.set_len"))
        };
        let hits = |(name, hits): (&String, &u64)| if tears(name) { 0 } else { *hits };
        let fewest = can().map(hits).min().unwrap_or(0);
        let names: Vec<_> = can().filter(|point| hits(*point) == fewest).collect();
        rng.pick(&names).0.clone()
    }

    /// Which pass of a point is to be the last.
    pub fn pass(&self, point: &str, left: Left, rng: &mut Rng) -> u64 {
        let often = ["segment.write", "segment.sync", "views.commit", "checkpoint.part"];
        let is_often = often.iter().any(|step| point.starts_with(step));
        let max = match left.allows(point) {
            _ if self.missed.iter().any(|missed| missed == point) => 1,
            Some(_) => 1,
            None if point.starts_with("views.caught_up") => 1,
            None if is_often => PASSES_MAX,
            None => 3,
        };
        1 + rng.below(max)
    }

    /// Notes what became of a point that was asked for.
    pub fn note(&mut self, point: &str, hit: bool) {
        self.missed.retain(|missed| missed != point);
        if hit {
            *self.hits.entry(point.to_owned()).or_default() += 1;
        } else {
            self.missed.push(point.to_owned());
        }
    }

    /// Those that were never hit.
    pub fn never(&self) -> Vec<&str> {
        let never = self.hits.iter().filter(|(_, hits)| **hits == 0);
        never.map(|(name, _)| name.as_str()).collect()
    }
}
