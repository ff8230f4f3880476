//! What happens, one step after another, chosen at random.

use bumpalo::Bump;
use contract::decode::decode;
use contract::log::{Epoch, Topic};
use contract::records::Record;
use contract::time::Time;
use contract::views::{View, orders};
use disk::Fault;
use generator::{PlannedRecord, rows};
use serde_json::json;
use streams::{Batch, Log, timeline};

use crate::bank::{self, Answer};
use crate::canary::Canary;
use crate::faulty_log::AppendFault;
use crate::node::Node;
use crate::store::{CommitFault, Store};
use crate::world::{Checked, Event, World, about_order, violated};

#[derive(Clone, Copy)]
enum Step {
    Produce,
    Drive,
    Commit,
    Poll,
    Pass,
    Crash,
    AppendFault,
    CommitFault,
    ReadFault,
    Heal,
    Jump,
    TakeOver,
    Wake,
    Bind,
    Redrive,
    BankActs,
    Checkpoint,
    ObjectFault,
    Damage,
    Trim,
    CopyStore,
    BringBack,
}

const STEPS: [(Step, u64); 22] = [
    (Step::Produce, 20),
    (Step::Drive, 28),
    (Step::Commit, 18),
    (Step::Poll, 12),
    (Step::Pass, 8),
    (Step::Crash, 2),
    (Step::AppendFault, 5),
    (Step::CommitFault, 4),
    (Step::ReadFault, 2),
    (Step::Heal, 2),
    (Step::Jump, 2),
    (Step::TakeOver, 4),
    (Step::Wake, 5),
    (Step::Bind, 2),
    (Step::Redrive, 2),
    (Step::BankActs, 4),
    (Step::Checkpoint, 12),
    (Step::ObjectFault, 3),
    (Step::Damage, 1),
    (Step::Trim, 1),
    (Step::CopyStore, 1),
    (Step::BringBack, 1),
];

/// The longest that time passes by itself, and how likely it is.
const PASSES: [(u64, u64); 5] = [(10, 20), (999, 30), (10_000, 25), (120_000, 15), (7_200_000, 10)];

/// How far the generator may move time at once: ten years.
const AHEAD_MS_MAX: u64 = 315_360_000_000;

/// Before the connector asks the bank, at most: the last means as good as never.
const DELAYS: [(u64, u64); 4] = [(1, 45), (3_000, 35), (600_000, 15), (40_000_000_000, 5)];

impl World {
    /// One step.
    pub(crate) fn step(&mut self) -> Checked {
        self.due()?;
        match self.rng.weighted(&STEPS) {
            Step::Produce => self.produce(),
            Step::Drive => self.drive()?,
            Step::Commit => self.commit()?,
            Step::Poll => self.poll(),
            Step::Pass => {
                let most = self.rng.weighted(&PASSES);
                let ms = self.rng.below(most) + 1;
                self.clock.pass(ms);
            }
            Step::Crash => self.crash("the machine stops")?,
            Step::AppendFault => self.arm_append(),
            Step::CommitFault => self.arm_commit(),
            Step::ReadFault if self.rng.chance(50) => self.log.arm_trim(self.rng.below(40)),
            Step::ReadFault => self.log.arm_read(self.rng.below(8)),
            Step::Heal => {
                self.log.disarm();
                self.objects.disarm();
            }
            Step::Jump => self.jump(),
            Step::TakeOver => self.take_over()?,
            Step::Wake => self.wake()?,
            Step::Bind => self.bind_as_another(),
            Step::Redrive => self.redrive(),
            Step::BankActs => self.bank_acts(),
            Step::Checkpoint => self.checkpoint()?,
            Step::ObjectFault => self.arm_objects(),
            Step::Damage => self.damage(),
            Step::Trim => self.trim()?,
            Step::CopyStore => self.store.copy(),
            Step::BringBack => self.bring_back()?,
        }
        if self.log.has_crashed() || self.store.has_crashed() || self.objects.has_crashed() {
            self.crash("the machine stops at a durable step")?;
        }
        Ok(())
    }

    /// What is due happens.
    fn due(&mut self) -> Checked {
        for _ in 0..50 {
            let now = self.clock.now().monotonic_ms;
            let Some(first) = self.events.first_entry().filter(|first| first.key().0 <= now) else {
                break;
            };
            let event = first.remove();
            self.happen(event);
            if self.log.has_crashed() {
                self.crash("the machine stops while it appends")?;
            }
        }
        Ok(())
    }

    pub(crate) fn happen(&mut self, event: Event) {
        match event {
            Event::Send(sending) => self.send(sending),
            Event::Ask(command) => {
                let answer = self.bank.ask(&command, &mut self.rng);
                self.tell(format!("the bank is asked {}: {answer:?}", command.key));
                let healthy = self.bank.is_healthy;
                if !healthy && self.rng.chance(12) {
                    let ms = self.rng.below(30_000);
                    return self.later(ms, Event::Ask(command));
                }
                let record = bank::record(&command, &answer);
                let record = about_order(Topic::Payments, &command.order_id, &record);
                for _ in 0..=u64::from(!healthy && self.rng.chance(10)) {
                    let ms = self.rng.below(3_000);
                    self.send_later(ms, vec![record.clone()], true);
                }
                if answer == Answer::Declined && !healthy && self.rng.chance(20) {
                    let payment = (command.order_id, command.payment_key);
                    let ms = self.rng.below(3_600_000);
                    self.later(ms, Event::CaptureLate(payment, command.amount, command.currency));
                }
            }
            Event::CaptureLate(payment, amount, currency) => {
                if self
                    .bank
                    .books
                    .get(&payment)
                    .is_none_or(|money| money.captured == 0)
                {
                    self.bank.capture(&payment, amount, &currency);
                    self.tell(format!("the bank captures {amount} of {payment:?} late"));
                    let record = bank::confirmed(&payment, amount, &currency);
                    let record = about_order(Topic::Payments, &payment.0, &record);
                    self.send_later(0, vec![record], false);
                }
            }
        }
    }

    /// Producers send what the generator makes of what the store shows.
    fn produce(&mut self) {
        self.generator.pass_to(self.clock.now().wall);
        let plan = self.generator.next_epoch(self.truth.tables());
        let ahead = plan.clock.ms() - self.clock.now().wall.ms();
        let ahead = u64::try_from(ahead).unwrap_or(0);
        // Some campaigns end at the end of time, after which nothing could settle.
        self.clock.pass(if ahead > AHEAD_MS_MAX { 0 } else { ahead });
        let mut records = plan.records;
        if !self.is_wild {
            records.retain(|record| !is_of_bank(record));
        }
        let mut rest = records.as_slice();
        while !rest.is_empty() {
            let (part, after) = rest.split_at(1 + self.rng.index(rest.len()));
            let slow = self.rng.chance(20);
            let ms = if slow { self.rng.below(60_000) } else { 0 };
            self.send_later(ms, part.to_vec(), false);
            rest = after;
        }
    }

    /// The connector reads what the store shows.
    pub(crate) fn poll(&mut self) {
        if self.node.is_none() {
            return;
        }
        let commands = self.store.with(|kept| bank::unanswered(&kept.tables));
        for command in commands {
            if self.taken.insert(command.key.clone(), command.issued) != Some(command.issued) {
                let most = self.rng.weighted(&DELAYS);
                let ms = if self.bank.is_healthy {
                    0
                } else {
                    self.rng.below(most)
                };
                self.later(ms, Event::Ask(command));
            }
        }
    }

    fn arm_append(&mut self) {
        let ms = self.rng.below(5_000);
        let (after, room) = (1 + self.rng.below(4), self.rng.below(400));
        let of_disk = self.rng.weighted(&[
            (Fault::Crash, 5),
            (Fault::Once(std::io::ErrorKind::Other), 3),
            (Fault::Room(room), 2),
        ]);
        let on_disk = if self.log.is_embedded() { 60 } else { 0 };
        let fault = self.rng.weighted(&[
            (AppendFault::Disk(after, of_disk), on_disk),
            (AppendFault::Fails, 25),
            (AppendFault::Full, 5),
            (AppendFault::DoubtKept, 12),
            (AppendFault::DoubtLost, 12),
            (AppendFault::CrashBefore, 10),
            (AppendFault::CrashAfter, 16),
            (AppendFault::Slow(ms), 20),
        ]);
        self.reaches(format!("append {fault:?}").split('(').next().unwrap_or_default());
        self.tell(format!("the next append: {fault:?}"));
        self.log.arm(fault);
    }

    fn arm_commit(&mut self) {
        let fault = self.rng.weighted(&[
            (CommitFault::Retry, 20),
            (CommitFault::CrashInside, 20),
            (CommitFault::DoubtKept, 25),
            (CommitFault::DoubtLost, 20),
            (CommitFault::CrashAfter, 15),
        ]);
        self.reaches(format!("commit {fault:?}"));
        self.tell(format!("the next commit: {fault:?}"));
        self.store.arm(fault);
    }

    /// Somebody sets the wall clock.
    fn jump(&mut self) {
        let ms = match self.rng.below(10) {
            0..4 => self.rng.range(1, 240_000),
            4..7 => -self.rng.range(1, 600_000),
            _ => self.rng.range(3_600_000, 90_000_000),
        };
        self.clock.jump(ms);
        self.skew_ms += ms;
        self.tell(format!("the wall clock was set by {ms} ms"));
    }

    /// Another minter, which may have been asleep, writes a timeline record: void, or of the next epoch.
    fn bind_as_another(&mut self) {
        let (epoch, clock) = self.last_bound();
        let (epoch, clock) = if self.rng.chance(75) {
            (epoch, clock.plus_seconds(60))
        } else {
            (epoch + 1, clock)
        };
        if epoch == 0 || clock == Time::default() {
            return;
        }
        let value = json!({"epoch": epoch, "clock": clock.to_string(), "ends": {}}).to_string();
        let mut batch = Batch::new(self.clock.now().wall.ms());
        batch.push(timeline::TOPIC, 0, Some(b"timeline"), Some(value.as_bytes()));
        let done = self.log.append(&batch).is_ok();
        self.reaches("somebody else binds");
        self.tell(format!("somebody else binds epoch {epoch}: {done}"));
    }

    /// The last epoch of the timeline, with its clock.
    fn last_bound(&self) -> (u64, Time) {
        let log = self.log.whole();
        let end = log
            .ends(timeline::TOPIC)
            .ok()
            .and_then(|ends| ends.first().copied());
        let mut last = (0, Time::default());
        log.each_record(timeline::TOPIC, 0, 0..end.unwrap_or(0), |record| {
            let value = serde_json::from_slice::<serde_json::Value>(record.value.unwrap_or_default());
            let value = value.unwrap_or_default();
            let epoch = value["epoch"].as_u64().unwrap_or(0);
            let clock = value["clock"].as_str().and_then(Time::parse).unwrap_or_default();
            if epoch > last.0 {
                last = (epoch, clock);
            }
        });
        last
    }

    /// An operator has an order tried again.
    fn redrive(&mut self) {
        let ids: Vec<String> = rows(self.truth.tables(), View::Orders)
            .map(|row| row.text(orders::order_id).to_owned())
            .collect();
        if let Some(id) = self.rng.pick_from(&ids).cloned() {
            self.redrive_order(&id);
        }
    }

    pub(crate) fn redrive_order(&mut self, id: &str) {
        self.tell(format!("order {id} is redriven"));
        let record = json!({"type": "order_redrive_requested", "order_id": id});
        let record = about_order(Topic::Orders, id, &record);
        self.send_later(0, vec![record], false);
    }

    /// The bank does something that nobody has asked for.
    fn bank_acts(&mut self) {
        if self.is_wild {
            return;
        }
        if self.rng.chance(50) {
            if let Some((order_id, record)) = self.bank.refund_by_itself(self.truth.tables(), &mut self.rng) {
                self.tell(format!("the bank refunds by itself: {record}"));
                let record = about_order(Topic::Payments, &order_id, &record);
                self.send_later(0, vec![record], false);
            }
            return;
        }
        let ids: Vec<_> = rows(self.truth.tables(), View::Orders)
            .map(|row| {
                let id = row.text(orders::order_id).to_owned();
                (
                    id,
                    row.int(orders::payable),
                    row.text(orders::currency).to_owned(),
                )
            })
            .collect();
        if let Some((id, payable, currency)) = self.rng.pick_from(&ids).cloned() {
            let payment = (id, format!("direct-{}", self.bank.next_own()));
            let amount = if self.rng.chance(70) { payable.max(1) } else { 7 };
            self.later(0, Event::CaptureLate(payment, amount, currency));
        }
    }

    /// All processes end, wherever they stand. What was not durable is gone.
    pub(crate) fn crash(&mut self, why: &str) -> Checked {
        self.tell(why);
        let node = self.node.as_ref();
        if node.is_some_and(Node::is_within_an_epoch) {
            self.reaches("a crash within an epoch");
        } else if node.is_some_and(Node::is_undecided) {
            self.reaches("a crash before an epoch is decided");
        }
        for node in [self.node.take(), self.paused.take()].into_iter().flatten() {
            node.stop();
        }
        self.connector_ends();
        let rng = &mut self.rng;
        let opened = self.log.reopen(&mut |n| rng.below(n));
        if let Err(error) = opened {
            return violated(format!("the log does not open again: {error}"));
        }
        self.store.reopen();
        self.objects.reopen();
        if self.rng.chance(15) {
            self.tell("what the store did not hold for good is gone");
            self.put_store(Store::lose_tail);
        }
        self.check_store()?;
        self.check_checkpoints()
    }

    /// What the connector had in hand is gone.
    pub(crate) fn connector_ends(&mut self) {
        if self.canary != Some(Canary::ForgottenCommands) {
            self.taken.clear();
        }
        self.events.retain(|_, event| match event {
            Event::Ask(_) => false,
            Event::Send(sending) => !sending.of_connector,
            Event::CaptureLate(..) => true,
        });
    }

    /// The epoch that the store shows.
    pub(crate) fn shown(&self) -> Epoch {
        self.store
            .with(|kept| kept.frontier.as_ref().map_or(Epoch(0), |frontier| frontier.epoch))
    }
}

/// Whether a record says what only the bank can say.
fn is_of_bank(record: &PlannedRecord) -> bool {
    if record.topic != Topic::Payments {
        return false;
    }
    let arena = Bump::new();
    let decoded = decode(
        record.topic,
        record.key.as_deref(),
        record.value.as_deref(),
        &arena,
    );
    decoded.is_ok_and(|record| !matches!(record, Record::PaymentSubmitted(_)))
}
