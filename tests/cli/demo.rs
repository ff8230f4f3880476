//! The live demo: what it says works, its customers buy, it stops when asked, goes on, and starts afresh.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Instant;

use contract::value::Value;
use contract::views::{View, orders};

use crate::common::{Dir, LIMIT, assert_refused, assert_well, curl, millrace, scratch, text, wait_until};

/// A small history, quickly replayed, with an order that was cancelled in part.
pub const HISTORY: &str = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
536365,85123A,A HOLDER,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom
536365,71053,A LANTERN,6,2010-12-01 08:26:00,3.39,17850.0,United Kingdom
536366,22752,A BOX,3,2010-12-01 09:26:00,7.65,13047.0,United Kingdom
C536367,71053,A LANTERN,-1,2010-12-02 09:26:00,3.39,17850.0,United Kingdom
536368,22752,A BOX,2,2010-12-03 09:26:00,7.65,13047.0,United Kingdom
536369,85123A,A HOLDER,1,2010-12-09 09:26:00,2.55,13047.0,United Kingdom
";

/// A running demo.
pub struct Demo {
    child: Child,
    lines: Receiver<String>,
}

impl Demo {
    /// Starts one in `current`, with arguments.
    pub fn start(current: &Path, args: &[&str]) -> Demo {
        let mut command = Command::new(env!("CARGO_BIN_EXE_millrace"));
        command
            .args(["demo", "--listen", "127.0.0.1:0"])
            .args(args)
            .current_dir(current);
        command.env_remove("MILLRACE_API_TOKEN");
        let piped = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        let mut child = piped.spawn().expect("the command that was just built starts");
        let stdout = child.stdout.take().expect("stdout is piped");
        let (tell, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // The test may have ended.
                let _ = tell.send(line);
            }
        });
        Demo { child, lines }
    }

    /// Waits until it says what to try; all that it has said.
    pub fn wait(&self) -> Vec<String> {
        self.wait_for("/docs has more")
    }

    /// Waits until it says something; all that it has said.
    pub fn wait_for(&self, text: &str) -> Vec<String> {
        let until = Instant::now() + 2 * LIMIT;
        let mut said: Vec<String> = Vec::new();
        while !said.last().is_some_and(|line| line.contains(text)) {
            let left = until.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => said.push(line),
                Err(error) => panic!("{error}; it said {said:?}"),
            }
        }
        said
    }

    /// Sends it a signal; asserts that it ends well; what else it said.
    pub fn stop(mut self, signal: &str) -> Vec<String> {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &pid]).status();
        assert!(sent.expect("kill starts").success());
        let status = self.child.wait().expect("it ends");
        let said: Vec<String> = self.lines.iter().collect();
        assert_eq!(status.code(), Some(0), "{said:?}");
        said
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // Where a test fails it may still run.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How many orders of the demo's customers are in the views, by status.
fn bought(dir: &Dir) -> usize {
    let (_, tables) = dir.stored();
    let is_todays = |key: &[Value]| key[0].to_string().starts_with("demo-");
    tables
        .rows(View::Orders)
        .keys()
        .filter(|key| is_todays(key))
        .count()
}

fn statuses(dir: &Dir) -> Vec<String> {
    let (_, tables) = dir.stored();
    let rows = tables.rows(View::Orders).iter();
    let todays = rows.filter(|(key, _)| key[0].to_string().starts_with("demo-"));
    todays
        .map(|(_, row)| row[orders::status - 1].to_string())
        .collect()
}

/// What a server answers.
fn answer(address: &str, what: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    let length = body.len();
    let head = format!("{what} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n");
    let request = format!("{head}content-type: application/json\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

#[test]
fn a_live_demo_says_what_works_sells_stops_and_goes_on() {
    let dir = Dir::new("live-demo");
    let file = scratch("live-demo.csv", HISTORY.as_bytes());
    let file = file.to_str().expect("the path is UTF-8");
    let args = ["--file", file, "--data", dir.text()];
    let current = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let demo = Demo::start(current, &args);
    let said = demo.wait();
    assert!(
        said.iter()
            .any(|line| line.contains("oracle, on") && line.ends_with("agrees")),
        "{said:?}"
    );
    let tried: Vec<&String> = said
        .iter()
        .filter(|line| line.trim_start().starts_with("curl "))
        .collect();
    assert_eq!(tried.len(), 3, "{said:?}");
    for (line, holds) in tried
        .iter()
        .zip(["\"items\"", "\"why\"", "\"customer_id\":\"you\""])
    {
        let Some(answer) = curl(line.trim()) else { break };
        assert!(answer.contains(holds), "{line}: {answer}");
    }
    wait_until("orders of today", || bought(&dir) > 2);
    let before = bought(&dir);
    wait_until("more orders", || bought(&dir) > before);
    wait_until("one that is paid", || {
        statuses(&dir).iter().any(|status| status == "confirmed")
    });
    let reviews = || dir.stored().1.rows(View::ReviewDocuments).len();
    wait_until("a review of today's, and a cart", || {
        reviews() > 0 && !dir.stored().1.rows(View::Carts).is_empty()
    });
    let rest = demo.stop("INT");
    assert!(
        rest.iter().any(|line| line.contains("the next run goes on")),
        "{rest:?}"
    );
    assert_well(&dir.run(&["verify"]));

    let before = bought(&dir);
    let demo = Demo::start(current, &args);
    let said = demo.wait();
    assert!(
        said[0].contains("going on") && said[0].contains("--fresh"),
        "{said:?}"
    );
    wait_until("orders of the second run", || bought(&dir) > before);
    // Who has it open keeps it.
    let taken = dir.run(&["demo", "--fresh", "--listen", "127.0.0.1:0", "--file", file]);
    assert_refused(&taken, 3, &["in use by another process"]);
    demo.stop("TERM");
    assert_well(&dir.run(&["verify"]));

    let other = dir.run(&["demo", "--listen", "127.0.0.1:0", "--continue"]);
    assert_refused(&other, 2, &[dir.text(), file, "December 2010", "--fresh"]);
    let all = bought(&dir);
    let demo = Demo::start(current, &[&args[..], &["--fresh"]].concat());
    demo.wait();
    assert!(bought(&dir) < all, "it started afresh");
    demo.stop("INT");
}

#[test]
fn a_replay_that_is_stopped_goes_on_where_it_was() {
    let dir = Dir::new("stopped-demo");
    let file = scratch("stopped-demo.csv", HISTORY.as_bytes());
    let file = file.to_str().expect("the path is UTF-8");
    let current = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let slow = ["--file", file, "--data", dir.text(), "--speed", "600s"];
    let demo = Demo::start(current, &slow);
    let said = demo.wait_for("read along at http://");
    let address = said
        .last()
        .and_then(|line| line.split("http://").nth(1)?.split('/').next());
    let address = address.expect("it says where");
    wait_until("the first orders", || {
        dir.stored().1.rows(View::Orders).len() >= 2
    });
    // Nothing is written meanwhile, and it says so.
    assert!(answer(address, "GET /readyz", "").starts_with("HTTP/1.1 503"));
    let order = r#"{"customer_id":"you","currency":"GBP","lines":[{"sku":"s","quantity":1,"unit_price":1}]}"#;
    let refused = answer(address, "POST /v1/orders", order);
    assert!(
        refused.starts_with("HTTP/1.1 503") && refused.contains("retry-after: "),
        "{refused}"
    );
    let said = demo.stop("INT");
    assert!(
        said.iter().any(|line| line.contains("next run goes on there")),
        "{said:?}"
    );
    let orders = dir.stored().1.rows(View::Orders).len();
    assert!((2..4).contains(&orders), "{orders}");
    let demo = Demo::start(current, &[&slow[..4], &["--continue", "--speed", "1s"]].concat());
    let said = demo.wait();
    let placed = said.iter().find(|line| line.trim_start().starts_with("placed"));
    assert!(placed.is_some_and(|line| line.ends_with(" 4")), "{said:?}");
    demo.stop("INT");
    assert_well(&dir.run(&["verify"]));
    assert!(bought(&dir) + 4 <= dir.stored().1.rows(View::Orders).len());
    assert_well(&dir.run(&["demo", "--exit", "--fresh", "--file", file]));
    assert_eq!(dir.stored().1.rows(View::Orders).len(), 4);
}

#[test]
fn only_what_a_demo_made_is_removed() {
    let dir = Dir::shop("not-a-demo");
    dir.decide();
    let before = dir.stored();
    let refused = dir.run(&["demo", "--exit", "--fresh"]);
    assert_refused(&refused, 2, &[dir.text(), "no demo made it"]);
    for wish in ["--fresh", "--continue"] {
        let refused = dir.run(&["demo", wish, "--listen", "127.0.0.1:0"]);
        assert_refused(&refused, 2, &[dir.text(), "no demo made it"]);
    }
    assert_eq!(dir.stored(), before);
    assert_well(&dir.run(&["verify"]));
    let empty = Dir::new("empty-demo");
    let refused = empty.run(&["demo", "--continue", "--listen", "127.0.0.1:0"]);
    assert_refused(&refused, 2, &[empty.text(), "no demo"]);
    fs::create_dir_all(&empty.0).expect("the test's directory can be written");
    fs::write(empty.0.join("letter.txt"), "dear").expect("it can be written");
    let refused = empty.run(&["demo", "--fresh", "--listen", "127.0.0.1:0"]);
    assert_refused(&refused, 2, &[empty.text(), "no demo made it"]);
    assert!(empty.0.join("letter.txt").exists());
}

#[test]
fn flags_of_the_demo_that_cannot_be_used_are_told() {
    for (args, said) in [
        (&["--speed", "fast"][..], &["--speed", "3600x", "60s"][..]),
        (&["--fresh", "--continue"], &["--fresh", "--continue"]),
        (&["--exit", "--continue"], &["--continue"]),
        (&["--listen", "nowhere"], &["127.0.0.1:8080"]),
        (&["--listen", "0.0.0.0:0"], &["--insecure"]),
        (&["--workers", "0"], &["--workers"]),
    ] {
        let refused = millrace(&[&["demo"], args].concat());
        assert_refused(&refused, 2, said);
    }
    let held = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let taken = held.local_addr().expect("it has an address").to_string();
    let dir = Dir::new("demo-taken");
    let refused = dir.run(&["demo", "--listen", &taken]);
    assert_refused(&refused, 3, &[&taken, "in use", "--listen"]);
    assert!(!dir.0.exists(), "nothing was made: {}", text(&refused.stderr));
}
