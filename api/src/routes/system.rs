//! How the server itself is: alive, ready, measured, described.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use contract::value::Value;
use contract::views::{View, attention, stream_counts};
use contract::words::AttentionKind;
use serde_json::json;
use sinks::read::Select;
use streams::Trouble;

use crate::answer::{Answer, of_type, plain};
use crate::app::{App, Following, Status};
use crate::metrics::Page;
use crate::openapi;
use crate::problem::{Kind, Problem};

/// `GET /healthz`
pub(crate) async fn alive() -> Answer {
    Ok(plain(StatusCode::OK, &json!({"status": "ok"})))
}

/// `GET /readyz`
pub(crate) async fn ready(State(app): State<Arc<App>>) -> Answer {
    let status = (app.status)();
    let frontier = app.feed.frontier();
    let code = if status.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let answer = json!({
        "ready": status.ready,
        "state": status.state,
        "waits_for": status.waits_for,
        "epoch": frontier.as_ref().map_or(0, |at| at.epoch.0),
        "clock": frontier.map(|at| at.clock.to_string()),
        "decided": status.decided,
        "handed_out": status.handed_out,
        "checkpoint": {
            "epoch": status.checkpoint.map(|held| held.epoch),
            "clock": status.checkpoint.map(|held| held.clock.to_string()),
            "failures": status.checkpoint_failures,
            "failed": status.checkpoint_failed,
        },
        "following": status.following.iter().map(following).collect::<Vec<_>>(),
        "unreadable": unreadable(&app),
    });
    Ok(plain(code, &answer))
}

/// How far a sink is that follows the view store. It keeps nobody waiting, whatever is wrong with it.
fn following(sink: &Following) -> serde_json::Value {
    json!({
        "sink": sink.sink,
        "epoch": sink.epoch,
        "failed": sink.failed,
        "trouble": sink.trouble,
        "refills": sink.refills,
    })
}

/// The partitions that can't be read at the moment.
fn unreadable(app: &App) -> Vec<serde_json::Value> {
    let troubles = app.log.troubles();
    let one = |trouble: &Trouble| {
        json!({
            "topic": trouble.topic,
            "partition": trouble.partition,
            "why": trouble.why,
            "stalls": trouble.stalls,
        })
    };
    troubles.iter().map(one).collect()
}

/// `GET /openapi.json`
pub(crate) async fn description() -> Answer {
    Ok(plain(StatusCode::OK, &openapi::document()))
}

/// `GET /docs`
pub(crate) async fn browse() -> Answer {
    Ok(of_type(
        StatusCode::OK,
        "text/html; charset=utf-8",
        openapi::page(),
    ))
}

/// `GET /metrics`
pub(crate) async fn metrics(State(app): State<Arc<App>>) -> Answer {
    let mut page = Page::default();
    frontier(&app, &mut page);
    queues(&app, &mut page);
    counted(&app, &mut page);
    views(&app, &mut page).await?;
    app.metrics.render(&mut page);
    Ok(of_type(
        StatusCode::OK,
        "text/plain; version=0.0.4; charset=utf-8",
        page.text(),
    ))
}

fn frontier(app: &App, page: &mut Page) {
    let (epoch, clock_ms) = app
        .feed
        .frontier()
        .map_or((0, 0), |at| (at.epoch.0, at.clock.ms()));
    page.gauge("frontier_epoch", "The epoch that the views show.", epoch);
    page.gauge(
        "frontier_clock_seconds",
        "That epoch's clock, since 1970.",
        seconds(clock_ms),
    );
    let lag = if epoch == 0 { 0 } else { age_ms(clock_ms) };
    page.gauge(
        "frontier_lag_seconds",
        "How far that clock is behind the wall clock.",
        seconds(lag),
    );
    let store = ("sink", "views");
    labelled(
        page,
        "sink_frontier_epoch",
        "The epoch that a sink holds.",
        &[store],
        epoch,
    );
    let help = "How far that epoch's clock is behind the wall clock.";
    labelled(page, "sink_frontier_lag_seconds", help, &[store], seconds(lag));
    // The store holds all its views at one epoch.
    let views: Vec<_> = app
        .views
        .views()
        .iter()
        .map(|view| ("view", view.schema().name))
        .collect();
    labelled(
        page,
        "view_frontier_epoch",
        "The epoch that a view shows.",
        &views,
        epoch,
    );
    let help = "How far that epoch's clock is behind the wall clock.";
    labelled(page, "view_frontier_lag_seconds", help, &views, seconds(lag));
    let (oldest, bytes) = app.feed.remembered();
    page.gauge(
        "changes_oldest_epoch",
        "The oldest epoch to follow changes from.",
        oldest.0,
    );
    let free = app.followers.available_permits();
    let followers = app.config.followers_max.saturating_sub(free);
    page.gauge("followers", "Who follows changes.", followers);
    page.gauge("changes_bytes", "Memory that remembered changes take.", bytes);
}

/// A gauge with a sample for each label.
fn labelled(page: &mut Page, name: &str, help: &str, labels: &[(&str, &str)], value: impl Display) {
    page.family(name, "gauge", help);
    for label in labels {
        page.sample(name, &[*label], &value);
    }
}

/// How far a clock is behind the wall clock, in milliseconds.
fn age_ms(clock_ms: i64) -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now_ms = i64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(i64::MAX);
    now_ms.saturating_sub(clock_ms).max(0)
}

/// The newest checkpoint. Without one the families have no sample: an age of 0 would look like a fresh one.
fn checkpoint(status: &Status, page: &mut Page) {
    let held = status.checkpoint.as_ref();
    let took_ms = held.and_then(|held| i64::try_from(held.took_ms?).ok());
    let samples = [
        (
            "checkpoint_epoch",
            "The epoch that the newest checkpoint stands at.",
            held.map(|held| held.epoch.to_string()),
        ),
        (
            "checkpoint_age_seconds",
            "How far that epoch's clock is behind the wall clock.",
            held.map(|held| seconds(age_ms(held.clock.ms()))),
        ),
        (
            "checkpoint_bytes",
            "Bytes of the newest checkpoint, as they lie there.",
            held.map(|held| held.bytes.to_string()),
        ),
        (
            "checkpoint_seconds",
            "Time that the last checkpoint took.",
            took_ms.map(seconds),
        ),
    ];
    for (name, help, value) in samples {
        page.family(name, "gauge", help);
        if let Some(value) = value {
            page.sample(name, &[], value);
        }
    }
    page.family(
        "checkpoint_failures_total",
        "counter",
        "Checkpoints that could not be taken.",
    );
    page.sample("checkpoint_failures_total", &[], status.checkpoint_failures);
}

/// Sinks that follow the view store.
fn followed(status: &Status, page: &mut Page) {
    type Value = fn(&Following) -> Option<u64>;
    let samples: [(_, _, _, Value); 4] = [
        ("sink_epoch", "gauge", "The epoch that a sink holds.", |sink| {
            sink.epoch
        }),
        (
            "sink_in_trouble",
            "gauge",
            "1 while something keeps a sink from following.",
            |sink| Some(u64::from(sink.trouble.is_some())),
        ),
        (
            "sink_failed",
            "gauge",
            "1 once a sink does not go on by itself.",
            |sink| Some(u64::from(sink.failed)),
        ),
        (
            "sink_refills_total",
            "counter",
            "How often a sink was filled from the view store.",
            |sink| Some(sink.refills),
        ),
    ];
    for (name, kind, help, value) in samples {
        page.family(name, kind, help);
        for sink in &status.following {
            if let Some(value) = value(sink) {
                page.sample(name, &[("sink", &sink.sink)], value);
            }
        }
    }
}

fn seconds(ms: i64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

fn queues(app: &App, page: &mut Page) {
    let status = (app.status)();
    page.gauge(
        "ready",
        "1 while records are decided as they come.",
        u8::from(status.ready),
    );
    page.gauge("epochs_deciding", "Epochs handed out and not decided.", {
        status.handed_out.saturating_sub(status.decided)
    });
    page.gauge("epoch_decided", "The last epoch decided.", status.decided);
    let help = "Time from an epoch's binding until it is visible.";
    page.histogram("epoch_seconds", help, &status.epochs);
    page.family("queue_depth", "gauge", "Entries in a queue.");
    page.sample("queue_depth", &[("queue", "chunks")], status.chunks);
    page.sample("queue_depth", &[("queue", "commands")], app.appender.waiting());
    page.family("queue_bytes", "gauge", "Bytes in a queue.");
    page.sample("queue_bytes", &[("queue", "deltas")], status.pending_bytes);
    page.sample(
        "queue_bytes",
        &[("queue", "commands")],
        app.appender.waiting_bytes(),
    );
    checkpoint(&status, page);
    followed(&status, page);
    page.family(
        "partition_unreadable",
        "gauge",
        "Partitions that can't be read at the moment.",
    );
    for trouble in app.log.troubles() {
        let (partition, stalls) = (trouble.partition.to_string(), trouble.stalls.to_string());
        let labels = [
            ("topic", trouble.topic.as_str()),
            ("partition", &partition),
            ("stalls", &stalls),
        ];
        page.sample("partition_unreadable", &labels, 1);
    }
    page.family("size_bytes", "gauge", "What lies on disk.");
    for (what, bytes) in (app.sizes)() {
        page.sample("size_bytes", &[("what", what)], bytes);
    }
}

fn counted(app: &App, page: &mut Page) {
    let counts = app.feed.counts();
    page.family("orders", "gauge", "Orders by status.");
    for (status, count) in &counts.orders {
        page.sample("orders", &[("status", status)], count);
    }
    page.family(
        "epochs_committed_total",
        "counter",
        "Epochs committed to the view store.",
    );
    page.sample("epochs_committed_total", &[], counts.epochs);
    page.family("rows_changed_total", "counter", "Rows of views that changed.");
    page.sample("rows_changed_total", &[], counts.rows);
    page.histogram(
        "commit_seconds",
        "Time of a commit to the view store.",
        &app.feed.commits.latencies(),
    );
}

/// What small views hold, counted afresh.
async fn views(app: &App, page: &mut Page) -> Result<(), Problem> {
    let mut look = app.look().await?;
    page.family("attention", "gauge", "What a person must act on, by kind.");
    let mut by_kind: BTreeMap<&str, u64> = AttentionKind::ALL.iter().map(|kind| (kind.word(), 0)).collect();
    for (kind, count) in look.counts(View::Attention, attention::kind).await? {
        // People raise kinds of any name.
        let kind = AttentionKind::from_word(&kind.to_string()).map_or("other", AttentionKind::word);
        *by_kind.entry(kind).or_default() += count;
    }
    for (kind, count) in by_kind {
        page.sample("attention", &[("kind", kind)], count);
    }
    let partitions = look.select(&Select::of(View::StreamCounts, 65_536)).await?;
    page.family(
        "records_total",
        "counter",
        "Records decided, by topic and outcome.",
    );
    for row in partitions {
        let topic = row[stream_counts::topic].to_string();
        let partition = row[stream_counts::partition].to_string();
        for (outcome, column) in [
            ("applied", stream_counts::applied),
            ("duplicate", stream_counts::duplicate),
            ("quarantined", stream_counts::quarantined),
        ] {
            let labels = [
                ("topic", topic.as_str()),
                ("partition", &partition),
                ("outcome", outcome),
            ];
            let count = match row[column] {
                Value::Int(count) => count,
                _ => 0,
            };
            page.sample("records_total", &labels, count);
        }
    }
    let audits = look.select(&Select::of(View::Audits, 10_000)).await?;
    page.gauge(
        "audit_violations",
        "Violated account rules; 0 is well.",
        audits.len(),
    );
    Ok(())
}

/// Whatever no route matches.
pub(crate) async fn nowhere(uri: axum::http::Uri) -> Answer {
    Err(Problem::not_found("path", uri.path()))
}

/// Whatever a route has no method for.
pub(crate) async fn no_method() -> Answer {
    Err(Problem::new(
        Kind::MethodNotAllowed,
        "see the header Allow for the methods of this path",
    ))
}
