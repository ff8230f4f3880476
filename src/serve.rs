//! Wiring of the HTTP interface: where it listens, and what it is built of.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use api::metrics::Latencies;
use api::{App, Config, Feed, Observed, Parts, Server, Status};
use contract::views::{View, orders};
use runtime::{Engine, State};
use sinks::Sink as _;
use sinks::sqlite::{Readers, SqliteViews};
use streams::Log;

use crate::Failure;
use crate::config::Config as Settings;

/// Memory for the keys of rows that changed lately.
const HISTORY_BYTES: usize = 64 << 20;

/// A place to listen at, taken.
pub struct Listener {
    listener: TcpListener,
    token: Option<String>,
}

/// Takes the address, unless everybody could reach it without a token.
pub fn listen(config: &Settings) -> Result<Listener, Failure> {
    let (address, token) = (config.listen(), config.token());
    if token.is_none() && !config.insecure() && !address.ip().is_loopback() {
        return Err(Failure::Usage(format!(
            "api.listen {address} is not loopback: set api.token (MILLRACE_API_TOKEN), or say --insecure"
        )));
    }
    let token = token.map(str::to_owned);
    match TcpListener::bind(address) {
        Ok(listener) => Ok(Listener { listener, token }),
        Err(error) => Err(Failure::Undone(format!("listening on {address}: {error}"))),
    }
}

/// What the server needs of the store, before the engine takes that.
pub struct Wired {
    feed: Arc<Feed>,
    readers: Readers,
}

/// Puts the feed around the store.
pub fn observe(mut store: SqliteViews) -> Result<(Wired, Observed), Failure> {
    let undone = |error: &dyn std::fmt::Display| Failure::Undone(error.to_string());
    let found = store.frontier().map_err(|error| undone(&error))?;
    let readers = store.readers();
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let counted = runtime.map_err(|error| undone(&error))?.block_on(async {
        let mut snapshot = readers.snapshot().await?;
        let counted = snapshot.counts(View::Orders, orders::status).await;
        snapshot.end().await;
        counted
    });
    let counted = counted.map_err(|error| undone(&error))?;
    let count = |count| i64::try_from(count).unwrap_or(i64::MAX);
    let orders: BTreeMap<String, i64> = counted
        .into_iter()
        .map(|(status, orders)| (status.to_string(), count(orders)))
        .collect();
    let feed = Arc::new(Feed::new(found, orders, HISTORY_BYTES));
    let observed = Observed::new(Box::new(store), Arc::clone(&feed));
    Ok((Wired { feed, readers }, observed))
}

/// Starts serving.
pub fn start(
    listener: Listener,
    wired: Wired,
    log: Arc<dyn Log>,
    engine: &Arc<Engine>,
    data: &Path,
) -> Result<Server, Failure> {
    let engine = Arc::downgrade(engine);
    let data = data.to_owned();
    let config = Config {
        token: listener.token,
        ..Config::default()
    };
    let parts = Parts {
        views: Arc::new(wired.readers),
        feed: wired.feed,
        log,
        status: Arc::new(move || status(&engine)),
        sizes: Arc::new(move || sizes(&data)),
        config,
    };
    let app =
        App::new(parts).map_err(|error| Failure::Undone(format!("a thread can't be started: {error}")))?;
    Server::start(app, listener.listener)
        .map_err(|error| Failure::Undone(format!("HTTP can't be served: {error}")))
}

/// How the engine stands.
fn status(engine: &Weak<Engine>) -> Status {
    let Some(engine) = engine.upgrade() else {
        return Status {
            state: "stopped",
            ..Status::default()
        };
    };
    let progress = engine.progress();
    let (state, waits_for) = match progress.state {
        State::Live => ("live", None),
        State::CatchingUp { until } => (
            "catching_up",
            Some(format!("epoch {} to be decided again", until.0)),
        ),
        State::ClockStopped { wall, limit } => (
            "clock_stopped",
            Some(format!(
                "millrace clock accept: the wall clock reads {wall}, {limit} was the most expected"
            )),
        ),
        State::LogWaiting(why) => ("log_waiting", Some(why)),
        State::StoreWaiting(why) => ("store_waiting", Some(why)),
        State::Stopped => ("stopped", None),
        State::Failed(why) => ("failed", Some(why)),
    };
    Status {
        state,
        ready: state == "live",
        waits_for,
        handed_out: progress.handed_out.0,
        decided: progress.decided.0,
        chunks: engine.chunks() as u64,
        pending_bytes: progress.pending_bytes,
        deadline: progress.deadline,
        epochs: latencies(engine.latencies()),
    }
}

/// As the server knows them.
fn latencies(taken: runtime::Latencies) -> Latencies {
    let runtime::Latencies { counts, sum_us } = taken;
    Latencies { counts, sum_us }
}

/// Bytes of the log and of the view store.
fn sizes(data: &Path) -> Vec<(&'static str, u64)> {
    let file = |path: PathBuf| std::fs::metadata(path).map_or(0, |file| file.len());
    let log = std::fs::read_dir(data.join("log")).map_or(0, |entries| {
        entries.flatten().map(|entry| file(entry.path())).sum()
    });
    let store = file(data.join("views.sqlite"));
    let wal = file(data.join("views.sqlite-wal"));
    vec![("log", log), ("state", store), ("state_wal", wal)]
}
