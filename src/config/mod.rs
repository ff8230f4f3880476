//! Configuration: defaults, then `millrace.toml`, then the environment, then flags; the last word counts.
//!
//! One table ([`keys`]) says what there is. A value that is not what it may be, and a key that does not exist,
//! is refused with key, value, where it was said, and what is expected. Nothing starts half-configured.

mod checkpoints;
#[cfg(feature = "kafka")]
mod kafka;
mod keys;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use streams::embedded::Fsync;
use streams::timeline::Limits;

use crate::Failure;
use keys::{KEYS, Key};

/// The file that is read if none is named and it is there.
const FILE: &str = "millrace.toml";

/// Where a value was said.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Origin {
    Default,
    File(PathBuf),
    Environment(String),
    Flag,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File(path) => path.display().fmt(f),
            Origin::Environment(name) => f.write_str(name),
            Origin::Flag => f.write_str("command line"),
        }
    }
}

/// All settings.
#[derive(Clone, Debug)]
pub struct Config {
    values: BTreeMap<&'static str, (String, Origin)>,
}

impl Default for Config {
    fn default() -> Self {
        let defaults = KEYS
            .iter()
            .map(|key| (key.name, (key.default.to_owned(), Origin::Default)));
        let values = defaults.collect();
        Config { values }
    }
}

/// The environment's name of a setting.
fn variable(key: &Key) -> String {
    format!("MILLRACE_{}", key.name.replace('.', "_").to_uppercase())
}

impl Config {
    /// Reads them: the file that is named, or `millrace.toml` where it is there; `environment` and `flags` as
    /// name and value.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
        flags: &[(&'static str, Option<String>)],
    ) -> Result<Config, Failure> {
        let mut config = Config::default();
        let standing = Some(Path::new(FILE)).filter(|path| path.is_file());
        if let Some(path) = file.or(standing) {
            config.file(path)?;
        }
        let names: BTreeMap<String, &Key> = KEYS.iter().map(|key| (variable(key), key)).collect();
        for (name, value) in environment {
            if let Some(key) = names.get(&name) {
                config.set(key, value, Origin::Environment(name))?;
            }
        }
        for (name, value) in flags {
            let key = KEYS.iter().find(|key| key.name == *name);
            if let (Some(key), Some(value)) = (key, value) {
                config.set(key, value.clone(), Origin::Flag)?;
            }
        }
        Ok(config)
    }

    fn file(&mut self, path: &Path) -> Result<(), Failure> {
        let wrong = |what: String| Failure::Usage(format!("{}: {what}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            let line = error
                .span()
                .map_or(1, |span| text[..span.start].lines().count().max(1));
            wrong(format!("line {line}: {}", error.message().replace('\n', ", ")))
        })?;
        for (section, values) in &table {
            let Some(values) = values.as_table() else {
                return Err(wrong(format!("{section} stands in no section; {}", sections())));
            };
            for (name, value) in values {
                let full = format!("{section}.{name}");
                let Some(key) = KEYS.iter().find(|key| key.name == full) else {
                    let near = KEYS
                        .iter()
                        .filter(|key| key.name.starts_with(&format!("{section}.")));
                    let near: Vec<&str> = near.map(|key| key.name).collect();
                    let known = if near.is_empty() {
                        sections()
                    } else {
                        near.join(", ")
                    };
                    return Err(wrong(format!("there is no setting {full}; there are {known}")));
                };
                let text = match value {
                    toml::Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                self.set(key, text, Origin::File(path.to_owned()))?;
            }
        }
        Ok(())
    }

    fn set(&mut self, key: &Key, value: String, origin: Origin) -> Result<(), Failure> {
        if !key.kind.admits(&value) {
            let shown = if key.secret { "what is given" } else { &value };
            return Err(Failure::Usage(format!(
                "{origin}: {} can't be {shown}; it is {}",
                key.name,
                key.kind.expected()
            )));
        }
        self.values.insert(key.name, (value, origin));
        Ok(())
    }

    fn text(&self, name: &str) -> &str {
        let value = self.values.get(name).map(|(value, _)| value.as_str());
        value.expect("a setting that is asked for is in the table")
    }

    fn flag(&self, name: &str) -> bool {
        self.text(name) == "true"
    }

    fn number(&self, name: &str) -> u64 {
        let number = self.text(name).parse();
        number.expect("a number was checked when it was set")
    }

    /// Whether settings go together. Nothing is asked of anybody.
    pub fn check(&self) -> Result<(), Failure> {
        self.check_location()?;
        if !self.text("changelog.views").is_empty() && self.brokers().is_none() {
            return Err(Failure::Usage(
                "changelog.views are topics beside the log in Kafka: say kafka.brokers, or leave them out"
                    .to_owned(),
            ));
        }
        Ok(())
    }

    /// The data directory.
    pub fn data(&self) -> PathBuf {
        PathBuf::from(self.text("data.directory"))
    }

    /// How many workers.
    pub fn workers(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        match usize::try_from(self.number("runtime.workers")) {
            Ok(0) | Err(_) => cores().min(runtime::dataflow::WORKERS_MAX),
            Ok(workers) => workers,
        }
    }

    /// When records are made durable.
    pub fn fsync(&self) -> Fsync {
        match self.text("log.fsync") {
            "never" => Fsync::Never,
            _ => Fsync::EachGroup,
        }
    }

    /// Bytes of a segment of the log.
    pub fn segment_bytes_max(&self) -> u64 {
        self.number("log.segment_mib") << 20
    }

    /// The brokers of Kafka; none: the log is in the data directory.
    pub fn brokers(&self) -> Option<&str> {
        Some(self.text("kafka.brokers")).filter(|brokers| !brokers.is_empty())
    }

    /// The limits of binding epochs.
    pub fn limits(&self) -> Limits {
        Limits {
            in_flight_max: self.number("timeline.in_flight_max"),
            heartbeat_ms: self.number("timeline.heartbeat_ms"),
            jump_ms_max: self.number("timeline.clock_jump_ms_max"),
        }
    }

    /// Bytes for the view store's pages.
    pub fn store_cache_bytes(&self) -> u64 {
        self.number("store.cache_mib") << 20
    }

    /// Bytes of the view store's write-ahead log, at most.
    pub fn wal_bytes_max(&self) -> u64 {
        self.number("store.wal_mib_max") << 20
    }

    /// Where the API listens: an address or a host's name, and a port.
    pub fn listen(&self) -> &str {
        self.text("api.listen")
    }

    /// The token that requests have to carry.
    pub fn token(&self) -> Option<&str> {
        Some(self.text("api.token")).filter(|token| !token.is_empty())
    }

    /// Whether the API may listen anywhere without a token.
    pub fn insecure(&self) -> bool {
        self.text("api.insecure") == "true"
    }

    /// What is logged.
    pub fn log_filter(&self) -> &str {
        self.text("logging.filter")
    }

    /// Whether logs are lines of JSON, given whether stderr is a terminal.
    pub fn log_json(&self, terminal: bool) -> bool {
        match self.text("logging.format") {
            "json" => true,
            "human" => false,
            _ => !terminal,
        }
    }

    /// What is in force, as TOML, and who said so.
    pub fn show(&self) -> String {
        document(|key| {
            let (value, origin) = &self.values[key.name];
            let hidden = key.secret && !value.is_empty();
            let value = if hidden { "(hidden)" } else { value };
            (key.kind.toml(value), format!("  # {origin}"))
        })
    }
}

/// The documented file with all defaults.
pub fn default_file() -> String {
    document(|key| (key.kind.toml(key.default), String::new()))
}

fn sections() -> String {
    let mut sections: Vec<&str> = KEYS.iter().filter_map(|key| key.name.split('.').next()).collect();
    sections.dedup();
    format!("the sections are {}", sections.join(", "))
}

/// All settings as TOML; `value` gives each its value and what follows on the line.
fn document(value: impl Fn(&Key) -> (String, String)) -> String {
    let mut out = String::from("# millrace.toml. Every setting can be given in the environment, too.\n");
    let mut open = "";
    for key in KEYS {
        let (section, name) = key.name.split_once('.').unwrap_or(("", key.name));
        if section != open {
            open = section;
            let _ = writeln!(out, "\n[{section}]");
        }
        for line in wrapped(key.about) {
            let _ = writeln!(out, "# {line}");
        }
        let _ = writeln!(out, "# Is {}; {}.", key.kind.expected(), variable(key));
        let (value, after) = value(key);
        let _ = writeln!(out, "{name} = {value}{after}");
    }
    out
}

/// A text in lines of up to 100 characters.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is always a line");
        if line.len() + word.len() < 100 {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(
        text: &str,
        environment: &[(&str, &str)],
        flags: &[(&'static str, &str)],
    ) -> Result<Config, String> {
        let name = format!(
            "millrace-config-{}-{:?}",
            std::process::id(),
            std::thread::current().id()
        );
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, text).expect("the system's folder can be written");
        let environment = environment
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()));
        let flags: Vec<_> = flags.iter().map(|(a, b)| (*a, Some((*b).to_owned()))).collect();
        let config = Config::load(Some(&path), environment, &flags);
        std::fs::remove_file(&path).expect("it was just written");
        config.map_err(|failure| failure.to_string())
    }

    #[test]
    fn the_last_word_counts_and_is_told() {
        let file = "[runtime]\nworkers = 3\n[timeline]\nheartbeat_ms = 500\n";
        let environment = [("MILLRACE_RUNTIME_WORKERS", "4"), ("MILLRACE_OTHER", "x")];
        let config = load(file, &environment, &[]).expect("it is fine");
        assert_eq!((config.workers(), config.limits().heartbeat_ms), (4, 500));
        assert_eq!(config.limits().in_flight_max, Limits::default().in_flight_max);
        let config = load(file, &environment, &[("runtime.workers", "5")]).expect("it is fine");
        assert_eq!(config.workers(), 5);
        let shown = config.show();
        assert!(shown.contains("workers = 5  # command line"), "{shown}");
        assert!(shown.contains("in_flight_max = 4  # default"), "{shown}");
    }

    #[test]
    fn views_are_topics_only_beside_a_log_in_kafka() {
        let views = (
            "MILLRACE_CHANGELOG_VIEWS".to_owned(),
            "orders, stock_levels".to_owned(),
        );
        let alone = Config::load(None, [views.clone()], &[]).expect("they are views");
        let said = alone.check().expect_err("there is no Kafka").to_string();
        assert!(
            said.contains("changelog.views") && said.contains("kafka.brokers"),
            "{said}"
        );
        let brokers = ("MILLRACE_KAFKA_BROKERS".to_owned(), "localhost:9092".to_owned());
        let beside = Config::load(None, [views, brokers], &[]).expect("they are settings");
        beside.check().expect("they go together");
        let wrong = ("MILLRACE_CHANGELOG_VIEWS".to_owned(), "orders,no_view".to_owned());
        assert!(Config::load(None, [wrong], &[]).is_err());
    }

    #[test]
    fn what_is_wrong_is_named_with_key_value_and_remedy() {
        for (file, said) in [
            (
                "[runtime]\nworkers = 1000",
                &["runtime.workers", "1000", "0 to 256"][..],
            ),
            ("[runtime]\nworkers = -1", &["runtime.workers", "-1"]),
            ("[runtime]\nworker = 1", &["runtime.worker;", "runtime.workers"]),
            ("[engine]\nworkers = 1", &["engine.workers", "data, runtime, log"]),
            ("workers = 1", &["workers stands in no section", "runtime"]),
            ("[log]\nfsync = true", &["log.fsync", "true", "each-group, never"]),
            ("[log]\n\nfsync = ", &["line 3"]),
            ("[timeline]\nheartbeat_ms = 1.5", &["heartbeat_ms", "1.5"]),
        ] {
            let refused = load(file, &[], &[]).expect_err(file);
            for part in said {
                assert!(refused.contains(part), "{file}: {refused:?} says {part:?}");
            }
            assert_eq!(refused.lines().count(), 1, "{refused}");
        }
        let refused = load("", &[("MILLRACE_LOG_FSYNC", "maybe")], &[]).expect_err("no word of it");
        assert!(
            refused.starts_with("MILLRACE_LOG_FSYNC: log.fsync can't be maybe"),
            "{refused}"
        );
    }

    #[test]
    fn defaults_are_valid_and_the_default_file_says_nothing_else() {
        for key in KEYS {
            assert!(key.kind.admits(key.default), "{}", key.name);
        }
        let config = load(&default_file(), &[], &[]).expect("the default file is fine");
        let other = Config::load(None, [], &[]).expect("defaults are fine");
        for (name, (value, _)) in &config.values {
            assert_eq!(*value, other.values[name].0, "{name}");
        }
        assert_eq!(config.limits(), Limits::default());
    }
}
