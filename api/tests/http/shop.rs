//! The real thing for tests: an embedded log, the engine, the SQLite store and the server, in a directory of
//! its own, on a free port of loopback.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use contract::installation::Installation;
use contract::log::Topic;
use contract::views::View;
use millrace_api::metrics::Latencies;
use millrace_api::{App, Config, Feed, Observed, Parts, Server, Status};
use runtime::clock::SystemClock;
use runtime::{Engine, Options, State};
use serde_json::{Value as Json, json};
use sinks::Sink as _;
use sinks::sqlite::{self, SqliteViews};
use streams::timeline::{self, Limits};
use streams::{EmbeddedLog, Log, embedded};

use crate::client::{Client, Reply};

/// A running shop.
pub struct Shop {
    directory: PathBuf,
    pub log: Arc<dyn Log>,
    _app: Arc<App>,
    pub feed: Arc<Feed>,
    server: Option<Server>,
    engine: Option<Arc<Engine>>,
    pub client: Client,
}

fn directory() -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let name = format!(
        "shop-{}-{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    );
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).expect("the test's directory can be made");
    path
}

impl Shop {
    /// A new shop with the usual limits.
    pub fn open() -> Shop {
        Shop::with(Config::default())
    }

    /// A new shop with other limits.
    pub fn with(config: Config) -> Shop {
        Shop::at(directory(), config, 64 << 20)
    }

    /// The shop of a directory; it remembers changes up to so many bytes.
    pub fn at(directory: PathBuf, config: Config, history_bytes: usize) -> Shop {
        let installation = Installation::new(1, [7; 10]);
        let topics = Topic::ALL.map(|topic| (topic.name(), 2));
        let topics: Vec<_> = topics.into_iter().chain([(timeline::TOPIC, 1)]).collect();
        let log = EmbeddedLog::open(
            &directory.join("log"),
            &embedded::Config::new(installation, &topics),
        );
        let log: Arc<dyn Log> = Arc::new(log.expect("the log opens"));
        let views = View::ALL;
        let store = sqlite::Config::new(directory.join("views.sqlite"), views);
        let mut store = SqliteViews::open(store).expect("the store opens");
        let readers = store.readers();
        let found = store.frontier().expect("the store can be read");
        let feed = Arc::new(Feed::new(found, BTreeMap::new(), history_bytes));
        let observed = Observed::new(Box::new(store), Arc::clone(&feed));
        let options = Options {
            workers: 1,
            installation,
            me: "test".to_owned(),
            binds: true,
            limits: Limits::default(),
            skips: Vec::new(),
            checkpoints: None,
            until: None,
        };
        let clock = Arc::new(SystemClock::new());
        let engine = Engine::start(Arc::clone(&log), Box::new(observed), clock, &options);
        let engine = Arc::new(engine.expect("the engine starts"));
        let asked = Arc::downgrade(&engine);
        let status = move || {
            let engine = asked.upgrade();
            let taken = engine
                .as_ref()
                .map(|engine| engine.latencies())
                .unwrap_or_default();
            let progress = engine.map(|engine| engine.progress());
            let ready = progress
                .as_ref()
                .is_some_and(|progress| progress.state == State::Live);
            Status {
                state: if ready { "live" } else { "other" },
                ready,
                epochs: Latencies {
                    counts: taken.counts,
                    sum_us: taken.sum_us,
                },
                ..Status::default()
            }
        };
        let token = config.token.clone();
        let parts = Parts {
            views: Arc::new(readers),
            feed: Arc::clone(&feed),
            log: Arc::clone(&log),
            status: Arc::new(status),
            sizes: Arc::new(|| vec![("log", 1)]),
            config,
        };
        let app = App::new(parts).expect("the system has threads");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let server = Server::start(Arc::clone(&app), listener).expect("the server starts");
        let client = Client::new(server.address(), token);
        Shop {
            directory,
            log,
            _app: app,
            feed,
            server: Some(server),
            engine: Some(engine),
            client,
        }
    }

    /// Stops the server and the engine; the directory stays.
    pub fn stop(mut self) -> PathBuf {
        self.end();
        std::mem::take(&mut self.directory)
    }

    /// Stops the server only.
    pub fn stop_server(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop();
        }
    }

    fn end(&mut self) {
        self.stop_server();
        drop(self.engine.take());
    }

    /// Sends lines to a stream, all of them good; the token.
    pub fn stream(&self, topic: &str, lines: &[Json]) -> String {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let path = format!("/v1/streams/{topic}");
        let reply = self.client.send(
            "POST",
            &path,
            &[("content-type", "application/x-ndjson")],
            text.as_bytes(),
        );
        assert_eq!(reply.status, 202, "{reply:?}");
        assert_eq!(reply.json()["accepted"], json!(lines.len()), "{reply:?}");
        reply.json()["token"]
            .as_str()
            .expect("there is a token")
            .to_owned()
    }

    /// A product with stock, visible.
    pub fn product(&self, sku: &str, price: i64, quantity: i64) {
        let product = json!({
            "type": "product_upserted", "sku": sku, "name": sku, "price": price, "currency": "KRW",
        });
        self.stream("products", &[product]);
        let stock = json!({
            "type": "stock_received", "receipt_id": format!("r-{sku}"), "sku": sku, "quantity": quantity,
        });
        let token = self.stream("stock", &[stock]);
        let reply = self.get_after(&format!("/v1/stock/{sku}"), &token);
        assert_eq!(reply.json()["available"], json!(quantity), "{reply:?}");
    }

    /// An order of one line that is paid at once, by what the provider told.
    pub fn sold(&self, order: &Json) -> String {
        let mut placed = order.clone();
        placed["type"] = json!("order_placed");
        let line = &order["lines"][0];
        let units = line["quantity"].as_i64().expect("a number");
        let amount = units * line["unit_price"].as_i64().expect("a number");
        let paid = json!({
            "type": "payment_confirmed", "order_id": order["order_id"], "payment_key": "k",
            "amount": amount, "currency": order["currency"],
        });
        self.stream("orders", &[placed]);
        self.stream("payments", &[paid])
    }

    /// Sends a request with wait, and the version that was seen.
    pub fn with_version(&self, method: &str, path: &str, version: &str, body: &Json) -> Reply {
        let headers = [
            ("content-type", "application/json"),
            ("prefer", "wait=10"),
            ("if-match", version),
        ];
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        self.client.send(method, path, &headers, body.as_bytes())
    }

    /// Puts a product into a cart, whatever its version.
    pub fn put(&self, customer: &str, sku: &str, quantity: i64) -> Reply {
        let headers = [("content-type", "application/json"), ("prefer", "wait=10")];
        let body = json!({"quantity": quantity}).to_string();
        let path = format!("/v1/carts/{customer}/items/{sku}");
        let reply = self.client.send("PUT", &path, &headers, body.as_bytes());
        assert_eq!(reply.status, 200, "{reply:?}");
        reply
    }

    /// Reads once what a token names is visible.
    pub fn get_after(&self, path: &str, token: &str) -> Reply {
        self.client.send("GET", path, &[("millrace-after", token)], b"")
    }

    /// Posts and waits for the fate.
    pub fn post(&self, path: &str, body: &Json) -> Reply {
        let headers = [("content-type", "application/json"), ("prefer", "wait=10")];
        self.client
            .send("POST", path, &headers, body.to_string().as_bytes())
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.end();
        if !self.directory.as_os_str().is_empty() && !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.directory);
        }
    }
}

/// An order of one line.
pub fn order(id: &str, sku: &str, quantity: i64, unit_price: i64) -> Json {
    json!({
        "order_id": id, "customer_id": "c1", "currency": "KRW",
        "lines": [{"sku": sku, "quantity": quantity, "unit_price": unit_price}],
    })
}
