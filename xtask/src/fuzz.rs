//! `cargo xtask fuzz`: the fuzz targets, which live in a workspace of their own.

use crate::Outcome;
/// Whether there are fuzz targets.
#[must_use]
pub fn exists() -> bool {
    false
}
/// x
pub fn run(_seconds: u64, _target: Option<&str>) -> Outcome {
    Ok(())
}
/// x
pub fn lints() -> Outcome {
    Ok(())
}
