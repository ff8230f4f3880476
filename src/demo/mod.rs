//! `millrace demo`: a real month of orders through the log, the engine and the view store, what became of
//! them, and then a shop in which simulated customers keep buying.
//!
//! The month is bound with the clock of its own time; nothing of today is bound, and nothing is taken over
//! HTTP, before it is whole. Then the same directory is run as `millrace up` does: the wall clock is the
//! present, and what 2010 left open has passed, by the rules. Carts and reviews, of which the month tells
//! nothing, are made up beside its orders ([`life`]).

mod bank;
mod customers;
mod place;
mod replay;
mod report;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::time::Instant;

use contract::log::Topic;
use importers::online_retail::{Import, is_fee, life};
use runtime::State;

use self::place::{Place, Wish};
use self::replay::{Replay, Speed, values};
use crate::Failure;
use crate::client::Target;
use crate::config::Config;
use crate::data::Data;
use crate::generate::shop::Product;
use crate::import;
use crate::output::print;
use crate::serve::{self, Listener};
use crate::signals::Signals;
use crate::up::{Running, Watch};
use crate::verify::verify;

/// Why nothing is taken meanwhile.
const BUSY: &str = "the demo's month is being replayed; orders are taken once that is done";
/// How many products today's customers buy: the month's most ordered.
const PRODUCTS: usize = 40;

/// What is asked for.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Stop after the table. Status 1 if the oracle disagrees.
    #[arg(long)]
    exit: bool,
    /// Another file of the same form, plain or gzip, instead of the month.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Where log and views are kept; by default ./millrace-demo, and with --exit a directory that is gone
    /// afterwards.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// How fast the month goes: max, how many times faster than it was (3600x), or in what time (60s).
    #[arg(long, value_name = "SPEED", default_value = "max")]
    speed: Speed,
    /// Remove what an earlier demo left in the directory, and start afresh.
    #[arg(long, conflicts_with = "continue")]
    fresh: bool,
    /// Go on with an earlier demo; what happens anyway if there is one.
    #[arg(long, conflicts_with = "exit")]
    r#continue: bool,
    /// How many threads decode and compute views; by default the number of cores.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: Option<u16>,
    /// Where the API listens (api.listen); by default 127.0.0.1:8080. Port 0 takes any that is free.
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// Listen on other addresses than loopback without a token (api.insecure).
    #[arg(long)]
    insecure: bool,
    /// What the customers' doings are drawn from.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

impl Args {
    /// Settings, of which the directory is never that of the user's own shop.
    fn config(&self, data: &Path) -> Result<Config, Failure> {
        let data = data
            .to_str()
            .ok_or_else(|| Failure::Usage(format!("{}: the path is not UTF-8", data.display())))?;
        // Nobody is to be met at the usual address by what ends at once.
        let passing = self.exit.then(|| "127.0.0.1:0".to_owned());
        let flags = [
            ("data.directory", Some(data.to_owned())),
            ("checkpoint.location", Some(String::new())),
            ("kafka.brokers", Some(String::new())),
            ("runtime.workers", self.workers.map(|n| n.to_string())),
            ("api.listen", self.listen.clone().or(passing)),
            ("api.insecure", self.insecure.then(|| "true".to_owned())),
        ];
        Config::load(None, std::env::vars(), &flags)
    }

    fn place(&self) -> Result<Place, Failure> {
        let source = match &self.file {
            None => "December 2010".to_owned(),
            Some(file) => std::path::absolute(file)
                .unwrap_or_else(|_| file.clone())
                .display()
                .to_string(),
        };
        let wish = match (self.fresh, self.r#continue, self.exit) {
            (true, ..) => Wish::Fresh,
            (_, true, _) => Wish::Continue,
            (.., true) => Wish::New,
            _ => Wish::Either,
        };
        if self.exit && self.data.is_none() {
            return Place::passing(&source);
        }
        Place::standing(self.data.as_deref(), &source, wish)
    }
}

/// Runs the demo.
pub fn run(args: &Args) -> Result<(), Failure> {
    let signals = Signals::new()?;
    let input = import::read(args.file.as_deref())?;
    let mut import = import::import(&input)?;
    // The data knows neither carts nor reviews.
    import.log = life::enliven(&import.log, &import::options()).0;
    let listener = listen(&args.config(Path::new("."))?)?;
    let mut place = args.place()?;
    let config = args.config(place.path())?;
    if place.continues() {
        let path = place.path().display();
        print(&format!(
            "millrace demo: going on with {path}; --fresh starts anew\n"
        ))?;
    }
    if !place.is_replayed() && !replayed(args, &config, &listener, &import, &mut place, &signals)? {
        return match args.exit {
            true => Err(Failure::Undone("interrupted".to_owned())),
            false => print("stopped in the month; the next run goes on there\n"),
        };
    }
    if args.exit {
        return Ok(());
    }
    live(args, &config, listener, &import, &signals)
}

fn listen(config: &Config) -> Result<Listener, Failure> {
    serve::listen(config).map_err(|failure| match failure {
        Failure::Undone(why) => Failure::Undone(format!(
            "{why}; choose another with --listen, as --listen 127.0.0.1:0"
        )),
        other => other,
    })
}

/// Replays the month and prints its table; whether it was not interrupted.
fn replayed(
    args: &Args,
    config: &Config,
    listener: &Listener,
    import: &Import,
    place: &mut Place,
    signals: &Signals,
) -> Result<bool, Failure> {
    let data = Data::make(place.path())?;
    let replay = Replay::begin(&data.log_as(config)?, import, args.speed)?;
    let up = Running::start(config, listener.again()?, Some(BUSY), &[], signals)?;
    if args.speed != Speed::Max {
        let url = format!("http://{}", reached(up.address()));
        print(&format!(
            "millrace demo: the month goes by; read along at {url}/v1/orders\n"
        ))?;
    }
    let start = Instant::now();
    if !replay.run(&up, signals)? {
        up.stop()?;
        return Ok(false);
    }
    let took = start.elapsed();
    let verdict = verify(up.log(), up.readers(), &up.log().installation().to_string())?;
    up.stop()?;
    place.replayed()?;
    print(&report::text(args.file.as_deref(), import, &verdict, took))?;
    verdict.outcome()?;
    Ok(true)
}

/// Today: the directory runs, and customers buy, until it is asked to stop.
fn live(
    args: &Args,
    config: &Config,
    listener: Listener,
    import: &Import,
    signals: &Signals,
) -> Result<(), Failure> {
    let mut up = Running::start(config, listener, None, &[], signals)?;
    let mut watch = Watch::default();
    while up.progress().state != State::Live && !signals.stop() && up.look(&mut watch) {}
    let epoch = up.progress().visible.map_or(0, |(epoch, _)| epoch.0);
    let (address, products) = (reached(up.address()), products(import));
    let url = format!("http://{address}");
    let target = Target::parse(&url, config.token().map(str::to_owned)).map_err(Failure::Usage)?;
    let first = products.first().cloned();
    let (tell, ready) = sync_channel(1);
    let buying = {
        let (signals, seed) = (signals.clone(), args.seed);
        let thread = std::thread::Builder::new().name("customers".to_owned());
        let run = move || match products.is_empty() {
            true => Ok(()),
            false => customers::run(&target, products, (seed, epoch), tell, &signals),
        };
        thread
            .spawn(run)
            .map_err(|error| Failure::Undone(format!("a thread can't be started: {error}")))?
    };
    let mut told = false;
    while !signals.stop() && up.look(&mut watch) {
        if !told && ready.try_recv() != Err(std::sync::mpsc::TryRecvError::Empty) {
            told = true;
            print(&worth_trying(
                &url,
                config.token().is_some(),
                import,
                first.as_ref(),
            ))?;
        }
    }
    watch.end();
    let bought = buying
        .join()
        .map_err(|_| Failure::Undone("the customers are gone".to_owned()))?;
    up.stop()?;
    bought?;
    print("stopped; the next run goes on\n")
}

/// Where a client on this machine reaches a server.
fn reached(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// The month's most ordered products, at their last prices.
fn products(import: &Import) -> Vec<Product> {
    let mut known: BTreeMap<String, Product> = BTreeMap::new();
    for value in values(&import.log, Topic::Products) {
        let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        let (sku, name) = (text("sku"), text("name"));
        let price = value["price"].as_u64().unwrap_or(0);
        known.insert(sku.clone(), Product { sku, name, price });
    }
    let mut ordered: BTreeMap<String, u64> = BTreeMap::new();
    for value in values(&import.log, Topic::Orders) {
        for line in value["lines"].as_array().into_iter().flatten() {
            *ordered
                .entry(line["sku"].as_str().unwrap_or_default().to_owned())
                .or_default() += 1;
        }
    }
    let mut products: Vec<Product> = known.into_values().collect();
    products.retain(|product| product.price > 0 && !is_fee(&product.sku));
    let times = |product: &Product| ordered.get(&product.sku).copied().unwrap_or(0);
    products.sort_by_key(|product| std::cmp::Reverse(times(product)));
    products.truncate(PRODUCTS);
    products
}

/// Three requests.
fn worth_trying(url: &str, has_token: bool, import: &Import, product: Option<&Product>) -> String {
    let token = if has_token {
        "-H \"Authorization: Bearer $MILLRACE_API_TOKEN\" "
    } else {
        ""
    };
    let curl = format!("  curl -s {token}");
    let order = |kind| move |value: &serde_json::Value| value["type"] == kind;
    let with_a_story = values(&import.log, Topic::Orders).find(order("order_lines_cancel_requested"));
    let any = || values(&import.log, Topic::Orders).find(order("order_placed"));
    let id = with_a_story.or_else(any).unwrap_or_default();
    let id = id["order_id"].as_str().unwrap_or("none").to_owned();
    let mine = product.map_or(serde_json::Value::Null, |product| {
        serde_json::json!({
            "customer_id": "you", "currency": importers::online_retail::CURRENCY,
            "lines": [{"sku": product.sku, "quantity": 1, "unit_price": product.price}],
        })
    });
    format!(
        "\nA few customers keep buying; Ctrl-C stops it. What they bought last, why an order of 2010 is \
         where it is, and an order of your own:\n\
         {curl}'{url}/v1/orders?limit=3'\n\
         {curl}{url}/v1/orders/{id}/explain\n\
         {curl}--json '{mine}' -H 'Prefer: wait=5' {url}/v1/orders\n\
         {url}/docs has more.\n"
    )
}
