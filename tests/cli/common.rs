//! What the tests share: running the program, data directories, and a running `millrace up`.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use contract::log::Topic;
use contract::tables::Tables;
use contract::views::View;
use sinks::Frontier;
use sinks::sqlite::{Config, Readers};

/// How long anything may take.
pub const LIMIT: Duration = Duration::from_secs(60);

/// The views of the job.
pub const VIEWS: &[View] = View::ALL;

/// Runs the program without input.
pub fn millrace(args: &[&str]) -> Output {
    with_stdin(args, b"")
}

/// Runs the program with input.
pub fn with_stdin(args: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_millrace"));
    command.env("MILLRACE_LOGGING_FORMAT", "human");
    command.env("MILLRACE_API_LISTEN", "127.0.0.1:0");
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(args);
    let piped = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = piped.spawn().expect("the command that was just built starts");
    let mut stdin = child.stdin.take().expect("stdin is piped");
    // Who does not read its input has closed it by now.
    let _ = stdin.write_all(input);
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

/// Output as text.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("output is UTF-8")
}

/// Asserts status 0; what it printed.
pub fn assert_well(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    text(&output.stdout)
}

/// Asserts the exit status, an empty stdout and one line on stderr that contains all of `said`.
pub fn assert_refused(output: &Output, status: i32, said: &[&str]) {
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{stderr}");
    assert_eq!(text(&output.stdout), "");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    for part in said {
        assert!(stderr.contains(part), "{stderr:?} says {part:?}");
    }
}

/// Runs a `curl` command; what came back. None where there is no curl.
pub fn curl(command: &str) -> Option<String> {
    let command = command.replace("curl -s", "curl -s --fail-with-body");
    let output = Command::new("sh").args(["-c", &command]).output();
    let output = output.expect("there is a shell");
    if output.status.code() == Some(127) {
        println!("skipped: there is no curl here for {command}");
        return None;
    }
    let stdout = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{command}: {stdout}");
    Some(stdout)
}

/// A file in the tests' directory.
pub fn scratch(name: &str, content: &[u8]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, content).expect("the test's directory can be written");
    path
}

/// A place for a data directory, which is not there yet, and gone after the test.
pub struct Dir(pub PathBuf);

impl Dir {
    pub fn new(test: &str) -> Dir {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("data-{test}"));
        let dir = Dir(path);
        dir.remove();
        dir
    }

    fn remove(&self) {
        match fs::remove_dir_all(&self.0) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("{error}"),
            _ => {}
        }
    }

    pub fn text(&self) -> &str {
        self.0.to_str().expect("the path is UTF-8")
    }

    /// Runs a command on it.
    pub fn run(&self, args: &[&str]) -> Output {
        self.run_with(args, b"")
    }

    /// Runs a command on it, with input.
    pub fn run_with(&self, args: &[&str], input: &[u8]) -> Output {
        with_stdin(&[args, &["--data", self.text()]].concat(), input)
    }

    /// Appends lines to a topic.
    pub fn append(&self, topic: &str, lines: &str) {
        assert_well(&self.run_with(&["log", "append", topic], lines.as_bytes()));
    }

    /// A small shop: a product, stock, and an order that can be had.
    pub fn shop(test: &str) -> Dir {
        let dir = Dir::new(test);
        dir.append("products", PRODUCT);
        dir.append("stock", STOCK);
        dir.append("orders", &order("o1"));
        dir
    }

    /// Runs it until all that is in the log is decided; asserts that it stops well.
    pub fn decide(&self) {
        let orders = self.orders();
        let up = Up::start(self);
        up.wait_for_orders(orders);
        up.stop();
    }

    /// How many records of orders there are.
    pub fn orders(&self) -> u64 {
        let cat = assert_well(&self.run(&["log", "cat", "orders"]));
        cat.lines().count() as u64
    }

    pub fn store(&self) -> PathBuf {
        self.0.join("views.sqlite")
    }

    /// Where its view store stands, and the rows.
    pub fn stored(&self) -> (Option<Frontier>, Tables) {
        let readers = Readers::new(&Config::new(self.store(), VIEWS));
        readers.tables(VIEWS).expect("the view store can be read")
    }

    /// The last segment of its log.
    pub fn last_segment(&self) -> PathBuf {
        let entries = fs::read_dir(self.0.join("log")).expect("there is a log");
        let paths = entries.map(|entry| entry.expect("it can be listed").path());
        let segments = paths.filter(|path| path.extension().is_some_and(|end| end == "segment"));
        segments.max().expect("there is a segment")
    }

    /// Runs statements on its view store, behind millrace's back.
    pub fn edit(&self, sql: &'static str) {
        let options = sqlx::sqlite::SqliteConnectOptions::new()
            .filename(self.store())
            .create_if_missing(true);
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.expect("a runtime").block_on(async {
            use sqlx::{ConnectOptions as _, Connection as _, Executor as _};
            let mut connection = options.connect().await.expect("the store opens");
            connection.execute(sql).await.expect("the statements are good");
            connection.close().await.expect("it closes");
        });
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        if !thread::panicking() {
            self.remove();
        }
    }
}

pub const PRODUCT: &str = concat!(
    r#"{"key":"s1","value":"{\"type\":\"product_upserted\",\"sku\":\"s1\",\"name\":\"S\",\"price\":5,"#,
    r#"\"currency\":\"KRW\"}"}"#,
    "\n"
);
pub const STOCK: &str = concat!(
    r#"{"key":"s1","value":"{\"type\":\"stock_received\",\"receipt_id\":\"r1\",\"sku\":\"s1\","#,
    r#"\"quantity\":1000000}"}"#,
    "\n"
);

/// A line that places an order.
pub fn order(id: &str) -> String {
    let lines = serde_json::json!([{"sku": "s1", "quantity": 1, "unit_price": 5}]);
    let value = serde_json::json!({
        "type": "order_placed", "order_id": id, "customer_id": "c1", "currency": "KRW", "lines": lines,
    });
    let line = serde_json::json!({"key": id, "value": value.to_string()});
    format!("{line}\n")
}

/// A running `millrace up`.
pub struct Up {
    child: Child,
    /// What it says on stderr.
    lines: Receiver<String>,
    readers: Readers,
    address: String,
}

impl Up {
    pub fn start(dir: &Dir) -> Up {
        Up::with(dir, &[], &[])
    }

    /// With these settings and flags.
    pub fn with(dir: &Dir, environment: &[(&str, &str)], flags: &[&str]) -> Up {
        let mut command = Command::new(env!("CARGO_BIN_EXE_millrace"));
        command.envs(environment.iter().copied());
        command.env("MILLRACE_LOGGING_FORMAT", "human");
        command.env("MILLRACE_API_LISTEN", "127.0.0.1:0");
        command.args(["up", "--listen", "127.0.0.1:0", "--data", dir.text()]);
        if !flags.contains(&"--workers") {
            command.args(["--workers", "2"]);
        }
        command.args(flags);
        let piped = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = piped.spawn().expect("the command that was just built starts");
        let stderr = child.stderr.take().expect("stderr is piped");
        let (tell, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                // The test may have ended.
                let _ = tell.send(line);
            }
        });
        let readers = Readers::new(&Config::new(dir.store(), VIEWS));
        let mut up = Up {
            child,
            lines,
            readers,
            address: String::new(),
        };
        up.wait_for(" up ");
        let listening = up.wait_for("listening on http://");
        up.address = listening
            .rsplit("http://")
            .next()
            .unwrap_or_default()
            .trim()
            .to_owned();
        up
    }

    /// Where it listens.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Waits for a line that contains `text`; the line.
    pub fn wait_for(&self, text: &str) -> String {
        let until = Instant::now() + LIMIT;
        let mut said = Vec::new();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) if line.contains(text) => return line,
                Ok(line) => said.push(line),
                Err(error) => panic!("waiting for {text:?}: {error}; it said {said:?}"),
            }
        }
    }

    /// Where the view store stands.
    pub fn frontier(&self) -> Option<Frontier> {
        self.readers.tables(&[]).expect("the view store can be read").0
    }

    /// Waits until so many records of orders are decided and visible.
    pub fn wait_for_orders(&self, count: u64) {
        let until = Instant::now() + LIMIT;
        let visible = || {
            let frontier = self.frontier();
            frontier.map_or(0, |frontier| frontier.ends[Topic::Orders as usize].iter().sum())
        };
        while visible() < count {
            assert!(Instant::now() < until, "{} of {count} orders", visible());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.expect("kill starts").success(), "{name}");
    }

    /// Asks it to stop; asserts that it does, with status 0.
    pub fn stop(mut self) {
        self.signal("TERM");
        let status = self.child.wait().expect("it ends");
        let said: Vec<String> = self.lines.iter().collect();
        assert_eq!(status.code(), Some(0), "{said:?}");
    }

    /// Ends it as a crash does.
    pub fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        // Where a test fails it may still run.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
