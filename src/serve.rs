//! Wiring of the HTTP interface: where it listens, and what it is built of.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use api::metrics::Latencies;
use api::{App, Checkpoint, Config, Feed, Following, Observed, Parts, Server, Status};
use contract::views::{View, orders};
use runtime::{Engine, Held, State};
use sinks::Sink;
use sinks::follow::Watch;
use sinks::sqlite::Readers;
use streams::{Appended, Batch, Log, LogError, NextOffsets, Place, Reader, TopicPartitions, Trouble};

use crate::Failure;
use crate::config::Config as Settings;

/// Memory for the keys of rows that changed lately.
const HISTORY_BYTES: usize = 64 << 20;

/// A place to listen at, taken.
pub struct Listener {
    listener: TcpListener,
    token: Option<String>,
}

impl Listener {
    /// The same place a second time. Who connects while nobody serves there waits.
    pub fn again(&self) -> Result<Listener, Failure> {
        let failed = |error| Failure::Undone(format!("listening: {error}"));
        let listener = self.listener.try_clone().map_err(failed)?;
        let token = self.token.clone();
        Ok(Listener { listener, token })
    }
}

/// Takes the address, unless others than this machine could reach it without a token.
pub fn listen(config: &Settings) -> Result<Listener, Failure> {
    let (asked, token) = (config.listen(), config.token());
    let found = resolve(asked)?;
    if token.is_none() && !config.insecure() && !is_private(&found) {
        return Err(Failure::Usage(format!(
            "api.listen {asked} is not loopback: set api.token (MILLRACE_API_TOKEN), or say --insecure"
        )));
    }
    let token = token.map(str::to_owned);
    match TcpListener::bind(&found[..]) {
        Ok(listener) => Ok(Listener { listener, token }),
        Err(error) => Err(Failure::Undone(format!("listening on {asked}: {error}"))),
    }
}

/// The addresses of a name; an address is its own.
fn resolve(asked: &str) -> Result<Vec<SocketAddr>, Failure> {
    let nowhere = |why: &str| {
        Failure::Undone(format!(
            "api.listen {asked}: this machine knows no address of that name ({why}); say an address, such as \
             127.0.0.1:8080"
        ))
    };
    let found = asked
        .to_socket_addrs()
        .map_err(|error| nowhere(&error.to_string()))?;
    let found: Vec<SocketAddr> = found.collect();
    (!found.is_empty())
        .then_some(found)
        .ok_or_else(|| nowhere("none"))
}

/// Whether nobody but this machine reaches any of them. One that others reach is enough to say no: which of
/// a name's addresses is taken is not ours to choose.
fn is_private(found: &[SocketAddr]) -> bool {
    found.iter().all(|address| address.ip().is_loopback())
}

/// What the server needs of the store, before the engine takes that.
pub struct Wired {
    feed: Arc<Feed>,
    readers: Readers,
    watches: Vec<Watch>,
}

/// Puts the feed around the store, which `readers` read and others follow.
pub fn observe(
    mut store: Box<dyn Sink>,
    readers: Readers,
    watches: Vec<Watch>,
) -> Result<(Wired, Observed), Failure> {
    let undone = |error: &dyn std::fmt::Display| Failure::Undone(error.to_string());
    let found = store.frontier().map_err(|error| undone(&error))?;
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
    let observed = Observed::new(store, Arc::clone(&feed));
    let wired = Wired {
        feed,
        readers,
        watches,
    };
    Ok((wired, observed))
}

/// Starts serving. `busy` says why nothing can be written, if so.
pub fn start(
    listener: Listener,
    wired: Wired,
    log: Arc<dyn Log>,
    engine: &Arc<Engine>,
    data: &Path,
    busy: Option<&'static str>,
) -> Result<Server, Failure> {
    let engine = Arc::downgrade(engine);
    let data = data.to_owned();
    let config = Config {
        token: listener.token,
        ..Config::default()
    };
    let watches = wired.watches;
    let parts = Parts {
        views: Arc::new(wired.readers),
        feed: wired.feed,
        log,
        status: Arc::new(move || status(&engine, busy, &watches)),
        sizes: Arc::new(move || sizes(&data)),
        config,
    };
    let app =
        App::new(parts).map_err(|error| Failure::Undone(format!("a thread can't be started: {error}")))?;
    Server::start(app, listener.listener)
        .map_err(|error| Failure::Undone(format!("HTTP can't be served: {error}")))
}

/// How the engine stands; `busy`: why nothing can be written whatever it says.
fn status(engine: &Weak<Engine>, busy: Option<&'static str>, watches: &[Watch]) -> Status {
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
    let (state, waits_for) = match (state, busy) {
        ("live", Some(why)) => ("log_waiting", Some(why.to_owned())),
        other => (other.0, waits_for),
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
        checkpoint: progress.checkpoint.as_ref().map(checkpoint),
        checkpoint_failures: progress.checkpoint_failures,
        checkpoint_failed: progress.checkpoint_failed,
        following: watches.iter().map(following).collect(),
    }
}

/// As the server knows it.
fn following(watch: &Watch) -> Following {
    let progress = watch.progress();
    Following {
        sink: watch.name().to_owned(),
        epoch: progress.epoch.map(|epoch| epoch.0),
        failed: progress.failed,
        trouble: progress.trouble,
        refills: progress.refills,
    }
}

/// As the server knows it.
fn checkpoint(held: &Held) -> Checkpoint {
    Checkpoint {
        epoch: held.id.epoch.0,
        clock: held.clock,
        bytes: held.bytes,
        took_ms: held.took_ms,
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

/// A log that can be read and takes no records: what is sent over HTTP is refused, to be sent again later.
pub struct Closed {
    log: Arc<dyn Log>,
    why: &'static str,
}

impl Closed {
    /// Closes a log, and says why.
    pub fn new(log: Arc<dyn Log>, why: &'static str) -> Closed {
        Closed { log, why }
    }

    fn refuse(&self) -> LogError {
        LogError::Io {
            what: "closed".to_owned(),
            kind: std::io::ErrorKind::WouldBlock,
            text: self.why.to_owned(),
        }
    }
}

impl Log for Closed {
    fn topics(&self) -> Vec<TopicPartitions> {
        self.log.topics()
    }

    fn append(&self, _: &Batch) -> Result<Vec<Appended>, LogError> {
        Err(self.refuse())
    }

    fn append_after(
        &self,
        _: i64,
        _: &mut dyn FnMut(&NextOffsets<'_>) -> Option<Batch>,
    ) -> Result<Vec<Appended>, LogError> {
        Err(self.refuse())
    }

    fn wait(&self, seen: u64, timeout: Duration) -> u64 {
        self.log.wait(seen, timeout)
    }

    fn starts(&self, topic: &str) -> Result<Vec<u64>, LogError> {
        self.log.starts(topic)
    }

    fn ends(&self, topic: &str) -> Result<Vec<u64>, LogError> {
        self.log.ends(topic)
    }

    fn seen_ends(&self, topic: &str) -> Result<Vec<u64>, LogError> {
        self.log.seen_ends(topic)
    }

    fn troubles(&self) -> Vec<Trouble> {
        self.log.troubles()
    }

    fn read_all(&self, places: &[Place<'_>]) -> Result<Vec<Box<dyn Reader>>, LogError> {
        self.log.read_all(places)
    }

    fn trim(&self, _: &str, _: u32, _: u64) -> Result<(), LogError> {
        Err(self.refuse())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_private_only_if_all_its_addresses_are() {
        let of = |texts: &[&str]| -> Vec<SocketAddr> {
            let parsed = texts.iter().map(|text| text.parse().expect("an address"));
            parsed.collect()
        };
        assert!(is_private(&of(&["127.0.0.1:1", "[::1]:1", "127.9.9.9:1"])));
        for open in [
            &["0.0.0.0:1"][..],
            &["[::]:1"],
            &["127.0.0.1:1", "192.0.2.1:1"],
            &["192.0.2.1:1", "[::1]:1"],
        ] {
            assert!(!is_private(&of(open)), "{open:?}");
        }
    }
}
