//! The load over HTTP: many connections, each with one request under way.
//!
//! Orders are sent one by one, as shops do; what their customers and the payment provider do next follows in
//! lines, and so do claims of coupons. An open loop: an order is sent when it is due, if any connection is
//! free; where none is, its time of answer counts from when it was due.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use contract::log::Topic;
use indicatif::ProgressBar;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, LocalSet};

use super::pace::Pace;
use super::shop::{FlashSale, Order, Record, Shop};
use super::tally::Tally;
use super::{Load, Outcome};
use crate::Failure;
use crate::client::{Ask, Client, Reply, Target};
use crate::signals::Signals;

/// Lines of one request, at most.
const LINES_MAX: usize = 2_000;
/// What follows orders and waits to be sent, at most; then orders wait.
const REST_MAX: usize = 8_192;
/// Connections that send claims.
const CLAIMERS: usize = 4;
/// How long requests under way may go on once it is asked to stop.
const GRACE: Duration = Duration::from_secs(5);
/// How long everything may take to become visible at the end.
const VISIBLE_MAX_S: u32 = 60;

/// What the connections share.
struct Shared {
    target: Target,
    pace: RefCell<Pace>,
    tally: RefCell<Tally>,
    retried: Rc<Cell<u64>>,
    /// The last token of each connection: all that was written is visible when these are.
    tokens: RefCell<Vec<String>>,
    signals: Signals,
    bar: ProgressBar,
}

impl Shared {
    fn client(&self) -> Client {
        Client::new(&self.target, &self.retried)
    }

    /// The next up to `most`, once the first of them is due, and since when it waits for its answer.
    async fn next(&self, most: u64) -> Option<(u64, Instant)> {
        if self.signals.stop() {
            return None;
        }
        let (count, due) = self.pace.borrow_mut().next(most)?;
        let ahead = due.saturating_duration_since(Instant::now());
        if ahead.is_zero() {
            return Some((count, due));
        }
        let until = tokio::time::sleep(ahead);
        tokio::select! {
            () = until => {}
            () = self.signals.asked() => return None,
        }
        // That the timer is coarse is not the server's doing.
        Some((count, Instant::now()))
    }

    /// Sends records of one topic, in their order; the last token.
    async fn lines(
        &self,
        client: &mut Client,
        kind: &'static str,
        records: &[Record],
    ) -> Result<Option<String>, Failure> {
        let mut token = None;
        for chunk in records.chunks(LINES_MAX) {
            let Some(first) = chunk.first() else { break };
            let lines: Vec<&str> = chunk.iter().map(|record| record.value.as_str()).collect();
            let reply = client
                .send(&Ask::lines(first.topic.name(), lines.join("\n")))
                .await?;
            let said = reply.json();
            let accepted = said["accepted"].as_u64().unwrap_or(0).min(chunk.len() as u64);
            let mut tally = self.tally.borrow_mut();
            tally.note(kind, chunk.len() as u64, accepted);
            for rejected in said["rejected"].as_array().into_iter().flatten() {
                tally.refused_for(rejected["reason"].as_str().unwrap_or("unknown").to_owned());
            }
            if !reply.is_well() {
                tally.refused_for(reply.reason());
            }
            token = said["token"].as_str().map(str::to_owned).or(token);
        }
        Ok(token)
    }

    fn note(&self, token: Option<String>) {
        self.tokens.borrow_mut().extend(token);
    }
}

/// Runs it until it is over or stopped.
pub fn run(target: &Target, load: &Load, signals: &Signals) -> Result<Outcome, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Undone(error.to_string()))?;
    LocalSet::new().block_on(&runtime, async {
        let shared = Rc::new(Shared {
            target: target.clone(),
            pace: RefCell::new(load.pace()),
            tally: RefCell::default(),
            retried: Rc::default(),
            tokens: RefCell::default(),
            signals: signals.clone(),
            bar: load.bar("sending"),
        });
        set_up(&shared, load).await?;
        // Setting up does not count.
        *shared.pace.borrow_mut() = load.pace();
        let start = Instant::now();
        let sending = async {
            match &load.flash {
                None => orders(&shared, load).await,
                Some(sale) => claims(&shared, sale).await,
            }
        };
        let is_whole = tokio::select! {
            sent = sending => sent.map(|()| true)?,
            () = async { signals.asked().await; tokio::time::sleep(GRACE).await } => false,
        };
        let took = start.elapsed();
        shared.bar.finish_and_clear();
        let mut lines = vec![("503s retried", shared.retried.get().to_string())];
        let times = shared.tally.borrow().times();
        lines.extend(times.map(|times| ("answers", times)));
        if is_whole {
            lines.push(("visible", visible(&shared).await?));
        }
        if let Some(sale) = load.flash.as_ref().filter(|_| is_whole) {
            lines.extend(sold(&shared, sale).await?);
        }
        let tally = shared.tally.borrow().clone();
        Ok(Outcome { tally, took, lines })
    })
}

async fn set_up(shared: &Shared, load: &Load) -> Result<(), Failure> {
    let mut client = shared.client();
    let (products, stock) = load.set_up();
    shared.bar.set_message("setting up");
    let well = |reply: Reply| {
        let what = || format!("{}: {}", shared.target, reply.reason());
        if reply.is_well() {
            Ok(())
        } else {
            Err(Failure::Undone(what()))
        }
    };
    for records in [products, stock] {
        for chunk in records.chunks(LINES_MAX) {
            let lines: Vec<&str> = chunk.iter().map(|record| record.value.as_str()).collect();
            let topic = chunk.first().map_or(Topic::Products, |record| record.topic);
            well(client.send(&Ask::lines(topic.name(), lines.join("\n"))).await?)?;
        }
    }
    Ok(())
}

/// Waits for all; the first failure.
async fn all(tasks: Vec<JoinHandle<Result<(), Failure>>>) -> Result<(), Failure> {
    for task in tasks {
        task.await.map_err(|error| Failure::Undone(error.to_string()))??;
    }
    Ok(())
}

/// Sends orders and what follows them.
async fn orders(shared: &Rc<Shared>, load: &Load) -> Result<(), Failure> {
    let shop = Rc::new(RefCell::new(load.shop.clone()));
    let (rest, follows) = mpsc::channel(REST_MAX);
    let mut tasks = vec![tokio::task::spawn_local(follow(Rc::clone(shared), follows))];
    for _ in 0..load.connections {
        let buying = buy(Rc::clone(shared), Rc::clone(&shop), rest.clone());
        tasks.push(tokio::task::spawn_local(buying));
    }
    drop(rest);
    all(tasks).await
}

/// One connection's orders.
async fn buy(shared: Rc<Shared>, shop: Rc<RefCell<Shop>>, rest: mpsc::Sender<Order>) -> Result<(), Failure> {
    let mut client = shared.client();
    let mut token = None;
    while let Some((_, since)) = shared.next(1).await {
        let order = shop.borrow_mut().order();
        let reply = client.send(&Ask::post("/v1/orders", &order.placed())).await?;
        shared.bar.inc(1);
        let is_well = reply.is_well();
        {
            let mut tally = shared.tally.borrow_mut();
            tally.latencies.note(since.elapsed());
            tally.note("orders", 1, u64::from(is_well));
            if !is_well {
                tally.refused_for(reply.reason());
            }
        }
        token = reply.json()["token"].as_str().map(str::to_owned).or(token);
        if is_well && rest.send(order).await.is_err() {
            // Who sends the rest has failed, and tells why.
            break;
        }
    }
    shared.note(token);
    Ok(())
}

/// What customers and their bank do once an order is taken, in lines: payments, then cancellations.
async fn follow(shared: Rc<Shared>, mut follows: mpsc::Receiver<Order>) -> Result<(), Failure> {
    let mut client = shared.client();
    let (mut orders, mut paid, mut cancelled) = (Vec::new(), None, None);
    while follows.recv_many(&mut orders, LINES_MAX / 2).await > 0 {
        let rest = orders.drain(..).flat_map(|order: Order| order.rest());
        let (payments, cancels): (Vec<_>, Vec<_>) = rest.partition(|record| record.topic == Topic::Payments);
        let token = shared.lines(&mut client, "payment records", &payments).await?;
        paid = token.or(paid);
        let token = shared.lines(&mut client, "cancellations", &cancels).await?;
        cancelled = token.or(cancelled);
    }
    shared.note(paid);
    shared.note(cancelled);
    Ok(())
}

/// Sends claims.
async fn claims(shared: &Rc<Shared>, sale: &FlashSale) -> Result<(), Failure> {
    let sale = Rc::new(RefCell::new(sale.clone()));
    let claiming = |_| tokio::task::spawn_local(claim(Rc::clone(shared), Rc::clone(&sale)));
    all((0..CLAIMERS).map(claiming).collect()).await
}

async fn claim(shared: Rc<Shared>, sale: Rc<RefCell<FlashSale>>) -> Result<(), Failure> {
    let mut client = shared.client();
    let most = shared.pace.borrow().batch(LINES_MAX as u64);
    let mut token = None;
    while let Some((count, since)) = shared.next(most).await {
        let claims: Vec<Record> = (0..count).map(|_| sale.borrow_mut().claim()).collect();
        token = shared.lines(&mut client, "claims", &claims).await?.or(token);
        shared.tally.borrow_mut().latencies.note(since.elapsed());
        shared.bar.inc(count);
    }
    shared.note(token);
    Ok(())
}

/// How long it took until the views held everything.
async fn visible(shared: &Shared) -> Result<String, Failure> {
    let (mut client, start) = (shared.client(), Instant::now());
    let tokens = shared.tokens.take();
    let mut was_told = true;
    for token in tokens {
        let ask = Ask::get("/v1/views/orders?limit=1")
            .with("millrace-after", token)
            .with("prefer", format!("wait={VISIBLE_MAX_S}"));
        was_told &= client.send(&ask).await?.status != 504;
    }
    Ok(if was_told {
        let ms = Duration::as_millis(&start.elapsed());
        format!("all of it {ms} ms after the last answer")
    } else {
        format!("not all of it {VISIBLE_MAX_S} s after the last answer")
    })
}

/// What the campaign says.
async fn sold(shared: &Shared, sale: &FlashSale) -> Result<[(&'static str, String); 3], Failure> {
    let ask = Ask::get(format!("/v1/coupons/{}", sale.campaign_id));
    let said = shared.client().send(&ask).await?.json();
    let figure = |name: &str| {
        said[name]
            .as_u64()
            .map_or("?".to_owned(), |n| bench::thousands(&n.to_string()))
    };
    Ok([
        ("coupons", bench::thousands(&sale.quota.to_string())),
        ("granted", figure("granted")),
        ("claims without one", figure("refused")),
    ])
}
