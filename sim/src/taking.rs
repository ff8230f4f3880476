//! Taking a checkpoint, as the engine's thread does: parts, then the store passes, then the manifest, then
//! older ones are removed and the log is trimmed. Here in one go, between any two calls of which the machine
//! may stop.

use std::collections::BTreeMap;

use contract::digest::Digest;
use contract::log::Epoch;
use pipelines::checkout::LOGIC_VERSION;
use runtime::checkpoint::{self, Id, Source, Take, TakeError};
use runtime::delivery::{Delivered, Delivery};
use runtime::state::Still;
use sinks::SinkError;

use crate::canary::Canary;
use crate::faulty_log::FaultyLog;
use crate::node::{Node, Takes, installation};
use crate::objects::Objects;
use crate::store::Store;

/// How often a store that may go on is asked again.
const TRIES: u64 = 3;

/// What has come of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Took {
    /// None was asked for.
    Nothing,
    /// One is there.
    Checkpoint(Epoch),
    /// It was given up.
    GivenUp(String),
}

impl Node {
    /// Takes the checkpoint whose state is there, if there is any. `old`: parts of the one before it.
    pub fn checkpoint(&mut self, log: &FaultyLog, store: &Store, objects: &Objects, old: &mut Parts) -> Took {
        let (Some((mark, stand)), Some(takes)) = (self.stand.take(), self.takes.clone()) else {
            return Took::Nothing;
        };
        let epoch = stand.binding.epoch;
        let mut take = Take {
            installation: installation(),
            logic: LOGIC_VERSION,
            generation: self.conductor.generation().number,
            binding: stand.binding.as_ref().clone(),
            digest: stand.digest,
            in_force: mark.timeline.generation().cloned(),
            timeline_offset: mark.offset,
            sources: vec![Box::new(Still::new(stand.snapshot, stand.rows))],
        };
        plant(self.canary, &mut take, old);
        let id = Id {
            epoch,
            generation: take.generation,
        };
        let canary = self.canary;
        let (delivery, visible) = (&mut self.delivery, &mut self.visible);
        let mut passes = || match canary {
            Some(Canary::CompletedEarly) => Ok(true),
            _ => pass(delivery, visible, epoch),
        };
        let stored = || {
            let passed = passes();
            if store.has_crashed() {
                objects.stop();
            }
            let unheld = canary == Some(Canary::CompletedUnheld);
            if passed == Ok(true) && !unheld {
                self.hold.now().map_err(|error| error.to_string())?;
            }
            passed
        };
        let done = checkpoint::take(&takes.place, takes.keep, take, &|| true, stored);
        finish(done.map(|taken| taken.is_some()), &takes, id, log, canary)
    }
}

/// Goes on until the store holds the epoch.
fn pass(delivery: &mut Delivery, visible: &mut Option<Epoch>, epoch: Epoch) -> Result<bool, String> {
    let mut tries = 0;
    while *visible < Some(epoch) {
        match delivery.commit() {
            Ok(Delivered::Through(epoch, _)) => *visible = Some(epoch),
            Ok(Delivered::Nothing) => return Ok(false),
            Err(SinkError::Retry { .. } | SinkError::InDoubt { .. }) if tries < TRIES => tries += 1,
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(true)
}

fn finish(
    done: Result<bool, TakeError>,
    takes: &Takes,
    id: Id,
    log: &FaultyLog,
    canary: Option<Canary>,
) -> Took {
    match done {
        Ok(true) => {}
        Ok(false) => return Took::GivenUp("the store does not come as far".to_owned()),
        Err(error) => return Took::GivenUp(error.to_string()),
    }
    let trimmed = takes
        .trims
        .then(|| checkpoint::trim_log(log, &takes.place, installation(), Some(id.epoch)));
    if canary == Some(Canary::PrunedOnly) {
        // That it can't be removed changes nothing.
        let _ = takes.place.remove(id);
    }
    match trimmed {
        Some(Err(error)) => Took::GivenUp(format!("after it was taken: {error}")),
        _ => Took::Checkpoint(id.epoch),
    }
}

/// The bytes of a checkpoint's parts, by name: only of use to a bug that is planted.
pub type Parts = BTreeMap<String, Vec<u8>>;

fn plant(canary: Option<Canary>, take: &mut Take, old: &mut Parts) {
    match canary {
        Some(Canary::WrongOffset) => take.timeline_offset += 1,
        Some(Canary::OtherDigest) => take.digest = Digest::default(),
        Some(Canary::ForgottenGeneration) => take.in_force = None,
        Some(Canary::OldPart) => {
            let mut new = Parts::new();
            for source in &take.sources {
                for (number, name) in source.parts().into_iter().enumerate() {
                    let mut bytes = Vec::new();
                    source.encode(number, &mut bytes);
                    new.insert(name, bytes);
                }
            }
            let mut mixed: Vec<(String, Vec<u8>)> = new.clone().into_iter().collect();
            let other = mixed
                .iter_mut()
                .find_map(|(name, new)| Some((old.get(name).filter(|old| *old != new)?, new)));
            if let Some((old, new)) = other {
                new.clone_from(old);
            }
            *old = new;
            take.sources = vec![Box::new(Mixed(mixed))];
        }
        _ => {}
    }
}

/// Parts of two checkpoints.
struct Mixed(Vec<(String, Vec<u8>)>);

impl Source for Mixed {
    fn parts(&self) -> Vec<String> {
        self.0.iter().map(|(name, _)| name.clone()).collect()
    }

    fn encode(&self, part: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0[part].1);
    }
}
