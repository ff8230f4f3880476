//! `cargo xtask crash --kafka`: the same with log and timeline in Kafka, and the broker killed, too. It is the test of
//! CI (`tests/kafka/crashes.rs`), for longer; the points are not used.

use crate::process::{cargo, passes};
use crate::test::FEATURES;
use crate::{Failure, Outcome};

/// The test.
const TEST: &str = "crashes::whoever_is_killed_at_random_moments_nothing_is_lost_or_doubled";

/// Kills millrace so many times, and the broker so many.
///
/// # Errors
/// If Kafka can't be had, or something is lost or doubled.
pub fn run(seed: u64, kills: u64, broker_kills: u64) -> Outcome {
    if let Some(why) = servers::kafka::hindrance() {
        return Err(Failure::Found(why));
    }
    println!("seed {seed}, {kills} kills of millrace, {broker_kills} of the broker");
    // As all tests are built, so that nothing is built twice.
    let mut test = cargo(&["test", "--workspace", "--features", FEATURES, "--test", "kafka"]);
    test.args(["--", "--exact", TEST, "--nocapture"]);
    test.env("MILLRACE_SEED", seed.to_string());
    test.env("MILLRACE_KILLS", kills.to_string());
    test.env("MILLRACE_BROKER_KILLS", broker_kills.to_string());
    passes(
        &mut test,
        &format!(
            "again: cargo xtask crash --kafka --times {kills} --broker-kills {broker_kills} --seed {seed}"
        ),
    )
}
