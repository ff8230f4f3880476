//! Goals that take an order's whole story to tell: what happened at the very end of a window, and histories.

use std::collections::BTreeSet;

use contract::tables::Tables;
use contract::views::{self, View};

use super::Coverage;
use super::observe::news;
use super::story::{Story, stories};
use crate::cells::{Cells, rows};
use crate::rules;
use crate::schema::MAX;

pub(super) fn observe(coverage: &mut Coverage, before: &Tables, after: &Tables) {
    let mut stories = stories(before, after);
    let mut fired = 0;
    for story in stories.values_mut() {
        let mut told = Vec::new();
        fired += deadlines(story, &mut told);
        windows(story, &mut told);
        money(story, &mut told);
        shape(story, &mut told);
        histories(story, &mut told);
        coupons(story, before, after, &mut told);
        for goal in told {
            coverage.add(goal.to_owned());
        }
    }
    if fired > 1 {
        coverage.add("moment: several deadlines fire in one epoch".to_owned());
    }
    unanswered(coverage, before, after);
}

/// What happened around the deadline; how many deadlines fired.
fn deadlines(story: &Story<'_>, told: &mut Vec<&'static str>) -> usize {
    use views::order_timeline as c;
    let Some(deadline) = story.order.time(views::orders::deadline) else {
        return 0;
    };
    let mut fired = 0;
    for event in &story.events {
        let Some(clock) = event.time(c::clock) else {
            continue;
        };
        let changed = event.maybe_text(c::from_status) != Some(event.text(c::to_status));
        let before = clock.plus_ms(1) == deadline;
        match (event.text(c::cause_type), event.text(c::to_status)) {
            ("deadline", _) => {
                fired += 1;
                told.push(if clock == deadline {
                    "moment: a deadline fires at its very time"
                } else {
                    "moment: a deadline fires later"
                });
            }
            ("payment_confirmed", "confirmed") if changed && clock == deadline => {
                told.push("moment: paid at the very deadline");
            }
            ("payment_confirmed", "confirmed") if changed && clock > deadline => {
                told.push("moment: paid past the deadline");
            }
            ("payment_submitted", "paying") if changed && clock == deadline => {
                told.push("moment: submitted at the very deadline");
            }
            ("payment_declined", "expired") if changed && clock == deadline => {
                told.push("moment: declined at the very deadline: expired");
            }
            ("payment_declined", "awaiting_payment") if changed && before => {
                told.push("moment: declined a millisecond before: awaiting_payment");
            }
            _ => {}
        }
    }
    fired
}

/// What happened around the end of the cancel window.
fn windows(story: &Story<'_>, told: &mut Vec<&'static str>) {
    use views::order_timeline as c;
    let Some(end) = story.cancel_end() else { return };
    for event in &story.events {
        let Some(clock) = event.time(c::clock) else {
            continue;
        };
        if event.text(c::from_status) != "confirmed" {
            continue;
        }
        let (before, at) = (clock.plus_ms(1) == end, clock == end);
        let (to, note) = (event.text(c::to_status), event.text(c::note));
        let gone = matches!(to, "cancelled" | "refunding");
        match event.text(c::cause_type) {
            "order_cancel_requested" if before && gone => {
                told.push("moment: cancelled a millisecond before the window's end");
            }
            "order_cancel_requested" if at && note == "too_late" => {
                told.push("moment: cancel at the window's very end: too_late");
            }
            "order_lines_cancel_requested" if before && note == "lines_cancelled" => {
                told.push("moment: lines cancelled a millisecond before the window's end");
            }
            "order_lines_cancel_requested" if at && note == "too_late" => {
                told.push("moment: cancel-lines at the window's very end: too_late");
            }
            "payment_refunded" if before && to == "cancelled" => {
                told.push(
                    "moment: refunded by the provider a millisecond before the window's end: cancelled",
                );
            }
            "payment_refunded" if at && note == "refunded_by_provider" => {
                told.push("moment: refunded by the provider at the window's very end");
            }
            _ => {}
        }
        if clock >= end {
            match note {
                "refund_recorded" | "partial_refund" => told.push("history: refunded after the window"),
                "over_refund" => told.push("history: over_refund after the window"),
                "redriven" => told.push("history: redriven after the window"),
                _ => {}
            }
        }
    }
}

/// Histories of payments and refunds.
fn money(story: &Story<'_>, told: &mut Vec<&'static str>) {
    use views::order_timeline as c;
    use views::payments as p;
    if story.payments.iter().filter(|r| r.int(p::captured) > 0).count() >= 3 {
        told.push("history: captures on three keys");
    }
    if story.order.int(views::orders::attempts) >= 4 {
        told.push("history: four attempts");
    }
    let failed_main = story
        .payments_before
        .iter()
        .any(|r| r.flag(p::main) && r.text(p::status) == "refund_failed");
    let was = story.was.map_or("", |w| w.text(views::orders::status));
    if failed_main && was == "confirmed" {
        let of = |cause: &str, note: &str| {
            let fits = |e: &&Cells<'_>| e.text(c::cause_type) == cause && e.text(c::note) == note;
            story.events.iter().find(fits).map(|e| e.text(c::to_status))
        };
        if of("order_redrive_requested", "redriven") == Some("confirmed") {
            told.push("history: a failed line refund is redriven");
        }
        if matches!(of("order_cancel_requested", ""), Some("refunding" | "cancelled")) {
            told.push("history: a cancel makes failed refunds good");
        }
    }
    let asked = story
        .timeline
        .iter()
        .filter(|e| e.text(c::note) == "cancel_after_payment")
        .count();
    if asked > 1 && story.noted("cancel_after_payment") {
        told.push("history: a cancel asked twice");
    }
}

/// What the order looks like when it comes.
fn shape(story: &Story<'_>, told: &mut Vec<&'static str>) {
    use views::order_timeline as c;
    use views::orders as o;
    let order = story.order;
    if story.was.is_some() {
        return;
    }
    let (coupon, wallet) = (order.int(o::discount) > 0, order.int(o::wallet_amount) > 0);
    let accepted = story
        .events
        .first()
        .is_some_and(|e| e.text(c::to_status) != "rejected");
    match (order.int(o::payable), coupon, wallet) {
        _ if !accepted => {}
        (0, true, true) => told.push("history: payable 0 by coupon and wallet"),
        (0, true, false) => told.push("history: payable 0 by coupon"),
        (0, false, true) => told.push("history: payable 0 by wallet"),
        (1.., true, true) => told.push("history: coupon and wallet and payment"),
        _ => {}
    }
    let skus: BTreeSet<&str> = story
        .lines
        .iter()
        .map(|l| l.text(views::order_lines::sku))
        .collect();
    if accepted && skus.len() + 2 < story.lines.len() {
        told.push("history: many lines of one sku");
    }
    let placed = story.events.first().and_then(|e| e.time(c::clock));
    if order.time(o::placed_at) < placed {
        told.push("history: placed_at in the past");
    }
    if accepted && order.int(o::total) == MAX {
        told.push("history: total at the greatest amount");
    }
    if !accepted && order.maybe_int(o::total).is_none() {
        told.push("history: total null");
    }
    match order.text(o::status) {
        "confirmed" if story.events.len() > 1 => told.push("history: placed and sold in one epoch"),
        "expired" | "cancelled" | "payment_failed" => told.push("history: placed and over in one epoch"),
        _ => {}
    }
}

/// Histories of lines and of statuses.
fn histories(story: &Story<'_>, told: &mut Vec<&'static str>) {
    use views::order_timeline as c;
    use views::orders as o;
    let order = story.order;
    if story.noted("lines_cancelled") {
        let steps = story
            .timeline
            .iter()
            .filter(|e| e.text(c::note) == "lines_cancelled")
            .count();
        if steps >= 3 && order.int(o::discount) > 0 && order.int(o::wallet_amount) > 0 {
            told.push("history: lines cancelled in three steps with discount and wallet");
        }
        let commanded = story.commands.iter().any(|(was, row)| {
            was.is_none() && row.text(views::payment_commands::reason) == "lines_cancelled"
        });
        if commanded && story.returned {
            told.push("history: lines give back to payment and wallet at once");
        }
        if !commanded && !story.returned {
            told.push("history: lines give back nothing");
        }
    }
    if story.events.len() >= 6 {
        told.push("history: six rows of a timeline in one epoch");
    }
    let stops = story
        .events
        .iter()
        .any(|e| e.text(c::to_status) == "needs_operator");
    let was = story.was.map_or("", |w| w.text(o::status));
    if stops && was != "needs_operator" && order.text(o::status) != "needs_operator" {
        told.push("history: needs_operator and back in one epoch");
    }
}

/// What became of the order's right.
fn coupons(story: &Story<'_>, before: &Tables, after: &Tables, told: &mut Vec<&'static str>) {
    use views::order_timeline as c;
    use views::orders as o;
    let Some(campaign) = story.order.maybe_text(o::campaign_id) else {
        return;
    };
    let Some(row) = rows(after, View::Coupons).find(|r| r.text(views::coupons::campaign_id) == campaign)
    else {
        return;
    };
    let (starts, ends) = (
        row.time(views::coupons::starts_at),
        row.time(views::coupons::ends_at),
    );
    let Some(clock) = story.events.last().and_then(|e| e.time(c::clock)) else {
        return;
    };
    if story.was.is_none() {
        let discounted = story.order.int(o::discount) > 0;
        if discounted && starts == Some(clock) {
            told.push("moment: a coupon used at the window's very start");
        }
        if ends == Some(clock) && story.order.text(o::reason) == "coupon_invalid" {
            told.push("moment: a coupon refused at the window's very end");
        }
    }
    let customer = story.order.text(o::customer_id);
    let of = |tables: &Tables| {
        use views::coupon_grants as g;
        let right = |r: &Cells<'_>| r.text(g::campaign_id) == campaign && r.text(g::customer_id) == customer;
        rows(tables, View::CouponGrants)
            .find(right)
            .map(|r| r.text(g::state).to_owned())
    };
    let returned = of(before).as_deref() == Some("spent") && of(after).as_deref() == Some("available");
    if returned && story.order.text(o::status) == "cancelled" {
        told.push(if ends.is_some_and(|e| e <= clock) {
            "history: a cancelled order's right is worth nothing"
        } else {
            "history: a cancelled order's right returns"
        });
    }
}

/// Commands that were found unanswered at the very time at which they had to be answered.
fn unanswered(coverage: &mut Coverage, before: &Tables, after: &Tables) {
    for (was, row) in news(before, after, View::Attention) {
        use views::attention as a;
        let kind = row.text(a::kind);
        if was.is_some() || !matches!(kind, "payment_unanswered" | "refund_unanswered") {
            continue;
        }
        let subject = row.text(a::subject);
        let id = if kind == "refund_unanswered" {
            subject.rsplit_once(":r").map_or("", |s| s.0)
        } else {
            subject
        };
        let order = rows(after, View::Orders).find(|o| o.text(views::orders::order_id) == id);
        let Some(order) = order else { continue };
        let wait = rules::of_version(order.int(views::orders::rules)).payment_answer_max_s;
        let exact = rows(after, View::OrderTimeline)
            .filter(|e| e.text(views::order_timeline::order_id) == id)
            .filter_map(|e| e.time(views::order_timeline::clock))
            .any(|issued| Some(issued.plus_seconds(wait)) == row.time(a::since));
        if exact {
            coverage.add(format!("moment: {kind} at its very time"));
        }
    }
}
