//! `compose.yaml` is what the Compose specification allows, and millrace starts as it says.
//!
//! There need not be a container engine: what would be the containers are processes on loopback. So it is
//! not shown that the images can be had, nor that the `Containerfile` builds.
//!
//! It needs Python with what is pinned below (installed once from PyPI, or whatever pip is configured
//! for), java with Kafka's jars, and a millrace that was built with Kafka (`cargo build --features kafka`;
//! `MILLRACE` may name another). What is not there is said by name.

mod common;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{Directory, python, well};
use millrace_servers::kafka::{Kafka, hindrance};
use millrace_servers::{free_ports, skipped};

/// What the check is made with.
const PINNED: &[&str] = &["jsonschema==4.26.0", "PyYAML==6.0.3"];
/// The longest that a start or a stop takes.
const LIMIT: Duration = Duration::from_secs(60);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Command, environment and health check of the service, each as the elements of its JSON.
fn service(test: &str) -> Option<[Vec<String>; 3]> {
    let python = match python("compose", PINNED) {
        Ok(python) => python,
        Err(why) => {
            skipped(test, &why);
            return None;
        }
    };
    let mut check = Command::new(python);
    check
        .arg(root().join("deploy/compose/check.py"))
        .arg(root().join("compose.yaml"));
    let said = well("compose.yaml", &check.output().expect("python was made"));
    let mut lines = said
        .lines()
        .map(|line| line.split('\t').map(str::to_owned).collect());
    let mut next = || lines.next().expect("the check tells three lines");
    Some([next(), next(), next()])
}

#[test]
fn it_is_valid_and_exposes_nothing() {
    if let Some([command, environment, health]) = service("it_is_valid_and_exposes_nothing") {
        assert_eq!(command[0], "up");
        assert!(
            environment
                .iter()
                .any(|variable| variable.starts_with("MILLRACE_API_TOKEN="))
        );
        assert!(!health.is_empty());
    }
}

/// A millrace with Kafka.
fn millrace() -> Result<PathBuf, String> {
    let beside = || {
        let test = std::env::current_exe().ok()?;
        Some(test.parent()?.parent()?.join("millrace"))
    };
    let named = std::env::var_os("MILLRACE").map(PathBuf::from).or_else(beside);
    let program = named.filter(|program| program.is_file());
    let program = program.ok_or("there is no millrace: cargo build --features kafka")?;
    let nobody = [
        "log",
        "cat",
        "stock",
        "--kafka",
        "127.0.0.1:1",
        "--data",
        "/nowhere",
    ];
    let said = Command::new(&program).args(nobody).output();
    let said = said.map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    if said.contains("built without Kafka") {
        return Err("millrace was built without Kafka: cargo build --features kafka".to_owned());
    }
    Ok(program)
}

/// Ends it as a supervisor does.
struct Stopped(Child);

impl Stopped {
    fn stop(&mut self) -> std::process::ExitStatus {
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let since = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().expect("it is our child") {
                return status;
            }
            assert!(since.elapsed() < LIMIT, "it does not stop");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// As a process on loopback, the broker and the directory being those of the test, its health check
/// passes, and it ends well.
#[test]
fn millrace_starts_as_its_service_says() {
    let test = "millrace_starts_as_its_service_says";
    let Some([command, environment, health]) = service(test) else {
        return;
    };
    let program = match hindrance().map_or_else(millrace, Err) {
        Ok(program) => program,
        Err(why) => return skipped(test, &why),
    };
    let kafka = Kafka::start().expect("the broker starts");
    let directory = Directory::new("compose");
    let [port] = free_ports().expect("a port is free");
    let here = |text: &String| {
        text.replace("0.0.0.0:8080", &format!("127.0.0.1:{port}"))
            .replace("127.0.0.1/8080", &format!("127.0.0.1/{port}"))
            .replace("kafka:19092", &kafka.brokers())
            .replace("/data", &directory.0.display().to_string())
    };
    let mut up = Command::new(program);
    up.args(command.iter().map(here))
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    up.envs(environment.iter().filter_map(|variable| variable.split_once('=')));
    let mut up = Stopped(up.spawn().expect("millrace starts"));
    let health: Vec<String> = health.iter().map(here).collect();
    let since = Instant::now();
    loop {
        let is_well = Command::new(&health[0]).args(&health[1..]).output();
        if is_well.expect("what the check runs is there").status.success() {
            break;
        }
        assert!(
            since.elapsed() < LIMIT,
            "it does not become healthy by {health:?}"
        );
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(up.stop().success(), "it ends with status 0");
    let is_well = Command::new(&health[0]).args(&health[1..]).output();
    assert!(
        !is_well.expect("it is there").status.success(),
        "what is gone is not healthy"
    );
}
