//! What is read from a checkpoint is what was written, or it is told that it is not.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use contract::digest::Digest;
use contract::installation::Installation;
use contract::log::{Binding, Epoch};
use contract::time::Time;
use millrace_runtime::checkpoint::{
    CheckpointError, FORMAT, Id, Manifest, Place, Source, Take, Taken, load, prune, take,
};
use streams::timeline::{Generation, no_ends};

/// A directory that is gone afterwards.
struct Dir(PathBuf);

impl Dir {
    fn new(test: &str) -> Dir {
        let path = std::env::temp_dir().join(format!("millrace-places-{test}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Dir(path)
    }

    fn place(&self) -> Place {
        Place::directory(&self.0).expect("the system's folder can be written")
    }

    fn file(&self, id: Id, name: &str) -> PathBuf {
        self.0.join(id.to_string()).join(name)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

struct Plain(Vec<(&'static str, Vec<u8>)>);

impl Source for Plain {
    fn parts(&self) -> Vec<String> {
        self.0.iter().map(|(name, _)| (*name).to_owned()).collect()
    }

    fn encode(&self, part: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0[part].1);
    }

    fn census(&self) -> BTreeMap<String, (u64, u64)> {
        [("things".to_owned(), (self.0.len() as u64, 7))].into()
    }
}

fn parts() -> Vec<(&'static str, Vec<u8>)> {
    let long: Vec<u8> = (0..5000u32).flat_map(|n| (n % 300).to_le_bytes()).collect();
    vec![
        ("a-0", long),
        ("a-1", b"short".to_vec()),
        ("b", Vec::new()),
        ("c", b"trohs".to_vec()),
    ]
}

fn of_epoch(epoch: u64) -> Take {
    let mut ends = no_ends();
    ends[5] = vec![3, 4];
    Take {
        installation: Installation::new(1, [1; 10]),
        logic: 3,
        generation: 7,
        binding: Binding {
            epoch: Epoch(epoch),
            clock: Time::from_ms(1_790_000_000_000).expect("a time"),
            ends,
        },
        digest: Digest::default(),
        in_force: Some(Generation {
            number: 7,
            owner: "me".to_owned(),
        }),
        timeline_offset: epoch + 2,
        sources: vec![Box::new(Plain(parts()))],
    }
}

fn taken(place: &Place, epoch: u64) -> Taken {
    let taken = take(place, 2, of_epoch(epoch), &|| true, || Ok(true));
    taken.expect("it can be written").expect("it is stored")
}

fn read(place: &Place, manifest: &Manifest) -> Result<Vec<(String, Vec<u8>)>, CheckpointError> {
    load(place, manifest, 2, &|name, bytes| Ok((name.to_owned(), bytes)))
}

fn newest(place: &Place) -> Manifest {
    let found = place.list().expect("it answers");
    found[0].whole().expect("it is whole").clone()
}

#[test]
fn what_is_read_is_what_was_written() {
    let dir = Dir::new("round");
    let place = dir.place();
    let taken = taken(&place, 9);
    let manifest = newest(&place);
    assert_eq!(manifest, taken.manifest);
    let take = of_epoch(9);
    assert_eq!(
        (manifest.binding.clone(), manifest.in_force.clone()),
        (take.binding, take.in_force)
    );
    assert_eq!(manifest.census["things"], (4, 7));
    let read = read(&place, &manifest).expect("it is sound");
    let wrote: Vec<_> = parts()
        .into_iter()
        .map(|(name, bytes)| (name.to_owned(), bytes))
        .collect();
    assert_eq!(read, wrote);
    assert!(manifest.bytes() < 5000 * 4, "it is compressed");
}

#[test]
fn every_byte_counts() {
    let dir = Dir::new("flip");
    let place = dir.place();
    let manifest = taken(&place, 9).manifest;
    let id = manifest.id;
    for name in ["manifest", "a-0.lz4", "a-1.lz4", "b.lz4"] {
        let file = dir.file(id, name);
        let good = std::fs::read(&file).expect("it is there");
        let spoilt = |bytes: &[u8], how: &str| {
            std::fs::write(&file, bytes).expect("it can be written");
            let found = place.list().expect("it answers").remove(0);
            let unusable = match found.manifest.expect("the manifest is there") {
                Err(_) => true,
                Ok(manifest) => read(&place, &manifest).is_err(),
            };
            assert!(unusable, "{name} {how}");
        };
        for at in (0..good.len()).step_by(1 + good.len() / 300) {
            let mut bytes = good.clone();
            bytes[at] ^= 1 << (at % 8);
            spoilt(&bytes, &format!("with a bit of byte {at} flipped"));
            spoilt(&good[..at], &format!("cut at {at}"));
        }
        let mut longer = good.clone();
        longer.extend_from_slice(b"\nx");
        spoilt(&longer, "with more at its end");
        std::fs::write(&file, &good).expect("it can be written");
        read(&place, &newest(&place)).expect("it is sound again");
    }
}

#[test]
fn parts_that_are_swapped_or_missing_are_told_by_name() {
    let dir = Dir::new("swap");
    let place = dir.place();
    let manifest = taken(&place, 9).manifest;
    let (one, other) = (dir.file(manifest.id, "a-1.lz4"), dir.file(manifest.id, "c.lz4"));
    let good = std::fs::read(&one).expect("it is there");
    std::fs::copy(&other, &one).expect("it can be written");
    let told = read(&place, &manifest)
        .expect_err("they have the same length")
        .to_string();
    assert!(
        told.contains("part a-1") && told.contains(&manifest.id.to_string()),
        "{told}"
    );
    std::fs::write(&one, good).expect("it can be written");
    std::fs::remove_file(&other).expect("it is there");
    let told = read(&place, &manifest).expect_err("it is missing").to_string();
    assert!(told.contains("part c is missing"), "{told}");
}

#[test]
fn a_format_that_is_not_known_is_told_with_the_way_out() {
    let dir = Dir::new("format");
    let place = dir.place();
    let id = taken(&place, 9).manifest.id;
    std::fs::write(
        dir.file(id, "manifest"),
        format!("{{\"format\":{},\"new\":1}}\n", FORMAT + 1),
    )
    .expect("written");
    let told = place
        .list()
        .expect("it answers")
        .remove(0)
        .manifest
        .expect("it is there");
    let told = told.expect_err("it is of the future").to_string();
    assert!(told.contains("format 2") && told.contains("rebuild"), "{told}");
}

#[test]
fn without_a_manifest_there_is_none_and_giving_up_leaves_nothing() {
    let dir = Dir::new("half");
    let place = dir.place();
    let given_up = take(&place, 2, of_epoch(9), &|| true, || Ok(false));
    assert_eq!(given_up, Ok(None));
    let mut parts = 0;
    let go_on = std::cell::Cell::new(true);
    let stopped = take(&place, 2, of_epoch(9), &|| go_on.replace(false), || {
        parts += 1;
        Ok(true)
    });
    assert_eq!((stopped, parts), (Ok(None), 0));
    let failed = take(&place, 2, of_epoch(9), &|| true, || {
        Err("no space left".to_owned())
    });
    assert!(
        failed
            .expect_err("the store does not hold it")
            .to_string()
            .contains("no space left")
    );
    assert!(std::fs::read_dir(&dir.0).expect("it is there").next().is_none());
    // A process that was killed in between leaves parts.
    place
        .put(
            Id {
                epoch: Epoch(9),
                generation: 7,
            },
            "a",
            b"x",
        )
        .expect("it can be written");
    assert_eq!(place.list().expect("it answers")[0].manifest, None);
}

#[test]
fn the_newest_are_kept_and_what_was_left_over_goes() {
    let dir = Dir::new("prune");
    let place = dir.place();
    let left_over = Id {
        epoch: Epoch(3),
        generation: 1,
    };
    place.put(left_over, "a", b"x").expect("it can be written");
    taken(&place, 4);
    taken(&place, 6);
    let third = taken(&place, 8);
    let ids = |place: &Place| {
        place
            .list()
            .expect("it answers")
            .iter()
            .map(|f| f.id.epoch.0)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (ids(&place), third.removed.expect("it answers").len()),
        (vec![8, 6], 1)
    );
    // One that is damaged does not count as kept; one that is newer than all others stays to be looked at.
    std::fs::write(dir.file(third.manifest.id, "manifest"), "?").expect("it can be written");
    assert_eq!(prune(&place, 1, Some(Epoch(8))).expect("it answers"), []);
    taken(&place, 9);
    taken(&place, 10);
    assert_eq!(ids(&place), [10, 9]);
}

#[test]
fn what_a_view_store_has_yet_to_reach_takes_the_place_of_nothing_that_it_needs() {
    let dir = Dir::new("older-store");
    let place = dir.place();
    for epoch in [50, 60] {
        taken(&place, epoch);
    }
    // The store was brought back as of epoch 42, and went on from there.
    assert_eq!(taken(&place, 43).removed, Ok(Vec::new()));
    let epochs = |place: &Place| {
        let found = place.list().expect("it answers");
        found.iter().map(|found| found.id.epoch.0).collect::<Vec<_>>()
    };
    assert_eq!(epochs(&place), [60, 50, 43]);
    taken(&place, 44);
    taken(&place, 45);
    assert_eq!(epochs(&place), [60, 50, 45, 44]);
    assert_eq!(prune(&place, 1, None).expect("it answers"), []);
    taken(&place, 61);
    assert_eq!(epochs(&place), [61, 60]);
}

#[test]
fn a_place_that_can_not_be_written_is_told() {
    let dir = Dir::new("readonly");
    std::fs::create_dir_all(&dir.0).expect("it can be made");
    let file = dir.0.join("file");
    std::fs::write(&file, "x").expect("it can be written");
    let told = Place::directory(&file).expect_err("it is a file").to_string();
    assert!(told.contains(&file.display().to_string()), "{told}");
    let place = Place::directory(&dir.0.join("gone")).expect("there is nothing yet");
    std::fs::write(dir.0.join("gone"), "a file by now").expect("it can be written");
    let told = take(&place, 2, of_epoch(9), &|| true, || Ok(true)).expect_err("it is a file by now");
    assert!(told.to_string().contains(place.name()), "{told}");
    assert!(Path::new(place.name()).is_file(), "what is there is left alone");
}

#[test]
fn what_was_written_twice_is_one_and_what_another_wrote_is_not_overwritten() {
    let objects = std::sync::Arc::new(object_store::memory::InMemory::new());
    let place = Place::new(objects, "memory".to_owned()).expect("there are threads");
    let manifest = taken(&place, 9).manifest;
    // As after an answer that was lost.
    place.complete(&manifest).expect("it is what is there");
    let mut other = manifest.clone();
    other.logic += 1;
    place.complete(&other).expect("it is of the same history");
    let manifest = newest(&place);
    assert_eq!(manifest, other);
    other.installation = Installation::new(2, [2; 10]);
    let told = place.complete(&other).expect_err("another is there");
    assert!(
        !told.is_damage() && told.to_string().contains("another process"),
        "{told}"
    );
    assert_eq!(newest(&place), manifest);
}
