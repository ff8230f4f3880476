//! `millrace checkpoints`: what there is to start from, whether it is sound, and what is given up.

use std::fmt::Write as _;

use contract::log::{Epoch, Topic};
use runtime::checkpoint::{CheckpointError, Manifest, Place, prune, trim_log};
use runtime::restart;
use sinks::sqlite::Readers;
use streams::timeline;

use crate::Failure;
use crate::config::Config;
use crate::data::Data;
use crate::output::print;
use crate::progress::spinner;

fn undone(error: impl std::fmt::Display) -> Failure {
    Failure::Undone(error.to_string())
}

/// Lists them, newest first.
pub fn list(config: &Config) -> Result<(), Failure> {
    Data::existing(&config.data())?;
    let place = config.checkpoint_place()?;
    let mut out = String::new();
    for found in place.list().map_err(undone)? {
        let _ = match &found.manifest {
            None => writeln!(out, "{}  incomplete", found.id),
            Some(Err(why)) => writeln!(out, "{}  unreadable: {why}", found.id),
            Some(Ok(manifest)) => writeln!(out, "{}  {}", found.id, describe(manifest)),
        };
    }
    if out.is_empty() {
        let _ = writeln!(out, "there are no checkpoints in {}", place.name());
    }
    print(&out)
}

fn describe(manifest: &Manifest) -> String {
    let records: u64 = manifest.binding.ends.iter().flatten().sum();
    let mut text = format!(
        "epoch {} of {}, logic {}, after {} records: {} parts, {} bytes",
        manifest.id.epoch.0,
        manifest.binding.clock,
        manifest.logic,
        bench::thousands(&records.to_string()),
        manifest.parts.len(),
        bench::thousands(&manifest.bytes().to_string()),
    );
    for (kind, (count, bytes)) in &manifest.census {
        let (count, bytes) = (
            bench::thousands(&count.to_string()),
            bench::thousands(&bytes.to_string()),
        );
        let _ = write!(text, "; {kind} {count}, {bytes} bytes");
    }
    text
}

/// Reads every part of every checkpoint as a start would. Status 1 if one can't be used; 3 if that can't be
/// said of all, as the place does not answer.
pub fn verify(config: &Config) -> Result<(), Failure> {
    Data::existing(&config.data())?;
    let place = config.checkpoint_place()?;
    let (mut out, mut bad, mut sound, mut unread) = (String::new(), 0, 0, None);
    for found in place.list().map_err(undone)? {
        let read = match found.manifest {
            // It is being written, or was given up; nobody takes it for a checkpoint.
            None => continue,
            Some(Err(why)) => Err(why),
            Some(Ok(manifest)) => read(&place, &manifest, config.workers()),
        };
        let _ = match read {
            Ok(()) => {
                sound += 1;
                writeln!(out, "{}  sound", found.id)
            }
            Err(why) if why.is_damage() => {
                bad += 1;
                writeln!(out, "{}  {why}", found.id)
            }
            Err(why) => {
                let written = writeln!(out, "{}  can't be read for the moment: {why}", found.id);
                let (unread, _) = unread.get_or_insert((0, why));
                *unread += 1;
                written
            }
        };
    }
    let open = unread
        .as_ref()
        .map_or(String::new(), |(count, _)| format!(", {count} not read"));
    let _ = writeln!(out, "{sound} sound, {bad} damaged{open}, in {}", place.name());
    print(&out)?;
    if bad > 0 {
        return Err(Failure::Bad(format!(
            "{bad} checkpoints can't be used; remove them with millrace checkpoints prune, or by hand"
        )));
    }
    let unanswered =
        |(count, why)| Failure::Undone(format!("{count} checkpoints can't be read for the moment: {why}"));
    unread.map_or(Ok(()), |unread| Err(unanswered(unread)))
}

fn read(place: &Place, manifest: &Manifest, threads: usize) -> Result<(), CheckpointError> {
    let line = spinner(format!("reading checkpoint {}", manifest.id));
    let read = restart::read(place, manifest, threads);
    line.finish_and_clear();
    read.map(drop)
}

/// The epoch that the view store stands at; none if there is none, or it is empty.
fn shown(data: &Data) -> Result<Option<Epoch>, Failure> {
    if !data.has_store() {
        return Ok(None);
    }
    let readers = Readers::new(&data.store_config(&Config::default()));
    let (frontier, _) = readers.tables(&[]).map_err(undone)?;
    Ok(frontier.map(|frontier| frontier.epoch))
}

/// Removes all but the newest that are to be kept.
pub fn remove(config: &Config, keep: Option<usize>) -> Result<(), Failure> {
    let data = Data::existing(&config.data())?;
    // Nobody writes one meanwhile.
    let _log = data.any_log(config)?;
    let place = config.checkpoint_place()?;
    let keep = keep.unwrap_or_else(|| config.checkpoints_kept());
    let removed = prune(&place, keep, shown(&data)?).map_err(undone)?;
    let names: Vec<String> = removed.iter().map(ToString::to_string).collect();
    print(&match names.as_slice() {
        [] => "nothing to remove\n".to_owned(),
        names => format!("removed {}\n", names.join(", ")),
    })
}

/// Trims the log up to the oldest checkpoint.
pub fn trim(config: &Config) -> Result<(), Failure> {
    let data = Data::existing(&config.data())?;
    let log = data.any_log(config)?;
    let (log, installation) = (log.log.as_ref(), log.installation);
    let place = config.checkpoint_place()?;
    let trimmed = trim_log(log, &place, installation, shown(&data)?).map_err(undone)?;
    if trimmed.epoch.0 == 0 {
        return Err(Failure::Undone(format!(
            "there is no checkpoint in {} that a start with this view store could go on from, so that the whole log is needed; \
             millrace up takes one every checkpoint.interval_s",
            place.name()
        )));
    }
    let mut left = 0;
    for topic in Topic::ALL.map(Topic::name).into_iter().chain([timeline::TOPIC]) {
        let (starts, ends) = (
            log.starts(topic).map_err(undone)?,
            log.ends(topic).map_err(undone)?,
        );
        left += ends.iter().sum::<u64>() - starts.iter().sum::<u64>();
    }
    print(&format!(
        "gave up {} records; the log begins after epoch {} and has {} left\n",
        bench::thousands(&trimmed.records.to_string()),
        trimmed.epoch.0,
        bench::thousands(&left.to_string())
    ))
}
