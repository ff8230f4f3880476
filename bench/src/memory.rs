//! `bench memory`: bytes an order takes, by where it is in its life; tables, deadlines and the allocator's
//! share included.
//!
//! Measured as the growth of the process's resident memory over a million orders of two lines, and beside
//! it the job's own account of its book of orders.
//!
//! And bytes that all jobs together keep of a review: the growth of a process in which they run, on two workers, as
//! reviews come.

use bumpalo::Bump;
use contract::log::Epoch;
use contract::time::Time;
use pipelines::checkout::Checkout;

use crate::following::Following;
use crate::mix::{Mix, PRODUCTS, Random, Zipf, order_id};
use crate::process::resident_bytes;
use crate::replay::follow;
use crate::scratch::Scratch;
use crate::views::Reviews;
use crate::{Figure, Settings, Stopwatch};

const ORDERS: u64 = 1_000_000;
const ORDERS_AN_EPOCH: u64 = 1000;
const LINES: u64 = 2;
const WARM_UP: u64 = 20_000;

/// A shop that takes orders as asked.
pub(crate) struct Shop {
    pub(crate) job: Checkout,
    arena: Bump,
    mix: Mix,
    epoch: u64,
    now_s: i64,
    placed: u64,
    random: Random,
    zipf: Zipf,
    /// How long each epoch took to decide, in ms of processor time where that is known.
    pub(crate) epochs_ms: Vec<f64>,
}

impl Shop {
    pub(crate) fn new() -> Self {
        let mut shop = Shop {
            job: Checkout::new(),
            arena: Bump::new(),
            mix: Mix::default(),
            epoch: 0,
            now_s: 1_790_000_000,
            placed: 0,
            random: Random(3),
            zipf: Zipf::new(PRODUCTS),
            epochs_ms: Vec::new(),
        };
        shop.mix.prelude();
        shop.decide();
        shop
    }

    fn decide(&mut self) {
        for records in self.mix.epochs() {
            self.epoch += 1;
            let now = Time::default().plus_seconds(self.now_s);
            let start = Stopwatch::start();
            let deltas = self.job.epoch(Epoch(self.epoch), now, records, &mut self.arena);
            self.epochs_ms.push(start.seconds() * 1000.0);
            drop(deltas);
        }
        self.mix.clear();
    }

    /// Places so many orders, and pays them if asked to; `step_s` seconds pass from epoch to epoch.
    pub(crate) fn orders(&mut self, orders: u64, paid: bool, step_s: i64) {
        for _ in 0..orders / ORDERS_AN_EPOCH {
            for _ in 0..ORDERS_AN_EPOCH {
                let id = order_id(self.placed, &mut self.random);
                self.placed += 1;
                let amount = self.mix.place(&id, LINES, false, &self.zipf, &mut self.random);
                if paid {
                    self.mix.pay("payment_submitted", &id, amount);
                    self.mix.pay("payment_confirmed", &id, amount);
                }
            }
            self.mix.cut();
            self.now_s += step_s;
            self.decide();
        }
    }

    pub(crate) fn wait(&mut self, seconds: i64) {
        self.now_s += seconds;
        self.mix.cut();
        self.decide();
    }
}

#[expect(clippy::cast_precision_loss, reason = "bytes are far below 2^52")]
fn measure(life: &str, aim: f64, kept: &mut Vec<Shop>, build: impl FnOnce(&mut Shop)) -> Vec<Figure> {
    let mut shop = Shop::new();
    // The buffers that an epoch needs are not an order's.
    shop.orders(WARM_UP, true, 0);
    let (resident, book) = (resident_bytes(), shop.job.size_bytes());
    build(&mut shop);
    let grown = |before: usize, after: usize| after.saturating_sub(before) as f64 / ORDERS as f64;
    let mut figures = Vec::new();
    if let (Some(before), Some(after)) = (resident, resident_bytes()) {
        let metric = format!("{life} order, resident");
        figures.push(Figure::new("memory", metric, grown(before, after), "bytes").at_most(aim));
    }
    let metric = format!("{life} order, by our own account");
    figures.push(Figure::new("memory", metric, grown(book, shop.job.size_bytes()), "bytes").at_most(aim));
    // Its memory must not serve the next shop, which would then seem to need none.
    kept.push(shop);
    figures
}

/// Reviews by which the jobs' memory is measured.
const REVIEWS: u64 = 300_000;

/// Resident memory once everything was decided, and what could be merged was.
fn settled(jobs: &Following) -> Result<u64, String> {
    jobs.settle()?;
    std::thread::sleep(std::time::Duration::from_secs(2));
    Ok(resident_bytes().unwrap_or(0) as u64)
}

#[expect(clippy::cast_precision_loss, reason = "bytes are far below 2^52")]
fn of_jobs(progress: &mut dyn FnMut(&str)) -> Result<Figure, String> {
    let directory = Scratch::new()?;
    let mut jobs = follow(directory.path(), 2)?;
    let mut mix = Mix::default();
    progress("reviews");
    // The first half fills buffers.
    let mut reviews = Reviews::new(usize::try_from(2 * REVIEWS).unwrap_or(0))?;
    reviews.products(&mut mix);
    jobs.add(&mut mix, 1)?;
    let (mut epochs, mut before) = (0, 0);
    while reviews.epoch(&mut mix) {
        epochs += 1;
        jobs.add(&mut mix, 1)?;
        if epochs == REVIEWS / 1000 {
            before = settled(&jobs)?;
        }
    }
    let grown = settled(&jobs)?.saturating_sub(before) as f64;
    let metric = "review, all jobs, resident";
    Ok(Figure::new("memory", metric, grown / REVIEWS as f64, "bytes"))
}

pub(crate) fn run(_: &Settings, progress: &mut dyn FnMut(&str)) -> Result<Vec<Figure>, String> {
    let live = 150.0 + 16.0 * f64::from(u32::try_from(LINES).unwrap_or(0));
    let (mut figures, mut kept) = (Vec::new(), Vec::new());
    progress("open orders");
    figures.extend(measure("open (2 lines)", live, &mut kept, |shop| {
        shop.orders(ORDERS, false, 0);
    }));
    progress("cancellable orders");
    figures.extend(measure("cancellable (2 lines)", live, &mut kept, |shop| {
        shop.orders(ORDERS, true, 0);
    }));
    progress("closed orders");
    figures.extend(measure("closed", 64.0, &mut kept, |shop| {
        // An epoch a day: an order is cancellable for 14 epochs, so nearly all are closed at the end.
        shop.orders(ORDERS, true, 86_400);
        shop.wait(15 * 86_400);
    }));
    drop(kept);
    figures.push(of_jobs(progress)?);
    Ok(figures)
}
