//! The end of a run: nothing fails any more, time moves on, and all must settle.

use contract::views::{View, attention};
use contract::words::AttentionKind;
use generator::rows;

use crate::world::{Checked, World, violated};

/// Rounds in which the bank still does as it likes, though all else is well: much is refunded only then.
const BANK_ILL: u64 = 4;
/// Rounds in which all must settle.
const ROUNDS_MAX: u64 = 400;

impl World {
    /// Heals everything and goes on until nothing moves any more.
    pub(crate) fn settle(&mut self) -> Checked {
        self.crash("from here on nothing fails")?;
        self.log.disarm();
        self.store.disarm();
        self.objects.disarm();
        // The clock is set right; a process that has just started believes it.
        self.clock.jump(-self.skew_ms);
        self.skew_ms = 0;
        let mut quiet = 0;
        for round in 0..ROUNDS_MAX {
            self.bank.is_healthy = round >= BANK_ILL;
            let before = (self.shown(), self.numbers);
            self.all_events();
            self.all_epochs()?;
            self.poll();
            self.operate();
            if self.bank.is_healthy && self.events.is_empty() && before == (self.shown(), self.numbers) {
                quiet += 1;
                let Some(deadline) = self.node.as_ref().and_then(crate::node::Node::deadline) else {
                    return Ok(());
                };
                // Deadlines that are close to each other come in one epoch; so do the many of a long run.
                let ahead = u64::try_from(deadline.ms() - self.clock.now().wall.ms()).unwrap_or(0);
                self.clock.pass(ahead + (1 << quiet.min(30)));
                self.tell("time passes");
            }
        }
        violated(format!("nothing has settled after {ROUNDS_MAX} rounds"))
    }

    /// All that is to happen happens, whenever it was to.
    fn all_events(&mut self) {
        while let Some((_, event)) = self.events.pop_first() {
            self.happen(event);
        }
    }

    /// All that is in the log is bound, decided and shown.
    fn all_epochs(&mut self) -> Checked {
        for _ in 0..ROUNDS_MAX {
            let last = self.node.as_ref().map(crate::node::Node::last);
            self.drive()?;
            self.decide()?;
            self.commit()?;
            if last.is_some() && last == self.node.as_ref().map(crate::node::Node::last) {
                return Ok(());
            }
        }
        violated("the log's end is never reached")
    }

    /// Operators do what the views ask them to.
    fn operate(&mut self) {
        let mine = [AttentionKind::NeedsOperator, AttentionKind::RefundFailed];
        let mut orders: Vec<String> = self.store.with(|kept| {
            let open = rows(&kept.tables, View::Attention);
            let open = open.filter(|row| mine.iter().any(|kind| kind.word() == row.text(attention::kind)));
            let subject = |row: generator::Cells<'_>| {
                let subject = row.text(attention::subject);
                subject.split('/').next().unwrap_or(subject).to_owned()
            };
            open.map(subject).collect()
        });
        orders.dedup();
        for order in orders {
            self.redrive_order(&order);
        }
    }
}
