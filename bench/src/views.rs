//! `bench views`: records a second of the jobs beside `checkout`, from an embedded log on disk with every view's
//! deltas made, sorted and digested, then discarded; beside the same log only read and decoded, in the same run.
//!
//! Reviews: 60,000 real ones in Korean, each posted several times under ids of its own, one in ten edited and one
//! in twenty deleted some epochs later. Dashboards: the orders of `bench replay`, which each change a day's sums, a
//! store's, a category's, a product's and a customer's.

use std::num::NonZero;
use std::path::Path;

use contract::log::Topic;
use importers::film_reviews::{self, Line};
use serde_json::json;

use crate::mix::{Ids, Mix, Random};
use crate::replay::{Made, decode, make, make_orders, replay};
use crate::scratch::Scratch;
use crate::{Figure, Settings};

const ORDERS: u64 = 300_000;
/// How often each of the reviews is posted.
const COPIES: usize = 5;
/// Reviews posted in an epoch.
const AN_EPOCH: usize = 1000;
/// Epochs until a review is edited or deleted.
const LATER: usize = 7;
const AIM: f64 = 200_000.0;

/// Reviews for a log.
pub struct Reviews {
    lines: Vec<Line>,
    random: Random,
    posted: usize,
    until: usize,
    /// What is to be pushed in later epochs: the next first.
    later: Vec<Vec<(String, String)>>,
}

impl Reviews {
    /// So many reviews, of the real ones in turn.
    pub fn new(count: usize) -> Result<Reviews, String> {
        let input = film_reviews::read(film_reviews::SAMPLE).map_err(|e| e.to_string())?;
        Ok(Reviews {
            lines: input.lines,
            random: Random(11),
            posted: 0,
            until: count,
            later: vec![Vec::new(); LATER],
        })
    }

    /// Every film as a product: an epoch.
    pub fn products(&self, mix: &mut Mix) {
        let mut skus: Vec<&str> = self.lines.iter().map(|line| line.sku.as_str()).collect();
        skus.sort_unstable();
        skus.dedup();
        for sku in skus {
            let product = json!({
                "type": "product_upserted", "sku": sku, "name": format!("영화 {sku}"), "price": 9000,
                "currency": "KRW", "stocked": false, "store_id": "cinema", "category": "film",
            });
            mix.push(Topic::Products, sku, &product.to_string());
        }
        mix.cut();
    }

    /// Adds the next epoch; false, and nothing added, if there is none.
    pub fn epoch(&mut self, mix: &mut Mix) -> bool {
        let due = self.later.remove(0);
        self.later.push(Vec::new());
        let until = (self.posted + AN_EPOCH).min(self.until);
        if due.is_empty() && self.posted == until && self.later.iter().all(Vec::is_empty) {
            return false;
        }
        while self.posted < until {
            self.post(mix);
        }
        for (id, value) in due {
            mix.push(Topic::Reviews, &id, &value);
        }
        mix.cut();
        true
    }

    fn post(&mut self, mix: &mut Mix) {
        let line = &self.lines[self.posted % self.lines.len()];
        let id = format!("{}.{}", line.review_id, self.posted / self.lines.len());
        let posted = json!({
            "type": "review_posted", "review_id": id, "customer_id": line.customer_id, "sku": line.sku,
            "rating": line.rating, "text": line.text,
        });
        mix.push(Topic::Reviews, &id, &posted.to_string());
        let (kind, last) = (self.random.below(20), self.later.len() - 1);
        if kind < 3 {
            let value = if kind < 2 {
                json!({"type": "review_edited", "review_id": id, "rating": line.rating % 5 + 1})
            } else {
                json!({"type": "review_deleted", "review_id": id})
            };
            self.later[last].push((id, value.to_string()));
        }
        self.posted += 1;
    }
}

fn make_reviews(directory: &Path, count: usize) -> Result<Made, String> {
    let mut reviews = Reviews::new(count)?;
    let mut begun = false;
    make(directory, &mut |mix| {
        if std::mem::replace(&mut begun, true) {
            return reviews.epoch(mix);
        }
        reviews.products(mix);
        true
    })
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn measure(what: &str, made: &Made, workers: usize, figures: &mut Vec<Figure>) -> Result<(), String> {
    let records = made.records as f64;
    let decoded = decode(made)?;
    let replayed = replay(made, None, workers)?;
    let figure = |metric: &str, value, unit| Figure::new("views", format!("{what}: {metric}"), value, unit);
    let rate = records / replayed.seconds;
    figures.extend([
        figure("read and decoded only, one core", records / decoded, "records/s"),
        figure("the whole job", rate, "records/s").at_least(AIM),
        figure("of decoding only", rate * decoded / records, "times"),
        figure(
            "processor time a record, all threads",
            replayed.cpu_seconds * 1e6 / records,
            "us",
        ),
    ]);
    Ok(())
}

pub(crate) fn run(settings: &Settings, progress: &mut dyn FnMut(&str)) -> Result<Vec<Figure>, String> {
    let workers = std::thread::available_parallelism().map_or(1, NonZero::get);
    let directory = Scratch::new()?;
    let mut figures = Vec::new();
    progress("writing a log of reviews");
    let made = make_reviews(&directory.path().join("reviews"), COPIES * 60_000)?;
    progress("reviews");
    measure("reviews", &made, workers, &mut figures)?;
    drop(made);
    progress("writing a log of orders");
    let orders = settings.orders.unwrap_or(ORDERS);
    let made = make_orders(&directory.path().join("orders"), orders, Ids::TimeOrdered)?;
    progress("dashboards");
    measure("dashboards", &made, workers, &mut figures)?;
    Ok(figures)
}
