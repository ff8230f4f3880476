//! What every handler has at hand.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts as RequestParts;
use contract::time::Time;
use contract::value::Value;
use contract::views::View;
use sinks::read::{Form, Moment, Row, Select, Shown, Views};
use streams::Log;
use tokio::sync::Semaphore;

use crate::append::Appender;
use crate::feed::Feed;
use crate::metrics::{Latencies, Metrics};
use crate::problem::{Kind, Problem};
use crate::query::preferred_wait;
use crate::routes::UnderWay;
use crate::token::Needed;

/// How the engine stands, for `/readyz`, `/metrics` and refusals.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// A word: `live`, `catching_up`, `clock_stopped`, `log_waiting`, `store_waiting`, `stopped`, `failed`.
    pub state: &'static str,
    /// Whether commands are decided as they come.
    pub ready: bool,
    /// What it waits for, in words.
    pub waits_for: Option<String>,
    /// The last epoch handed out to be decided.
    pub handed_out: u64,
    /// The last epoch decided.
    pub decided: u64,
    /// Chunks of records that wait to be decided.
    pub chunks: u64,
    /// Bytes of changes that wait for the view store.
    pub pending_bytes: u64,
    /// The earliest deadline.
    pub deadline: Option<Time>,
    /// How long epochs took from being bound to being visible.
    pub epochs: Latencies,
    /// The newest checkpoint; none if there is none.
    pub checkpoint: Option<Checkpoint>,
    /// How many could not be taken since the start.
    pub checkpoint_failures: u64,
    /// Why the last one could not; none if it could.
    pub checkpoint_failed: Option<String>,
    /// Sinks that follow the view store.
    pub following: Vec<Following>,
}

/// A sink that follows the view store.
#[derive(Clone, Debug)]
pub struct Following {
    /// Its name.
    pub sink: String,
    /// The epoch that it holds; none if it holds nothing, or that is not known.
    pub epoch: Option<u64>,
    /// It does not go on by itself.
    pub failed: bool,
    /// What keeps it at the moment.
    pub trouble: Option<String>,
    /// How often it was filled since the start.
    pub refills: u64,
}

/// The newest checkpoint.
#[derive(Clone, Copy, Debug)]
pub struct Checkpoint {
    /// The epoch that it stands at.
    pub epoch: u64,
    /// That epoch's clock.
    pub clock: Time,
    /// Bytes of it, as they lie there.
    pub bytes: u64,
    /// How long it took, in milliseconds; none if it was there when the process started.
    pub took_ms: Option<u64>,
}

/// Tells how the engine stands.
pub type Ask<T> = Arc<dyn Fn() -> T + Send + Sync>;

/// What the server is built of.
pub struct Parts {
    /// Where views are read.
    pub views: Arc<dyn Views>,
    /// What the store's commits tell.
    pub feed: Arc<Feed>,
    /// Where commands go.
    pub log: Arc<dyn Log>,
    /// How the engine stands.
    pub status: Ask<Status>,
    /// What is how large, in bytes: `log`, `state`.
    pub sizes: Ask<Vec<(&'static str, u64)>>,
    /// The limits.
    pub config: Config,
}

/// The limits of the server.
#[derive(Clone, Debug)]
pub struct Config {
    /// The token that every request must bring, but those for `/healthz`.
    pub token: Option<String>,
    /// Bytes of one request of lines, at most.
    pub stream_bytes_max: u64,
    /// Connections, at most; more wait to be accepted.
    pub connections_max: usize,
    /// Requests under way, at most; more are refused.
    pub requests_max: usize,
    /// Requests of lines under way, at most.
    pub streams_max: usize,
    /// Followers of changes, at most.
    pub followers_max: usize,
    /// How long a request's head, or its body, may take to arrive; and how long a line of a stream may.
    pub arrival: Duration,
    /// How long a client may take nothing of an answer before its connection is closed.
    pub stall: Duration,
    /// How long a follower may take no data before it is dropped.
    pub follower_stall: Duration,
    /// How often a follower hears something.
    pub heartbeat: Duration,
    /// How long requests may go on once the server stops.
    pub grace: Duration,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            token: None,
            stream_bytes_max: 1 << 30,
            connections_max: 8_192,
            requests_max: 4_096,
            streams_max: 32,
            followers_max: 256,
            arrival: Duration::from_secs(30),
            stall: Duration::from_secs(30),
            follower_stall: Duration::from_secs(10),
            heartbeat: Duration::from_secs(10),
            grace: Duration::from_secs(10),
        }
    }
}

/// How long a read waits while too many are under way.
const LOOK_WAIT: Duration = Duration::from_secs(5);

/// The state of the server.
pub struct App {
    pub(crate) views: Arc<dyn Views>,
    pub(crate) feed: Arc<Feed>,
    pub(crate) log: Arc<dyn Log>,
    pub(crate) appender: Appender,
    pub(crate) status: Ask<Status>,
    pub(crate) sizes: Ask<Vec<(&'static str, u64)>>,
    pub(crate) config: Config,
    pub(crate) metrics: Metrics,
    pub(crate) requests: Arc<Semaphore>,
    pub(crate) streams: Arc<Semaphore>,
    pub(crate) followers: Arc<Semaphore>,
    pub(crate) checkouts: UnderWay,
    /// True once the server stops.
    pub(crate) stopping: tokio::sync::watch::Sender<bool>,
}

/// The state, as handlers take it.
pub type Shared = axum::extract::State<Arc<App>>;

impl App {
    /// The state of a server.
    ///
    /// # Errors
    /// If the system has no thread left.
    pub fn new(parts: Parts) -> std::io::Result<Arc<App>> {
        let Parts {
            views,
            feed,
            log,
            status,
            sizes,
            config,
        } = parts;
        Ok(Arc::new(App {
            appender: Appender::start(&log)?,
            metrics: Metrics::default(),
            requests: Arc::new(Semaphore::new(config.requests_max)),
            streams: Arc::new(Semaphore::new(config.streams_max)),
            followers: Arc::new(Semaphore::new(config.followers_max)),
            checkouts: UnderWay::default(),
            stopping: tokio::sync::watch::Sender::new(false),
            views,
            feed,
            log,
            status,
            sizes,
            config,
        }))
    }

    /// The views at one epoch: all that one answer shows.
    pub(crate) async fn look(&self) -> Result<Look, Problem> {
        let busy = |_| Problem::overloaded("too much is being read");
        let moment = tokio::time::timeout(LOOK_WAIT, self.views.moment()).await;
        let moment = moment.map_err(busy)??;
        let frontier = moment.frontier();
        Ok(Look {
            epoch: frontier.map_or(0, |at| at.epoch.0),
            clock: frontier.map(|at| at.clock),
            moment: Some(moment),
        })
    }

    /// A thing with all its rows, and the epoch at which it is so; 0: there is nothing yet.
    pub(crate) async fn show(&self, form: &'static Form, first: &str) -> Result<(u64, Shown), Problem> {
        let busy = |_| Problem::overloaded("too much is being read");
        let found = tokio::time::timeout(LOOK_WAIT, self.views.shown(form, first)).await;
        let (epoch, shown) = found.map_err(busy)??;
        Ok((epoch.map_or(0, |epoch| epoch.0), shown))
    }

    /// Refuses where a view is not kept.
    pub(crate) fn needs(&self, view: View) -> Result<(), Problem> {
        let name = view.schema().name;
        let kept = self.views.views().contains(&view);
        kept.then_some(())
            .ok_or_else(|| Problem::new(Kind::NotKept, format!("the view {name} is not kept yet")))
    }
}

/// The views at one epoch; given back when it goes.
pub(crate) struct Look {
    moment: Option<Box<dyn Moment>>,
    /// That epoch; 0: there is nothing yet.
    pub(crate) epoch: u64,
    /// Its clock.
    pub(crate) clock: Option<Time>,
}

impl Look {
    fn moment(&mut self) -> &mut dyn Moment {
        self.moment.as_deref_mut().expect("it is there until it goes")
    }

    /// A row by its key.
    pub(crate) async fn get(&mut self, view: View, key: &[Value]) -> Result<Option<Row>, Problem> {
        Ok(self.moment().get(view, key).await?)
    }

    /// Some rows.
    pub(crate) async fn select(&mut self, wanted: &Select) -> Result<Vec<Row>, Problem> {
        Ok(self.moment().select(wanted).await?)
    }

    /// How many rows there are by a column.
    pub(crate) async fn counts(&mut self, view: View, column: usize) -> Result<Vec<(Value, u64)>, Problem> {
        Ok(self.moment().counts(view, column).await?)
    }
}

impl Drop for Look {
    fn drop(&mut self) {
        if let Some(moment) = self.moment.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(moment.end());
        }
    }
}

/// A text as a key's part or a filter.
pub(crate) fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// The request has waited until what `Millrace-After` names is visible.
pub(crate) struct Ready;

/// How long a read waits, if nothing else is asked for.
const WAIT_USUAL: Duration = Duration::from_secs(5);

impl FromRequestParts<Arc<App>> for Ready {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut RequestParts, app: &Arc<App>) -> Result<Self, Problem> {
        let Some(asked) = parts.headers.get("millrace-after") else {
            return Ok(Ready);
        };
        let needed = asked.to_str().ok().and_then(|text| Needed::parse(text.trim()));
        let Some(needed) = needed else {
            return Err(Problem::parameter("Millrace-After", "a token or an epoch"));
        };
        let wait = preferred_wait(&parts.headers).unwrap_or(WAIT_USUAL);
        if app.feed.holds(&needed, wait).await {
            return Ok(Ready);
        }
        let detail = format!(
            "after {} s the views do not hold what Millrace-After names",
            wait.as_secs()
        );
        Err(Problem::new(Kind::NotYetVisible, detail).at(app.feed.epoch().0))
    }
}
