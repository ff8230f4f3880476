//! `bench kafka` in a build without Kafka.

use crate::{Figure, Settings};

pub(crate) fn run(_: &Settings, _: &mut dyn FnMut(&str)) -> Result<Vec<Figure>, String> {
    Err("it was built without Kafka: build it with --features kafka".to_owned())
}
