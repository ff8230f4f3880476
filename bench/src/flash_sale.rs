//! `bench flash-sale`: a million claims of 200,000 customers for 100 coupons. Over HTTP, as lines of JSON to
//! a server in a process of its own, until all are visible; and straight from the embedded log, as a restart
//! reads it, until the last epoch is visible. Exactly 100 are granted, or the bench says so.

use std::net::SocketAddr;
use std::num::NonZero;
use std::time::Instant;

use contract::log::Topic;
use contract::views::View;
use serde_json::Value as Json;
use sinks::sqlite::{self, SqliteViews};
use tokio::task::JoinSet;

use crate::client::{Connection, block_on, once, request};
use crate::latency::{LINES, wait_for};
use crate::mix::{Mix, Random};
use crate::process::cpu_seconds;
use crate::replay;
use crate::scratch::Scratch;
use crate::server::Serving;
use crate::{Figure, Settings};

const CLAIMS: usize = 1_000_000;
const CUSTOMERS: u64 = 200_000;
const COUPONS: i64 = 100;
/// Requests, and how many are sent side by side.
const REQUESTS: usize = 40;
const CONNECTIONS: usize = 4;
/// Claims of an epoch in the log.
const AN_EPOCH: usize = 20_000;

fn campaign() -> String {
    format!(
        r#"{{"type":"campaign_created","campaign_id":"flash","name":"Flash","quota":{COUPONS},"currency":"KRW","discount":{{"type":"percent","value":50}}}}"#
    )
}

fn claim(random: &mut Random) -> String {
    let customer = random.below(CUSTOMERS);
    format!(r#"{{"type":"coupon_claimed","campaign_id":"flash","customer_id":"c-{customer:06}"}}"#)
}

/// Sends all bodies, some side by side; the last answer of each connection.
async fn send(address: SocketAddr, bodies: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, String> {
    let mut shares: Vec<Vec<Vec<u8>>> = vec![Vec::new(); CONNECTIONS];
    for (index, body) in bodies.into_iter().enumerate() {
        shares[index % CONNECTIONS].push(body);
    }
    let mut workers = JoinSet::new();
    for share in shares {
        workers.spawn_local(async move {
            let mut connection = Connection::open(address).await?;
            let mut last = Vec::new();
            for body in share {
                connection.send(&body).await?;
                let answer = connection.answer().await?;
                let told: Json = serde_json::from_slice(answer.body).unwrap_or_default();
                if answer.status != 202 || told["accepted"] != CLAIMS / REQUESTS {
                    return Err(format!("answered {}: {told}", answer.status));
                }
                last = answer.body.to_vec();
            }
            Ok(last)
        });
    }
    let mut answers = Vec::new();
    while let Some(ended) = workers.join_next().await {
        answers.push(ended.map_err(|e| e.to_string())??);
    }
    Ok(answers)
}

fn get(address: SocketAddr, path: &str) -> Result<Json, String> {
    let body = once(address, 200, &request("GET", path, "", b""))?;
    serde_json::from_slice(&body).map_err(|e| e.to_string())
}

/// How many were granted; refuses where the views contradict one another.
fn granted(address: SocketAddr) -> Result<i64, String> {
    let state = get(address, "/v1/coupons/flash")?;
    let grants = get(address, "/v1/views/coupon_grants?limit=1000")?;
    let rows = grants["items"].as_array().map_or(0, Vec::len);
    let counted = state["granted"].as_i64().unwrap_or(-1);
    if i64::try_from(rows) != Ok(counted) {
        return Err(format!(
            "the campaign has granted {counted}, and there are {rows} grants"
        ));
    }
    let audits = get(address, "/v1/audits")?;
    if audits["ok"] != Json::Bool(true) {
        return Err(format!("the audits are not empty: {audits}"));
    }
    Ok(counted)
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn over_http(progress: &mut dyn FnMut(&str)) -> Result<Vec<Figure>, String> {
    let directory = Scratch::new()?;
    let server = Serving::millrace(directory.path())?;
    let address = server.address();
    let created = request("POST", "/v1/streams/coupons", LINES, campaign().as_bytes());
    wait_for(address, &once(address, 202, &created)?)?;
    let mut random = Random(1);
    let bodies = (0..REQUESTS).map(|_| {
        let lines: String = (0..CLAIMS / REQUESTS)
            .map(|_| claim(&mut random) + "\n")
            .collect();
        request("POST", "/v1/streams/coupons", LINES, lines.as_bytes())
    });
    let bodies: Vec<Vec<u8>> = bodies.collect();
    progress("claims over HTTP");
    let (start, cpu, own) = (Instant::now(), server.cpu_seconds(), cpu_seconds());
    let answers = block_on(send(address, bodies))?;
    let durable = start.elapsed().as_secs_f64();
    answers.iter().try_for_each(|answer| wait_for(address, answer))?;
    let visible = start.elapsed().as_secs_f64();
    let each = |seconds: f64| seconds * 1e6 / CLAIMS as f64;
    let (cpu, own) = (each(server.cpu_seconds() - cpu), each(cpu_seconds() - own));
    let granted = granted(address)?;
    Ok(vec![
        figure("granted over HTTP", granted as f64, "coupons").exactly(COUPONS as f64),
        figure("over HTTP, until visible", CLAIMS as f64 / visible, "claims/s").at_least(400_000.0),
        figure("over HTTP, until durable", CLAIMS as f64 / durable, "claims/s"),
        figure("over HTTP: processor time, server", cpu, "us/claim"),
        figure("over HTTP: processor time, client", own, "us/claim"),
    ])
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn from_log(progress: &mut dyn FnMut(&str)) -> Result<Vec<Figure>, String> {
    progress("writing a log of claims");
    let directory = Scratch::new()?;
    let mut random = Random(1);
    let mut left = CLAIMS;
    let mut first = true;
    let made = replay::make(&directory.path().join("log"), &mut |mix: &mut Mix| {
        if std::mem::take(&mut first) {
            mix.push(Topic::Coupons, "flash", &campaign());
        } else {
            let claims = left.min(AN_EPOCH);
            (0..claims).for_each(|_| mix.push(Topic::Coupons, "flash", &claim(&mut random)));
            left -= claims;
            if claims == 0 {
                return false;
            }
        }
        mix.cut();
        true
    })?;
    progress("claims straight from the log");
    let workers = std::thread::available_parallelism().map_or(1, NonZero::get);
    let path = directory.path().join("views.sqlite");
    let replayed = replay::replay(&made, Some(&path), workers)?;
    let store = SqliteViews::open(sqlite::Config::new(&path, replay::VIEWS)).map_err(|e| e.to_string())?;
    let (_, tables) = store
        .readers()
        .tables(&[View::CouponGrants, View::Audits])
        .map_err(|e| e.to_string())?;
    let rows = |view| tables.rows(view).len();
    if rows(View::Audits) > 0 {
        return Err("the audits are not empty".to_owned());
    }
    let granted = rows(View::CouponGrants);
    let cpu = replayed.cpu_seconds * 1e6 / CLAIMS as f64;
    Ok(vec![
        figure("granted from the log", granted as f64, "coupons").exactly(COUPONS as f64),
        figure(
            "straight from the log",
            CLAIMS as f64 / replayed.seconds,
            "claims/s",
        )
        .at_least(2_000_000.0),
        figure("straight from the log: processor time", cpu, "us/claim"),
    ])
}

fn figure(metric: &str, value: f64, unit: &'static str) -> Figure {
    Figure::new("flash-sale", metric, value, unit)
}

pub(crate) fn run(_: &Settings, progress: &mut dyn FnMut(&str)) -> Result<Vec<Figure>, String> {
    let mut figures = over_http(progress)?;
    figures.extend(from_log(progress)?);
    Ok(figures)
}
