//! Orders about which something is new, each with everything that tables tell about it.

use std::collections::BTreeMap;

use contract::tables::Tables;
use contract::time::Time;
use contract::views::{self, View};

use super::observe::{News, news};
use crate::cells::{Cells, rows};
use crate::rules;

/// An order with everything about it that changed.
#[derive(Default)]
pub(super) struct Story<'a> {
    pub was: Option<Cells<'a>>,
    pub order: Cells<'a>,
    /// The rows of its timeline that came.
    pub events: Vec<Cells<'a>>,
    /// All rows of its timeline.
    pub timeline: Vec<Cells<'a>>,
    pub payments: Vec<Cells<'a>>,
    /// Its payments before.
    pub payments_before: Vec<Cells<'a>>,
    pub lines: Vec<Cells<'a>>,
    pub commands: Vec<News<'a>>,
    /// Whether its customer's wallet got something back for lines.
    pub returned: bool,
}

type Stories<'a> = BTreeMap<&'a str, Story<'a>>;

/// The orders whose timeline grew.
pub(super) fn stories<'a>(before: &'a Tables, after: &'a Tables) -> Stories<'a> {
    let mut stories = Stories::new();
    for (_, row) in news(before, after, View::OrderTimeline) {
        let id = row.text(views::order_timeline::order_id);
        stories.entry(id).or_default().events.push(row);
    }
    let orders = before.rows(View::Orders);
    for (key, columns) in after.rows(View::Orders) {
        let order = Cells::new(key, columns);
        if let Some(story) = stories.get_mut(order.text(views::orders::order_id)) {
            story.was = orders.get(key).map(|was| Cells::new(key, was));
            story.order = order;
        }
    }
    let timeline = rows(after, View::OrderTimeline);
    each(
        &mut stories,
        timeline,
        views::order_timeline::order_id,
        |s, row| s.timeline.push(row),
    );
    let payments = rows(after, View::Payments);
    each(&mut stories, payments, views::payments::order_id, |s, row| {
        s.payments.push(row);
    });
    let payments = rows(before, View::Payments);
    each(&mut stories, payments, views::payments::order_id, |s, row| {
        s.payments_before.push(row);
    });
    let lines = rows(after, View::OrderLines);
    each(&mut stories, lines, views::order_lines::order_id, |s, row| {
        s.lines.push(row);
    });
    for news in news(before, after, View::PaymentCommands) {
        if let Some(story) = stories.get_mut(news.1.text(views::payment_commands::order_id)) {
            story.commands.push(news);
        }
    }
    for (_, row) in news(before, after, View::WalletEntries) {
        use views::wallet_entries as c;
        if row.text(c::kind) == "lines_returned" {
            let customer = row.text(c::customer_id);
            let of = |s: &&mut Story<'_>| {
                s.order.text(views::orders::customer_id) == customer && s.noted("lines_cancelled")
            };
            if let Some(story) = stories.values_mut().find(of) {
                story.returned = true;
            }
        }
    }
    stories
}

/// Gives each row to the story of its order, if there is one.
fn each<'a>(
    stories: &mut Stories<'a>,
    rows: impl Iterator<Item = Cells<'a>>,
    order_id: usize,
    give: impl Fn(&mut Story<'a>, Cells<'a>),
) {
    for row in rows {
        if let Some(story) = stories.get_mut(row.text(order_id)) {
            give(story, row);
        }
    }
}

impl Story<'_> {
    /// Whether one of the rows that came has the note.
    pub fn noted(&self, note: &str) -> bool {
        self.events
            .iter()
            .any(|e| e.text(views::order_timeline::note) == note)
    }

    /// The end of its cancel window, if it was sold.
    pub fn cancel_end(&self) -> Option<Time> {
        use views::order_timeline as c;
        let rules = rules::of_version(self.order.int(views::orders::rules));
        let sold = |e: &&Cells<'_>| matches!(e.text(c::to_status), "confirmed" | "refunding");
        let sold = self.timeline.iter().find(sold);
        sold.and_then(|e| e.time(c::clock)).map(|at| rules.cancel_end(at))
    }
}
