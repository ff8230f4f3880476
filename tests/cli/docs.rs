//! What README and the how-tos say works. Their blocks are run as they stand, page by page, in a directory of
//! the page's own, and what they show is compared with what came.
//!
//! - A `sh` block is one script. `millrace` and `cargo run --release --` are the program under test.
//! - A block may end with a command that stays (`up`, `demo`): what follows runs beside it. A block with
//!   requests (`curl`, `generate`) needs one and starts `millrace up` where none stays; any other stops the one
//!   that does, with ^C, and it must end well.
//! - A `json` block shows what the last request before it answered: every member that it names is there, with
//!   the same value unless its nature is to differ. A problem that is shown is expected.
//! - A `text` block after a `sh` block with `millrace query` or `sqlite3`, or after a `python` block, shows what that printed,
//!   to the letter. Python runs where what it needs can be installed.
//! - A `toml` block is the page's `millrace.toml` from there on.
//! - `py`, `java` and `console` blocks want a broker: `xtask/servers/tests/producers.rs` and `tests/kafka/changelog.rs`
//!   run them.

use std::fs;
use std::io::{BufRead as _, BufReader, Read};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Instant;

use serde_json::Value as Json;

use crate::common::{Dir, LIMIT, analysts_python, assert_well, millrace, text};

/// Where pages say that it listens, and what tests say instead: any free port.
const PORT: &str = ":8080";
/// Of whose output a page shows every letter.
const EXACT: &[&str] = &["millrace query", "sqlite3 "];
/// What runs everything and is therefore run by nothing here.
const NOT_RUN: &[&str] = &["cargo xtask test"];
/// What commands that stay say when they can be asked; the address is beside it.
const READY: &[&str] = &["listening on http://", "/docs has more"];
/// Members whose values differ from run to run.
const DIFFER: &[&str] = &[
    "as_of",
    "clock",
    "deadline",
    "detail",
    "epoch",
    "placed_at",
    "since",
    "token",
];

#[test]
fn every_command_in_the_readme_works() {
    let commands = run("README.md");
    assert!(commands.contains("cargo run --release -- demo"), "{commands}");
    assert!(commands.contains("curl"), "{commands}");
}

#[test]
fn placing_and_following_orders_works_as_described() {
    let commands = run("docs/orders.md");
    for path in [
        "/explain",
        "/timeline",
        "/cancel",
        "/payments/confirm",
        "/changes",
    ] {
        assert!(commands.contains(path), "{path}");
    }
}

#[test]
fn a_shop_front_works_as_described() {
    let commands = run("docs/shop.md");
    for path in [
        "/v1/products",
        "/reviews",
        "/v1/carts",
        "/checkout",
        "/v1/dashboards",
    ] {
        assert!(commands.contains(path), "{path}");
    }
}

#[test]
#[cfg(feature = "parquet")]
fn analysts_get_the_answers_that_are_shown() {
    let commands = run("docs/analysts.md");
    assert!(commands.matches("millrace query").count() > 10, "{commands}");
    assert!(commands.contains("millrace export"), "{commands}");
}

#[test]
fn producing_records_works_as_described() {
    run("docs/producers.md");
}

#[test]
fn operating_works_as_described() {
    run("docs/operate.md");
}

#[test]
fn configuring_works_as_described() {
    run("docs/configure.md");
}

/// A page with commands that no test runs would be a page that may be wrong.
#[test]
fn every_page_with_commands_is_run() {
    let tests = include_str!("docs.rs");
    for entry in fs::read_dir("docs").expect("there are docs") {
        let path = entry.expect("they can be listed").path();
        let page = fs::read_to_string(&path).unwrap_or_default();
        if page.contains("```sh") {
            let run = format!("run(\"{}\")", path.display());
            assert!(tests.contains(&run), "{}", path.display());
        }
    }
}

#[test]
fn links_between_pages_lead_somewhere() {
    let docs = fs::read_dir("docs").expect("there are docs");
    let docs = docs.map(|entry| entry.expect("they can be listed").path());
    let pages = docs.filter(|path| path.extension().is_some_and(|end| end == "md"));
    for page in pages.chain([PathBuf::from("README.md"), PathBuf::from("ARCHITECTURE.md")]) {
        let words = fs::read_to_string(&page).expect("it is text");
        for link in words
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let file = link.split('#').next().unwrap_or_default();
            if link.contains("://") || file.is_empty() {
                continue;
            }
            let from = page.parent().unwrap_or(Path::new(""));
            assert!(from.join(file).exists(), "{}: {link}", page.display());
        }
    }
}

/// The settings that a default file documents, as the table of the page.
fn settings(file: &str) -> String {
    let mut table = "| setting | by default | is | what it means |\n|---|---|---|---|\n".to_owned();
    let (mut section, mut about) = ("", Vec::new());
    for line in file.lines().skip(1) {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
        } else if let Some(words) = line.strip_prefix("# ") {
            about.push(words);
        } else if let Some((name, default)) = line.split_once(" = ") {
            let last = about.pop().expect("a setting says what it may be");
            let what = last
                .trim_start_matches("Is ")
                .split(';')
                .next()
                .unwrap_or_default();
            let meaning = about.join(" ");
            table += &format!("| `{section}.{name}` | `{default}` | {what} | {meaning} |\n");
            about.clear();
        }
    }
    table
}

#[test]
fn the_table_of_settings_is_the_program_s() {
    let file = assert_well(&millrace(&["config", "default"]));
    let table = settings(&file);
    assert!(table.lines().count() > 10, "{table}");
    let page = fs::read_to_string("docs/configure.md").expect("the page is there");
    assert!(
        page.contains(&table),
        "docs/configure.md needs this table:\n{table}"
    );
}

/// A fenced block: its language and text.
fn blocks(page: &str) -> Vec<(&str, &str)> {
    let fences = page.split("\n```").skip(1).step_by(2);
    fences.filter_map(|block| block.split_once('\n')).collect()
}

/// Runs a page; all of its commands.
fn run(page: &str) -> String {
    let content = fs::read_to_string(page).expect("the page is there");
    let mut place = Place::new(&page.replace(['/', '.'], "-"));
    let blocks = blocks(&content);
    let mut commands = String::new();
    for (at, (language, block)) in blocks.iter().enumerate() {
        match *language {
            "sh" => {
                let shown = blocks.get(at + 1).filter(|(language, _)| *language == "json");
                let shown = shown.map(|(_, shown)| serde_json::from_str(shown));
                let shown = shown
                    .transpose()
                    .unwrap_or_else(|error| panic!("{block}: {error}"));
                let printed =
                    printed(&blocks, at).filter(|_| EXACT.iter().any(|program| block.contains(program)));
                place.script(block, shown.as_ref(), printed);
                commands.push_str(block);
                commands.push('\n');
            }
            "python" => place.python(block, printed(&blocks, at)),
            "toml" => fs::write(place.dir.0.join("millrace.toml"), block).expect("it can be written"),
            "json" | "text" | "py" | "java" | "console" => {}
            other => panic!("{page}: nobody knows what becomes of {other:?} blocks"),
        }
    }
    place.stop();
    commands
}

/// What the block number `at` is said to print.
fn printed<'p>(blocks: &[(&str, &'p str)], at: usize) -> Option<&'p str> {
    let next = blocks.get(at + 1).filter(|(language, _)| *language == "text");
    next.map(|(_, text)| *text)
}

/// Where a page is run.
struct Place {
    dir: Dir,
    running: Option<Running>,
}

impl Place {
    fn new(name: &str) -> Place {
        let dir = Dir::new(name);
        let programs = dir.0.join(".bin");
        fs::create_dir_all(&programs).expect("the test's directory can be written");
        let millrace = env!("CARGO_BIN_EXE_millrace");
        symlink(millrace, programs.join("millrace")).expect("links can be made");
        let importers = Path::new(env!("CARGO_MANIFEST_DIR")).join("importers");
        symlink(importers, dir.0.join("importers")).expect("links can be made");
        let cargo = programs.join("cargo");
        let script = "#!/bin/sh\n[ \"$1 $2 $3\" = 'run --release --' ] || exit 99\nshift 3\n\
                      exec millrace \"$@\"\n";
        fs::write(&cargo, script).expect("the test's directory can be written");
        fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).expect("it was just made");
        let running = None;
        Place { dir, running }
    }

    /// A shell that runs a script here.
    fn shell(&self, script: &str) -> Command {
        let path = std::env::var("PATH").unwrap_or_default();
        let mut shell = Command::new("sh");
        shell.args(["-e", "-c", script]).current_dir(&self.dir.0);
        shell.env("PATH", format!("{}:{path}", self.dir.0.join(".bin").display()));
        shell
            .env("MILLRACE_API_LISTEN", "127.0.0.1:0")
            .env("MILLRACE_LOGGING_FORMAT", "human");
        shell.env_remove("RUST_LOG").env_remove("MILLRACE_API_TOKEN");
        shell
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        shell
    }

    /// Runs Python, if what analysts need is here.
    fn python(&mut self, block: &str, printed: Option<&str>) {
        self.stop();
        let python = match analysts_python() {
            Ok(python) => python,
            Err(why) => return println!("skipped: {block}: {why}"),
        };
        let mut run = Command::new(python);
        let output = run.args(["-c", block]).current_dir(&self.dir.0).output();
        let output = output.expect("it was there");
        let (said, wrong) = (text(&output.stdout), text(&output.stderr));
        if wrong.contains("Failed to download extension") {
            return println!("skipped: DuckDB can't fetch an extension here for {block}");
        }
        assert_eq!(output.status.code(), Some(0), "{block}\n{said}{wrong}");
        assert_printed(block, &said, printed);
    }

    fn script(&mut self, block: &str, shown: Option<&Json>, printed: Option<&str>) {
        let lines: Vec<&str> = block.lines().filter(|line| !NOT_RUN.contains(line)).collect();
        let (stays, first) = match lines.split_last() {
            Some((last, first)) if stays(last) => (Some(*last), first),
            _ => (None, &lines[..]),
        };
        if first.iter().any(|line| is_beside(line)) {
            self.beside(&first.join("\n"), shown);
        } else if !first.is_empty() {
            self.stop();
            let output = self.shell(&first.join("\n")).output().expect("there is a shell");
            let (said, wrong) = (text(&output.stdout), text(&output.stderr));
            if output.status.code() == Some(127) {
                return println!("skipped: a program is not here for {block}");
            }
            assert_eq!(output.status.code(), Some(0), "{block}\n{said}{wrong}");
            assert_printed(block, &said, printed);
        }
        if let Some(command) = stays {
            self.stop();
            let any = command.replace(PORT, ":0");
            self.running = Running::start(self.shell(&format!("exec env {any}")));
        }
    }

    /// Runs a script beside the one that runs.
    fn beside(&mut self, script: &str, shown: Option<&Json>) {
        if self.running.is_none() {
            self.running = Running::start(self.shell("exec millrace up"));
        }
        let address = &self.running.as_ref().expect("it was just started").address;
        let script = script
            .replace("localhost:8080", address)
            .replace("-- generate", &format!("-- generate --url http://{address}"))
            .replace("curl -s", "curl --fail-with-body -s");
        let output = self.shell(&script).output().expect("there is a shell");
        if output.status.code() == Some(127) {
            println!("skipped: a program is not here for {script}");
            return;
        }
        let (said, wrong) = (text(&output.stdout), text(&output.stderr));
        let problem = shown.is_some_and(|shown| shown["status"].as_u64() >= Some(400));
        // That is how curl ends if a problem was answered.
        let expected = if problem { 22 } else { 0 };
        assert_eq!(output.status.code(), Some(expected), "{script}\n{said}{wrong}");
        if let Some(shown) = shown {
            let answers = serde_json::Deserializer::from_str(&said).into_iter::<Json>();
            let last = answers.map_while(Result::ok).last();
            let last = last.unwrap_or_else(|| panic!("{script}: an answer in JSON: {said}"));
            compare(shown, &last, &mut String::new());
        }
    }

    fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop();
        }
    }
}

/// Asserts that what is said to be printed was.
fn assert_printed(block: &str, said: &str, printed: Option<&str>) {
    if let Some(printed) = printed {
        assert_eq!(said.trim_end(), printed.trim_end(), "{block}");
    }
}

/// Whether a command makes requests.
fn is_beside(line: &str) -> bool {
    line.contains("curl ") || (line.contains(" generate") && !line.contains("--data"))
}

/// Whether a command stays until it is stopped.
fn stays(line: &str) -> bool {
    let command = line.split(" -- ").last().unwrap_or(line);
    let mut words = command
        .split(' ')
        .skip_while(|word| word.contains('=') || *word == "millrace");
    match words.next() {
        Some("up") => true,
        Some("demo") => !words.any(|word| word == "--exit"),
        _ => false,
    }
}

/// Asserts that what is shown came.
fn compare(shown: &Json, came: &Json, path: &mut String) {
    let length = path.len();
    match (shown, came) {
        (Json::Object(shown), Json::Object(members)) => {
            for (name, value) in shown {
                path.push('.');
                path.push_str(name);
                let member = members.get(name).unwrap_or_else(|| panic!("{path} in {came}"));
                if !DIFFER.contains(&name.as_str()) {
                    compare(value, member, path);
                }
                path.truncate(length);
            }
        }
        (Json::Array(shown), Json::Array(items)) => {
            assert_eq!(shown.len(), items.len(), "{path} in {came}");
            for (value, item) in shown.iter().zip(items) {
                compare(value, item, path);
            }
        }
        _ => assert_eq!(shown, came, "{path}"),
    }
}

/// A command that stays, and where it listens.
struct Running {
    child: Child,
    lines: Receiver<String>,
    address: String,
}

impl Running {
    /// Starts it and waits until it listens; `None` if it has ended well by itself.
    fn start(mut command: Command) -> Option<Running> {
        let mut child = command.spawn().expect("there is a shell");
        let (tell, lines) = channel();
        pass_on(child.stderr.take().expect("it is piped"), tell.clone());
        pass_on(child.stdout.take().expect("it is piped"), tell);
        let (until, mut said) = (Instant::now() + 5 * LIMIT, Vec::new());
        loop {
            match lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    let ready = READY.iter().any(|word| line.contains(word));
                    if let Some((_, address)) = line.split_once("http://").filter(|_| ready) {
                        let address = address.split([' ', '/']).next().unwrap_or_default();
                        let address = address.replace("0.0.0.0", "127.0.0.1");
                        return Some(Running {
                            child,
                            lines,
                            address,
                        });
                    }
                    said.push(line);
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let status = child.wait().expect("it ends");
                    assert!(status.success(), "{command:?}: {said:?}");
                    return None;
                }
                Err(RecvTimeoutError::Timeout) => panic!("{command:?} does not listen: {said:?}"),
            }
        }
    }

    /// Stops it with ^C.
    fn stop(mut self) {
        let kill = Command::new("kill")
            .args(["-s", "INT", &self.child.id().to_string()])
            .status();
        assert!(kill.expect("there is a kill").success());
        let status = self.child.wait().expect("it ends");
        let said: Vec<String> = self.lines.iter().collect();
        assert_eq!(status.code(), Some(0), "{said:?}");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Where a test fails it may still run.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Tells each line of a stream.
fn pass_on(stream: impl Read + Send + 'static, tell: Sender<String>) {
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            // The test may have ended.
            let _ = tell.send(line);
        }
    });
}
