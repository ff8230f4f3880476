//! Checkpoints in a bucket, against a real S3-compatible server, and with everything between it and us
//! failing.
//!
//! Who we are comes from the environment of the program alone, as in production.

mod faults;
mod moto;
mod proxy;

use std::process::{Command, Output, Stdio};

use crate::common::{Dir, Up, assert_refused, assert_well, order, text};
use moto::{BUCKET, Moto};

/// A shop whose checkpoints lie in a bucket.
pub struct Shop {
    pub dir: Dir,
    environment: Vec<(&'static str, String)>,
}

impl Shop {
    /// With an order, and no checkpoint yet.
    pub fn new(test: &str, endpoint: &str) -> Shop {
        let environment = vec![
            ("AWS_ACCESS_KEY_ID", "who".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "a-secret-that-nobody-prints".to_owned()),
            ("MILLRACE_CHECKPOINT_LOCATION", format!("s3://{BUCKET}/{test}")),
            ("MILLRACE_CHECKPOINT_S3_ENDPOINT", endpoint.to_owned()),
            ("MILLRACE_CHECKPOINT_TIMEOUT_S", "2".to_owned()),
            ("MILLRACE_CHECKPOINT_RETRIES", "1".to_owned()),
            ("MILLRACE_CHECKPOINT_PATIENCE_S", "2".to_owned()),
        ];
        let dir = Dir::shop(&format!("s3-{test}"));
        Shop { dir, environment }
    }

    /// With a checkpoint for each of so many orders, of which two are kept; their names, newest first.
    pub fn with_checkpoints(&self, orders: u64) -> Vec<String> {
        for number in 1..=orders {
            if number > 1 {
                self.dir.append("orders", &order(&format!("o{number}")));
            }
            let up = self.up(&[("MILLRACE_CHECKPOINT_INTERVAL_S", "1")]);
            up.wait_for("checkpoint epoch=");
            up.wait_for_orders(number);
            up.stop();
        }
        self.ids()
    }

    pub fn set(&mut self, name: &'static str, value: &str) {
        self.environment.retain(|(there, _)| *there != name);
        self.environment.push((name, value.to_owned()));
    }

    pub fn up(&self, more: &[(&str, &str)]) -> Up {
        let mine = self
            .environment
            .iter()
            .map(|(name, value)| (*name, value.as_str()));
        let all: Vec<(&str, &str)> = mine.chain(more.iter().copied()).collect();
        Up::with(&self.dir, &all, &[])
    }

    /// Runs a command to its end.
    pub fn run(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_millrace"));
        command.envs(self.environment.iter().map(|(name, value)| (*name, value)));
        command.env("MILLRACE_LOGGING_FORMAT", "human");
        command.args(args);
        if args[0] != "config" {
            command.args(["--data", self.dir.text()]);
        }
        let output = command.stdin(Stdio::null()).output();
        let output = output.expect("the command that was just built starts");
        for said in [&output.stdout, &output.stderr] {
            assert!(
                !text(said).contains("a-secret-that-nobody-prints"),
                "{}",
                text(said)
            );
        }
        output
    }

    /// Its complete checkpoints, newest first.
    pub fn ids(&self) -> Vec<String> {
        let listed = assert_well(&self.run(&["checkpoints", "list"]));
        let complete = listed.lines().filter(|line| !line.ends_with("incomplete"));
        let ids = complete.filter_map(|line| line.split_whitespace().next());
        ids.map(str::to_owned).collect()
    }
}

#[test]
fn a_killed_shop_goes_on_from_its_bucket_with_a_trimmed_log_and_without_its_store() {
    let Some(moto) = Moto::start("s3::a_killed_shop") else {
        return;
    };
    let shop = Shop::new("killed", &format!("http://{}", moto.address()));
    assert_eq!(shop.with_checkpoints(2).len(), 2);
    assert!(
        !shop.dir.0.join("checkpoints").exists(),
        "nothing lies beside the log"
    );
    let up = shop.up(&[("MILLRACE_CHECKPOINT_INTERVAL_S", "1")]);
    place(&up, "o3");
    up.wait_for("checkpoint epoch=");
    up.kill();
    // The view store lost: the whole log makes it anew.
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(shop.dir.0.join(format!("views.sqlite{end}")));
    }
    let up = shop.up(&[]);
    up.wait_for_orders(3);
    up.stop();
    assert!(assert_well(&shop.run(&["verify"])).contains("0 differences"));
    // The log given up: only the bucket knows the beginning.
    let trimmed = assert_well(&shop.run(&["log", "trim"]));
    assert!(trimmed.contains("gave up"), "{trimmed}");
    shop.dir.append("orders", &order("o1"));
    shop.dir.append("orders", &order("o4"));
    let up = shop.up(&[]);
    up.wait_for_orders(5);
    up.kill();
    let verified = assert_well(&shop.run(&["verify"]));
    assert!(
        verified.contains("from a checkpoint") && verified.contains("0 differences"),
        "{verified}"
    );
    let sound = assert_well(&shop.run(&["checkpoints", "verify"]));
    assert!(sound.contains("2 sound, 0 damaged"), "{sound}");
    let removed = assert_well(&shop.run(&["checkpoints", "prune", "--keep", "1"]));
    assert!(removed.contains("removed "), "{removed}");
    let kept = shop.ids();
    assert_eq!(kept.len(), 1);
    let prefix = format!("killed/{}/", kept[0]);
    let there = moto.list();
    assert!(
        there.len() > 1 && there.iter().all(|key| key.starts_with(&prefix)),
        "{there:?}"
    );
}

/// Places an order over HTTP.
pub fn place(up: &Up, id: &str) {
    let body = format!(
        r#"{{"order_id": "{id}", "customer_id": "c1", "currency": "KRW",
            "lines": [{{"sku": "s1", "quantity": 1, "unit_price": 5}}]}}"#
    );
    let request = format!(
        "POST /v1/orders HTTP/1.1\r\nHost: x\r\nPrefer: wait=10\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let answer = ask(up, &request);
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
}

/// What it answers at a path, with its head.
pub fn get(up: &Up, path: &str) -> String {
    ask(
        up,
        &format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
    )
}

/// A request over HTTP; the answer.
fn ask(up: &Up, request: &str) -> String {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(up.address()).expect("it listens");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

#[test]
fn a_backup_of_a_shop_with_a_bucket_holds_its_checkpoints() {
    let Some(moto) = Moto::start("s3::a_backup") else {
        return;
    };
    let shop = Shop::new("backup", &format!("http://{}", moto.address()));
    let kept = shop.with_checkpoints(2);
    let backup = shop.dir.0.with_extension("copy");
    let _ = std::fs::remove_dir_all(&backup);
    assert_well(&shop.run(&["backup", backup.to_str().expect("the path is UTF-8")]));
    for id in kept {
        assert!(backup.join("files/checkpoints").join(&id).is_dir(), "{id}");
    }
    std::fs::remove_dir_all(&backup).expect("it is there");
}

#[test]
fn a_bucket_that_can_not_be_used_as_configured_is_refused_before_anything_is_asked() {
    for (name, value, said) in [
        ("MILLRACE_CHECKPOINT_LOCATION", "s3://Shop", "no name of a bucket"),
        (
            "MILLRACE_CHECKPOINT_LOCATION",
            "gs://shop",
            "neither a directory nor s3://",
        ),
        (
            "MILLRACE_CHECKPOINT_S3_ENDPOINT",
            "http://192.0.2.1",
            "s3_allow_http",
        ),
        ("MILLRACE_CHECKPOINT_S3_ENDPOINT", "example.org", "s3_endpoint"),
    ] {
        let mut shop = Shop::new("refused", "http://127.0.0.1:1");
        shop.set(name, value);
        assert_refused(&shop.run(&["config", "check"]), 2, &[said]);
        assert_refused(&shop.run(&["up", "--listen", "127.0.0.1:0"]), 2, &[said]);
        assert_refused(&shop.run(&["checkpoints", "list"]), 2, &[said]);
    }
}

#[test]
fn who_is_nobody_is_told_where_names_come_from() {
    let mut shop = Shop::new("nobody", "http://127.0.0.1:1");
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
        shop.set(name, "");
    }
    // No machine's metadata is to answer here.
    shop.set("AWS_METADATA_ENDPOINT", "http://127.0.0.1:1");
    let refused = shop.run(&["checkpoints", "list"]);
    assert_refused(&refused, 3, &["there are no credentials", "AWS_"]);
}
