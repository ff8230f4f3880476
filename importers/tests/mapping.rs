//! The mapping, on small files: each trap of the data, and files that nobody would write.

#![allow(clippy::unwrap_used, reason = "a test that is surprised fails")]

mod common;
#[path = "common/rules.rs"]
mod rules;

use common::{Replay, check, replay};
use contract::log::Topic;
use millrace_importers::online_retail::{Import, Mapped, Options, Reason, import, is_fee, read};
use serde_json::Value;

const HEADER: &str = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n";
/// Nothing made up.
const PLAIN: Options = Options {
    short_per_mille: 0,
    declined_per_mille: 0,
    unpaid_per_mille: 0,
    partitions: 1,
    seed: 0,
};

/// Imports lines written as `invoice sku quantity day hh:mm price customer`, the customer `-` for a guest.
fn imported(lines: &[&str], options: &Options) -> (Import, Replay) {
    let mut csv = HEADER.to_owned();
    for line in lines {
        let fields: Vec<&str> = line.split(' ').collect();
        let [invoice, sku, quantity, day, time, price, customer] = fields.try_into().unwrap();
        let customer = customer.replace('-', "");
        csv += &format!("{invoice},{sku},THING,{quantity},2011-03-{day} {time}:00,{price},{customer},EIRE\n");
    }
    let import = import(&read(csv.as_bytes()).unwrap(), options, |_, _| {});
    check(&import);
    rules::check(&import);
    let replay = replay(&import.log);
    (import, replay)
}

fn plain(lines: &[&str]) -> (Import, Replay) {
    imported(lines, &PLAIN)
}

/// Per epoch, the values of a topic's records.
fn values(import: &Import, topic: Topic) -> Vec<Vec<Value>> {
    (0..import.log.timeline().len())
        .map(|epoch| {
            let of_topic = import
                .log
                .records(epoch)
                .filter(|record| record.at.topic == topic);
            of_topic
                .map(|record| serde_json::from_slice(record.value.unwrap()).unwrap())
                .collect()
        })
        .collect()
}

fn listed(import: &Import, reason: Reason) -> &[u64] {
    import.report.listed.get(&reason).map_or(&[], Vec::as_slice)
}

#[test]
fn an_epoch_is_cut_where_a_price_changes_between_orders_and_nowhere_else() {
    let (import, _) = plain(&[
        "1 A 1 01 09:00 1.00 7",
        "2 X 1 01 09:01 1.00 7",
        "3 A 1 01 09:02 1.00 7",
        "4 A 1 01 09:03 1.50 7",
        "5 X 1 01 09:04 2.00 7",
        "6 A 1 01 09:05 1.00 7",
        "7 A 1 02 09:00 1.00 7",
    ]);
    let orders = values(&import, Topic::Orders);
    assert_eq!(orders.iter().map(Vec::len).collect::<Vec<_>>(), [3, 2, 1, 1]);
    let clocks: Vec<String> = import
        .log
        .timeline()
        .iter()
        .map(|b| b.clock.to_string()[8..16].to_owned())
        .collect();
    assert_eq!(clocks, ["01T09:02", "01T09:04", "01T09:05", "02T09:00"]);
    assert_eq!(import.report.made.price_changes, 3);
}

#[test]
fn an_invoice_that_pays_two_prices_for_a_product_is_split_and_keeps_all_its_lines() {
    let (import, replay) = plain(&[
        "1 A 1 01 09:00 2.00 7",
        "2 A 3 01 09:01 1.00 7",
        "2 X 4 01 09:01 5.00 7",
        "2 A 5 01 09:01 2.00 7",
        "2 A 6 01 09:01 3.00 7",
        "2 A 7 01 09:01 1.00 7",
    ]);
    let lines = |id: &str| {
        replay.orders[id]
            .lines
            .iter()
            .map(|(_, n, price)| (*n, *price))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        lines("2"),
        [(4, 500), (5, 200)],
        "the price that A has now comes first"
    );
    assert_eq!(lines("2.2"), [(3, 100), (7, 100)]);
    assert_eq!(lines("2.3"), [(6, 300)]);
    assert_eq!(
        (import.report.made.split_invoices, import.report.made.epochs),
        (1, 3)
    );
}

#[test]
fn an_invoice_of_more_lines_than_an_order_may_have_is_split() {
    let lines: Vec<String> = (0..4100).map(|n| format!("1 S{n} 1 01 09:00 1.00 7")).collect();
    let (_, replay) = plain(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    let sizes: Vec<_> = replay
        .orders
        .iter()
        .map(|(id, order)| (id.as_str(), order.lines.len()))
        .collect();
    assert_eq!(sizes, [("1", 2000), ("1.2", 2000), ("1.3", 100)]);
}

#[test]
fn guests_fees_and_codes_that_are_no_ids_are_mapped() {
    let (import, replay) = plain(&[
        "1 BANK=CHARGES 1 01 09:00 15.00 -",
        "1 POST 1 01 09:00 1.00 -",
        "2 85123A 1 01 09:00 1.00 7.0",
    ]);
    let orders = values(&import, Topic::Orders).concat();
    assert_eq!(
        (&orders[0]["customer_id"], &orders[1]["customer_id"]),
        (&"guest-1".into(), &"7".into())
    );
    assert_eq!(replay.prices["POST"], (100, false));
    assert_eq!(replay.prices["BANK=3DCHARGES"], (1500, true));
    assert!(!replay.stock.contains_key("POST"), "nobody receives postage");
    assert!(
        ["POST", "M", "m", "BANK=20CHARGES", "gift_0001_20", "D"]
            .into_iter()
            .all(is_fee)
    );
    assert!(
        !["85123A", "PADS", "DCGSSBOY", "POSTER", "gift"]
            .into_iter()
            .any(is_fee)
    );
}

#[test]
fn lines_at_price_zero_are_gifts_beside_others_and_corrections_alone() {
    let (import, replay) = plain(&[
        "1 A 10 01 09:00 2.00 -",
        "1 X 1 01 09:00 0.0 -",
        "2 A 2 01 09:01 0.0 7",
        "3 A 5 01 09:02 0.0 -",
        "4 A -3 01 09:03 0.0 -",
        "5 POST 1 01 09:04 0.0 -",
        "6 A -3 01 09:05 0.0 7",
    ]);
    let (mapped, made) = (&import.report.mapped, import.report.made);
    assert_eq!(
        (mapped[&Mapped::GiftLine], mapped[&Mapped::StockAdjustment]),
        (2, 2)
    );
    assert_eq!(
        (replay.orders["2"].status, replay.orders["2"].payable),
        ("confirmed", 0)
    );
    assert_eq!(listed(&import, Reason::FeeAdjustment), [7]);
    assert_eq!(listed(&import, Reason::NegativeWithoutOrder), [8]);
    let adjusted = values(&import, Topic::Stock).concat();
    let reasons: Vec<_> = adjusted
        .iter()
        .filter(|v| v["type"] == "stock_adjusted")
        .collect();
    assert_eq!(
        (reasons.len(), &reasons[0]["reason"], &reasons[1]["delta"]),
        (2, &"THING".into(), &(-3).into())
    );
    assert_eq!(made.rejected, 0);
}

#[test]
fn a_cancellation_of_all_that_is_left_cancels_the_order_and_the_bank_refunds_the_rest() {
    let (import, replay) = plain(&[
        "1 A 10 01 09:00 2.00 7",
        "1 A 5 01 09:00 2.00 7",
        "1 POST 1 01 09:00 3.00 7",
        "C2 A -12 01 09:01 2.00 7",
        "C3 A -3 01 09:02 2.00 7",
        "C3 POST -1 01 09:02 3.00 7",
    ]);
    assert_eq!(
        import.report.made.epochs, 2,
        "the order is bound before it is cancelled"
    );
    let refunds: Vec<Value> = values(&import, Topic::Payments)[1].clone();
    let refunds: Vec<_> = refunds
        .iter()
        .map(|r| (r["refund_id"].as_str().unwrap(), &r["amount"]))
        .collect();
    assert_eq!(refunds, [("1:r1", &2400.into()), ("1:r2", &900.into())]);
    assert_eq!(replay.orders["1"].status, "cancelled");
    assert_eq!(replay.stock["A"], 15, "everything came back");
    let (cancelled, lines) = (
        import.report.mapped[&Mapped::CancelledOrder],
        import.report.mapped[&Mapped::CancelledLine],
    );
    assert_eq!((cancelled, lines), (2, 1));
}

#[test]
fn a_cancellation_belongs_to_the_order_that_it_equals_else_to_the_newest_that_it_fits() {
    let before = [
        "1 A 4 01 09:00 2.00 7",
        "2 A 6 01 09:01 2.00 7",
        "3 A 9 01 09:02 2.50 7",
        "4 A 9 01 09:02 2.00 8",
    ];
    let status = |cancellation: &str| {
        let (_, replay) = plain(&[&before[..], &[cancellation]].concat());
        replay
            .orders
            .values()
            .map(|o| o.lines.iter().map(|l| l.1).sum::<i64>() * i64::from(o.status != "cancelled"))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        status("C9 A -4 01 10:00 2.00 7"),
        [0, 6, 9, 9],
        "equals the older one"
    );
    assert_eq!(
        status("C9 A -3 01 10:00 2.00 7"),
        [4, 3, 9, 9],
        "fits the newer one"
    );
    assert_eq!(
        status("C9 A -3 01 10:00 2.50 7"),
        [4, 6, 6, 9],
        "at its own price"
    );
    assert_eq!(status("C9 A -10 01 10:00 2.00 7"), [4, 6, 9, 9], "fits none");
}

#[test]
fn lines_of_a_cancellation_that_fits_no_one_order_go_their_own_ways() {
    let (import, replay) = plain(&[
        "1 A 4 01 09:00 2.00 7",
        "2 X 4 01 09:01 2.00 7",
        "C3 A -1 02 09:00 2.00 7",
        "C3 X -1 02 09:00 2.00 7",
        "C3 A -3 02 09:00 2.00 7",
        "C3 A -1 02 09:00 2.00 7",
        "C3 Z -1 02 09:00 2.00 7",
    ]);
    assert_eq!(
        (replay.orders["1"].status, replay.orders["2"].lines[0].1),
        ("cancelled", 3)
    );
    assert_eq!(
        (
            listed(&import, Reason::NoMatchingOrder),
            listed(&import, Reason::NeverBought)
        ),
        (&[7][..], &[8][..])
    );
    let ids: Vec<_> = values(&import, Topic::Orders)[1]
        .iter()
        .map(|v| v["cancellation_id"].clone())
        .collect();
    assert_eq!(ids, [Value::Null, "C3.2".into()]);
}

#[test]
fn what_cannot_be_cancelled_is_listed() {
    let (import, _) = plain(&[
        "1 A 4 01 09:00 2.00 7",
        "C2 A -1 02 09:00 2.00 -",
        "C3 A 1 02 09:00 2.00 7",
        "C4 A 0 02 09:00 2.00 7",
        "C5 A -1 02 09:00 -2.00 7",
        "A6 X 1 02 09:00 9.00 -",
        "7 A -1 02 09:00 2.00 7",
        "8 A 1 02 09:00 2.00 7",
        "8 A 1 02 09:00 2.00 9",
    ]);
    let order = [
        (Reason::CustomerDiffers, 10),
        (Reason::BadDebtAdjustment, 7),
        (Reason::NegativePrice, 6),
        (Reason::ZeroQuantity, 5),
        (Reason::NegativeWithoutOrder, 8),
        (Reason::PositiveCancellation, 4),
        (Reason::CancelWithoutCustomer, 3),
    ];
    assert_eq!(
        import.report.listed,
        order.map(|(reason, line)| (reason, vec![line])).into()
    );
}

#[test]
fn orders_that_run_out_or_are_not_paid_are_not_charged_and_their_cancellations_listed() {
    let short = Options {
        short_per_mille: 1000,
        ..PLAIN
    };
    let lines = [
        "1 A 5 01 09:00 2.00 7",
        "2 A 5 01 09:01 2.00 7",
        "C3 A -5 01 09:02 2.00 7",
        "C3 A -1 02 09:02 2.00 7",
        "4 X 1 02 09:03 2.00 8",
    ];
    let (import, replay) = imported(&lines, &short);
    assert_eq!(
        (replay.orders["1"].status, replay.orders["2"].status),
        ("confirmed", "rejected")
    );
    assert_eq!(listed(&import, Reason::OrderNotSold), [4]);
    let unpaid = Options {
        unpaid_per_mille: 1000,
        ..PLAIN
    };
    let (import, replay) = imported(&lines, &unpaid);
    assert_eq!(
        (replay.count("expired"), replay.count("awaiting_payment")),
        (2, 1)
    );
    assert!(values(&import, Topic::Payments).concat().is_empty());
    assert_eq!(replay.stock["A"], 10, "what expired is on the shelf again");
}

#[test]
fn lines_in_any_order_are_taken_in_the_order_of_time() {
    let sorted = [
        "1 A 1 01 09:00 1.00 7",
        "2 A 1 01 09:01 2.00 8",
        "C3 A -1 02 09:00 1.00 7",
    ];
    let (forward, _) = plain(&sorted);
    let (mixed, _) = plain(&[sorted[2], sorted[1], sorted[0]]);
    assert_eq!(forward.report, mixed.report);
}

#[test]
fn amounts_beyond_the_limits_neither_stop_the_import_nor_lose_lines() {
    let (import, replay) = plain(&[
        "1 A 1000000 01 09:00 90071992547409.91 7",
        "2 X 1000000 01 09:01 0.01 7",
        "3 X 1000000 01 09:02 0.01 7",
    ]);
    assert_eq!(replay.orders["1"].status, "rejected");
    assert_eq!(
        values(&import, Topic::Stock).concat().len(),
        3,
        "a receipt brings a million units at most"
    );
}

/// A small generator (Steele, Lea and Flood's SplitMix64): the same files on every run.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

#[test]
fn any_file_gives_a_balanced_account_and_a_log_whose_outcome_was_foreseen() {
    let mut cancelled = 0;
    for seed in 0..400 {
        let mut random = Random(seed);
        let lines: Vec<String> = (0..random.below(200))
            .map(|n| {
                let kind = ["", "", "", "C", "C", "A"][usize::try_from(random.below(6)).unwrap()];
                let sku = ["A", "X", "Y", "POST", "M"][usize::try_from(random.below(5)).unwrap()];
                let sign = if (kind == "C") == (random.below(20) > 0) {
                    "-"
                } else {
                    ""
                };
                let (quantity, price) = (
                    random.below(12),
                    ["1.00", "2.00", "0.0"][usize::try_from(random.below(3)).unwrap()],
                );
                let customer = ["7", "8", "-"][usize::try_from(random.below(3)).unwrap()];
                let (day, hour) = (1 + n / 50, 9 + n % 50 / 5);
                format!(
                    "{kind}{} {sku} {sign}{quantity} {day:02} {hour:02}:00 {price} {customer}",
                    random.below(60) + n / 2
                )
            })
            .collect();
        let share = |random: &mut Random| u32::try_from(random.below(3) * 300).unwrap();
        let options = Options {
            short_per_mille: share(&mut random),
            declined_per_mille: share(&mut random),
            unpaid_per_mille: share(&mut random),
            partitions: u32::try_from(random.below(4)).unwrap(),
            seed,
        };
        if !lines.is_empty() {
            let (import, _) = imported(&lines.iter().map(String::as_str).collect::<Vec<_>>(), &options);
            cancelled += import.report.made.line_cancellations + import.report.made.cancelled_orders;
        }
    }
    assert!(cancelled > 500, "the files have {cancelled} cancellations");
}
