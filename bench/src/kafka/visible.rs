//! Orders at a steady rate, from a producer of somebody else's kind, until `millrace up` shows their rows.
//!
//! The server is a process of its own with its defaults. Who watches follows the changes of the view `orders`
//! over HTTP: an order is visible when its row comes. Latency counts from the time at which an order was meant to
//! be sent, so that nothing that stalls hides what it has kept from being sent. Where the time goes is told by two
//! moments in between: when the producer hears that the brokers have the order, and when they took the record
//! that binds it, which the timeline says to the millisecond.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use contract::log::Topic;
use rdkafka::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseRecord, Producer as _, ProducerContext, ThreadedProducer};
use streams::kafka::Config;
use streams::{KafkaLog, Log as _, partition_of, timeline};

use super::fill::PARTITIONS;
use super::topics::Topics;
use super::{figure, go_on};
use crate::mix::{Mix, PRODUCTS, Random, Zipf, order_id};
use crate::process::cpu_seconds;
use crate::scratch::Scratch;
use crate::server::Serving;
use crate::{Figure, now_ms};

/// Orders that come first are not measured: a broker that has just started takes some seconds to compile what it
/// does for each of many small requests.
const WARM_UP: Duration = Duration::from_secs(10);
/// The longest that anything is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
/// The aim, in milliseconds.
const P99_MS: f64 = 50.0;
/// Stands for a record that is no order to be measured.
const NONE: usize = usize::MAX;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An order to be sent.
struct Order {
    id: String,
    value: Vec<u8>,
}

fn orders(count: usize) -> Vec<Order> {
    let zipf = Zipf::new(PRODUCTS);
    let order = |number: u64| {
        let mut random = Random(number);
        let id = order_id(number, &mut random);
        let mut mix = Mix::default();
        mix.place(&id, 1 + number % 3, false, &zipf, &mut random);
        mix.cut();
        let value = mix.epochs().flatten().next().and_then(|record| record.value);
        let value = value.unwrap_or_default().to_vec();
        Order { id, value }
    };
    (0..count as u64).map(order).collect()
}

/// Hears what becomes of each order, by its number.
#[derive(Clone)]
struct Acknowledged(Arc<Mutex<Vec<Option<Instant>>>>);

impl ClientContext for Acknowledged {}

impl ProducerContext for Acknowledged {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, number: usize) {
        let now = Instant::now();
        if let (Ok(_), Some(at)) = (result, lock(&self.0).get_mut(number)) {
            *at = Some(now);
        }
    }
}

/// Sends.
struct Producing {
    producer: ThreadedProducer<Acknowledged>,
    prefix: String,
    acknowledged: Acknowledged,
}

impl Producing {
    fn new(topics: &Topics, prefix: &str, orders: usize) -> Result<Producing, String> {
        let acknowledged = Acknowledged(Arc::new(Mutex::new(vec![None; orders])));
        let mut client = topics.client();
        client.set("acks", "all");
        client.set("linger.ms", "1");
        let producer = client.create_with_context(acknowledged.clone());
        Ok(Producing {
            producer: producer.map_err(|error| format!("a producer: {error}"))?,
            prefix: prefix.to_owned(),
            acknowledged,
        })
    }

    fn send(&self, topic: Topic, key: &[u8], value: &[u8], number: usize) -> Result<(), String> {
        let topic = format!("{}{}", self.prefix, topic.name());
        let partition = i32::try_from(partition_of(Some(key), PARTITIONS)).unwrap_or(0);
        let record = BaseRecord::with_opaque_to(&topic, number);
        let mut record = record.key(key).payload(value).partition(partition);
        while let Err((error, back)) = self.producer.send(record) {
            if !matches!(error, KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull)) {
                return Err(format!("a producer: {error}"));
            }
            thread::sleep(Duration::from_millis(1));
            record = back;
        }
        Ok(())
    }

    fn flush(&self) -> Result<(), String> {
        let flushed = self.producer.flush(PATIENCE);
        flushed.map_err(|error| format!("the brokers don't take what a producer sends: {error}"))
    }
}

/// When an order's row came, and in which epoch it changed first.
type Shown = Option<(Instant, u64)>;

/// Follows the view.
struct Watching {
    shown: Arc<Mutex<Vec<Shown>>>,
    ended: Arc<AtomicBool>,
}

impl Watching {
    fn start(address: SocketAddr, orders: &[Order]) -> Result<Watching, String> {
        let failed = |error: std::io::Error| format!("following the view: {error}");
        let mut stream = TcpStream::connect(address).map_err(failed)?;
        // The older version, so that what comes is not cut into chunks.
        let request = "GET /v1/views/orders/changes HTTP/1.0\r\nhost: bench\r\n\r\n";
        stream.write_all(request.as_bytes()).map_err(failed)?;
        let numbers: HashMap<String, usize> = (0..)
            .zip(orders)
            .map(|(number, order)| (order.id.clone(), number))
            .collect();
        let watching = Watching {
            shown: Arc::new(Mutex::new(vec![None; orders.len()])),
            ended: Arc::default(),
        };
        let (shown, ended) = (Arc::clone(&watching.shown), Arc::clone(&watching.ended));
        // It ends when the server does.
        thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                let Some((epoch, id)) = change(&line) else {
                    continue;
                };
                if let Some(number) = numbers.get(id) {
                    lock(&shown)[*number].get_or_insert_with(|| (Instant::now(), epoch));
                }
            }
            ended.store(true, Ordering::Relaxed);
        });
        Ok(watching)
    }

    /// Waits until the first so many orders are shown.
    fn wait(&self, count: usize, stop: &AtomicBool) -> Result<(), String> {
        let since = Instant::now();
        let mut first = 0;
        loop {
            go_on(stop)?;
            first += lock(&self.shown)[first..count]
                .iter()
                .take_while(|shown| shown.is_some())
                .count();
            if first == count {
                return Ok(());
            }
            if since.elapsed() > PATIENCE || self.ended.load(Ordering::Relaxed) {
                return Err(format!("order {first} of {count} is not shown"));
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// The epoch and the order of a line that tells of a change.
fn change(line: &str) -> Option<(u64, &str)> {
    let rest = line.strip_prefix("data: {\"epoch\":")?;
    let (epoch, rest) = rest.split_once(',')?;
    let (_, rest) = rest.split_once("\"key\":{\"order_id\":\"")?;
    let (id, _) = rest.split_once('"')?;
    Some((epoch.parse().ok()?, id))
}

/// Sends all orders but the first, which went before, each at its time; when the first of them was due.
fn open_loop(
    producing: &Producing,
    orders: &[Order],
    rate: f64,
    stop: &AtomicBool,
) -> Result<Instant, String> {
    let start = Instant::now();
    for (number, order) in orders.iter().enumerate().skip(1) {
        let intended = due(start, number, rate);
        while Instant::now() < intended {
            go_on(stop)?;
            thread::sleep(Duration::from_micros(500));
        }
        producing.send(Topic::Orders, order.id.as_bytes(), &order.value, number)?;
    }
    producing.flush()?;
    Ok(start)
}

/// When an order is meant to be sent.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn due(start: Instant, number: usize, rate: f64) -> Instant {
    start + Duration::from_secs_f64((number - 1) as f64 / rate)
}

/// When the brokers took each epoch's binding, in milliseconds since 1970.
fn bound(topics: &Topics, prefix: &str) -> Result<BTreeMap<u64, i64>, String> {
    let failed = |error: streams::LogError| error.to_string();
    let mut config = Config::new(topics.brokers().clone());
    (config.prefix, config.read_only) = (prefix.to_owned(), true);
    let log = KafkaLog::open(config).map_err(failed)?;
    let mut reader = log.read(timeline::TOPIC, 0, 0).map_err(failed)?;
    let mut bound = BTreeMap::new();
    while let Some(run) = reader.next_run(u64::MAX).map_err(failed)? {
        let at_ms = run.timestamp_ms();
        for record in run {
            let value = record.value.and_then(|value| serde_json::from_slice(value).ok());
            let value: serde_json::Value = value.unwrap_or_default();
            if let Some(epoch) = value["epoch"].as_u64() {
                bound.entry(epoch).or_insert(at_ms);
            }
        }
    }
    Ok(bound)
}

/// Measures it.
pub fn measure(
    topics: &Topics,
    rate: f64,
    lasts: Duration,
    stop: &AtomicBool,
) -> Result<Vec<Figure>, String> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate has at most six digits"
    )]
    let count_in = |time: Duration| (rate * time.as_secs_f64()) as usize;
    let warm_up = 1 + count_in(WARM_UP.min(lasts));
    let orders = orders(warm_up + count_in(lasts).max(1));
    let directory = Scratch::new()?;
    let prefix = topics.prefix("live");
    let server = Serving::millrace_on_kafka(directory.path(), &topics.brokers().addresses, &prefix)?;
    let producing = Producing::new(topics, &prefix, orders.len())?;
    let mut prelude = Mix::default();
    prelude.prelude();
    for record in prelude.epochs().flatten() {
        let (key, value) = (record.key.unwrap_or_default(), record.value.unwrap_or_default());
        producing.send(record.at.topic, key, value, NONE)?;
    }
    producing.flush()?;
    // The first order is shown once all that was acknowledged before it was decided.
    let watching = Watching::start(server.address(), &orders)?;
    producing.send(Topic::Orders, orders[0].id.as_bytes(), &orders[0].value, 0)?;
    watching.wait(1, stop)?;
    let (cpu, own) = (server.cpu_seconds(), cpu_seconds());
    let start = open_loop(&producing, &orders, rate, stop)?;
    watching.wait(orders.len(), stop)?;
    let (cpu, own) = (server.cpu_seconds() - cpu, cpu_seconds() - own);
    // The two clocks, side by side.
    let (now, wall_ms) = (Instant::now(), now_ms());
    let since_ms = |at: Instant| (now - at).as_secs_f64() * 1000.0;
    let bound = bound(topics, &prefix)?;
    let (mut stages, mut all): ([Vec<f64>; 3], Vec<f64>) = Default::default();
    let acknowledged = lock(&producing.acknowledged.0);
    let shown = lock(&watching.shown);
    for number in warm_up..orders.len() {
        let (Some(acknowledged), Some((shown, epoch))) = (acknowledged[number], shown[number]) else {
            return Err(format!("order {number} was not acknowledged"));
        };
        let bound_ms = bound
            .get(&epoch)
            .ok_or_else(|| format!("epoch {epoch} is not bound"))?;
        #[expect(clippy::cast_precision_loss, reason = "a difference of a minute")]
        let bound = (wall_ms - bound_ms) as f64;
        let intended = since_ms(due(start, number, rate));
        let moments = [intended, since_ms(acknowledged), bound, since_ms(shown)];
        for (stage, two) in stages.iter_mut().zip(moments.windows(2)) {
            stage.push(two[0] - two[1]);
        }
        all.push(intended - since_ms(shown));
    }
    Ok(figures(rate, &mut all, &mut stages, (cpu, own), orders.len()))
}

fn figures(
    rate: f64,
    all: &mut [f64],
    stages: &mut [Vec<f64>; 3],
    (cpu, own): (f64, f64),
    count: usize,
) -> Vec<Figure> {
    let metric = |what: &str| format!("(f) {rate:.0} orders/s, produced to visible: {what}");
    let mut figures = vec![
        figure(&metric("p50"), at(all, 0.5), "ms"),
        figure(&metric("p99"), at(all, 0.99), "ms").at_most(P99_MS),
        figure(&metric("max"), at(all, 1.0), "ms"),
    ];
    let of = ["due to acknowledged", "acknowledged to bound", "bound to visible"];
    for (what, stage) in of.iter().zip(stages) {
        figures.push(figure(&format!("(f) {what}: p50"), at(stage, 0.5), "ms"));
        figures.push(figure(&format!("(f) {what}: p99"), at(stage, 0.99), "ms"));
    }
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    let us = |seconds: f64| seconds * 1e6 / count as f64;
    figures.extend([
        figure("(f) processor time, millrace", us(cpu), "us/order"),
        figure("(f) processor time, producer and follower", us(own), "us/order"),
    ]);
    figures
}

/// A quantile, 0 to 1.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a place in a list"
)]
fn at(values: &mut [f64], part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let index = (values.len() as f64 * part) as usize;
    let last = values.len().saturating_sub(1);
    values.get(index.min(last)).copied().unwrap_or_default()
}
