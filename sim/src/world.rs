//! The simulated world: a log, a store, processes of millrace, producers, a connector and its bank, under one
//! virtual clock, driven by one source of random numbers.

use std::collections::BTreeMap;
use std::sync::Arc;

use contract::digest::Digest;
use contract::log::{Epoch, Topic};
use contract::time::Time;
use generator::{Generator, PlannedRecord, Profile, Rng};
use runtime::checkpoint::Place;
use serde_json::Value;
use streams::{Batch, Log, LogError};

use crate::bank::{Bank, Command, PaymentId};
use crate::canary::Canary;
use crate::clock::VirtualClock;
use crate::faulty_log::{FaultyLog, PARTITIONS};
use crate::node::{Node, Takes};
use crate::objects::Objects;
use crate::store::{Kept, Store};
use crate::story::Story;
use crate::taking::Parts;
use crate::truth::Truth;

/// An invariant that was broken, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation(pub String);

/// The result of whatever may find one.
pub type Checked<T = ()> = Result<T, Violation>;

/// Makes a violation.
pub fn violated<T>(what: impl Into<String>) -> Checked<T> {
    Err(Violation(what.into()))
}

/// Records that somebody wants to append, together.
#[derive(Clone, Debug)]
pub struct Sending {
    /// Its number: the header of each of its records.
    pub id: u64,
    /// Whether it is lost when the connector stops.
    pub of_connector: bool,
    /// The records.
    pub records: Vec<PlannedRecord>,
}

/// How often a sending may stand in the log.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sent {
    /// How many records it has.
    pub records: u64,
    /// How often it was acknowledged.
    pub acknowledged: u64,
    /// How often it was left in doubt.
    pub doubtful: u64,
}

/// What happens at some time.
#[derive(Clone, Debug)]
pub enum Event {
    /// Somebody appends.
    Send(Sending),
    /// The connector asks the bank.
    Ask(Command),
    /// The bank charges after all what it has declined.
    CaptureLate(PaymentId, i64, String),
}

/// The world.
pub struct World {
    pub(crate) seed: u64,
    pub(crate) rng: Rng,
    pub(crate) canary: Option<Canary>,
    pub(crate) clock: VirtualClock,
    pub(crate) log: FaultyLog,
    pub(crate) store: Store,
    pub(crate) node: Option<Node>,
    /// A process that has paused while another took over.
    pub(crate) paused: Option<Node>,
    /// How many processes there were.
    pub(crate) starts: u64,
    /// Where checkpoints lie.
    pub(crate) objects: Objects,
    /// How they are taken, if they are.
    pub(crate) takes: Option<Takes>,
    /// Those that were looked at.
    pub(crate) seen: Vec<(Epoch, u64)>,
    /// Some of them are damaged.
    pub(crate) damaged: bool,
    /// The store as it was before an older copy of it was brought back.
    pub(crate) newest: Option<Kept>,
    pub(crate) old_parts: Parts,
    pub(crate) generator: Generator,
    /// The generator speaks for the bank as well, without books.
    pub(crate) is_wild: bool,
    pub(crate) bank: Bank,
    /// What the connector has taken up, and as which issue.
    pub(crate) taken: BTreeMap<String, i64>,
    pub(crate) events: BTreeMap<(u64, u64), Event>,
    pub(crate) numbers: u64,
    pub(crate) sent: BTreeMap<u64, Sent>,
    pub(crate) truth: Truth,
    /// The digest after each epoch, from whoever said so first.
    pub(crate) digests: BTreeMap<Epoch, Digest>,
    /// How many of the store's digests were looked at.
    pub(crate) digests_seen: usize,
    /// What the epochs' clock should read at most, and since when in monotonic time.
    pub(crate) expected: (Time, u64),
    pub(crate) accepted: bool,
    /// The clock of the last epoch that the process has handed out.
    pub(crate) last_clock: Time,
    /// By how much the wall clock was set.
    pub(crate) skew_ms: i64,
    pub(crate) story: Story,
    /// What has happened, and how often.
    pub(crate) reached: BTreeMap<String, u64>,
}

impl World {
    /// The world of a seed.
    #[must_use]
    pub fn new(seed: u64, canary: Option<Canary>, verbose: bool) -> World {
        let mut rng = Rng::new(seed ^ 0x5eed_0f51);
        let clock = VirtualClock::new(Time::from_ms(1_700_000_000_000).unwrap_or_default());
        let is_wild = rng.chance(25);
        // Slow, so a small part.
        let is_file = rng.chance(3) && canary.is_none();
        // Bugs of what is durable are planted around a log in memory.
        let is_of_durability = canary.is_some_and(Canary::is_of_durability);
        let is_embedded = rng.chance(30) && !is_of_durability;
        let objects = Objects::new(canary);
        // What those bugs take of the log is looked for in a log that is not trimmed.
        let takes = takes(&mut rng, &objects).filter(|_| !is_of_durability);
        World {
            seed,
            canary,
            log: FaultyLog::new(clock.clone(), is_embedded, canary),
            store: Store::new(is_file, canary),
            node: None,
            paused: None,
            starts: 0,
            objects,
            takes,
            seen: Vec::new(),
            damaged: false,
            newest: None,
            old_parts: Parts::new(),
            generator: Generator::new(seed, Profile::from_seed(rng.next_u64())),
            is_wild,
            bank: Bank::new(is_wild, canary),
            taken: BTreeMap::new(),
            events: BTreeMap::new(),
            numbers: 0,
            sent: BTreeMap::new(),
            truth: Truth::new(),
            digests: BTreeMap::new(),
            digests_seen: 0,
            expected: (Time::default(), 0),
            accepted: false,
            last_clock: Time::default(),
            skew_ms: 0,
            story: Story::new(verbose),
            reached: BTreeMap::new(),
            rng,
            clock,
        }
    }

    /// Tells what happens.
    pub(crate) fn tell(&mut self, what: impl AsRef<str>) {
        let wall = self.clock.now().wall;
        self.story.tell(format!("{wall} {}", what.as_ref()));
    }

    /// Counts something that a run should sometimes reach.
    pub(crate) fn reaches(&mut self, what: impl Into<String>) {
        *self.reached.entry(what.into()).or_default() += 1;
    }

    /// A number that nobody had.
    pub(crate) fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// Something happens so much later.
    pub(crate) fn later(&mut self, ms: u64, event: Event) {
        let at = self.clock.now().monotonic_ms + ms;
        let number = self.number();
        self.events.insert((at, number), event);
    }

    /// Somebody appends records so much later.
    pub(crate) fn send_later(&mut self, ms: u64, records: Vec<PlannedRecord>, of_connector: bool) {
        let id = self.number();
        let sending = Sending {
            id,
            of_connector,
            records,
        };
        self.later(ms, Event::Send(sending));
    }

    /// Appends records; whoever sends them tries again later if need be, sometimes though there is no need.
    pub(crate) fn send(&mut self, sending: Sending) {
        let mut batch = Batch::new(self.clock.now().wall.ms());
        let id = sending.id.to_string();
        for record in &sending.records {
            let (key, value) = (record.key.as_deref(), record.value.as_deref());
            let headers = [(HEADER, id.as_bytes())];
            batch.push_with_headers(record.topic.name(), record.partition, key, value, &headers);
        }
        let done = self.log.append(&batch);
        let sent = self.sent.entry(sending.id).or_default();
        sent.records = sending.records.len() as u64;
        let again = match &done {
            Ok(_) => {
                sent.acknowledged += 1;
                self.rng.chance(4)
            }
            Err(LogError::InDoubt { .. }) => {
                sent.doubtful += 1;
                true
            }
            Err(LogError::Refusing { .. }) => true,
            Err(_) if self.canary == Some(Canary::UnheardRetry) => {
                sent.acknowledged += 1;
                false
            }
            Err(_) => true,
        };
        if let Err(error) = &done {
            self.reaches(format!("a sender hears {}", variant(error)));
        }
        let how = done.map_or_else(|error| error.to_string(), |_| "acknowledged".to_owned());
        self.tell(format!(
            "sending {id} of {} records: {how}",
            sending.records.len()
        ));
        if again {
            let ms = self.rng.below(5_000);
            self.later(ms, Event::Send(sending));
        }
    }
}

/// How the processes of a run take checkpoints: in most runs.
fn takes(rng: &mut Rng, objects: &Objects) -> Option<Takes> {
    let is_on = rng.chance(70);
    let (keep, trims) = (1 + rng.index(3), rng.chance(50));
    let percent = *rng.pick(&[20, 60, 100]);
    let place = Place::new(Arc::new(objects.clone()), "simulated objects".to_owned());
    let place = place.expect("the system has what a runtime of one thread needs");
    is_on.then_some(Takes {
        place,
        keep,
        trims,
        percent,
    })
}

/// A record of `payments` or `orders`, in its order's partition.
pub(crate) fn about_order(topic: Topic, order_id: &str, record: &Value) -> PlannedRecord {
    let sum: u32 = order_id.bytes().map(u32::from).sum();
    PlannedRecord {
        topic,
        partition: sum % PARTITIONS,
        key: Some(order_id.as_bytes().to_vec()),
        value: Some(record.to_string().into_bytes()),
    }
}

/// The name of an enum's variant.
pub(crate) fn variant(value: &impl std::fmt::Debug) -> String {
    let text = format!("{value:?}");
    let end = text.find(|c: char| !c.is_alphanumeric());
    text[..end.unwrap_or(text.len())].to_owned()
}

/// The header that names the sending that a record belongs to.
pub const HEADER: &str = "sim-sending";
