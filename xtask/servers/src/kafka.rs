//! Apache Kafka: one node, broker and controller, from the jars that the project publishes.
//!
//! Topics are kept without fsync, as everybody runs Kafka; the tests kill the process, not the machine.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::kept::Kept;
use crate::proxy::Proxy;
use crate::{cache, free_ports, tls};

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

/// The broker that the tests of one program share, started for the first that asks; none where there can be none,
/// which is said.
///
/// # Panics
/// If it can be had and does not start.
#[must_use]
pub fn shared(test: &str) -> Option<&'static Kafka> {
    static KAFKA: OnceLock<Result<Kafka, String>> = OnceLock::new();
    is_there(test).then(|| {
        let kafka = KAFKA.get_or_init(Kafka::start).as_ref();
        kafka.unwrap_or_else(|why| panic!("{why}"))
    })
}

/// A broker for one test alone, which may kill it; none where there can be none, which is said.
///
/// # Panics
/// If it can be had and does not start.
#[must_use]
pub fn own(test: &str) -> Option<Kafka> {
    is_there(test).then(|| Kafka::start().unwrap_or_else(|why| panic!("{why}")))
}

/// A broker for one test alone that is reached over TLS, too.
///
/// # Panics
/// If it can be had and does not start.
#[must_use]
pub fn own_with_tls(test: &str) -> Option<Kafka> {
    is_there(test).then(|| Kafka::start_as(true).unwrap_or_else(|why| panic!("{why}")))
}

fn is_there(test: &str) -> bool {
    let hindrance = hindrance();
    if let Some(why) = &hindrance {
        crate::skipped(test, why);
    }
    hindrance.is_none()
}

/// A broker of our own.
pub struct Kafka {
    directory: PathBuf,
    ports: Ports,
    process: Kept,
}

/// Where its listeners are.
struct Ports {
    open: u16,
    controller: u16,
    sasl: u16,
    tls: u16,
    sasl_tls: u16,
    /// Where it listens for who comes through a proxy, and where it says that it does.
    behind: u16,
    front: u16,
}

impl Kafka {
    /// Starts one in a directory of its own and waits until it answers.
    ///
    /// # Errors
    /// In words.
    pub fn start() -> Result<Kafka, String> {
        Kafka::start_as(false)
    }

    fn start_as(with_tls: bool) -> Result<Kafka, String> {
        let ports = free_ports().map_err(|error| format!("no port: {error}"))?;
        let [open, controller, sasl, tls, sasl_tls, behind, front] = ports;
        let ports = Ports {
            open,
            controller,
            sasl,
            tls,
            sasl_tls,
            behind,
            front,
        };
        let name = format!("millrace-kafka-{}-{open}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        let failed = |error: std::io::Error| format!("{}: {error}", directory.display());
        fs::create_dir_all(&directory).map_err(failed)?;
        let mut properties = properties(&directory, &ports, with_tls);
        if with_tls {
            properties += &tls::certificate(&directory)?;
        }
        fs::write(directory.join("server.properties"), properties).map_err(failed)?;
        format(&directory, open)?;
        let process = run(&directory)?;
        let kafka = Kafka {
            directory,
            ports,
            process,
        };
        kafka.wait()?;
        Ok(kafka)
    }

    /// Where it is reached without credentials.
    #[must_use]
    pub fn brokers(&self) -> String {
        format!("127.0.0.1:{}", self.ports.open)
    }

    /// Where it is reached with SASL, as [`USER`].
    #[must_use]
    pub fn sasl_brokers(&self) -> String {
        format!("127.0.0.1:{}", self.ports.sasl)
    }

    /// Where it is reached over TLS, if it was started with it.
    #[must_use]
    pub fn tls_brokers(&self) -> String {
        format!("127.0.0.1:{}", self.ports.tls)
    }

    /// Where it is reached over TLS with SASL: as [`USER`], or with a token of OAUTHBEARER, which it takes
    /// unsigned.
    #[must_use]
    pub fn sasl_tls_brokers(&self) -> String {
        format!("127.0.0.1:{}", self.ports.sasl_tls)
    }

    /// The certificate that signs its own, as PEM.
    #[must_use]
    pub fn ca_file(&self) -> PathBuf {
        self.directory.join(tls::CA_FILE)
    }

    /// A proxy through which it is reached. There can be one at a time.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn proxy(&self) -> std::io::Result<Proxy> {
        Proxy::start(self.ports.front, self.ports.behind)
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
        let address = SocketAddr::from(([127, 0, 0, 1], self.ports.open));
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

/// Name, protocol, where it listens and where it says that it does.
type Listener = (&'static str, &'static str, u16, u16);

fn properties(directory: &Path, ports: &Ports, with_tls: bool) -> String {
    let (user, password) = USER;
    let login = "org.apache.kafka.common.security";
    let mut listeners = vec![
        ("OPEN", "PLAINTEXT", ports.open, ports.open),
        ("SASL", "SASL_PLAINTEXT", ports.sasl, ports.sasl),
        ("PROXIED", "PLAINTEXT", ports.behind, ports.front),
        ("CONTROLLER", "PLAINTEXT", ports.controller, ports.controller),
    ];
    if with_tls {
        listeners.push(("TLS", "SSL", ports.tls, ports.tls));
        listeners.push(("SASLTLS", "SASL_SSL", ports.sasl_tls, ports.sasl_tls));
    }
    let each = |of: fn(&Listener) -> String| listeners.iter().map(of).collect::<Vec<_>>().join(",");
    let logins: String = ["sasl", "sasltls"]
        .map(|listener| {
            format!(
                "listener.name.{listener}.plain.sasl.jaas.config={login}.plain.PlainLoginModule required \
                 user_{user}=\"{password}\";
listener.name.{listener}.scram-sha-256.sasl.jaas.config={login}.scram.ScramLoginModule required;
listener.name.{listener}.oauthbearer.sasl.jaas.config={login}.oauthbearer.OAuthBearerLoginModule required \
                 unsecuredLoginStringClaim_sub=\"broker\";
listener.name.{listener}.oauthbearer.sasl.server.callback.handler.class={login}.oauthbearer.internals.unsecured.\
                 OAuthBearerUnsecuredValidatorCallbackHandler
"
            )
        })
        .concat();
    format!(
        "process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listeners={listening}
advertised.listeners={advertised}
inter.broker.listener.name=OPEN
controller.listener.names=CONTROLLER
listener.security.protocol.map={protocols}
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,OAUTHBEARER
{logins}log.dirs={directory}/data
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
        controller = ports.controller,
        listening = each(|(name, _, port, _)| format!("{name}://127.0.0.1:{port}")),
        advertised = each(|(name, _, _, port)| format!("{name}://127.0.0.1:{port}")),
        protocols = each(|(name, protocol, ..)| format!("{name}:{protocol}")),
        directory = directory.display()
    )
}
