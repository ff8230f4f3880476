//! Restarts from checkpoints: whatever was kept of the log, wherever it was stopped, with however many
//! workers: the views are those that the oracle makes of all that was ever appended.

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{Hand, Store, VIEWS, options, topics};
use contract::log::{Epoch, History, Topic};
use contract::time::Time;
use generator::{Generator, Profile, Rng};
use millrace_runtime::checkpoint::{Place, Policy, prune, trim_log};
use millrace_runtime::{Checkpoints, Engine, EngineError, Progress, State};
use object_store::ObjectStoreExt as _;
use object_store::memory::InMemory;
use object_store::path::Path;
use oracle::Oracle;
use streams::{Batch, Log, MemoryLog, history, timeline};

fn seeds() -> std::ops::Range<u64> {
    let from = std::env::var("MILLRACE_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    from.map_or(0..8, |seed| seed..seed + 1)
}

/// The epoch of the newest checkpoint.
fn held(progress: &Progress) -> Option<Epoch> {
    progress.checkpoint.map(|held| held.id.epoch)
}

/// A shop that is stopped and started.
struct Shop {
    log: MemoryLog,
    /// All that was ever in the log.
    whole: MemoryLog,
    store: Store,
    clock: Hand,
    objects: Arc<InMemory>,
    place: Place,
    engine: Option<Engine>,
}

impl Shop {
    fn new() -> Shop {
        let objects = Arc::new(InMemory::new());
        let clock = Hand::default();
        clock.put(Time::from_ms(1_790_000_000_000).expect("a time"));
        Shop {
            log: MemoryLog::new(&topics(2)).expect("the topics are fine"),
            whole: MemoryLog::new(&topics(2)).expect("the topics are fine"),
            store: Store::default(),
            clock,
            place: Place::new(objects.clone(), "memory".to_owned()).expect("there are threads"),
            objects,
            engine: None,
        }
    }

    /// Starts it; a checkpoint is taken whenever one more record was decided.
    fn try_start(&mut self, workers: usize) -> Result<(), EngineError> {
        let mut options = options(workers);
        options.checkpoints = Some(Checkpoints {
            place: self.place.clone(),
            policy: Policy {
                interval_ms: 0,
                records_max: 1,
                keep: 3,
            },
            trims_log: false,
            patience_ms: 0,
        });
        let (log, store) = (Arc::new(self.log.clone()), Box::new(self.store.clone()));
        let engine = Engine::start(log, store, Arc::new(self.clock.clone()), &options)?;
        self.engine = Some(engine);
        Ok(())
    }

    fn start(&mut self, workers: usize) {
        self.try_start(workers).expect("it starts");
    }

    fn stop(&mut self) {
        let progress = self.engine.take().expect("it runs").stop();
        assert_eq!(
            (progress.state, progress.checkpoint_failed),
            (State::Stopped, None)
        );
    }

    /// Appends what the generator plans next, in pieces.
    fn append(&self, generator: &mut Generator, rng: &mut Rng) {
        let plan = generator.next_epoch(&self.store.kept().tables);
        self.clock.put(plan.clock.max(self.clock.time()));
        let mut records = History::new();
        generator::append(&plan, &mut records);
        let records: Vec<_> = records.records(0).collect();
        for piece in records.chunks(1 + rng.index(8)) {
            let mut batch = Batch::new(self.clock.time().ms());
            for record in piece {
                let partition = record.at.partition % 2;
                batch.push(record.at.topic.name(), partition, record.key, record.value);
            }
            self.log.append(&batch).expect("memory takes everything");
        }
    }

    /// Waits until all records are bound and visible.
    fn settle(&self) {
        let engine = self.engine.as_ref().expect("it runs");
        let ends = Topic::ALL.map(|topic| self.log.ends(topic.name()).expect("it is there"));
        let has_all = |_: &Progress| {
            let frontier = self.store.kept().frontier;
            frontier.is_some_and(|frontier| frontier.ends == ends)
        };
        let progress = engine.wait(Duration::from_secs(60), has_all);
        assert!(has_all(&progress), "records stay invisible: {progress:?}");
    }

    /// Waits for a checkpoint that is newer than `after`.
    fn checkpoint(&self, after: Option<Epoch>) -> Epoch {
        let engine = self.engine.as_ref().expect("it runs");
        let progress = engine.wait(Duration::from_secs(60), |progress| held(progress) > after);
        assert!(held(&progress) > after, "no checkpoint: {progress:?}");
        held(&progress).expect("there is one")
    }

    /// Copies what is new in the log to where nothing is ever trimmed.
    fn mirror(&self) {
        let topics = Topic::ALL.map(Topic::name).into_iter().chain([timeline::TOPIC]);
        for topic in topics {
            let from = self.whole.ends(topic).expect("it is there");
            for (partition, from) in (0u32..).zip(from) {
                let mut reader = self
                    .log
                    .read(topic, partition, from)
                    .expect("it is not trimmed yet");
                while let Some(records) = reader.next_run(u64::MAX).expect("memory does not fail") {
                    for record in records {
                        let mut batch = Batch::new(record.timestamp_ms);
                        batch.push(topic, partition, record.key, record.value);
                        self.whole.append(&batch).expect("memory takes everything");
                    }
                }
            }
        }
    }

    fn trim(&self) -> Epoch {
        self.mirror();
        let store = self.store.kept().frontier.map(|frontier| frontier.epoch);
        let trimmed = trim_log(&self.log, &self.place, options(1).installation, store);
        trimmed.expect("memory does not fail").epoch
    }

    /// That the views are the oracle's.
    fn check(&self, context: &str) {
        self.mirror();
        let kept = self.store.kept();
        let epoch = kept.frontier.expect("it holds something").epoch;
        let (history, _) = history::read(&self.whole, Some(epoch)).expect("the log can be read");
        let mut oracle = Oracle::new();
        for (index, binding) in history.timeline().iter().enumerate() {
            oracle.epoch(binding.epoch, binding.clock, history.records(index));
        }
        let differences = kept.tables.differences(oracle.tables(), VIEWS);
        assert!(differences.is_empty(), "{context}: {}", differences[0]);
        let epochs: Vec<u64> = kept.digests.iter().map(|(epoch, _)| epoch.0).collect();
        let expected: Vec<u64> = (1..=epoch.0).collect();
        assert_eq!(epochs, expected, "{context}: each epoch once, in order");
    }

    /// Flips a bit in a part of the newest checkpoint.
    fn damage(&self, rng: &mut Rng) {
        let newest = self.place.list().expect("memory does not fail").remove(0);
        let manifest = newest.whole().expect("it is whole");
        let part = &manifest.parts[rng.index(manifest.parts.len())];
        let path = Path::from(format!("{}/{}.lz4", newest.id, part.name));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("there are threads");
        runtime.block_on(async {
            let found = self.objects.get(&path).await.expect("it is there");
            let mut bytes = found.bytes().await.expect("memory does not fail").to_vec();
            let at = rng.index(bytes.len());
            bytes[at] ^= 1 << rng.index(8);
            self.objects
                .put(&path, bytes.into())
                .await
                .expect("memory does not fail");
        });
    }
}

#[test]
fn restarts_from_any_checkpoint_of_a_trimmed_log_change_nothing() {
    for seed in seeds() {
        let context = format!("MILLRACE_SEED={seed}");
        let mut rng = Rng::new(seed);
        let mut generator = Generator::new(seed, Profile::from_seed(seed));
        let mut shop = Shop::new();
        shop.start(1);
        let (mut begun_late, mut trimmed) = (0, 0);
        for _ in 0..25 {
            shop.append(&mut generator, &mut rng);
            if rng.chance(40) {
                shop.settle();
            }
            if rng.chance(35) {
                shop.stop();
                if rng.chance(50) {
                    trimmed = trimmed.max(shop.trim().0);
                }
                let kept = shop.place.list().expect("memory does not fail").len();
                // One that is damaged is passed over; a trimmed log needs another.
                let spoils = rng.chance(30) && (kept > 1 || trimmed == 0) && kept > 0;
                if spoils {
                    shop.damage(&mut rng);
                }
                shop.start(1 + rng.index(4));
                let begun = shop.engine.as_ref().expect("it runs").progress();
                begun_late += u64::from(begun.checkpoint.is_some());
            }
        }
        shop.settle();
        shop.stop();
        shop.check(&context);
        assert!(begun_late > 0, "{context}: no start was from a checkpoint");
    }
}

#[test]
fn an_empty_store_is_filled_from_the_log_and_a_trimmed_log_says_that_it_can_not() {
    let mut rng = Rng::new(1);
    let mut generator = Generator::new(1, Profile::from_seed(1));
    let mut shop = Shop::new();
    shop.start(2);
    for _ in 0..5 {
        shop.append(&mut generator, &mut rng);
        shop.settle();
    }
    shop.checkpoint(None);
    shop.stop();
    let before = shop.store.kept();
    shop.store = Store::default();
    shop.start(1);
    shop.settle();
    shop.stop();
    shop.check("filled again");
    assert!(shop.trim() > Epoch(0));
    let behind = std::mem::take(&mut shop.store);
    assert_eq!(shop.trim(), Epoch(0), "an empty store needs all of the log");
    let refused = shop.try_start(1).expect_err("nothing can fill it").to_string();
    assert!(refused.contains("the view store is empty"), "{refused}");
    shop.store = behind;
    shop.start(3);
    shop.settle();
    shop.stop();
    shop.check("the store that goes with it");
    assert!(before.frontier.is_some());
}

#[test]
fn the_log_is_not_trimmed_beyond_a_store_that_was_brought_back_as_it_was() {
    let (mut rng, mut generator) = (Rng::new(3), Generator::new(3, Profile::from_seed(3)));
    let mut shop = Shop::new();
    shop.start(1);
    shop.append(&mut generator, &mut rng);
    shop.settle();
    let older = shop.store.kept();
    let epoch = older.frontier.as_ref().map(|frontier| frontier.epoch);
    while held(&shop.engine.as_ref().expect("it runs").progress()) <= epoch {
        shop.append(&mut generator, &mut rng);
        shop.settle();
    }
    shop.stop();
    let newest = shop.store.kept().frontier.map(|frontier| frontier.epoch);
    prune(&shop.place, 1, newest).expect("memory does not fail");
    *shop.store.0.lock().expect("nobody panicked") = older;
    assert_eq!(shop.trim(), Epoch(0), "what the older store needs is kept");
    shop.start(2);
    shop.settle();
    shop.stop();
    shop.check("brought back");
}

#[test]
fn a_checkpoint_of_another_history_is_refused_not_mixed_in() {
    let mut rng = Rng::new(2);
    let mut generator = Generator::new(2, Profile::from_seed(2));
    let (mut one, mut other) = (Shop::new(), Shop::new());
    for shop in [&mut one, &mut other] {
        shop.start(1);
        for _ in 0..4 {
            shop.append(&mut generator, &mut rng);
            shop.settle();
        }
        shop.checkpoint(None);
        shop.stop();
    }
    // The other's store, with our log and checkpoints: the same installation, another history.
    let epoch = other.store.kept().frontier.expect("it holds something").epoch;
    while one.store.kept().frontier.map(|f| f.epoch) < Some(epoch) {
        one.start(1);
        one.append(&mut generator, &mut rng);
        one.settle();
        one.stop();
    }
    one.store = other.store;
    let refused = one.try_start(1).map(|()| {
        let engine = one.engine.as_ref().expect("it runs");
        engine.wait(Duration::from_secs(60), Progress::has_ended).state
    });
    match refused {
        Err(_) | Ok(State::Failed(_)) => {}
        Ok(state) => panic!("two histories were mixed: {state:?}"),
    }
}
