//! `millrace generate`: load, over HTTP against a running millrace or straight into a log, and what became of
//! it.
//!
//! The customers and their orders are those of [`shop`], which the live demo has too. All is drawn from a
//! seed: the same seed sends the same records, which count once.

mod direct;
mod http;
mod pace;
pub mod shop;
mod tally;

use std::path::PathBuf;
use std::time::Duration;

use indicatif::ProgressBar;

use self::pace::{Pace, Rate};
use self::shop::{FlashSale, Habits, Product, Record, Shop};
use self::tally::{Tally, line, rate};
use crate::Failure;
use crate::client::Target;
use crate::output::print;
use crate::signals::Signals;

/// Where a millrace is looked for.
const URL: &str = "http://127.0.0.1:8080";
/// The currency of all that is made up.
const CURRENCY: &str = "KRW";
/// Orders a second, and how many, if nothing else is asked for.
const RATE: Rate = Rate::PerSecond(100.0);
const ORDERS: u64 = 1_000;
const CLAIMS: u64 = 100_000;
/// More than any connection takes.
const ORDERS_A_SECOND_MAX: u64 = 50_000;
const HABITS: Habits = Habits {
    unpaid: 2,
    cancelled: 1,
};

/// What is asked for.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where a millrace listens; by default http://127.0.0.1:8080.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// The bearer token that it wants; by default the environment's MILLRACE_API_TOKEN.
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
    /// Append to the log of this data directory instead, while nothing runs on it.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["url", "token", "connections"])]
    data: Option<PathBuf>,
    /// Orders (or claims) a second, sent when they are due; or max: as many as are taken. By default 100; of
    /// claims, and into a log, max.
    #[arg(long, value_name = "N|max", allow_negative_numbers = true)]
    rate: Option<Rate>,
    /// How many orders; by default 1000.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    orders: Option<u64>,
    /// For how long, instead or at most.
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(1..=604_800))]
    seconds: Option<u64>,
    /// How many customers buy.
    #[arg(long, value_name = "N", default_value_t = 10_000,
        value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    customers: u64,
    /// How many products there are.
    #[arg(long, value_name = "N", default_value_t = 1_000,
        value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    products: u32,
    /// How uneven products sell: the exponent of Zipf's law, 0 to 5; 0: all alike.
    #[arg(long, value_name = "X", default_value_t = 1.0, allow_negative_numbers = true, value_parser = skew)]
    skew: f64,
    /// Connections that send orders.
    #[arg(long, value_name = "N", default_value_t = 64,
        value_parser = clap::value_parser!(u16).range(1..=4_096))]
    connections: u16,
    /// Instead of orders: one campaign, and claims of its coupons, in lines.
    #[arg(long, conflicts_with = "orders")]
    flash_sale: bool,
    /// Coupons of the flash sale.
    #[arg(long, value_name = "N", default_value_t = 100, requires = "flash_sale",
        value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    quota: u64,
    /// Claims of the flash sale; by default 100000.
    #[arg(long, value_name = "N", requires = "flash_sale",
        value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    claims: Option<u64>,
    /// What everything is drawn from; another each time by default.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

fn skew(text: &str) -> Result<f64, String> {
    let skew = text.parse().ok().filter(|skew| (0.0..=5.0).contains(skew));
    skew.ok_or_else(|| "expected a number from 0 to 5".to_owned())
}

/// What is to be done.
struct Load {
    shop: Shop,
    flash: Option<FlashSale>,
    rate: Rate,
    count: Option<u64>,
    seconds: Option<u64>,
    connections: u16,
    seed: u64,
}

impl Load {
    fn new(args: &Args) -> Result<Load, Failure> {
        let seed = args.seed.map_or_else(random_seed, Ok)?;
        let usual = if args.flash_sale { CLAIMS } else { ORDERS };
        let asked = args.orders.or(args.claims);
        // For a time, or so many.
        let count = asked.or_else(|| args.seconds.is_none().then_some(usual));
        let is_quick = args.flash_sale || args.data.is_some();
        let products = Product::made_up(usize::try_from(args.products).unwrap_or(usize::MAX));
        let flash = args
            .flash_sale
            .then(|| FlashSale::new(args.quota, args.customers, seed));
        Ok(Load {
            shop: Shop::new(products, CURRENCY, args.customers, args.skew, HABITS, seed),
            flash,
            rate: args.rate.unwrap_or(if is_quick { Rate::Max } else { RATE }),
            count,
            seconds: args.seconds,
            connections: args.connections,
            seed,
        })
    }

    fn pace(&self) -> Pace {
        Pace::new(self.rate, self.count, self.seconds)
    }

    fn bar(&self, what: &'static str) -> ProgressBar {
        match self.count {
            Some(count) => crate::progress::bar(what, count),
            None => crate::progress::spinner(what.to_owned()),
        }
    }

    /// What must be there before the first order or claim: products (or the campaign), then stock.
    fn set_up(&self) -> (Vec<Record>, Vec<Record>) {
        if let Some(sale) = &self.flash {
            return (vec![sale.created(CURRENCY)], Vec::new());
        }
        let products = self.shop.products().iter();
        let products = products.map(|product| product.upserted(CURRENCY));
        let stock = self
            .shop
            .stock(&format!("gen-{:x}", self.seed), self.orders_max());
        (products.collect(), stock)
    }

    /// How many orders there can be.
    fn orders_max(&self) -> u64 {
        let seconds = self.seconds.unwrap_or(0);
        self.count.unwrap_or_else(|| match self.rate {
            Rate::Max => seconds * ORDERS_A_SECOND_MAX,
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a rate is from 0.01 to a million"
            )]
            Rate::PerSecond(rate) => seconds * (rate as u64 + 1),
        })
    }
}

/// What became of it.
struct Outcome {
    tally: Tally,
    /// From the first order or claim to the last answer.
    took: Duration,
    /// What else there is to say.
    lines: Vec<(&'static str, String)>,
}

fn random_seed() -> Result<u64, Failure> {
    let mut random = [0; 4];
    getrandom::fill(&mut random).map_err(|error| Failure::Undone(format!("no random numbers: {error}")))?;
    Ok(u32::from_le_bytes(random).into())
}

/// Generates, and prints what became of it.
pub fn run(args: &Args) -> Result<(), Failure> {
    let signals = Signals::new()?;
    let load = Load::new(args)?;
    let outcome = match &args.data {
        Some(data) => direct::run(data, &load, &signals)?,
        None => {
            let token = args
                .token
                .clone()
                .or_else(|| std::env::var("MILLRACE_API_TOKEN").ok());
            let token = token.filter(|token| !token.is_empty());
            let url = args.url.as_deref().unwrap_or(URL);
            let target = Target::parse(url, token).map_err(Failure::Usage)?;
            http::run(&target, &load, &signals)?
        }
    };
    print(&text(&load, &outcome))
}

/// The table.
fn text(load: &Load, outcome: &Outcome) -> String {
    let Outcome { tally, took, lines } = outcome;
    let kind = if load.flash.is_some() { "claims" } else { "orders" };
    let mut out = format!("millrace generate: seed {}, rate {}\n\n", load.seed, load.rate);
    out.push_str(&tally.table());
    out.push('\n');
    let reached = rate(tally.count(kind).sent, *took);
    line(
        &mut out,
        "rate reached",
        &format!("{reached} {kind}/s in {:.2} s", took.as_secs_f64()),
    );
    for (what, figure) in lines {
        line(&mut out, what, figure);
    }
    out
}
