//! What a frontier covers, as JSON: `{topic: [next offset per partition]}`.

use contract::log::Topic;
use serde_json::{Map, Value as Json};

/// The offsets as JSON.
pub(crate) fn ends_json(ends: &[Vec<u64>; 9]) -> Json {
    let of = |topic: Topic| (topic.name().to_owned(), Json::from(ends[topic as usize].clone()));
    Json::Object(Topic::ALL.into_iter().map(of).collect::<Map<_, _>>())
}

/// The offsets that [`ends_json`] wrote; `None`: somebody else wrote it.
pub(crate) fn ends_of(said: &Json) -> Option<[Vec<u64>; 9]> {
    let topics = said.as_object()?;
    let mut ends: [Vec<u64>; 9] = Default::default();
    for topic in Topic::ALL {
        let offsets = topics.get(topic.name())?.as_array()?;
        ends[topic as usize] = offsets.iter().map(Json::as_u64).collect::<Option<_>>()?;
    }
    (topics.len() == ends.len()).then_some(ends)
}
