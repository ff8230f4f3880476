//! A data directory from its first start on, through crash after crash.

use std::fs;
use std::path::Path;
use std::time::Duration;

use generator::Rng;

use super::ROUNDS;
use super::child::{Kill, Program, Ran};
use super::load::Load;
use super::model::Model;
use super::points::{Left, Points};
use crate::{Failure, Outcome};

/// Batches that a round sends, at most.
const BATCHES_MAX: u64 = 60;
/// The rounds in a row after which nothing is looked at.
const UNSEEN_MAX: u32 = 3;

/// What happens after a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// What the crash left is verified as it is.
    Verify,
    /// It is started and stopped in good order, then verified.
    Recover,
    /// The next start is killed too.
    Crash,
}

/// The directory.
pub struct Life {
    program: Program,
    rng: Rng,
    load: Load,
    model: Model,
    /// The last epoch that readers have seen.
    seen: u64,
    /// The last crash was in the midst of a write to a segment, and nobody has opened the log since.
    torn: bool,
    /// Rounds since it was looked at.
    unseen: u32,
}

impl Life {
    /// A directory that is not there yet.
    pub fn new(millrace: &Path, data: &Path, seed: u64) -> Life {
        Life {
            program: Program {
                millrace: millrace.to_owned(),
                data: data.to_owned(),
                // Every other directory.
                trims: seed / ROUNDS % 2 == 1,
            },
            rng: Rng::new(seed),
            load: Load::new(seed),
            model: Model::default(),
            seen: 0,
            torn: false,
            unseen: 0,
        }
    }

    /// A crash, and what comes after it.
    ///
    /// # Errors
    /// If something is lost or wrong.
    pub fn round(&mut self, number: u64, points: &mut Points) -> Outcome {
        let left = Left::look(&self.program.log(), self.torn, self.program.trims);
        let count = 1 + self.rng.below(BATCHES_MAX);
        let kill = self.kill(left, points, count);
        let batches = self.load.next(usize::try_from(count).unwrap_or(1));
        let ran = self.program.crash(&batches, &kill)?;
        self.note(&ran, batches.len());
        if let Kill::Point(point, _) = &kill {
            points.note(point, ran.hit);
            self.torn = ran.hit && point == "segment.write.torn";
        } else {
            self.torn = false;
        }
        let then = self.then(points);
        println!(
            "{number:>4}  {kill:?}{}, {} of {} batches acknowledged, epoch {}; {then:?}",
            if matches!(kill, Kill::Point(..)) && !ran.hit {
                " (missed)"
            } else {
                ""
            },
            ran.acknowledged.len(),
            batches.len(),
            self.seen
        );
        self.look(then)
    }

    /// The last look, after which the directory is gone.
    ///
    /// # Errors
    /// If something is lost or wrong.
    pub fn end(mut self) -> Outcome {
        self.look(Then::Recover)?;
        let (data, stderr) = (&self.program.data, self.program.stderr());
        fs::remove_dir_all(data).map_err(Failure::of_file(data))?;
        fs::remove_file(&stderr).map_err(Failure::of_file(&stderr))
    }

    fn kill(&mut self, left: Left, points: &Points, batches: u64) -> Kill {
        let rng = &mut self.rng;
        let rare = points.rare(left);
        if rare.is_none() && rng.chance(35) {
            let ms = Duration::from_millis;
            return if rng.chance(40) {
                Kill::After(ms(rng.below(600)))
            } else {
                let count = 1 + rng.below(batches);
                Kill::Acknowledged(usize::try_from(count).unwrap_or(1), ms(rng.below(30)))
            };
        }
        let point = rare.unwrap_or_else(|| points.some(left, rng));
        let pass = points.pass(&point, left, rng);
        Kill::Point(point, pass)
    }

    fn then(&mut self, points: &Points) -> Then {
        let left = Left::look(&self.program.log(), self.torn, self.program.trims);
        let rare = points.rare(left).is_some();
        if self.unseen < UNSEEN_MAX && (rare || self.rng.chance(20)) {
            return Then::Crash;
        }
        *self.rng.pick(&[Then::Verify, Then::Recover])
    }

    /// Notes what was acknowledged, and the batch that was under way.
    fn note(&mut self, ran: &Ran, sent: usize) {
        let done = ran.acknowledged.len();
        let known = sent.min(done + 1);
        let batches = self.load.next(known);
        self.load.take(known);
        for (index, batch) in batches.into_iter().enumerate() {
            self.model.sent(batch, ran.acknowledged.get(index).cloned());
        }
        self.seen = self.seen.max(ran.visible);
    }

    fn look(&mut self, then: Then) -> Outcome {
        if then == Then::Crash {
            self.unseen += 1;
            return Ok(());
        }
        (self.unseen, self.torn) = (0, false);
        if then == Then::Recover {
            self.recover()?;
        }
        let (mut status, mut said) = self.program.verify()?;
        if matches!(status, Some(2 | 3)) && self.seen == 0 && self.model.records() == 0 {
            // It was killed before there was a log, or a view store: the next start makes it.
            self.recover()?;
            (status, said) = self.program.verify()?;
        }
        if status != Some(0) {
            return Err(Failure::Found(format!(
                "millrace verify: status {status:?}: {said}"
            )));
        }
        let epoch = epoch_of(&said);
        if epoch < self.seen {
            let seen = self.seen;
            return Err(Failure::Found(format!(
                "readers saw epoch {seen}, now it is {epoch}"
            )));
        }
        self.seen = epoch;
        self.model.compare(&self.program.log()).map_err(Failure::Found)
    }

    fn recover(&mut self) -> Outcome {
        let epoch = self.program.recover(self.seen)?;
        if epoch <= self.seen {
            let seen = self.seen;
            return Err(Failure::Found(format!(
                "it does not go on from epoch {seen}, but stands at {epoch}"
            )));
        }
        self.seen = epoch;
        Ok(())
    }
}

/// The epoch that `millrace verify` names; 0 if the view store is empty.
fn epoch_of(said: &str) -> u64 {
    let after = said.split_once("as of epoch ").map_or("", |(_, after)| after);
    let digits = after.split(':').next().unwrap_or_default();
    digits.parse().unwrap_or(0)
}
