//! `bench memory`: bytes an order takes, by where it is in its life; tables, deadlines and the allocator's
//! share included.
//!
//! Measured as the growth of the process's resident memory over a million orders of two lines, and beside
//! it the job's own account of its book of orders.
//!
//! And bytes that the jobs beside `checkout` keep of a review and of a product that a customer has bought: the
//! growth of a process in which all jobs run, on two workers, as reviews come, and as the same customers buy
//! products that they had not bought, beside as many orders of what they had.

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

/// Reviews, and orders, by which the jobs' memory is measured.
const OF_JOBS: u64 = 300_000;
const CUSTOMERS: u64 = 3000;

/// Resident memory once everything was decided, and what could be merged was.
fn settled(jobs: &Following) -> Result<u64, String> {
    jobs.settle()?;
    std::thread::sleep(std::time::Duration::from_secs(2));
    Ok(resident_bytes().unwrap_or(0) as u64)
}

/// Growth by [`OF_JOBS`] orders, of products that their customers buy for the first time, or again.
fn orders_of_jobs(jobs: &mut Following, mix: &mut Mix, placed: &mut u64, again: bool) -> Result<u64, String> {
    let before = settled(jobs)?;
    let mut random = Random(9);
    for number in 0..OF_JOBS {
        let id = order_id(*placed, &mut random);
        *placed += 1;
        let customer = number % CUSTOMERS;
        let product = if again { 0 } else { 1 + number / CUSTOMERS };
        let amount = mix.place_one(&id, customer, usize::try_from(product).unwrap_or(0));
        mix.pay("payment_submitted", &id, amount);
        mix.pay("payment_confirmed", &id, amount);
        if (number + 1).is_multiple_of(ORDERS_AN_EPOCH) {
            mix.cut();
            jobs.add(mix, 1)?;
        }
    }
    Ok(settled(jobs)?.saturating_sub(before))
}

#[expect(clippy::cast_precision_loss, reason = "bytes are far below 2^52")]
fn of_jobs(progress: &mut dyn FnMut(&str)) -> Result<Vec<Figure>, String> {
    let directory = Scratch::new()?;
    let mut jobs = follow(directory.path(), 2)?;
    let (mut mix, mut placed) = (Mix::default(), 0);
    mix.prelude();
    jobs.add(&mut mix, 1)?;
    progress("what customers bought");
    // The first round fills buffers.
    orders_of_jobs(&mut jobs, &mut mix, &mut placed, true)?;
    let again = orders_of_jobs(&mut jobs, &mut mix, &mut placed, true)?;
    let new = orders_of_jobs(&mut jobs, &mut mix, &mut placed, false)?;
    progress("reviews");
    let mut reviews = Reviews::new(usize::try_from(2 * OF_JOBS).unwrap_or(0))?;
    reviews.products(&mut mix);
    jobs.add(&mut mix, 1)?;
    let (mut posted, mut before) = (0, 0);
    while reviews.epoch(&mut mix) {
        posted += 1;
        jobs.add(&mut mix, 1)?;
        if posted == OF_JOBS / 1000 {
            before = settled(&jobs)?;
        }
    }
    let review = settled(&jobs)?.saturating_sub(before);
    let each = |bytes: u64| bytes as f64 / OF_JOBS as f64;
    let pair = each(new) - each(again);
    Ok(vec![
        Figure::new(
            "memory",
            "cancellable order (1 line) of what was bought before, all jobs",
            each(again),
            "bytes",
        ),
        Figure::new(
            "memory",
            "product that a customer buys for the first time",
            pair,
            "bytes",
        ),
        Figure::new("memory", "review, all jobs", each(review), "bytes"),
    ])
}

pub(crate) fn run(_: Settings, progress: &mut dyn FnMut(&str)) -> Result<Vec<Figure>, String> {
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
    figures.extend(of_jobs(progress)?);
    Ok(figures)
}
