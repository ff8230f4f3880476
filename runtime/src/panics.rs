//! A panic in any thread ends the process: a worker that is gone is waited for by its peers for ever, and an
//! accounting assertion that trips must not be survived (design, invariant 7). The message names the record
//! that was being decided, and how it is skipped.

use std::cell::Cell;
use std::io::Write as _;

use contract::log::Position;

thread_local! {
    static AT: Cell<Option<Position>> = const { Cell::new(None) };
}

/// Notes which record this thread is deciding.
#[inline]
pub fn at(position: Option<Position>) {
    AT.set(position);
}

/// From now on a panic in any thread says what happened and ends the process at once (status 134 on Unix).
pub fn abort_on_panic() {
    std::panic::set_hook(Box::new(|info| {
        let what = info.payload_as_str().unwrap_or("a panic without a text");
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or("a thread");
        let record = AT
            .get()
            .map(|at| format!("{}/{}/{}", at.topic.name(), at.partition, at.offset));
        let (record, way_out) = record.map_or_else(Default::default, |record| {
            let way_out = format!("; if it comes again: millrace up --skip {record}");
            (format!(" while deciding {record}"), way_out)
        });
        // Nobody is left to tell if stderr is closed.
        let _ = writeln!(
            std::io::stderr(),
            "millrace: a fault of ours in {thread}{record}: {what} ({place}); nothing of that epoch was kept{way_out}"
        );
        std::process::abort();
    }));
}
