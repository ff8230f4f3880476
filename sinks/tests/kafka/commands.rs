//! Commands to payment providers.

use std::collections::BTreeMap;

use contract::delta::DeltaBuilder;
use contract::digest::Sum;
use contract::log::Epoch;
use contract::views::{PaymentCommandsRow, View, payment_commands as c};
use millrace_sinks::{Commit, Frontier, Sink as _};
use serde_json::{Value as Json, json};

use super::common::history::{Dice, EpochChanges, History, commit_of};
use super::{Topics, broker, reading};

/// Orders' payments as the job writes them: a command appears whole, and is patched from then on.
struct Commands {
    dice: Dice,
    frontier: Frontier,
    /// By key how often it was issued, and whether it is answered.
    rows: BTreeMap<String, (i64, bool)>,
    /// The same when last told, and how many records there are to be.
    told: BTreeMap<String, ((i64, bool), i64)>,
}

fn row(key: &str, (issued, answered): (i64, bool), epoch: i64) -> PaymentCommandsRow<'_> {
    let (kind, rest) = key.split_once(':').unwrap();
    let (order, number) = rest.rsplit_once(':').unwrap();
    let confirms = kind == "confirm";
    PaymentCommandsRow {
        idempotency_key: key,
        kind,
        order_id: order,
        payment_key: "pay-1",
        attempt: confirms.then(|| number.parse().unwrap()),
        refund_id: (!confirms).then_some("r-1"),
        amount: 1500,
        currency: "KRW",
        reason: (!confirms).then_some("cancelled"),
        issued,
        answered,
        epoch,
    }
}

/// The record that is to come for a row.
fn expected(key: &str) -> (String, Json) {
    let row = row(key, (1, false), 0);
    let mut value = json!({
        "type": row.kind, "order_id": row.order_id, "payment_key": "pay-1", "amount": 1500, "currency": "KRW",
        "idempotency_key": key,
    });
    let members = value.as_object_mut().unwrap();
    match row.attempt {
        Some(attempt) => members.insert("attempt".to_owned(), attempt.into()),
        None => {
            members.insert("refund_id".to_owned(), "r-1".into());
            members.insert("reason".to_owned(), "cancelled".into())
        }
    };
    (row.order_id.to_owned(), value)
}

impl Commands {
    fn epoch(&mut self) -> EpochChanges {
        let epoch = Epoch(self.frontier.epoch.0 + 1);
        let number = i64::try_from(epoch.0).unwrap();
        let mut builder = DeltaBuilder::new(View::PaymentCommands);
        let waiting: Vec<String> = self.rows.keys().cloned().collect();
        for key in &waiting {
            if self.dice.roll(4) > 0 {
                continue;
            }
            let (issued, answered) = match self.dice.roll(2) {
                0 => (self.rows[key].0, true),
                _ => (self.rows[key].0 + 1, false),
            };
            if self.rows.insert(key.clone(), (issued, answered)) == Some((issued, answered)) {
                continue;
            }
            builder.patch(&key.as_str(), |patch| {
                patch
                    .set(c::issued, &issued)
                    .set(c::answered, &answered)
                    .set(c::epoch, &number);
            });
        }
        for _ in 0..self.dice.roll(4) {
            let kind = ["confirm", "refund"][self.dice.roll(2)];
            let key = format!("{kind}:o-{}:{}", self.dice.roll(9), self.rows.len() + 1);
            builder.upsert(&row(&key, (1, false), number));
            self.rows.insert(key, (1, false));
        }
        let deltas = vec![builder.finish(epoch)];
        let mut sum = Sum::default();
        deltas.iter().for_each(|delta| sum.add(delta));
        let frontier = &mut self.frontier;
        frontier.digest = frontier.digest.after(epoch, frontier.clock, sum);
        frontier.epoch = epoch;
        EpochChanges {
            deltas,
            frontier: frontier.clone(),
        }
    }

    /// The sink was told of the rows as they are, one by one as they changed, or by being filled.
    fn tell(&mut self, filled: bool) {
        for (key, stands) in &self.rows {
            let (issued, answered) = *stands;
            let again = match self.told.get(key) {
                None => true,
                Some((_, records)) if filled => !answered && *records < issued,
                Some((before, _)) => !answered && before != stands,
            };
            let records = self.told.get(key).map_or(0, |(_, records)| *records) + i64::from(again);
            self.told.insert(key.clone(), (*stands, records));
        }
    }

    /// All rows, as a sink is filled with them.
    fn all(&self) -> contract::delta::Delta {
        let mut builder = DeltaBuilder::new(View::PaymentCommands);
        for (key, stands) in &self.rows {
            builder.upsert(&row(key, *stands, 1));
        }
        builder.finish(self.frontier.epoch)
    }
}

/// A record for each row that appears, and for each that is issued again and not answered by the end of the
/// commit; one by one, several epochs at once, or while the sink was away and is filled again; whatever
/// breaks off in between.
#[test]
fn each_issue_of_a_command_goes_out_once() {
    let test = "each_issue_of_a_command";
    let Some(kafka) = broker(test) else { return };
    let mut topics = Topics::new(kafka, test, &[]);
    topics.config.commands = true;
    let mut commands = Commands {
        dice: Dice(77),
        frontier: History::new(1, &[], 1).frontier().clone(),
        rows: BTreeMap::new(),
        told: BTreeMap::new(),
    };
    let mut sink = topics.sink();
    assert_eq!(sink.views(), [View::PaymentCommands]);
    for round in 0..24 {
        let epochs: Vec<_> = (0..=commands.dice.roll(3)).map(|_| commands.epoch()).collect();
        if round % 6 == 5 {
            // It was away, and is filled instead.
            let rows = commands.all();
            let broken = Err(millrace_sinks::SinkError::Retry {
                sink: "rows".to_owned(),
                what: "broke off".to_owned(),
            });
            let half = sink.refill(&commands.frontier, &mut [Ok(rows.clone()), broken].into_iter());
            assert!(half.is_err());
            sink.refill(&commands.frontier, &mut [Ok(rows)].into_iter())
                .unwrap();
        } else {
            let commit: Commit = commit_of(&epochs);
            sink.commit(&commit).unwrap();
        }
        commands.tell(round % 6 == 5);
        if round % 5 == 4 {
            sink = topics.sink();
        }
    }
    let topic = format!("{}payment-commands", topics.config.prefix);
    let mut seen: Vec<(String, Json)> = reading::all(&topics.config, &[topic])
        .into_iter()
        .map(|record| (record.key, serde_json::from_str(&record.value.unwrap()).unwrap()))
        .collect();
    let records = commands.told.iter().map(|(key, (_, records))| (key, *records));
    let mut wanted: Vec<(String, Json)> = records
        .flat_map(|(key, records)| (0..records).map(|_| expected(key)))
        .collect();
    let by_key = |(_, value): &(String, Json)| value["idempotency_key"].to_string();
    seen.sort_by_key(by_key);
    wanted.sort_by_key(by_key);
    assert!(wanted.len() > commands.rows.len() + 20, "{}", wanted.len());
    assert_eq!(seen, wanted);
}
