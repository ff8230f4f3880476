//! Apache Kafka: one node, broker and controller, from the jars that the project publishes.
//!
//! Topics are kept without fsync, as everybody runs Kafka; the tests kill the process, not the machine.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::kept::Kept;
use crate::{cache, free_ports};

/// The version that is installed.
pub const VERSION: &str = "4.1.0";
/// The user that the SASL listener knows (PLAIN and SCRAM-SHA-256), and its password.
pub const USER: (&str, &str) = ("millrace", "s3cret-of-tests");
/// The longest that a start takes.
const START_MAX: Duration = Duration::from_secs(60);

const POM: &str = include_str!("kafka.pom.xml");

/// Where the jars lie.
fn folder() -> PathBuf {
    cache().join(format!("kafka-{VERSION}"))
}

/// A class path with Kafka and its clients.
#[must_use]
pub fn jars() -> String {
    format!("{}/lib/*", folder().display())
}

/// Why Kafka can't be started here, and what to do; `None`: it can.
#[must_use]
pub fn hindrance() -> Option<String> {
    let jar = folder().join("lib").join(format!("kafka_2.13-{VERSION}.jar"));
    if !jar.is_file() {
        return Some("the jars of Kafka are not there: run `cargo xtask services --install`".to_owned());
    }
    let java = Command::new("java")
        .arg("-version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match java {
        Ok(status) if status.success() => None,
        _ => Some("there is no java, which Kafka needs (17 or later)".to_owned()),
    }
}

/// Brings the jars, by Maven, into the cache folder.
///
/// # Errors
/// In words.
pub fn install() -> Result<(), String> {
    let folder = folder();
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    fs::create_dir_all(&folder).map_err(failed)?;
    fs::write(folder.join("pom.xml"), POM.replace("VERSION", VERSION)).map_err(failed)?;
    let mut maven = Command::new("mvn");
    maven.args([
        "-q",
        "-B",
        "dependency:copy-dependencies",
        "-DoutputDirectory=lib",
    ]);
    match maven.current_dir(&folder).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("mvn ended with {status}")),
        Err(error) => Err(format!("mvn could not be run: {error}")),
    }
}

/// A broker of our own.
pub struct Kafka {
    directory: PathBuf,
    port: u16,
    sasl_port: u16,
    process: Kept,
}

impl Kafka {
    /// Starts one in a directory of its own and waits until it answers.
    ///
    /// # Errors
    /// In words.
    pub fn start() -> Result<Kafka, String> {
        let [port, controller, sasl_port] = free_ports().map_err(|error| format!("no port: {error}"))?;
        let name = format!("millrace-kafka-{}-{port}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        let failed = |error: std::io::Error| format!("{}: {error}", directory.display());
        fs::create_dir_all(&directory).map_err(failed)?;
        fs::write(
            directory.join("server.properties"),
            properties(&directory, port, controller, sasl_port),
        )
        .map_err(failed)?;
        format(&directory, port)?;
        let process = run(&directory)?;
        let kafka = Kafka {
            directory,
            port,
            sasl_port,
            process,
        };
        kafka.wait()?;
        Ok(kafka)
    }

    /// Where it is reached without credentials.
    #[must_use]
    pub fn brokers(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Where it is reached with SASL, as [`USER`].
    #[must_use]
    pub fn sasl_brokers(&self) -> String {
        format!("127.0.0.1:{}", self.sasl_port)
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Kills it: nothing it has not written is written.
    pub fn kill(&mut self) {
        let _ = Command::new("kill")
            .args(["-9", &self.process.pid().to_string()])
            .status();
    }

    /// Starts it again on what it left, and waits until it answers.
    ///
    /// # Errors
    /// In words.
    pub fn restart(&mut self) -> Result<(), String> {
        self.process.end(true);
        self.process = run(&self.directory)?;
        self.wait()
    }

    /// Runs a tool of Kafka's on it.
    ///
    /// # Errors
    /// What it said.
    pub fn tool(&self, class: &str, args: &[&str]) -> Result<String, String> {
        let mut tool = java("-Xmx128m");
        tool.args([class, "--bootstrap-server", &self.brokers()])
            .args(args);
        let done = tool
            .output()
            .map_err(|error| format!("java could not be run: {error}"))?;
        let said = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
        if done.status.success() {
            Ok(said)
        } else {
            Err(said)
        }
    }

    /// Waits until it answers a request. It does so only once it is ready for all others.
    fn wait(&self) -> Result<(), String> {
        let since = Instant::now();
        while !self.answers() {
            if since.elapsed() > START_MAX {
                let said = fs::read_to_string(self.directory.join("server.log")).unwrap_or_default();
                return Err(format!(
                    "Kafka does not answer after {START_MAX:?}; it said: {said}"
                ));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    /// Whether it answers `ApiVersions`, version 0.
    fn answers(&self) -> bool {
        let address = SocketAddr::from(([127, 0, 0, 1], self.port));
        let asked = || -> std::io::Result<()> {
            let mut stream = TcpStream::connect(address)?;
            stream.set_read_timeout(Some(Duration::from_secs(2)))?;
            // Length, key 18, version 0, correlation 1, no client.
            stream.write_all(&[0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff])?;
            stream.read_exact(&mut [0; 8])
        };
        asked().is_ok()
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        self.process.end(false);
    }
}

fn java(heap: &str) -> Command {
    let mut java = Command::new("java");
    java.args([heap, "-XX:+UseSerialGC", "-Xshare:auto", "-cp"]);
    java.arg(jars());
    java
}

fn run(directory: &Path) -> Result<Kept, String> {
    let mut command = java("-Xmx512m");
    command
        .arg("kafka.Kafka")
        .arg(directory.join("server.properties"));
    let process = Kept::start(&command, &directory.join("server.log"), directory);
    process.map_err(|error| format!("java could not be run: {error}"))
}

fn format(directory: &Path, port: u16) -> Result<(), String> {
    let (user, password) = USER;
    let mut tool = java("-Xmx128m");
    // Any 22 characters of base64 are a cluster's id.
    let id = format!("millracetest{port:0>9}A");
    tool.args(["kafka.tools.StorageTool", "format", "--standalone", "-t", &id]);
    tool.arg("--add-scram")
        .arg(format!("SCRAM-SHA-256=[name={user},password={password}]"));
    tool.arg("-c").arg(directory.join("server.properties"));
    let done = tool
        .output()
        .map_err(|error| format!("java could not be run: {error}"))?;
    if done.status.success() {
        return Ok(());
    }
    Err(format!(
        "Kafka's storage tool: {}",
        String::from_utf8_lossy(&done.stderr)
    ))
}

fn properties(directory: &Path, port: u16, controller: u16, sasl: u16) -> String {
    let (user, password) = USER;
    let login = "org.apache.kafka.common.security";
    format!(
        "process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listeners=OPEN://127.0.0.1:{port},SASL://127.0.0.1:{sasl},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=OPEN://127.0.0.1:{port},SASL://127.0.0.1:{sasl},CONTROLLER://127.0.0.1:{controller}
inter.broker.listener.name=OPEN
controller.listener.names=CONTROLLER
listener.security.protocol.map=OPEN:PLAINTEXT,SASL:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256
listener.name.sasl.plain.sasl.jaas.config={login}.plain.PlainLoginModule required user_{user}=\"{password}\";
listener.name.sasl.scram-sha-256.sasl.jaas.config={login}.scram.ScramLoginModule required;
log.dirs={directory}/data
num.partitions=1
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=400
log.segment.delete.delay.ms=100
log.retention.check.interval.ms=1000
log.initial.task.delay.ms=500
log.cleaner.backoff.ms=500
",
        directory = directory.display()
    )
}
