//! Checkpoints in the simulated world: they are taken, damaged, and begun with; the log is trimmed, the store
//! brought back as it was.
//!
//! Where a start must begin is judged here a second time, by what was written and what was done to it.

use contract::log::{Epoch, Topic};
use runtime::checkpoint;
use runtime::state::State;
use streams::timeline;

use crate::node::installation;
use crate::objects::{Known, ObjectFault};
use crate::taking::Took;
use crate::world::{Checked, World, violated};

/// Where a start must begin: after this checkpoint, with the first epoch, or nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begins {
    After((Epoch, u64)),
    WithTheFirst,
    Nowhere,
}

impl World {
    /// The process takes a checkpoint, if one is asked for.
    pub(crate) fn checkpoint(&mut self) -> Checked {
        let Some(mut node) = self.node.take_if(|node| node.stand.is_some()) else {
            return Ok(());
        };
        let before = self.must_begin();
        let took = node.checkpoint(&self.log, &self.store, &self.objects, &mut self.old_parts);
        self.took(&node.me, &took);
        self.node = Some(node);
        self.check_store()?;
        self.check_checkpoints()?;
        self.check_removed(before)
    }

    /// That what was removed of checkpoints and log leaves something to begin with.
    fn check_removed(&self, before: Begins) -> Checked {
        if self.must_begin() != Begins::Nowhere || before == Begins::Nowhere || self.damaged {
            return Ok(());
        }
        let (shown, _) = self.store.epochs();
        violated(format!(
            "a start could begin ({before:?}) with the store at {shown:?}, until checkpoints were pruned and \
             the log trimmed"
        ))
    }

    pub(crate) fn took(&mut self, me: &str, took: &Took) {
        match took {
            Took::Nothing => {}
            Took::Checkpoint(epoch) => {
                self.reaches("a checkpoint");
                self.tell(format!("{me} has taken a checkpoint at epoch {}", epoch.0));
            }
            Took::GivenUp(why) => {
                self.reaches("a checkpoint is given up");
                self.tell(format!("{me} takes no checkpoint: {why}"));
            }
        }
    }

    /// That the checkpoints that are there are what they must be.
    pub(crate) fn check_checkpoints(&mut self) -> Checked {
        let known = self.objects.known();
        let broken = known.iter().find(|known| !known.whole);
        if let Some(Known { id, .. }) = broken.filter(|_| !self.damaged) {
            return violated(format!(
                "the checkpoint of epoch {} and generation {} is complete, but not all of it is there",
                id.0.0, id.1
            ));
        }
        let (_, held) = self.store.epochs();
        if let Some(known) = known.iter().find(|known| !self.seen.contains(&known.id))
            && Some(known.id.0) > held
            && !self.store.is_file()
        {
            return violated(format!(
                "the checkpoint of epoch {} is complete, while a crash leaves the store at {held:?}",
                known.id.0.0
            ));
        }
        self.seen = known.iter().map(|known| known.id).collect();
        self.damaged &= known.iter().any(|known| !known.whole);
        Ok(())
    }

    /// Where a start must begin now.
    pub(crate) fn must_begin(&self) -> Begins {
        let log = self.log.inner();
        let starts = |topic: &str| log.starts(topic).unwrap_or_default();
        let (shown, _) = self.store.epochs();
        let has_all_after = |known: &Known| {
            let reaches = |topic: Topic| {
                let ends = &known.ends[topic as usize];
                let starts = starts(topic.name()).into_iter().enumerate();
                starts.fold(true, |all, (partition, start)| {
                    all && start <= ends.get(partition).copied().unwrap_or(0)
                })
            };
            let timeline = starts(timeline::TOPIC)[0] <= known.timeline_offset;
            timeline && Topic::ALL.into_iter().all(reaches)
        };
        let fits = |known: &&Known| known.whole && Some(known.id.0) <= shown && has_all_after(known);
        if self.takes.is_some()
            && let Some(known) = self.objects.known().iter().find(fits)
        {
            return Begins::After(known.id);
        }
        let mut topics = Topic::ALL.map(Topic::name).into_iter().chain([timeline::TOPIC]);
        if topics.all(|topic| starts(topic).iter().all(|start| *start == 0)) {
            Begins::WithTheFirst
        } else {
            Begins::Nowhere
        }
    }

    /// That a process that has started began where it must, whatever failed as it read checkpoints.
    pub(crate) fn check_begun(&mut self, begun: Option<(Epoch, u64)>, must: Begins) -> Checked {
        match (begun, must) {
            (Some((epoch, _)), _) => {
                self.reaches("a start after a checkpoint");
                self.tell(format!("it begins after the checkpoint of epoch {}", epoch.0));
            }
            (None, _) if self.takes.is_some() => self.reaches("a start with the first epoch"),
            _ => {}
        }
        if begun.is_some() && self.damaged {
            self.reaches("a start beside a damaged checkpoint");
        }
        let well = match must {
            Begins::After(id) => begun == Some(id),
            Begins::WithTheFirst => begun.is_none(),
            Begins::Nowhere => false,
        };
        if well {
            return Ok(());
        }
        let why = self.why_not(must).unwrap_or_default();
        violated(format!(
            "a start begins after checkpoint {begun:?}, it must: {must:?} {why}"
        ))
    }

    /// What the runtime says of a checkpoint that a start must begin with, if it can't read it.
    fn why_not(&self, must: Begins) -> Option<String> {
        let (Some(takes), Begins::After(id)) = (&self.takes, must) else {
            return None;
        };
        let found = takes.place.list().ok()?;
        let found = found
            .into_iter()
            .find(|found| (found.id.epoch, found.id.generation) == id)?;
        let manifest = match found.manifest? {
            Ok(manifest) => manifest,
            Err(error) => return Some(error.to_string()),
        };
        let decode = |name: &str, bytes: Vec<u8>| State::decode(name, &bytes);
        match checkpoint::load(&takes.place, &manifest, 1, &decode) {
            Ok(pieces) => State::restore(id.0, pieces, 1).err(),
            Err(error) => Some(error.to_string()),
        }
    }

    /// A process has found nothing to begin with.
    pub(crate) fn no_beginning(&mut self, what: &str, must: Begins) -> Checked {
        self.tell(format!("nothing to begin with: {what}"));
        if must != Begins::Nowhere {
            return violated(format!(
                "a start refuses, but could begin: {must:?}; it says: {what}"
            ));
        }
        let (shown, _) = self.store.epochs();
        let newest = self.newest.take().filter(|newest| {
            let epoch = newest.frontier.as_ref().map(|frontier| frontier.epoch);
            epoch > shown
        });
        if !self.damaged && newest.is_none() {
            return violated(format!(
                "nobody has damaged anything, yet a start refuses: {what}"
            ));
        }
        if !what.contains("millrace restore") {
            return violated(format!("a refusal that names no way out: {what}"));
        }
        self.reaches("a start refuses, and all is brought back");
        self.objects.heal();
        self.damaged = false;
        if let Some(newest) = newest {
            self.put_store(|store| store.put(newest));
        }
        Ok(())
    }

    /// Somebody, or the disk, damages a checkpoint.
    pub(crate) fn damage(&mut self) {
        if let Some(what) = self.objects.damage(&mut self.rng) {
            self.reaches("a checkpoint is damaged");
            self.tell(format!("damaged: {what}"));
            self.damaged = true;
        }
    }

    /// An operator trims the log.
    pub(crate) fn trim(&mut self) -> Checked {
        let Some(takes) = self.takes.clone() else {
            return Ok(());
        };
        let before = self.must_begin();
        let trimmed = checkpoint::trim_log(&self.log, &takes.place, installation(), self.store.epochs().0);
        if trimmed.as_ref().is_ok_and(|trimmed| trimmed.records > 0) {
            self.reaches("an operator trims the log");
        }
        self.tell(format!("an operator trims the log: {trimmed:?}"));
        self.check_removed(before)
    }

    /// An operator brings back an older copy of the store, or empties it.
    pub(crate) fn bring_back(&mut self) -> Checked {
        if self.store.is_file() {
            return Ok(());
        }
        self.crash("an operator stops everything")?;
        let before = self.store.with(Clone::clone);
        let epoch = |kept: &crate::store::Kept| kept.frontier.as_ref().map(|frontier| frontier.epoch);
        if self
            .newest
            .as_ref()
            .is_none_or(|newest| epoch(newest) < epoch(&before))
        {
            self.newest = Some(before);
        }
        let number = self.rng.index(100);
        self.put_store(|store| store.bring_back(number));
        let shown = self.shown().0;
        self.reaches("an older store");
        self.tell(format!(
            "an older copy of the store is brought back, of epoch {shown}"
        ));
        Ok(())
    }

    /// The store holds something else all at once.
    pub(crate) fn put_store(&mut self, put: impl FnOnce(&crate::store::Store)) {
        put(&self.store);
        let digests = self.store.with(|kept| kept.digests.len());
        self.digests_seen = self.digests_seen.min(digests);
    }

    /// The next calls of the checkpoints' place.
    pub(crate) fn arm_objects(&mut self) {
        let fault = self.rng.weighted(&[
            (ObjectFault::Fails, 25),
            (ObjectFault::Doubt, 25),
            (ObjectFault::CrashBefore, 25),
            (ObjectFault::CrashAfter, 25),
        ]);
        self.reaches(format!("object {fault:?}"));
        if self.rng.chance(50) {
            let after = self.rng.below(30);
            self.tell(format!(
                "after {after} calls of the checkpoints' place: {fault:?}"
            ));
            self.objects.arm(after, fault);
        } else {
            let after = self.rng.below(6);
            self.tell(format!("{after} calls after the next manifest: {fault:?}"));
            self.objects.arm_at_manifest(after, fault);
        }
    }
}
