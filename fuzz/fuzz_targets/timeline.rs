//! Any lines as records of the timeline: what is refused or void changes nothing; what is bound goes
//! forwards, and is read back from what it is written as.

#![no_main]

use libfuzzer_sys::fuzz_target;
use streams::timeline::{Outcome, Timeline, no_ends};

fuzz_target!(|data: &[u8]| {
    let mut timeline = Timeline::default();
    for line in data.split(|b| *b == b'\n') {
        let before = timeline.clone();
        match timeline.apply(Some(line)) {
            Err(_) | Ok(Outcome::Void) => assert_eq!(timeline, before),
            Ok(Outcome::Bound) => check(&before, &timeline),
        }
    }
});

fn check(before: &Timeline, after: &Timeline) {
    let last = after.last().expect("something was bound");
    assert_eq!(last.epoch, before.next_epoch());
    let ends = before.last().map_or_else(no_ends, |last| last.ends.clone());
    assert!(before.last().is_none_or(|before| before.clock <= last.clock));
    for (before, now) in ends.iter().zip(&last.ends) {
        assert!(before.len() <= now.len() && before.iter().zip(now).all(|(b, n)| b <= n));
    }
    let taken = after
        .generation()
        .filter(|_| after.generation() != before.generation());
    let mut again = before.clone();
    let record = before.encode(last, taken);
    assert_eq!(again.apply(Some(record.as_bytes())), Ok(Outcome::Bound));
    assert_eq!(&again, after);
}
