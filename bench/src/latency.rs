//! `bench latency`: orders posted over HTTP at a steady rate, one a request, to a server in a process of its
//! own; how long until each is durable (202) and until it is visible (201, with `Prefer: wait`). Latencies
//! count from the time at which a request was meant to be sent, so that a server that stalls does not hide
//! the requests that it has kept from being sent.
//!
//! At 500 and 5,000 orders a second (or what `--rate` says), then at the highest rate that holds: the aim's
//! p99, and all requests answered in their time. Client and server share the machine.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use crate::client::{Load, block_on, once, open_loop, request};
use crate::mix::{Mix, PRODUCTS, Random, Zipf, order_id};
use crate::process::cpu_seconds;
use crate::scratch::Scratch;
use crate::server::Serving;
use crate::{Figure, Settings};

/// The rates that are always measured.
const RATES: [f64; 2] = [500.0, 5_000.0];
/// How long a rate is kept up, after a warm-up.
const LASTS: Duration = Duration::from_secs(10);
const WARM_UP: Duration = Duration::from_secs(2);
/// Each try of the search.
const TRIED: Duration = Duration::from_secs(4);
/// Connections: orders that wait each take one.
const CONNECTIONS: usize = 512;
/// The aim, in milliseconds.
const P99_MS: f64 = 20.0;
/// Rates that are tried lie so far apart.
const STEP: f64 = 1.25;
/// No rate above this is tried.
const RATE_MAX: f64 = 200_000.0;

/// A running shop, and how many orders it has had.
struct Shop {
    server: Serving,
    placed: u64,
}

/// Sends records of the mix, by topic.
pub fn stream(address: SocketAddr, mix: &Mix) -> Result<(), String> {
    let mut topics: Vec<(&str, Vec<u8>)> = Vec::new();
    for record in mix.epochs().flatten() {
        let name = record.at.topic.name();
        if topics.last().is_none_or(|(last, _)| *last != name) {
            topics.push((name, Vec::new()));
        }
        if let Some((_, lines)) = topics.last_mut() {
            lines.extend_from_slice(record.value.unwrap_or_default());
            lines.push(b'\n');
        }
    }
    for (topic, lines) in topics {
        let sent = request("POST", &format!("/v1/streams/{topic}"), LINES, &lines);
        let answer = once(address, 202, &sent)?;
        wait_for(address, &answer)?;
    }
    Ok(())
}

/// The head's line for lines of JSON.
pub const LINES: &str = "content-type: application/x-ndjson\r\n";

/// Waits until what an answer's token names is visible.
pub fn wait_for(address: SocketAddr, answer: &[u8]) -> Result<(), String> {
    let answer: serde_json::Value = serde_json::from_slice(answer).map_err(|e| e.to_string())?;
    let token = answer["token"].as_str().ok_or("an answer has no token")?;
    let head = format!("millrace-after: {token}\r\nprefer: wait=60\r\n");
    once(address, 200, &request("GET", "/v1/audits", &head, b"")).map(drop)
}

/// An order's body.
fn order(number: u64, zipf: &Zipf) -> Vec<u8> {
    let mut random = Random(number);
    let id = order_id(number, &mut random);
    let mut mix = Mix::default();
    mix.place(&id, 1 + number % 3, false, zipf, &mut random);
    mix.cut();
    let value = mix.epochs().flatten().next().and_then(|record| record.value);
    value.unwrap_or_default().to_vec()
}

/// What a rate came to.
struct Measured {
    /// Latencies in milliseconds, sorted.
    took: Vec<f64>,
    /// Requests answered a second, as a part of those asked for.
    kept_up: f64,
    /// Processor time a request, in microseconds, of the server and of the client.
    server_us: f64,
    client_us: f64,
}

impl Measured {
    fn at(&self, part: f64) -> f64 {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a place in a list"
        )]
        let index = (self.took.len() as f64 * part) as usize;
        let last = self.took.last().copied().unwrap_or(f64::INFINITY);
        self.took.get(index).copied().unwrap_or(last)
    }

    fn holds(&self) -> bool {
        self.at(0.99) <= P99_MS && self.kept_up > 0.98
    }
}

impl Shop {
    fn measure(&mut self, rate: f64, lasts: Duration, waits: bool) -> Result<Measured, String> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate has at most six digits"
        )]
        let requests = |time: Duration| (rate * time.as_secs_f64()) as usize;
        let load = Load {
            rate,
            count: requests(lasts + WARM_UP),
            warm_up: requests(WARM_UP),
            connections: CONNECTIONS,
            status: if waits { 201 } else { 202 },
        };
        let (first, zipf) = (self.placed, Zipf::new(PRODUCTS));
        self.placed += load.count as u64;
        let prefer = if waits { "prefer: wait=5\r\n" } else { "" };
        let head = format!("content-type: application/json\r\n{prefer}");
        let make =
            move |number: usize| request("POST", "/v1/orders", &head, &order(first + number as u64, &zipf));
        let (server, client) = (self.server.cpu_seconds(), cpu_seconds());
        let (took, seconds) = block_on(open_loop(self.server.address(), load, Rc::new(make)))?;
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        let count = load.count as f64;
        Ok(Measured {
            took,
            kept_up: count / seconds / rate,
            server_us: (self.server.cpu_seconds() - server) * 1e6 / count,
            client_us: (cpu_seconds() - client) * 1e6 / count,
        })
    }
}

fn figures_of(rate: f64, what: &str, measured: &Measured) -> Vec<Figure> {
    let metric = |which: &str| format!("{rate:.0} orders/s, accepted to {what}: {which}");
    let figure = |which: &str, value, unit| Figure::new("latency", metric(which), value, unit);
    vec![
        figure("p50", measured.at(0.5), "ms"),
        figure("p99", measured.at(0.99), "ms").at_most(P99_MS),
        figure("p99.9", measured.at(0.999), "ms"),
        figure("processor time, server", measured.server_us, "us/order"),
        figure("processor time, client", measured.client_us, "us/order"),
    ]
}

/// The highest rate that holds, one step apart from one that does not.
fn highest(shop: &mut Shop, progress: &mut dyn FnMut(&str), waits: bool) -> Result<f64, String> {
    let mut rate = RATES[0];
    let mut held = 0.0;
    while rate <= RATE_MAX {
        progress(&format!("trying {rate:.0} orders/s"));
        let mut holds = shop.measure(rate, TRIED, waits)?.holds();
        // Once more: something else may have run on the machine.
        holds = holds || shop.measure(rate, TRIED, waits)?.holds();
        if !holds {
            break;
        }
        held = rate;
        rate *= if rate < 4_000.0 { 2.0 } else { STEP };
    }
    Ok(held)
}

pub(crate) fn run(settings: &Settings, progress: &mut dyn FnMut(&str)) -> Result<Vec<Figure>, String> {
    let directory = Scratch::new()?;
    let server = Serving::millrace(directory.path())?;
    let mut shop = Shop { server, placed: 0 };
    progress("products and stock");
    let mut prelude = Mix::default();
    prelude.prelude();
    stream(shop.server.address(), &prelude)?;
    let given = settings.rate.map(|rate| [rate]);
    let rates: &[f64] = given.as_ref().map_or(&RATES, |rate| rate);
    let mut figures = Vec::new();
    for rate in rates {
        for (waits, what) in [(false, "durable"), (true, "visible")] {
            progress(&format!("{rate:.0} orders/s, until {what}"));
            let measured = shop.measure(*rate, LASTS, waits)?;
            figures.extend(figures_of(*rate, what, &measured));
        }
    }
    if given.is_none() {
        for (waits, what) in [(false, "durable"), (true, "visible")] {
            let held = highest(&mut shop, progress, waits)?;
            let metric = format!("highest rate with p99 within {P99_MS} ms until {what}");
            figures.push(Figure::new("latency", metric, held, "orders/s"));
        }
    }
    Ok(figures)
}
