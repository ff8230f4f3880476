//! The command line: its commands and flags. Their comments are what help, man pages and completions show.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::config::Config;
use crate::{Failure, demo, export, generate, log, query, up};

/// Commerce on a log: orders, payments, stock and coupons as streams, everything read as incremental views.
#[derive(Debug, Parser)]
#[command(
    name = "millrace",
    version,
    max_term_width = 100,
    after_help = "First steps:\n  \
                  millrace demo                 a month of a real shop, then customers who keep buying\n  \
                  millrace up                   your own, at http://127.0.0.1:8080\n  \
                  millrace generate             load for it\n  \
                  millrace help COMMAND         more, with examples"
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run on a data directory until asked to stop.
    ///
    /// Records that come are bound to epochs and decided; the views are in DIR/views.sqlite. SIGINT and
    /// SIGTERM stop it. HTTP is served at ADDR: commands, reads, live changes, /docs. With a token
    /// (api.token) every request must bring that as a bearer token.
    #[command(
        after_help = "Examples:\n  millrace up\n  millrace up --data /srv/shop --workers 4\n  \
                      MILLRACE_API_TOKEN=s3cret millrace up --listen 0.0.0.0:8080\n  \
                      millrace up --kafka broker-1:9092,broker-2:9092"
    )]
    Up {
        #[command(flatten)]
        settings: Settings,
        /// Quarantine a record that can't be decided, as a fault of ours trips at it, in every replay from now
        /// on. One that was decided can't be skipped.
        #[arg(long, value_name = "TOPIC/PARTITION/OFFSET")]
        skip: Vec<up::Skip>,
    },
    /// Decide a real month of orders, show what became of them, and keep a shop running.
    ///
    /// The month is December 2010 of the UCI Online Retail data (Daqing Chen, CC BY 4.0), which comes with
    /// the program. It goes through the log and into the view store; every figure is read from the views, and
    /// an oracle that knows nothing of the job decides the month a second time. Then HTTP is served as by
    /// millrace up, and a few simulated customers keep buying, until Ctrl-C. The next run goes on.
    #[command(
        after_help = "Examples:\n  millrace demo\n  millrace demo --speed 60s --listen 127.0.0.1:9000\n  \
                      millrace demo --fresh\n  millrace demo --exit\n  \
                      millrace demo --exit --file online_retail.csv.gz"
    )]
    Demo(demo::Args),
    /// Make load: simulated customers order, pay, cancel, or storm a flash sale.
    ///
    /// First it sets up products and stock (or the campaign), then it sends orders one by one, and what their
    /// customers and the bank do next. What a busy server refuses for the moment is sent again, and counted.
    /// At the end it says what was taken, how fast, and how long answers took. Ctrl-C ends it early.
    #[command(
        after_help = "Examples:\n  millrace generate\n  millrace generate --rate 500 --seconds 60\n  \
                      millrace generate --rate max --orders 50000\n  \
                      millrace generate --flash-sale --claims 100000 --customers 20000 --quota 100\n  \
                      millrace generate --data ./big --orders 1000000"
    )]
    Generate(Box<generate::Args>),
    /// Bring a history of real data into the log, bound with the clock of its own time.
    #[command(subcommand)]
    Import(Source),
    /// Read and write the log.
    #[command(subcommand)]
    Log(LogCommand),
    /// What a start goes on from: the jobs' state at some epochs.
    #[command(subcommand)]
    Checkpoints(CheckpointCommand),
    /// Copy log, view store and checkpoints as of one epoch, also while millrace runs.
    ///
    /// DIR is made, or empty. It holds all that was acknowledged before the backup began. What runs goes on; it
    /// can't shorten the view store's write-ahead log meanwhile.
    #[command(after_help = "Examples:\n  millrace backup /mnt/backups/monday\n  \
                      millrace backup ./copy --data /srv/shop")]
    Backup {
        /// Where to.
        dir: PathBuf,
        #[command(flatten)]
        place: PlaceArgs,
    },
    /// Make a data directory of a backup, which must be what was written, byte for byte.
    ///
    /// The data directory is made, or empty. Never run it and what was backed up at the same time on the same
    /// orders: two logs that have gone apart are merged by nobody.
    #[command(after_help = "Examples:\n  millrace restore /mnt/backups/monday --data ./restored")]
    Restore {
        /// The backup.
        dir: PathBuf,
        #[command(flatten)]
        place: PlaceArgs,
    },
    /// Decide the log again into a view store beside the old one: the way to another version of the logic.
    ///
    /// It works on what the log holds when it begins, also while millrace runs, and goes on where it was
    /// stopped. The store is views-next.sqlite in the data directory. With --accept it takes the place of
    /// views.sqlite, while nothing runs; the old one stays as views-before.sqlite.
    #[command(
        after_help = "Examples:\n  millrace rebuild\n  millrace rebuild --until 1200\n  \
                      millrace rebuild --accept"
    )]
    Rebuild {
        /// Stop after this epoch; by default after the last one that is bound.
        #[arg(long, value_name = "EPOCH", conflicts_with = "accept")]
        until: Option<u64>,
        /// Take the store that was made.
        #[arg(long)]
        accept: bool,
        #[command(flatten)]
        settings: Settings,
    },
    /// List the rows that two view stores have differently. Status 1 if there are any.
    ///
    /// Both must stand at one epoch. Of stores of different versions what both have is compared. Running
    /// instances are followed, view after view, until both are at one epoch; a view's rows are held in memory
    /// meanwhile. They must be of one log, which can't be told from outside.
    #[command(after_help = "Examples:\n  \
                      millrace diff millrace-data/views.sqlite millrace-data/views-next.sqlite\n  \
                      millrace diff --at 1200 /srv/shop ./restored\n  \
                      millrace diff http://127.0.0.1:8080 http://127.0.0.1:8081")]
    Diff {
        /// A data directory, a view store's file, or http://HOST:PORT of a running instance.
        a: PathBuf,
        /// The other.
        b: PathBuf,
        /// The epoch that both must stand at.
        #[arg(long, value_name = "EPOCH")]
        at: Option<u64>,
        /// Differences that are listed, at most.
        #[arg(long, value_name = "N", default_value_t = 20)]
        show: usize,
        /// The bearer token that running instances want; by default the environment's MILLRACE_API_TOKEN.
        #[arg(long, value_name = "TOKEN")]
        token: Option<String>,
    },
    /// Compare the view store with what an oracle makes of the log. Status 1 if they differ.
    #[command(after_help = "Examples:\n  millrace verify\n  millrace verify --data /srv/shop")]
    Verify {
        #[command(flatten)]
        place: PlaceArgs,
    },
    /// Ask the views with SQL, also while millrace runs: nothing is changed.
    ///
    /// One statement that reads, answered as of one epoch, which is told on stderr. The views are tables;
    /// product_listing and order_facts join what is often asked for together. See docs/analysts.md.
    #[command(after_help = "Examples:\n  millrace query --tables\n  \
                      millrace query \"SELECT status, count(*) AS orders FROM orders GROUP BY status\"\n  \
                      millrace query --file revenue.sql --format csv > revenue.csv\n  \
                      echo 'SELECT * FROM low_stock' | millrace query - --data /srv/shop")]
    Query(query::Args),
    /// Write a view to a file, as of one epoch, also while millrace runs.
    ///
    /// Any view, and the SQL views product_listing and order_facts. The file comes into being when it is whole.
    #[command(after_help = "Examples:\n  millrace export order_facts --format parquet\n  \
                      millrace export orders --output orders.csv --where \"placed_at >= '2024-01-01'\"\n  \
                      millrace export low_stock --format ndjson --output -")]
    Export(export::Args),
    /// What is configured: by default, in millrace.toml, in the environment, by flags.
    #[command(
        subcommand,
        after_help = "Examples:\n  millrace config show\n  millrace config check --config shop.toml\n  \
                      millrace config default > millrace.toml"
    )]
    Config(ConfigCommand),
    /// The clock of a running millrace.
    #[command(
        subcommand,
        after_help = "Examples:\n  millrace clock accept --data /srv/shop"
    )]
    Clock(ClockCommand),
    /// Print a script that completes commands and flags in a shell.
    #[command(after_help = "Examples:\n  source <(millrace completions bash)\n  \
                      millrace completions fish > ~/.config/fish/completions/millrace.fish")]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Write the manual: a page for each command.
    ///
    /// Without DIR the page of millrace itself is printed.
    #[command(after_help = "Examples:\n  millrace man | man -l -\n  millrace man ~/.local/share/man/man1")]
    Man {
        /// Where the pages go; made if it is missing.
        dir: Option<PathBuf>,
    },
    /// The points at which `MILLRACE_KILL=NAME:N` ends the process, a line each.
    #[cfg(feature = "kill-points")]
    KillPoints,
    /// Measure how fast and how big, on this machine.
    #[command(
        after_help = "Examples:\n  millrace bench decide\n  millrace bench memory --json\n  millrace bench latency --rate 5000\n  \
                      millrace bench kafka --brokers localhost:9092"
    )]
    Bench {
        /// Which: decide, epoch, flash-sale, history, kafka, latency, ledger, memory, read, recovery, replay,
        /// snapshot or views.
        name: String,
        /// How many orders, in a bench of a log of orders.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
        orders: Option<u64>,
        /// Requests a second, in a bench that keeps up a rate.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
        rate: Option<u32>,
        /// Brokers of Apache Kafka that want no credentials, for the bench kafka: it makes topics of its own
        /// there, and removes them.
        #[arg(long, value_name = "HOST:PORT")]
        brokers: Option<String>,
        /// Serve a route that answers with so many bytes, for a bench that compares with it.
        #[arg(long, value_name = "BYTES", hide = true)]
        bare: Option<usize>,
        /// Restart from what lies here, for a bench that measures it.
        #[arg(long, hide = true)]
        restart: bool,
        /// Print lines of JSON {bench, metric, value, unit, aim, holds}.
        #[arg(long)]
        json: bool,
    },
}

/// Flags that stand for settings.
#[derive(Debug, clap::Args)]
pub struct Settings {
    /// The file of settings; by default ./millrace.toml, if it is there.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The data directory (data.directory); by default ./millrace-data.
    #[arg(long, value_name = "DIR")]
    pub data: Option<String>,
    /// How many threads decode and compute views (runtime.workers); by default the number of cores.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub workers: Option<u16>,
    /// Where the API listens (api.listen), an address or a host's name; by default 127.0.0.1:8080. Port 0
    /// takes any that is free.
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<String>,
    /// Listen on other addresses than loopback without a token (api.insecure).
    #[arg(long)]
    pub insecure: bool,
    /// Keep log and timeline in Apache Kafka (kafka.brokers): HOST:PORT, several with commas between. The data
    /// directory keeps views and checkpoints.
    #[arg(long, value_name = "BROKERS")]
    pub kafka: Option<String>,
}

impl Settings {
    pub fn load(&self) -> Result<Config, Failure> {
        let flags = [
            ("data.directory", self.data.clone()),
            ("runtime.workers", self.workers.map(|n| n.to_string())),
            ("api.listen", self.listen.clone()),
            ("api.insecure", self.insecure.then(|| "true".to_owned())),
            ("kafka.brokers", self.kafka.clone()),
        ];
        Config::load(self.config.as_deref(), std::env::vars(), &flags)
    }
}

#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print what is in force, and who said so.
    #[command(
        after_help = "Examples:\n  millrace config show\n  MILLRACE_RUNTIME_WORKERS=2 millrace config show"
    )]
    Show {
        #[command(flatten)]
        settings: Settings,
    },
    /// Say whether it can be used. Status 2 if not.
    #[command(after_help = "Examples:\n  millrace config check --config my.toml")]
    Check {
        #[command(flatten)]
        settings: Settings,
    },
    /// Print a documented file with all defaults.
    #[command(after_help = "Examples:\n  millrace config default > millrace.toml")]
    Default,
}

#[derive(Debug, clap::Args)]
pub struct DataArg {
    /// The data directory.
    #[arg(long, value_name = "DIR", default_value = "./millrace-data")]
    pub data: PathBuf,
}

#[derive(Debug, Subcommand)]
pub enum Source {
    /// The UCI Online Retail data, or any file of its form, plain or gzip.
    #[command(after_help = "Examples:\n  millrace import online-retail online_retail.csv.gz")]
    OnlineRetail {
        /// The file.
        file: PathBuf,
        #[command(flatten)]
        data: DataArg,
    },
    /// Film reviews of the Naver sentiment movie corpus, or any table of its form, plain or gzip.
    ///
    /// Four of ten reviewers buy what they review; of the reviews one in ten is edited later, one in twenty deleted.
    #[command(after_help = "Examples:\n  millrace import film-reviews nsmc-reviews-60k.tsv.gz")]
    FilmReviews {
        /// The file.
        file: PathBuf,
        #[command(flatten)]
        data: DataArg,
    },
}

#[derive(Debug, Subcommand)]
pub enum LogCommand {
    /// Print records: a line of JSON {partition, offset, timestamp, key, value} each.
    ///
    /// It shows what the log holds when it begins, also while millrace runs. Keys and values that are not UTF-8 are key_base64 and value_base64.
    #[command(
        after_help = "Examples:\n  millrace log cat orders\n  millrace log cat timeline --from 10 --until 20"
    )]
    Cat {
        /// The topic: operations to reviews, or timeline.
        topic: String,
        #[command(flatten)]
        range: log::Range,
        #[command(flatten)]
        place: PlaceArgs,
    },
    /// Give up the beginning of the log, up to the oldest checkpoint.
    ///
    /// Disk is freed by whole segments. What is given up can't be decided again: the views can't be made anew
    /// from the log any more, nor by another version of the logic. Ids still count once.
    #[command(after_help = "Examples:\n  millrace log trim\n  millrace log trim --data /srv/shop")]
    Trim {
        #[command(flatten)]
        place: PlaceArgs,
    },
    /// Append records from stdin: a line of JSON {key, value} or {key_base64, value_base64} each.
    ///
    /// Only while nothing runs. What they hold is not checked. A bad line appends nothing at all.
    #[command(after_help = "Examples:\n  millrace log append orders < orders.ndjson")]
    Append {
        /// The topic.
        topic: String,
        #[command(flatten)]
        place: PlaceArgs,
    },
}

/// Flags that say whose checkpoints.
#[derive(Debug, clap::Args)]
pub struct PlaceArgs {
    /// The file of settings; by default ./millrace.toml, if it is there.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The data directory (data.directory); by default ./millrace-data.
    #[arg(long, value_name = "DIR")]
    pub data: Option<String>,
    /// The brokers of Kafka, if the log is there (kafka.brokers).
    #[arg(long, value_name = "BROKERS")]
    pub kafka: Option<String>,
}

impl PlaceArgs {
    pub fn load(&self) -> Result<Config, Failure> {
        let flags = [
            ("data.directory", self.data.clone()),
            ("kafka.brokers", self.kafka.clone()),
        ];
        Config::load(self.config.as_deref(), std::env::vars(), &flags)
    }
}

#[derive(Debug, Subcommand)]
pub enum CheckpointCommand {
    /// List them, newest first.
    #[command(after_help = "Examples:\n  millrace checkpoints list")]
    List {
        #[command(flatten)]
        place: PlaceArgs,
    },
    /// Read them as a start would. Status 1 if one can't be used.
    #[command(after_help = "Examples:\n  millrace checkpoints verify --data /srv/shop")]
    Verify {
        #[command(flatten)]
        place: PlaceArgs,
    },
    /// Remove all but the newest, while nothing runs.
    #[command(after_help = "Examples:\n  millrace checkpoints prune --keep 1")]
    Prune {
        /// How many are kept (checkpoint.keep).
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
        keep: Option<u16>,
        #[command(flatten)]
        place: PlaceArgs,
    },
}

#[derive(Debug, Subcommand)]
pub enum ClockCommand {
    /// Take the wall clock as it is, after it jumped ahead and stopped the binding of epochs.
    #[command(after_help = "Examples:\n  millrace clock accept --data /srv/shop")]
    Accept {
        #[command(flatten)]
        data: DataArg,
    },
}
