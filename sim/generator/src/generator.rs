//! The generator: one epoch after another, steered by what the tables say.

use std::collections::{BTreeMap, BTreeSet};

use contract::log::Topic;
use contract::tables::Tables;
use contract::time::Time;

use crate::actions;
use crate::clock::{self, Focus, Pace};
use crate::doc::Doc;
use crate::plan::{EpochPlan, PlannedRecord};
use crate::profile::{Action, Profile};
use crate::rng::Rng;
use crate::shape;
use crate::snapshot::{Order, Snapshot};

/// Makes a random log, epoch by epoch. The same seed, profile and tables give the same log.
#[derive(Clone, Debug)]
pub struct Generator {
    rng: Rng,
    profile: Profile,
    memory: Memory,
    clock: Time,
    pace: Pace,
    started: bool,
}

/// What the discount of a campaign is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub percent: bool,
    pub value: i64,
    pub max: Option<i64>,
    pub minimum: i64,
    pub currency: &'static str,
}

/// What a generator remembers of what it sent, beside what the tables tell.
#[derive(Clone, Debug)]
pub(crate) struct Memory {
    /// Records that were meant to be good, the last ones.
    pub sent: Vec<Doc>,
    pub terms: BTreeMap<String, Terms>,
    /// The greatest version of the rules that was activated.
    pub version: i64,
    /// How many orders were placed.
    pub orders: i64,
    /// Numbers of ids by prefix.
    pub numbers: BTreeMap<&'static str, i64>,
    /// How many records near the greatest size were sent.
    pub huge: u32,
    /// Whether the crowd came.
    pub crowded: bool,
    /// Partitions by topic.
    pub partitions: [u64; 9],
    /// The currency that most things have.
    pub currency: &'static str,
}

/// An epoch in the making.
pub(crate) struct Draft<'a> {
    pub rng: &'a mut Rng,
    pub memory: &'a mut Memory,
    pub snap: &'a Snapshot,
    pub profile: Profile,
    pub now: Time,
    /// What the clock was chosen for.
    pub focus: Option<Focus>,
    /// Orders as they will stand after what was sent in this epoch, by guess.
    pub sketches: BTreeMap<String, Order>,
    /// Units that orders of this epoch ask for, by sku.
    pub taken: BTreeMap<String, i64>,
    /// Orders about whose payments something was said in this epoch.
    pub paid: BTreeSet<String>,
    pub records: Vec<PlannedRecord>,
}

/// How many records are remembered to be sent again.
const REMEMBERED: usize = 250;

impl Generator {
    /// A generator of the log that the seed names.
    #[must_use]
    pub fn new(seed: u64, profile: Profile) -> Self {
        let mut rng = Rng::new(seed);
        let single = rng.chance(25);
        let partitions = std::array::from_fn(|_| if single { 1 } else { rng.below(4) + 1 });
        let currency = rng.one_of(&["KRW", "KRW", "EUR"]);
        let start = 1_700_000_000_000 + rng.range(0, 400_000_000_000);
        let memory = Memory {
            sent: Vec::new(),
            terms: BTreeMap::new(),
            version: 1,
            orders: 0,
            numbers: BTreeMap::new(),
            huge: 0,
            crowded: false,
            partitions,
            currency,
        };
        let pace = Pace::draw(&mut rng);
        let clock = Time::from_ms(start).unwrap_or_default();
        Self {
            rng,
            profile,
            memory,
            clock,
            pace,
            started: false,
        }
    }

    /// Time has moved on without it: no later epoch's clock is before `now`.
    pub fn pass_to(&mut self, now: Time) {
        self.clock = self.clock.max(now);
    }

    /// The next epoch, given the tables as of the one before.
    pub fn next_epoch(&mut self, tables: &Tables) -> EpochPlan {
        let snap = Snapshot::read(tables);
        let first = !std::mem::replace(&mut self.started, true);
        let mut focus = None;
        if !first {
            (self.clock, focus) = clock::next(&mut self.rng, &snap, self.clock, self.pace);
        }
        let size = self.profile.epoch_size(&mut self.rng);
        let mut draft = Draft {
            rng: &mut self.rng,
            memory: &mut self.memory,
            snap: &snap,
            profile: self.profile,
            now: self.clock,
            focus,
            sketches: BTreeMap::new(),
            taken: BTreeMap::new(),
            paid: BTreeSet::new(),
            records: Vec::new(),
        };
        if first {
            actions::open_shop(&mut draft);
        } else {
            draft.fill(size);
        }
        let records = draft.records;
        EpochPlan {
            clock: self.clock,
            records,
        }
    }
}

impl Draft<'_> {
    /// Takes random actions until there are about `size` records.
    fn fill(&mut self, size: usize) {
        match self.focus.clone() {
            Some(Focus::Order(id)) if self.rng.chance(85) => actions::orders::at_the_moment(self, &id),
            Some(Focus::Campaign(id)) => actions::place::at_the_moment(self, &id),
            _ => {}
        }
        if self.profile == Profile::Bulk && !self.memory.crowded && self.rng.chance(4) {
            self.memory.crowded = true;
            actions::crowd::crowd(self);
        }
        let weights = self.profile.actions();
        for _ in 0..size * 2 {
            if self.records.len() >= size {
                break;
            }
            let action = self.rng.weighted(&weights);
            self.act(action);
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Catalog => actions::catalog::product(self),
            Action::Stock => actions::catalog::stock(self),
            Action::Campaign => actions::coupons::campaign(self),
            Action::Claim => actions::coupons::claim(self),
            Action::Wallet => actions::wallets::wallet(self),
            Action::Place => actions::place::place(self),
            Action::Order => actions::orders::some_order(self),
            Action::Rules => actions::operations::rules(self),
            Action::Attention => actions::operations::attention(self),
            Action::Cart => actions::carts::cart(self),
            Action::Review => actions::reviews::review(self),
            Action::Repeat => actions::repeat::repeat(self),
            Action::Garbage => actions::garbage::garbage(self),
        }
    }

    /// Sends a record that is meant to be good, and remembers it.
    pub fn send(&mut self, doc: Doc) {
        self.send_again(&doc);
        if self.memory.sent.len() == REMEMBERED {
            let at = self.rng.index(REMEMBERED);
            self.memory.sent.swap_remove(at);
        }
        self.memory.sent.push(doc);
    }

    /// Sends a record, written in any way.
    pub fn send_again(&mut self, doc: &Doc) {
        let value = shape::write(self.rng, doc);
        self.put(doc.topic(), doc.key(), Some(value));
    }

    /// Appends a record to the partition of its key, or sometimes to another.
    pub fn put(&mut self, topic: Topic, key: Option<Vec<u8>>, value: Option<Vec<u8>>) {
        let partitions = self.memory.partitions[topic as usize];
        let home = key.as_deref().map(hash).filter(|_| !self.rng.chance(4));
        let partition = home.map_or_else(|| self.rng.below(partitions), |h| h % partitions);
        let partition = u32::try_from(partition).unwrap_or(0);
        self.records.push(PlannedRecord {
            topic,
            partition,
            key,
            value,
        });
    }

    /// A new id. Different kinds of ids have the same numbers, since ids count once per type.
    pub fn fresh(&mut self, kind: &'static str, prefix: &str) -> String {
        let number = self.memory.numbers.entry(kind).or_insert(0);
        *number += 1;
        format!("{prefix}{number}")
    }

    /// A customer.
    pub fn customer(&mut self) -> String {
        let (customers, _) = self.profile.spread();
        match self.rng.range(1, customers) {
            3 => "x".to_owned(),
            4 => "An.na@x".to_owned(),
            n => format!("c{n}"),
        }
    }

    /// A sku that products may have.
    pub fn sku(&mut self) -> String {
        let (_, skus) = self.profile.spread();
        format!("s{}", self.rng.range(1, skus))
    }

    /// A currency, mostly the one that most things have.
    pub fn currency(&mut self) -> &'static str {
        if self.rng.chance(92) {
            self.memory.currency
        } else {
            self.rng.one_of(&["KRW", "EUR", "USD"])
        }
    }

    /// The order as it will stand after what was sent in this epoch, by guess.
    pub fn order(&self, id: &str) -> Option<Order> {
        self.sketches.get(id).or_else(|| self.snap.order(id)).cloned()
    }

    /// Some order's id.
    pub fn order_id(&mut self) -> String {
        let snap = self.snap;
        self.rng
            .pick_from(&snap.orders)
            .map_or_else(|| "o1".to_owned(), |o| o.id.clone())
    }
}

/// Runs `test` on the first epoch of a log whose tables are empty, and gives out its records.
#[cfg(test)]
pub(crate) fn with_draft(seed: u64, test: impl FnOnce(&mut Draft<'_>)) -> Vec<PlannedRecord> {
    let mut generator = Generator::new(seed, Profile::Garbage);
    let mut draft = Draft {
        rng: &mut generator.rng,
        memory: &mut generator.memory,
        snap: &Snapshot::default(),
        profile: Profile::Garbage,
        now: generator.clock,
        focus: None,
        sketches: BTreeMap::new(),
        taken: BTreeMap::new(),
        paid: BTreeSet::new(),
        records: Vec::new(),
    };
    test(&mut draft);
    draft.records
}

/// FNV-1a.
fn hash(key: &[u8]) -> u64 {
    let step = |h: u64, b: &u8| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3);
    key.iter().fold(0xcbf2_9ce4_8422_2325, step) >> 7
}
