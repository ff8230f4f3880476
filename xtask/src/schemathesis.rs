//! `cargo xtask schemathesis`: requests made from openapi.json, good ones and bad ones, against a running
//! millrace. No answer may be a failure of the server's, or one that openapi.json does not declare; what it
//! leaves must verify.
//!
//! It needs python3, and PyPI (or whatever pip is configured for) the first time. What is installed, and all
//! that needs, is pinned in `xtask/schemathesis/requirements.txt`; `hooks.py` beside it steers requests to
//! what is there. The seed is fixed, so that a failure comes again.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::process::{Ended, cargo, limited, passes, succeeds, target_dir};
use crate::{Failure, Outcome, root, venv};

/// How long it may take; an operation that never answers shall be found, not waited for.
const LIMIT: Duration = Duration::from_secs(300);

/// What `cargo xtask schemathesis` takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Random requests of each operation, at most
    #[arg(long, default_value_t = Args::default().examples)]
    examples: u32,
    /// The seed of what is random
    #[arg(long, default_value_t = Args::default().seed)]
    seed: u64,
}

impl Default for Args {
    fn default() -> Args {
        Args {
            examples: 100,
            seed: 1,
        }
    }
}

fn folder() -> PathBuf {
    root().join("xtask/schemathesis")
}

fn place() -> PathBuf {
    target_dir().join("schemathesis")
}

/// Why it can't run here, if so. Installs it where it is not.
#[must_use]
pub fn hindrance() -> Option<String> {
    install().err().map(|failure| failure.to_string())
}

/// Installs what is pinned, unless it is there.
fn install() -> Outcome {
    venv::install(&place().join("venv"), &folder().join("requirements.txt"))
}

/// Runs the command.
///
/// # Errors
/// If it can't be installed, or finds something.
pub fn run(args: &Args) -> Outcome {
    install()?;
    passes(
        &mut cargo(&["build", "--quiet", "--package", "millrace"]),
        "see above",
    )?;
    let millrace = target_dir().join("debug/millrace");
    let data = place().join("data");
    if data.exists() {
        fs::remove_dir_all(&data).map_err(Failure::of_file(&data))?;
    }
    for (topic, records) in seeds() {
        append(&millrace, &data, topic, &records)?;
    }
    let server = Server::start(&millrace, &data)?;
    let found = requests(args, &server.address);
    server.stop()?;
    found?;
    let mut verify = Command::new(&millrace);
    passes(
        verify.arg("verify").arg("--data").arg(&data),
        "what it left does not verify",
    )
}

/// Sends the requests.
fn requests(args: &Args, address: &str) -> Outcome {
    let mut command = Command::new(place().join("venv/bin/schemathesis"));
    command
        .arg("--config-file")
        .arg(folder().join("schemathesis.toml"));
    command.args(["run", &format!("http://{address}/openapi.json")]);
    command.args([
        "--seed",
        &args.seed.to_string(),
        "--max-examples",
        &args.examples.to_string(),
    ]);
    // It leaves things where it runs.
    command
        .current_dir(place())
        .env("PYTHONPATH", folder())
        .env("SCHEMATHESIS_HOOKS", "hooks");
    command.env("PYTHONDONTWRITEBYTECODE", "1").stdin(Stdio::null());
    match limited(&mut command, LIMIT)? {
        Ended::Exited(status) if status.success() => Ok(()),
        Ended::Exited(_) => Err(Failure::Found(
            "answers that openapi.json does not allow, see above".to_owned(),
        )),
        Ended::TimedOut => Err(Failure::Found(format!("it took more than {} s", LIMIT.as_secs()))),
    }
}

/// What is there before the first request, under ids that `hooks.py` knows: of each view some rows.
fn seeds() -> Vec<(&'static str, Vec<(String, Value)>)> {
    let keyed = |key: &str, value: Value| (key.to_owned(), value);
    let product =
        json!({"type": "product_upserted", "sku": "0", "name": "Mug", "price": 5, "currency": "KRW"});
    let stock = json!({"type": "stock_received", "receipt_id": "0", "sku": "0", "quantity": 1000});
    let campaign = json!({
        "type": "campaign_created", "campaign_id": "0", "name": "Spring", "quota": 10, "currency": "KRW",
        "discount": {"type": "amount", "value": 1},
    });
    let claim = json!({"type": "coupon_claimed", "campaign_id": "0", "customer_id": "0"});
    let top_up = json!({
        "type": "wallet_topped_up", "topup_id": "0", "customer_id": "0", "amount": 100, "currency": "KRW",
    });
    let raised = json!({"type": "attention_raised", "kind": "call", "subject": "0", "note": "x"});
    let order = |id: &str, quantity: u32| {
        let lines = json!([{"sku": "0", "quantity": quantity, "unit_price": 5}]);
        let value = json!({
            "type": "order_placed", "order_id": id, "customer_id": "0", "currency": "KRW", "lines": lines,
        });
        keyed(id, value)
    };
    let paid = |kind: &str| {
        keyed(
            "1",
            json!({"type": kind, "order_id": "1", "payment_key": "0", "amount": 5, "currency": "KRW"}),
        )
    };
    vec![
        ("operations", vec![keyed("operations", raised)]),
        ("products", vec![keyed("0", product)]),
        (
            "stock",
            vec![keyed("0", stock), keyed("0", json!({"type": "nonsense"}))],
        ),
        ("coupons", vec![keyed("0", campaign), keyed("0", claim)]),
        ("wallets", vec![keyed("0", top_up)]),
        (
            "orders",
            vec![order("0", 2), order("1", 1), order("2", 1_000_000)],
        ),
        (
            "payments",
            vec![paid("payment_submitted"), paid("payment_confirmed")],
        ),
    ]
}

/// Appends records to a topic.
fn append(millrace: &Path, data: &Path, topic: &str, records: &[(String, Value)]) -> Outcome {
    let mut command = Command::new(millrace);
    command.args(["log", "append", topic, "--data"]).arg(data);
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::null());
    let mut child = piped.spawn().map_err(Failure::of_file(millrace))?;
    let lines = records.iter().map(|(key, value)| {
        let record = json!({"key": key, "value": value.to_string()});
        format!("{record}\n")
    });
    let mut stdin = child.stdin.take().expect("stdin is piped");
    stdin
        .write_all(lines.collect::<String>().as_bytes())
        .map_err(Failure::of_file(millrace))?;
    drop(stdin);
    let status = child.wait().map_err(Failure::of_file(millrace))?;
    status
        .success()
        .then_some(())
        .ok_or_else(|| Failure::Found(format!("log append {topic}: {status}")))
}

/// A running `millrace up`.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    /// Starts it and waits until it listens.
    fn start(millrace: &Path, data: &Path) -> Outcome<Server> {
        let failed = Failure::of_file(millrace);
        let mut command = Command::new(millrace);
        command
            .args(["up", "--workers", "1", "--listen", "127.0.0.1:0", "--data"])
            .arg(data);
        command
            .env("MILLRACE_LOGGING_FORMAT", "human")
            .env_remove("MILLRACE_API_TOKEN");
        command.stdin(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(failed)?;
        let mut lines = BufReader::new(child.stderr.take().expect("stderr is piped")).lines();
        let listening = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let (_, address) = line.split_once("listening on http://")?;
            Some(address.trim().to_owned())
        });
        // What it says from there on is for whoever looks.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| eprintln!("{line}")));
        let address = listening.ok_or_else(|| Failure::Found("millrace up does not listen".to_owned()))?;
        Ok(Server { child, address })
    }

    /// Asks it to stop; fails if it has ended before or does not end well.
    fn stop(mut self) -> Outcome {
        succeeds(Command::new("kill").arg(self.child.id().to_string()))?;
        let status = self.child.wait().map_err(|cause| Failure::Program {
            program: "millrace up".to_owned(),
            cause,
        })?;
        status
            .success()
            .then_some(())
            .ok_or_else(|| Failure::Found(format!("millrace up: {status}")))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended, if nothing failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
