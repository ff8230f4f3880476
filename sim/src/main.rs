//! `millrace-sim`: runs seeds, replays one, or plants bugs to see that they are found.

use std::collections::BTreeMap;
use std::io::{Write as _, stdout};
use std::ops::Range;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use clap::Parser;
use millrace_sim::{Canary, Report, STEPS, run};

/// Seeds in which a planted bug must be found.
const CANARY_SEEDS: u64 = 400;

/// Prints a line. Whoever reads may stop reading.
macro_rules! say {
    ($($what:tt)*) => {{
        let _ = writeln!(stdout(), $($what)*);
    }};
}

#[derive(Parser)]
#[command(
    name = "millrace-sim",
    about = "Simulates millrace with everything around it failing",
    max_term_width = 100
)]
struct Cli {
    /// Replays one seed and tells what happened
    #[arg(long, conflicts_with = "seeds")]
    seed: Option<u64>,
    /// Runs the seeds FROM..UNTIL, UNTIL excluded
    #[arg(long, value_parser = range, default_value = "0..1000")]
    seeds: Range<u64>,
    /// Steps of a run before all is healthy
    #[arg(long, default_value_t = STEPS)]
    steps: u64,
    /// Tells every event of the seed, not only the last ones
    #[arg(long)]
    verbose: bool,
    /// Plants a bug, or `all` of them one after another; fails if it is not found
    #[arg(long)]
    canary: Option<String>,
    /// Names the bugs that can be planted
    #[arg(long)]
    list_canaries: bool,
    /// Tells what the seeds reached, and how often
    #[arg(long)]
    reached: bool,
    /// How many seeds run side by side
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

fn range(text: &str) -> Result<Range<u64>, String> {
    let number = |text: &str| text.parse().map_err(|_| format!("{text:?} is no seed"));
    let (from, until) = text.split_once("..").ok_or("give FROM..UNTIL")?;
    Ok(number(from)?..number(until)?)
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if cli.list_canaries {
        for canary in Canary::ALL {
            say!("{:<22} {}", canary.name(), canary.what());
        }
        return ExitCode::SUCCESS;
    }
    let canaries = match cli.canary.as_deref() {
        None => None,
        Some("all") => Some(Canary::ALL.to_vec()),
        Some(name) => match Canary::from_name(name) {
            Some(canary) => Some(vec![canary]),
            None => {
                eprintln!("error: there is no canary {name:?}; --list-canaries names them");
                return ExitCode::from(2);
            }
        },
    };
    let well = match (cli.seed, canaries) {
        (Some(seed), canaries) => replay(seed, &cli, canaries.and_then(|all| all.first().copied())),
        (None, Some(canaries)) => canaries.iter().filter(|canary| !catches(**canary, &cli)).count() == 0,
        (None, None) => all_hold(&cli),
    };
    if well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Runs one seed and tells its story.
fn replay(seed: u64, cli: &Cli, canary: Option<Canary>) -> bool {
    let report = run(seed, cli.steps, canary, cli.verbose);
    for line in report.story.lines() {
        say!("{line}");
    }
    let Report { epochs, starts, .. } = report;
    let digest = report.story.digest();
    say!("seed {seed}: {epochs} epochs, {starts} processes, digest of the story {digest:016x}");
    match &report.violation {
        Some(violation) => say!("seed {seed}: VIOLATION: {}", violation.0),
        None => say!("seed {seed}: well"),
    }
    report.violation.is_none()
}

/// Runs all seeds; whether none broke an invariant.
fn all_hold(cli: &Cli) -> bool {
    let start = Instant::now();
    let seeds = cli.seeds.clone();
    let Searched {
        found,
        ran,
        epochs,
        reached,
    } = search(seeds, cli, None);
    for (what, times) in reached.iter().filter(|_| cli.reached) {
        say!("{times:>8} {what}");
    }
    let seconds = start.elapsed().as_secs_f64();
    say!("{ran} seeds, {epochs} epochs in {seconds:.1} s");
    let Some(report) = found else {
        return true;
    };
    let what = report.violation.map(|violation| violation.0).unwrap_or_default();
    say!("seed {}: VIOLATION: {what}", report.seed);
    say!(
        "replay it with: millrace-sim --seed {} --steps {} --verbose",
        report.seed,
        cli.steps
    );
    false
}

/// Plants a bug; whether it was found.
fn catches(canary: Canary, cli: &Cli) -> bool {
    let Searched { found, ran, .. } = search(0..CANARY_SEEDS, cli, Some(canary));
    let name = canary.name();
    match found {
        Some(report) => {
            let what = report.violation.map(|violation| violation.0).unwrap_or_default();
            say!("{name}: caught by seed {} of {ran}: {what}", report.seed);
            true
        }
        None => {
            say!("{name}: NOT CAUGHT in {ran} seeds");
            false
        }
    }
}

/// What a search has met.
#[derive(Default)]
struct Searched {
    /// The first seed that broke an invariant.
    found: Option<Report>,
    ran: u64,
    epochs: u64,
    reached: BTreeMap<String, u64>,
}

impl Searched {
    fn add(&mut self, report: Report) {
        self.ran += 1;
        self.epochs += report.epochs;
        for (what, times) in &report.reached {
            *self.reached.entry(what.clone()).or_default() += times;
        }
        let is_first = self.found.as_ref().is_none_or(|found| found.seed > report.seed);
        if report.violation.is_some() && is_first {
            self.found = Some(report);
        }
    }
}

/// Runs seeds side by side until one breaks an invariant.
fn search(seeds: Range<u64>, cli: &Cli, canary: Option<Canary>) -> Searched {
    let next = AtomicU64::new(seeds.start);
    let searched = Mutex::new(Searched::default());
    std::thread::scope(|scope| {
        for _ in 0..cli.threads.max(1) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let report = run(seed, cli.steps, canary, false);
                    if report.violation.is_some() {
                        // Seeds below it have begun, and are told instead if they fail as well.
                        next.store(seeds.end, Ordering::Relaxed);
                    }
                    searched
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .add(report);
                }
            });
        }
    });
    searched.into_inner().unwrap_or_else(PoisonError::into_inner)
}
