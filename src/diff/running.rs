//! Two running instances side by side.
//!
//! A view's changes are followed on both, first the whole view, until both have told an epoch as whole; then what
//! was told is compared. A running instance tells nearly every epoch, but may pass over one: then the next common
//! one is waited for, or, if one was asked for, it is said.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use bytes::BytesMut;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde_json::Value;
use sinks::sqlite::Compared;
use tokio::time::{Instant, timeout_at};

use crate::Failure;
use crate::client::{Ask, Client, Target};

/// The longest that both are waited for, a view.
const PATIENCE: Duration = Duration::from_secs(60);
/// A greater event is none of ours.
const EVENT_BYTES_MAX: usize = 16 << 20;
/// Letters of a value that are shown, at most.
const LETTERS_MAX: usize = 60;

/// Compares two running instances; at which epochs, and how they differ.
pub fn compare(
    sides: [&str; 2],
    token: Option<String>,
    at: Option<u64>,
    show: usize,
    told: &mut dyn FnMut(&str),
) -> Result<(String, Compared), Failure> {
    let token = token.or_else(|| std::env::var("MILLRACE_API_TOKEN").ok());
    let [a, b] = sides.map(|side| Target::parse(side, token.clone()).map_err(Failure::Usage));
    let sides = [a?, b?];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Undone(error.to_string()))?;
    runtime.block_on(all(&sides, at, show, told))
}

/// A view's key and other columns, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Shape {
    key: Vec<String>,
    columns: Vec<String>,
}

async fn all(
    sides: &[Target; 2],
    at: Option<u64>,
    show: usize,
    told: &mut dyn FnMut(&str),
) -> Result<(String, Compared), Failure> {
    let [first, second] = [views(&sides[0]).await?, views(&sides[1]).await?];
    let mut compared = Compared::default();
    for (view, shape) in &second {
        match first.get(view) {
            None => compared
                .left_out
                .push(format!("view {view}, which only the second has")),
            Some(other) => only(view, shape, other, "second", &mut compared),
        }
    }
    let (mut least, mut most) = (u64::MAX, 0);
    for (view, shape) in &first {
        let Some(other) = second.get(view) else {
            compared
                .left_out
                .push(format!("view {view}, which only the first has"));
            continue;
        };
        if shape.key != other.key {
            compared
                .left_out
                .push(format!("view {view}, whose key is another"));
            continue;
        }
        only(view, shape, other, "first", &mut compared);
        told(view);
        let columns = shape.columns.iter().filter(|c| other.columns.contains(c));
        let (epoch, copies) = together(sides, view, at).await?;
        differences(view, &copies, &columns.collect::<Vec<_>>(), show, &mut compared);
        (least, most) = (least.min(epoch), most.max(epoch));
    }
    let epochs = if least >= most {
        format!("epoch {most}")
    } else {
        format!("epochs {least} to {most}")
    };
    Ok((epochs, compared))
}

/// Notes the columns that only one has.
fn only(view: &str, shape: &Shape, other: &Shape, which: &str, compared: &mut Compared) {
    for column in shape.columns.iter().filter(|c| !other.columns.contains(c)) {
        let only = format!("{view}.{column}, which only the {which} has");
        compared.left_out.push(only);
    }
}

async fn views(target: &Target) -> Result<BTreeMap<String, Shape>, Failure> {
    let mut client = Client::new(target, &Default::default());
    let reply = client.send(&Ask::get("/v1/views")).await?;
    let strange = || Failure::Undone(format!("{target} does not answer as a millrace does: is it one?"));
    let body = reply.json();
    let items = body["items"].as_array().filter(|_| reply.is_well());
    let names = |list: &Value| -> Option<Vec<String>> {
        let name = |one: &Value| Some(one.as_str().or(one["name"].as_str())?.to_owned());
        list.as_array()?.iter().map(name).collect()
    };
    let shape = |item: &Value| {
        let key = names(&item["key"])?;
        let mut columns = names(&item["columns"])?;
        columns.retain(|column| !key.contains(column));
        Some((item["name"].as_str()?.to_owned(), Shape { key, columns }))
    };
    let shapes = items.ok_or_else(strange)?.iter().map(shape);
    shapes.collect::<Option<_>>().ok_or_else(strange)
}

/// Copies of a view as of one epoch, which is told.
async fn together(sides: &[Target; 2], view: &str, at: Option<u64>) -> Result<(u64, [Copy; 2]), Failure> {
    let until = Instant::now() + PATIENCE;
    let mut copies = [
        Copy::open(&sides[0], view).await?,
        Copy::open(&sides[1], view).await?,
    ];
    loop {
        let [first, second] = [copies[0].at, copies[1].at];
        let stand = format!(
            "{} is at {}, {} at {}",
            sides[0],
            first.unwrap_or(0),
            sides[1],
            second.unwrap_or(0)
        );
        match (first, second, at) {
            (Some(first), Some(second), at) if first == second && at.is_none_or(|at| at == first) => {
                return Ok((first, copies));
            }
            (_, _, Some(at)) if first.max(second) > Some(at) => {
                return Err(Failure::Undone(format!(
                    "epoch {at} was passed before {view} could be compared: {stand}; leave --at away to compare \
                     at the next that both tell"
                )));
            }
            _ => (),
        }
        let behind = usize::from(first > second);
        let step = timeout_at(until, copies[behind].step()).await;
        step.map_err(|_| {
            Failure::Undone(format!(
                "they do not come to one epoch of {view} within {} s: {stand}. Are both of one log, and running?",
                PATIENCE.as_secs()
            ))
        })??;
    }
}

/// Compares a view's copies.
fn differences(view: &str, copies: &[Copy; 2], columns: &[&String], show: usize, compared: &mut Compared) {
    let [first, second] = copies.each_ref().map(|copy| &copy.rows);
    compared.views += 1;
    compared.rows += first.len() as u64;
    let both = first
        .keys()
        .chain(second.keys().filter(|key| !first.contains_key(*key)));
    for key in both {
        let says = match (first.get(key), second.get(key)) {
            (Some(first), Some(second)) => {
                let mut says = String::new();
                for column in columns
                    .iter()
                    .filter(|column| first[**column] != second[**column])
                {
                    let comma = if says.is_empty() { "" } else { "; " };
                    let [mine, theirs] = [first, second].map(|row| short(&row[*column]));
                    let _ = write!(says, "{comma}{column} {mine} | {theirs}");
                }
                says
            }
            (Some(_), None) => "only in the first".to_owned(),
            (None, _) => "only in the second".to_owned(),
        };
        if says.is_empty() {
            continue;
        }
        compared.count += 1;
        if compared.shown.len() < show {
            compared.shown.push(format!("{view} {key}: {says}"));
        }
    }
}

/// A value as JSON, not all of a long one.
fn short(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= LETTERS_MAX {
        return text;
    }
    text.chars().take(LETTERS_MAX).chain("..".chars()).collect()
}

/// A copy of a view that follows its changes.
struct Copy {
    target: Target,
    events: Incoming,
    bytes: BytesMut,
    /// By the parts of the key.
    rows: BTreeMap<String, Value>,
    /// The epoch that was told as whole.
    at: Option<u64>,
    /// Keeps the connection.
    _client: Client,
}

impl Copy {
    async fn open(target: &Target, view: &str) -> Result<Copy, Failure> {
        let mut client = Client::new(target, &Default::default());
        let events = client
            .open(&Ask::get(format!("/v1/views/{view}/changes")))
            .await?;
        Ok(Copy {
            target: target.clone(),
            events,
            bytes: BytesMut::new(),
            rows: BTreeMap::new(),
            at: None,
            _client: client,
        })
    }

    /// Reads on until an epoch is whole.
    async fn step(&mut self) -> Result<(), Failure> {
        loop {
            while let Some(end) = self.bytes.windows(2).position(|two| two == b"\n\n") {
                let event = self.bytes.split_to(end + 2);
                if self.event(&event)? {
                    return Ok(());
                }
            }
            let part = self.events.frame().await;
            let part = part.ok_or_else(|| self.failed("it ended"))?;
            let part = part.map_err(|error| self.failed(&error.to_string()))?;
            if let Ok(data) = part.into_data() {
                self.bytes.extend_from_slice(&data);
            }
            if self.bytes.len() > EVENT_BYTES_MAX {
                return Err(self.failed("it sends what is no event"));
            }
        }
    }

    /// Takes an event; whether it says that an epoch is whole.
    fn event(&mut self, event: &[u8]) -> Result<bool, Failure> {
        let strange = || self.failed("it sends what is no event");
        let text = std::str::from_utf8(event).map_err(|_| strange())?;
        let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
        let Some(data) = field("data: ") else {
            return Ok(false);
        };
        let data: Value = serde_json::from_str(data).map_err(|_| strange())?;
        match field("event: ") {
            Some("progress") => {
                self.at = Some(data["epoch"].as_u64().ok_or_else(strange)?);
                Ok(true)
            }
            Some(_) => Err(self.failed(data["reason"].as_str().unwrap_or("it ended"))),
            None => {
                let parts = data["key"].as_object().ok_or_else(strange)?.values();
                let part = |part: &Value| part.as_str().map_or(part.to_string(), str::to_owned);
                let key = parts.map(part).collect::<Vec<_>>().join("/");
                if data["op"] == "delete" {
                    self.rows.remove(&key);
                } else {
                    self.rows.insert(key, data["row"].clone());
                }
                Ok(false)
            }
        }
    }

    fn failed(&self, why: &str) -> Failure {
        Failure::Undone(format!("following changes of {}: {why}", self.target))
    }
}
