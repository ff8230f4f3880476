//! How many orders a second the SQLite view store takes.
//!
//! Synthetic orders, each through its life: placed (the order, 2.5 lines, a first timeline row), submitted
//! (a payment, a command, a patch), confirmed (patches of all three). 8.2 rows an order are made, and as many
//! changed again. Commits hold a fixed number of orders; what happens to an order later comes in later
//! commits.
//!
//! `cargo bench -p millrace-sinks --bench sqlite -- [ORDERS] [time|random] [ORDERS_PER_COMMIT] [DIRECTORY]`

use std::time::{Duration, Instant};

use contract::delta::{Delta, DeltaBuilder};
use contract::digest::{Digest, Sum};
use contract::installation::Installation;
use contract::log::Epoch;
use contract::time::Time;
use contract::views::{
    self, CHECKOUT_VIEWS, OrderLinesRow, OrderTimelineRow, OrdersRow, PaymentCommandsRow, PaymentsRow,
    StockLevelsRow, View,
};
use millrace_sinks::sqlite::{Config, SqliteViews};
use millrace_sinks::{Commit, Frontier, Sink};

/// An order's id, by its number.
fn id(number: u64, random: bool) -> String {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (number << 17);
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let time = if random {
        mixed.rotate_left(20) & 0xffff_ffff_ffff
    } else {
        0x0199_0000_0000 + number / 20
    };
    format!(
        "{:08x}-{:04x}-7{:03x}-8{:03x}-{:012x}",
        time >> 16,
        time & 0xffff,
        number % 4096,
        mixed & 0xfff,
        mixed >> 16
    )
}

struct Builders {
    orders: DeltaBuilder,
    lines: DeltaBuilder,
    timeline: DeltaBuilder,
    payments: DeltaBuilder,
    commands: DeltaBuilder,
    stock: DeltaBuilder,
}

fn row<'a>(order_id: &'a str, customer_id: &'a str, at: Time, epoch: i64) -> OrdersRow<'a> {
    OrdersRow {
        order_id,
        customer_id,
        status: "awaiting_payment",
        reason: None,
        reason_detail: None,
        currency: "KRW",
        total: Some(25_000),
        discount: 0,
        wallet_amount: 0,
        payable: 25_000,
        returned: 0,
        campaign_id: None,
        payment_key: None,
        attempts: 0,
        paid: 0,
        refunded: 0,
        deadline: Some(at.plus_seconds(900)),
        placed_at: at,
        rules: 1,
        epoch,
    }
}

impl Builders {
    fn new() -> Builders {
        Builders {
            orders: DeltaBuilder::new(View::Orders),
            lines: DeltaBuilder::new(View::OrderLines),
            timeline: DeltaBuilder::new(View::OrderTimeline),
            payments: DeltaBuilder::new(View::Payments),
            commands: DeltaBuilder::new(View::PaymentCommands),
            stock: DeltaBuilder::new(View::StockLevels),
        }
    }

    fn finish(mut self, epoch: Epoch) -> Vec<Delta> {
        let all = [
            &mut self.orders,
            &mut self.lines,
            &mut self.timeline,
            &mut self.payments,
            &mut self.commands,
            &mut self.stock,
        ];
        all.into_iter().map(|builder| builder.finish(epoch)).collect()
    }

    fn step(&mut self, order_id: &str, seq: i64, words: (Option<&str>, &str, &str), at: Time, epoch: i64) {
        self.timeline.upsert(&OrderTimelineRow {
            order_id,
            seq,
            epoch,
            clock: at,
            from_status: words.0,
            to_status: words.1,
            cause_topic: Some(if seq == 1 { "orders" } else { "payments" }),
            cause_partition: Some(3),
            cause_offset: Some(epoch * 1000 + seq),
            cause_type: words.2,
            note: None,
        });
    }

    fn placed(&mut self, number: u64, order_id: &str, at: Time, epoch: i64) {
        let customer_id = format!("customer-{:06}", number * 7919 % 100_000);
        self.orders.upsert(&row(order_id, &customer_id, at, epoch));
        for line_no in 1..=2 + i64::from(number.is_multiple_of(2)) {
            self.lines.upsert(&OrderLinesRow {
                order_id,
                line_no,
                sku: &format!("SKU-{:05}", number * 31 % 20_000),
                quantity: 1,
                unit_price: 10_000,
                cancelled: 0,
                store_id: "store-12",
                category: "books",
            });
        }
        self.step(order_id, 1, (None, "awaiting_payment", "order_placed"), at, epoch);
    }

    fn submitted(&mut self, number: u64, order_id: &str, at: Time, epoch: i64) {
        let payment_key = format!("tviva{number:020}");
        self.payments.upsert(&PaymentsRow {
            order_id,
            payment_key: &payment_key,
            attempt: Some(1),
            currency: "KRW",
            submitted: 25_000,
            captured: 0,
            refunded: 0,
            status: "submitted",
            main: false,
            code: None,
            epoch,
        });
        self.commands.upsert(&PaymentCommandsRow {
            idempotency_key: &format!("confirm:{order_id}:1"),
            kind: "confirm",
            order_id,
            payment_key: &payment_key,
            attempt: Some(1),
            refund_id: None,
            amount: 25_000,
            currency: "KRW",
            reason: None,
            issued: 1,
            answered: false,
            epoch,
        });
        self.orders.patch(&order_id, |patch| {
            use views::orders::{attempts, epoch as at, payment_key as key, status};
            patch
                .set(status, &"paying")
                .set(key, &payment_key.as_str())
                .set(attempts, &1_i64)
                .set(at, &epoch);
        });
        self.step(
            order_id,
            2,
            (Some("awaiting_payment"), "paying", "payment_submitted"),
            at,
            epoch,
        );
    }

    fn confirmed(&mut self, number: u64, order_id: &str, at: Time, epoch: i64) {
        let payment_key = format!("tviva{number:020}");
        self.payments.patch(&(order_id, payment_key.as_str()), |patch| {
            use views::payments::{captured, epoch as at, main, status};
            patch
                .set(captured, &25_000_i64)
                .set(status, &"captured")
                .set(main, &true)
                .set(at, &epoch);
        });
        let key = format!("confirm:{order_id}:1");
        self.commands.patch(&key.as_str(), |patch| {
            use views::payment_commands::{answered, epoch as at};
            patch.set(answered, &true).set(at, &epoch);
        });
        self.orders.patch(&order_id, |patch| {
            use views::orders::{epoch as at, paid, status};
            patch
                .set(status, &"confirmed")
                .set(paid, &25_000_i64)
                .set(at, &epoch);
        });
        self.step(
            order_id,
            3,
            (Some("paying"), "confirmed", "payment_confirmed"),
            at,
            epoch,
        );
        if number.is_multiple_of(3) {
            self.step(
                order_id,
                4,
                (Some("confirmed"), "confirmed", "payment_confirmed"),
                at,
                epoch,
            );
        }
    }
}

/// The time on all cores that this process has taken.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<u64> = stat
        .split_whitespace()
        .skip(13)
        .take(2)
        .filter_map(|n| n.parse().ok())
        .collect();
    Duration::from_millis(fields.iter().sum::<u64>() * 10)
}

struct Run {
    orders: u64,
    random: bool,
    per_commit: u64,
    store: SqliteViews,
    frontier: Frontier,
    rows: usize,
    changes: usize,
    building: Duration,
}

impl Run {
    fn commit(&mut self, number: u64) {
        let begun = Instant::now();
        let epoch = i64::try_from(number + 1).expect("few epochs");
        let clock = Time::from_ms(1_700_000_000_000 + epoch * 100).expect("a time");
        let mut builders = Builders::new();
        type Step = fn(&mut Builders, u64, &str, Time, i64);
        let steps: [(u64, Step); 3] = [
            (0, Builders::placed),
            (1, Builders::submitted),
            (3, Builders::confirmed),
        ];
        for (later, step) in steps {
            let Some(chunk) = number.checked_sub(later) else {
                continue;
            };
            let numbers = chunk * self.per_commit..((chunk + 1) * self.per_commit).min(self.orders);
            for order in numbers {
                step(&mut builders, order, &id(order, self.random), clock, epoch);
            }
        }
        for sku in 0..20 {
            builders.stock.upsert(&StockLevelsRow {
                sku: &format!("SKU-{:05}", (number * 20 + sku) % 20_000),
                on_hand: 1_000_000,
                held: 5,
                available: 999_995,
                spent: epoch,
            });
        }
        let deltas = builders.finish(Epoch(number + 1));
        let mut sum = Sum::default();
        deltas.iter().for_each(|delta| sum.add(delta));
        let digest = self.frontier.digest.after(Epoch(number + 1), clock, sum);
        let after = (number > 0).then_some(Epoch(number));
        self.frontier = Frontier {
            epoch: Epoch(number + 1),
            clock,
            digest,
            ..self.frontier.clone()
        };
        self.changes += deltas.iter().map(Delta::len).sum::<usize>();
        let made = |d: &Delta| {
            d.changes()
                .filter(|c| c.op == contract::delta::Op::Upsert)
                .count()
        };
        self.rows += deltas.iter().map(made).sum::<usize>();
        let commit = Commit {
            after,
            frontier: self.frontier.clone(),
            digests: vec![(Epoch(number + 1), digest)],
            deltas,
        };
        self.building += begun.elapsed();
        self.store.commit(&commit).expect("it is committed");
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let number = |index: usize, usual: u64| {
        arguments
            .get(index)
            .map_or(usual, |a| a.parse().expect("a number"))
    };
    let (orders, per_commit) = (number(0, 300_000), number(2, 1_000));
    let random = arguments.get(1).is_some_and(|ids| ids == "random");
    let parent = arguments.get(3).map_or_else(std::env::temp_dir, Into::into);
    let directory = parent.join(format!("millrace-bench-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a directory");
    let mut config = Config::new(directory.join("views.sqlite"), &View::ALL[..CHECKOUT_VIEWS]);
    let setting = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    config.page_bytes = setting("PAGE").map_or(config.page_bytes, |n| u32::try_from(n).expect("a page size"));
    config.cache_bytes = setting("CACHE_MIB").map_or(config.cache_bytes, |n| n << 20);
    config.checkpoint_bytes = setting("CHECKPOINT_MIB").map_or(config.checkpoint_bytes, |n| n << 20);
    let mut store = SqliteViews::open(config).expect("the store opens");
    if setting("BULK").is_none() {
        store.caught_up().expect("indexes are built");
    }
    let frontier = Frontier {
        installation: Installation::new(1, [1; 10]),
        generation: 1,
        epoch: Epoch(0),
        clock: Time::default(),
        ends: Default::default(),
        digest: Digest::default(),
        logic: 1,
    };
    let mut run = Run {
        orders,
        random,
        per_commit,
        store,
        frontier,
        rows: 0,
        changes: 0,
        building: Duration::ZERO,
    };
    let commits = orders.div_ceil(per_commit) + 3;
    let (begun, busy) = (Instant::now(), cpu());
    let mut worst = Duration::ZERO;
    let (mut marked, mut mark) = (Instant::now(), Duration::ZERO);
    for number in 0..commits {
        let each = Instant::now();
        run.commit(number);
        worst = worst.max(each.elapsed());
        if (number + 1) % (100_000 / per_commit) == 0 {
            let took = marked.elapsed() - (run.building - mark);
            println!(
                "  to {:>9} orders: {:>6.0} orders/s",
                (number + 1) * per_commit,
                100_000.0 / took.as_secs_f64()
            );
            (marked, mark) = (Instant::now(), run.building);
        }
    }
    let indexes = Instant::now();
    run.store.caught_up().expect("indexes are built");
    let indexes = indexes.elapsed();
    let took = (begun.elapsed() - run.building).as_secs_f64();
    let used = (cpu() - busy).saturating_sub(run.building).as_secs_f64();
    let orders = f64::from(u32::try_from(orders).expect("fewer orders"));
    let size = std::fs::metadata(directory.join("views.sqlite")).map_or(0, |m| m.len() >> 20);
    println!(
        "{} ids: {:.0} orders/s, {:.0} changes/s, {:.1} rows and {:.1} changes an order; cpu {:.2} cores, \
         {:.1} us an order; longest commit {} ms, indexes {} ms, file {size} MiB, peak WAL now {} MiB",
        if random { "random" } else { "time-ordered" },
        orders / took,
        f64::from(u32::try_from(run.changes).expect("fewer changes")) / took,
        f64::from(u32::try_from(run.rows).expect("fewer rows")) / orders,
        f64::from(u32::try_from(run.changes).expect("fewer changes")) / orders,
        used / took,
        used * 1e6 / orders,
        worst.as_millis(),
        indexes.as_millis(),
        run.store.wal_bytes() >> 20,
    );
    drop(run);
    let _ = std::fs::remove_dir_all(&directory);
}
