//! The decisions that every sink shares, over all combinations of what they depend on.

use contract::digest::{Digest, Sum};
use contract::installation::Installation;
use contract::log::Epoch;
use contract::time::Time;
use millrace_sinks as sinks;
use sinks::decide::{
    Differs, FollowQueue, KEPT_EVERY, KEPT_EXACTLY, Limits, Ours, Refusal, Replay, Resume, Size, Taken,
    fence, fence_refill, is_kept, resume,
};
use sinks::{Commit, Frontier, SinkError};

fn installation(n: u8) -> Installation {
    Installation::new(u64::from(n), [n; 10])
}

fn digest(history: u64) -> Digest {
    Digest::default().after(Epoch(history), Time::default(), Sum::default())
}

fn frontier(installation_: u8, generation: u64, logic: u32, epoch: u64, ends: &[u64]) -> Frontier {
    let mut all: [Vec<u64>; 9] = Default::default();
    all[5] = ends.to_vec();
    Frontier {
        installation: installation(installation_),
        generation,
        epoch: Epoch(epoch),
        clock: Time::default(),
        ends: all,
        digest: digest(epoch),
        logic,
    }
}

/// The word for a refusal, and what its text must name.
fn word(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::OtherInstallation { .. } => "installation",
        Refusal::LaterGeneration { .. } => "generation",
        Refusal::OtherLogic { .. } => "logic",
        Refusal::LogShorter { .. } => "log",
        Refusal::TimelineShorter { .. } => "timeline",
    }
}

#[test]
fn a_sink_goes_on_only_where_it_is_ours_and_within_the_log() {
    let ends_of: [&[u64]; 4] = [&[], &[3], &[3, 0], &[2, 7]];
    let mut refused = std::collections::BTreeMap::new();
    for number in 0..2 * 3 * 2 * 4 * 4 * 4 {
        let mut rest = number;
        let mut pick = |n: usize| {
            let picked = rest % n;
            rest /= n;
            picked
        };
        let whose = 1 + u8::try_from(pick(2)).unwrap();
        let (generation, logic) = (1 + pick(3) as u64, 1 + u32::try_from(pick(2)).unwrap());
        let (held, has, last) = (ends_of[pick(4)], ends_of[pick(4)], pick(4) as u64);
        let found = frontier(whose, generation, logic, 2, held);
        let ours = Ours {
            installation: installation(1),
            generation: 2,
            logic: 1,
            last: (last > 0).then_some(Epoch(last)),
            ends: frontier(1, 2, 1, 1, has).ends,
        };
        assert_eq!(resume(None, &ours), Ok(Resume::Fill));
        // Padded with zeros, a longer list of partitions holds nothing more.
        let at = |ends: &[u64], p: usize| *ends.get(p).unwrap_or(&0);
        let shorter = (0..2).find(|p| at(held, *p) > at(has, *p));
        let reasons = [
            (whose == 2, "installation"),
            (generation == 3, "generation"),
            (logic == 2, "logic"),
            (shorter.is_some(), "log"),
            (last < 2, "timeline"),
        ];
        let expected = reasons.iter().find(|(holds, _)| *holds).map(|(_, word)| *word);
        match (resume(Some(&found), &ours), expected) {
            (Ok(decision), None) => {
                let after = Epoch(2);
                assert_eq!(
                    decision,
                    Resume::Continue {
                        after,
                        digest: digest(2)
                    }
                );
            }
            (Err(refusal), Some(expected)) => {
                assert_eq!(word(&refusal), expected, "{number}");
                *refused.entry(expected).or_insert(0) += 1;
                if let Refusal::LogShorter {
                    partition,
                    found,
                    ours,
                    ..
                } = &refusal
                {
                    assert_eq!(Some(*partition), shorter);
                    let text = refusal.to_string();
                    assert!(text.contains(&format!("orders/{partition}")), "{text}");
                    assert_eq!((*found, *ours), (at(held, *partition), at(has, *partition)));
                }
                assert!(refusal.to_string().len() > 80, "it says what to do: {refusal}");
            }
            (decision, expected) => panic!("{number}: {decision:?}, expected {expected:?}"),
        }
    }
    assert_eq!(refused.len(), 5, "{refused:?}");
}

fn commit(after: Option<u64>, frontier: Frontier, epochs: &[u64]) -> Commit {
    Commit {
        after: after.map(Epoch),
        frontier,
        digests: epochs.iter().map(|e| (Epoch(*e), digest(*e))).collect(),
        deltas: Vec::new(),
    }
}

#[test]
fn only_the_owner_commits_and_only_where_the_sink_stands() {
    for number in 0..2 * 3 * 2 * 4 * 2 {
        let (whose, generation, logic) = (1 + number % 2, 1 + number / 2 % 3, 1 + number / 6 % 2);
        let (at, refill) = (number / 12 % 4, number / 48 == 1);
        let stored = frontier(
            u8::try_from(whose).unwrap(),
            generation,
            u32::try_from(logic).unwrap(),
            at.max(1),
            &[],
        );
        let found = (at > 0).then_some(&stored);
        let commit = commit(Some(2), frontier(1, 2, 1, 4, &[]), &[3, 4]);
        let decision = if refill {
            fence_refill("views", found, &commit.frontier)
        } else {
            fence("views", found, &commit)
        };
        let expected = match (found.is_some(), refill) {
            (true, _) if whose == 2 => "refused",
            (true, _) if generation == 3 => "fenced",
            (_, true) => "taken",
            _ if at != 2 => "elsewhere",
            _ if logic == 2 => "refused",
            _ => "taken",
        };
        let decided = match &decision {
            Ok(()) => "taken",
            Err(SinkError::Fenced { found, ours, .. }) => {
                assert_eq!((*found, *ours), (3, 2));
                "fenced"
            }
            Err(SinkError::Elsewhere { found, expected, .. }) => {
                assert_eq!(
                    (*found, *expected),
                    ((at > 0).then_some(Epoch(at)), Some(Epoch(2)))
                );
                "elsewhere"
            }
            Err(SinkError::Refused { .. }) => "refused",
            Err(other) => panic!("{other:?}"),
        };
        assert_eq!(decided, expected, "{number}: {decision:?}");
    }
}

#[test]
fn a_commit_must_lead_from_where_it_begins_to_its_frontier() {
    let taken = |after: Option<u64>, at, epochs: &[u64]| {
        let found = after.map(|epoch| frontier(1, 1, 1, epoch, &[]));
        fence(
            "views",
            found.as_ref(),
            &commit(after, frontier(1, 1, 1, at, &[]), epochs),
        )
        .is_ok()
    };
    assert!(taken(None, 1, &[1]) && taken(None, 2, &[1, 2]) && taken(Some(4), 9, &[5, 9]));
    for (after, at, epochs) in [
        (Some(4), 4, &[4][..]),
        (Some(4), 3, &[3]),
        (Some(4), 6, &[]),
        (Some(4), 6, &[5]),
        (Some(4), 6, &[6, 5]),
        (Some(4), 6, &[5, 5, 6]),
        (Some(4), 6, &[4, 6]),
        (None, 2, &[2, 3]),
    ] {
        assert!(!taken(after, at, epochs), "{after:?} {at} {epochs:?}");
    }
}

/// The epoch at which two histories part, for every place of it and every frontier: told exactly where
/// digests are kept exactly, else within 256 epochs.
#[test]
fn a_replay_is_stopped_at_the_first_epoch_that_differs() {
    let history = |parted_at: u64, epochs: u64| {
        let mut chained = Digest::default();
        let mut digests = Vec::new();
        for epoch in 1..=epochs {
            let seconds = i64::from(epoch == parted_at);
            chained = chained.after(
                Epoch(epoch),
                Time::default().plus_seconds(seconds),
                Sum::default(),
            );
            digests.push((Epoch(epoch), chained));
        }
        digests
    };
    let last = KEPT_EXACTLY + 3 * KEPT_EVERY + 5;
    let mut kept = history(0, last);
    kept.retain(|(epoch, _)| is_kept(*epoch, Epoch(last)));
    assert_eq!(kept.len() as u64, KEPT_EXACTLY + 3);
    let exact = last - KEPT_EXACTLY;
    for parted_at in [
        1,
        2,
        255,
        256,
        257,
        512,
        700,
        exact,
        exact + 1,
        exact + 2,
        last - 1,
        last,
    ] {
        let mut replay = Replay::new(kept.clone());
        let replayed = history(parted_at, last);
        let found = replayed.iter().find_map(|(e, d)| replay.check(*e, *d).err());
        let Differs { same_at, differs_at } = found.expect("it differs");
        let same_at = same_at.map_or(0, |epoch| epoch.0);
        assert!(
            same_at < parted_at && parted_at <= differs_at.0,
            "{parted_at}: {same_at} {differs_at:?}"
        );
        let width = differs_at.0 - same_at;
        assert!(
            if parted_at > exact + 1 {
                width == 1
            } else {
                width <= KEPT_EVERY
            },
            "{parted_at}: {width}"
        );
        let text = found.unwrap().to_string();
        assert!(text.contains(&format!("{}", differs_at.0)), "{text}");
        assert_eq!(text.contains("one of"), width > 1);
    }
    let mut replay = Replay::new(kept);
    for (epoch, digest) in history(0, last + 2) {
        assert_eq!(replay.check(epoch, digest), Ok(()));
        assert_eq!(replay.arrived(), epoch.0 >= last, "{epoch:?}");
    }
    assert!(Replay::new(Vec::new()).arrived());
}

/// A queue under test, and what must be true of it.
struct Model {
    queue: FollowQueue<u64>,
    limits: Limits,
    /// The last epoch that the sink holds, the next to be pushed, the first that must not be missed.
    held: u64,
    next: u64,
    /// Sizes of what waits.
    waits: Vec<(u64, Size)>,
    /// Dropped epochs since the last refill, and whether that goes on.
    lost: u64,
    dropping: bool,
}

fn total(waits: &[(u64, Size)]) -> (usize, Size) {
    let sum = |of: fn(&Size) -> usize| waits.iter().map(|(_, size)| of(size)).sum();
    let (changes, bytes) = (sum(|size| size.changes), sum(|size| size.bytes));
    (waits.len(), Size { changes, bytes })
}

fn fits((epochs, size): (usize, Size), limits: &Limits) -> bool {
    epochs <= limits.epochs && size.changes <= limits.changes && size.bytes <= limits.bytes
}

impl Model {
    fn push(&mut self, size: Size) {
        let epoch = self.next;
        self.next += 1;
        let pushed = self.queue.push(Epoch(epoch), size, epoch);
        self.waits.push((epoch, size));
        let full = !fits(total(&self.waits), &self.limits) && self.waits.len() > 1;
        self.dropping |= full;
        if self.dropping {
            self.waits.clear();
            self.lost = epoch;
        }
        assert_eq!(pushed, !self.dropping, "epoch {epoch}");
        assert_eq!(self.queue.waiting(), total(&self.waits));
        assert!(self.queue.push(Epoch(epoch), size, epoch), "again: passed over");
    }

    /// Takes, and commits or refills with the rows of an epoch that lies `behind` the last one.
    fn take(&mut self, batch: &Limits, behind: u64, while_filling: &[Size]) {
        let refill = self.lost > self.held;
        match self.queue.take(batch) {
            Taken::Nothing => assert!(self.waits.is_empty() && !refill),
            Taken::Commit(epochs) => {
                assert!(!refill, "epochs are missing");
                for (epoch, payload) in &epochs {
                    self.held += 1;
                    assert_eq!((epoch.0, *payload), (self.held, self.held), "none left out");
                }
                let taken: Vec<_> = self.waits.drain(..epochs.len()).collect();
                assert!(taken.len() == 1 || fits(total(&taken), batch), "more than fits");
                if let Some(next) = self.waits.first() {
                    let more = [taken.as_slice(), &[*next]].concat();
                    assert!(!fits(total(&more), batch), "one more would have fit");
                }
            }
            Taken::Refill => {
                assert!(refill, "nothing was dropped");
                self.dropping = false;
                let snapshot = (self.next - 1).saturating_sub(behind).max(self.held);
                while_filling.iter().for_each(|size| self.push(*size));
                self.held = snapshot;
                self.waits.retain(|(epoch, _)| *epoch > snapshot);
                assert_eq!(self.queue.refilled(Epoch(snapshot)), self.lost <= snapshot);
                assert_eq!(self.queue.waiting(), total(&self.waits));
            }
        }
    }
}

#[test]
fn a_queue_is_bounded_in_order_and_refilled_when_it_overflows() {
    let (mut overflows, mut again) = (0, 0);
    for seed in 0..4000_u64 {
        let mut state = seed;
        let mut roll = |sides: usize| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap() % sides
        };
        let mut limits = |epochs, changes, bytes| Limits {
            epochs: 1 + roll(epochs),
            changes: roll(changes),
            bytes: roll(bytes),
        };
        let (limits, batch) = (limits(5, 20, 60), limits(3, 15, 40));
        let mut model = Model {
            queue: FollowQueue::new(limits, None),
            limits,
            held: 0,
            next: 1,
            waits: Vec::new(),
            lost: 0,
            dropping: false,
        };
        for _ in 0..40 {
            let mut size = || Size {
                changes: roll(12),
                bytes: roll(30),
            };
            if size().changes < 8 {
                model.push(size());
                continue;
            }
            let sizes: Vec<Size> = (0..size().changes / 4).map(|_| size()).collect();
            let behind = u64::from(size().bytes < 5);
            let refill = model.lost > model.held;
            model.take(&batch, behind, &sizes);
            overflows += u32::from(refill);
            again += u32::from(refill && model.lost > model.held);
        }
    }
    assert!(overflows > 1000 && again > 100, "{overflows} {again}");
}
