//! Chains of moves on one order within an epoch.

use contract::time::Time;

use crate::actions::moves::{self, Move};
use crate::actions::{payments, predict, refunds};
use crate::doc::{Doc, J};
use crate::generator::Draft;
use crate::snapshot::{Line, Order, Payment};

/// How often an order of the status is chosen, if there is one; `closed` is confirmed, with its window over.
const CLASSES: [(&str, u64); 10] = [
    ("awaiting_payment", 16),
    ("paying", 22),
    ("confirmed", 28),
    ("closed", 5),
    ("refunding", 22),
    ("needs_operator", 22),
    ("rejected", 3),
    ("expired", 4),
    ("payment_failed", 5),
    ("cancelled", 6),
];

fn class(order: &Order, now: Time) -> &str {
    match order.status.as_str() {
        "confirmed" if order.closed(now) => "closed",
        status => status,
    }
}

/// How often an order is chosen among those of its status: those about which little was said so far, and
/// those that owe something, are chosen more often.
fn weight(order: &Order) -> u64 {
    let owes = |p: &&Payment| matches!(p.status.as_str(), "refund_failed" | "refund_pending");
    let said = order.payments.len() as u64;
    let owed = order
        .payments
        .iter()
        .filter(owes)
        .map(|p| if p.main { 16 } else { 3 })
        .max();
    12 / (1 + said) + 1 + owed.unwrap_or(0)
}

/// One or a few moves on some order.
pub(crate) fn some_order(draft: &mut Draft<'_>) {
    let snap = draft.snap;
    let now = draft.now;
    let is_there = |c: &&(&str, u64)| snap.orders.iter().any(|o| class(o, now) == c.0);
    let classes: Vec<(&str, u64)> = CLASSES.iter().filter(is_there).copied().collect();
    let lives = |o: &&Order| classes.iter().any(|c| c.1 > 10 && c.0 == class(o, now));
    let new = match snap.orders.iter().filter(lives).count() {
        0 => 70,
        1 | 2 => 20,
        _ => 0,
    };
    if classes.is_empty() || draft.rng.chance(new) {
        if draft.memory.orders < draft.profile.orders_max() {
            return crate::actions::place::place(draft);
        }
        if classes.is_empty() {
            return;
        }
    }
    let chosen = draft.rng.weighted(&classes);
    let orders = snap.orders.iter().filter(|o| class(o, now) == chosen);
    let weights: Vec<(&str, u64)> = orders.map(|o| (o.id.as_str(), weight(o))).collect();
    let id = draft.rng.weighted(&weights).to_owned();
    let moves = draft.rng.weighted(&[(1, 45), (2, 25), (3, 14), (4, 9), (6, 7)]);
    live(draft, &id, moves);
}

/// Moves on an order in whose window's end the clock stands.
pub(crate) fn at_the_moment(draft: &mut Draft<'_>, id: &str) {
    let Some(order) = draft.order(id) else { return };
    let chosen = draft.rng.weighted(moves::at_the_moment(&order, draft.now));
    make(draft, order, chosen);
    if draft.rng.chance(30) {
        live(draft, id, 1);
    }
}

/// Some moves on an order, each chosen after the ones before.
pub(crate) fn live(draft: &mut Draft<'_>, id: &str, moves: i64) {
    for _ in 0..moves {
        let Some(order) = draft.order(id) else { return };
        let weights = moves::of(&order, draft.now);
        let mut chosen = draft.rng.weighted(weights);
        // Requests come before all payments of their epoch: what was paid before is mostly left alone.
        let asks = |m: Move| matches!(m, Move::Cancel | Move::CancelLines);
        if asks(chosen) && draft.paid.contains(id) && draft.rng.chance(80) {
            let others: Vec<(Move, u64)> = weights.iter().filter(|w| !asks(w.0)).copied().collect();
            chosen = draft.rng.weighted(&others);
        }
        make(draft, order, chosen);
    }
}

fn make(draft: &mut Draft<'_>, mut order: Order, chosen: Move) {
    if !matches!(chosen, Move::Cancel | Move::CancelLines | Move::Redrive) {
        draft.paid.insert(order.id.clone());
    }
    let many = order.payments.iter().filter(|p| p.captured > 0).count() >= 3;
    match chosen {
        Move::ConfirmOther if many && draft.rng.chance(75) => refunds::refund(draft, &mut order),
        Move::Cancel => cancel(draft, &mut order),
        Move::CancelLines => {
            cancel_lines(draft, &mut order);
            while draft.rng.chance(30) {
                cancel_lines(draft, &mut order);
            }
        }
        Move::Redrive => redrive(draft, &mut order),
        Move::Refund => refunds::refund(draft, &mut order),
        Move::RefundForeign => refunds::foreign_full(draft, &mut order),
        _ => payments::payment(draft, &mut order, chosen),
    }
    draft.sketches.insert(order.id.clone(), order);
}

/// Asks for the whole order to be cancelled.
pub(crate) fn cancel(draft: &mut Draft<'_>, order: &mut Order) {
    let reason = draft
        .rng
        .one_of(&["changed my mind", "", "너무 늦어요", "\"late\"\\\n"]);
    draft.send(
        Doc::new("order_cancel_requested")
            .text("order_id", &order.id)
            .text("reason", reason),
    );
    predict::cancelled(order, draft.now);
}

fn redrive(draft: &mut Draft<'_>, order: &mut Order) {
    draft.send(Doc::new("order_redrive_requested").text("order_id", &order.id));
    predict::redriven(order);
}

/// Asks for lines to be cancelled: some units, all that is left, or what is not there.
fn cancel_lines(draft: &mut Draft<'_>, order: &mut Order) {
    let left: Vec<Line> = order.lines.iter().filter(|l| l.left > 0).cloned().collect();
    let mut lines: Vec<(i64, i64)> = Vec::new();
    let mut good = true;
    match (draft.rng.pick_from(&left), draft.rng.below(100)) {
        (Some(line), 0..40) => lines.push((line.no, 1)),
        (Some(_), 40..58) => {
            for line in &left {
                if draft.rng.chance(60) {
                    lines.push((line.no, draft.rng.range(1, line.left)));
                }
            }
        }
        // Named twice.
        (Some(line), 58..68) if line.left > 1 => lines.extend([(line.no, 1), (line.no, 1)]),
        (Some(_), 68..84) => lines.extend(left.iter().map(|l| (l.no, l.left.min(1_000_000)))),
        (Some(line), 84..90) => {
            good = false;
            lines.extend([(line.no, line.left.min(1_000_000)), (line.no, 1)]);
        }
        (Some(line), 90..94) => {
            good = false;
            lines.push((line.no, (line.left + 1).min(1_000_000)));
        }
        _ => {
            good = false;
            lines.push((
                draft.rng.one_of(&[1, 2, 7, 2_000]),
                draft.rng.one_of(&[1, 1_000_000]),
            ));
        }
    }
    if lines.is_empty() {
        lines.push((1, 1));
    }
    let pairs = lines
        .iter()
        .map(|l| J::Object(vec![("line_no", J::Int(l.0)), ("quantity", J::Int(l.1))]));
    let doc = Doc::new("order_lines_cancel_requested")
        .text("cancellation_id", &draft.fresh("cancellation", "n"))
        .text("order_id", &order.id)
        .with("lines", J::List(pairs.collect()))
        .text("reason", draft.rng.one_of(&["too many", ""]));
    draft.send(doc);
    if good && order.status == "confirmed" && order.cancel_end().is_none_or(|end| draft.now < end) {
        predict::lines_cancelled(order, &lines, draft.now);
    }
}
