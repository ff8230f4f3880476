//! `cargo xtask crash`: kills a running millrace, at random and at named points, and looks what it left.
//!
//! Each round starts `millrace up` on a data directory under a generated load and kills it with SIGKILL. A
//! directory goes through ten rounds. After most of them, before or after the next start has recovered it,
//! `millrace verify` must agree, and the log must be what was acknowledged ([`model`]); after the others the
//! next round starts, so that recovery itself is killed too. The program is built with the feature
//! `kill-points`, whose points ([`points`]) must all have been hit in a run of many rounds.
//!
//! A seed fixes load and order of points, but not the moments of random kills.

mod child;
mod kafka;
mod life;
mod load;
mod model;
mod points;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use self::life::Life;
use self::points::Points;
use crate::process::{cargo, passes, target_dir};
use crate::{Failure, Outcome};

/// Rounds on one data directory.
const ROUNDS: u64 = 10;
/// Rounds per point from which on each point must be hit. A point may be missed a few times, so there may be
/// up to twice as many rounds until each was.
const ROUNDS_PER_POINT: u64 = 2;

/// What is asked for.
#[derive(clap::Args)]
pub struct Args {
    /// How often it is killed.
    #[arg(long, default_value_t = 100)]
    times: u64,
    /// The seed, for the same load and the same points again
    #[arg(long)]
    seed: Option<u64>,
    /// With the log in Kafka, whose broker is killed, too; for a night: --times 50
    #[arg(long)]
    kafka: bool,
    /// How often the broker is killed, with --kafka
    #[arg(long, default_value_t = 10)]
    broker_kills: u64,
    /// Stop after this many seconds, however often it was killed by then
    #[arg(long, default_value_t = 3600, conflicts_with = "kafka")]
    seconds_max: u64,
}

/// Runs the command.
///
/// # Errors
/// If something is lost or wrong after a crash.
pub fn run(args: &Args) -> Outcome {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let seed = args.seed.unwrap_or(now.map_or(0, |now| now.as_secs()));
    if args.kafka {
        return kafka::run(seed, args.times, args.broker_kills);
    }
    some(seed, args.times, Duration::from_secs(args.seconds_max))
}

/// Few rounds, for CI.
///
/// # Errors
/// As [`run`].
pub fn short(times: u64, limit: Duration) -> Outcome {
    some(1, times, limit)
}

fn some(seed: u64, times: u64, limit: Duration) -> Outcome {
    let place = target_dir().join("crash").join(std::process::id().to_string());
    fs::create_dir_all(&place).map_err(Failure::of_file(&place))?;
    let millrace = build(&place)?;
    let mut points = Points::new(&names(&millrace)?);
    println!("seed {seed}, {times} times, {} points", points.len());
    let started = Instant::now();
    let mut killed = 0;
    let all = times >= ROUNDS_PER_POINT * points.len() as u64;
    let open = |killed: u64, points: &Points| {
        let missing = all && killed < 2 * times && !points.never().is_empty();
        (killed < times || missing) && started.elapsed() < limit
    };
    while open(killed, &points) {
        let data = place.join(format!("data-{killed}"));
        let mut life = Life::new(&millrace, &data, seed.wrapping_add(killed));
        for _ in 0..ROUNDS {
            if !open(killed, &points) {
                break;
            }
            killed += 1;
            life.round(killed, &mut points).map_err(|failure| {
                Failure::Found(format!(
                    "{failure}\n  round {killed}; what it left is in {}; again: cargo xtask crash --seed \
                     {seed} --times {killed}",
                    data.display()
                ))
            })?;
        }
        life.end()?;
    }
    fs::remove_dir_all(&place).map_err(Failure::of_file(&place))?;
    let never = points.never();
    let hit = points.len() - never.len();
    println!(
        "killed {killed} times in {:.0} s, {hit} of {} points hit; nothing lost, nothing wrong",
        started.elapsed().as_secs_f64(),
        points.len()
    );
    if never.is_empty() || !all || killed < times {
        return Ok(());
    }
    Err(Failure::Found(format!("points never hit: {}", never.join(", "))))
}

/// Builds the program with its kill points. In the dev profile, whose dependencies the tests have built
/// already; the copy is ours, since the next build without the feature puts another in its place.
fn build(place: &Path) -> Outcome<PathBuf> {
    let args = [
        "build",
        "--quiet",
        "--package",
        "millrace",
        "--features",
        "kill-points",
    ];
    passes(&mut cargo(&args), "see above")?;
    let built = target_dir().join("debug").join("millrace");
    let copy = place.join("millrace");
    fs::copy(&built, &copy).map_err(Failure::of_file(&built))?;
    Ok(copy)
}

fn names(millrace: &Path) -> Outcome<String> {
    let output = std::process::Command::new(millrace).arg("kill-points").output();
    let output = output.map_err(Failure::of_file(millrace))?;
    String::from_utf8(output.stdout).map_err(|error| Failure::Found(error.to_string()))
}
