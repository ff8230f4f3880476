//! What holds of every sink that follows the view store, whatever it is kept in.

#![allow(clippy::unwrap_used, reason = "a test that panics fails")]

mod common;

use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use common::Directory;
use common::history::{History, commit_of};
use contract::delta::Delta;
use contract::views::View;
use millrace_sinks::decide::Limits;
use millrace_sinks::follow::follow;
use millrace_sinks::{Commit, Frontier, Hold, Sink, SinkError};

const VIEWS: &[View] = &[View::Orders, View::StockLevels];

/// A sink that is at one thing until it is let go.
struct Stuck(Receiver<()>);

impl Stuck {
    fn wait(&self) -> Result<(), SinkError> {
        let _ = self.0.recv();
        Ok(())
    }
}

impl Sink for Stuck {
    fn name(&self) -> &str {
        "stuck"
    }

    fn views(&self) -> &[View] {
        VIEWS
    }

    fn frontier(&mut self) -> Result<Option<Frontier>, SinkError> {
        Ok(None)
    }

    fn commit(&mut self, _: &Commit) -> Result<(), SinkError> {
        self.wait()
    }

    fn refill(
        &mut self,
        _: &Frontier,
        _: &mut dyn Iterator<Item = Result<Delta, SinkError>>,
    ) -> Result<(), SinkError> {
        self.wait()
    }

    fn hold(&self) -> Hold {
        Hold::nothing_to_do()
    }
}

#[test]
fn a_stop_waits_no_longer_than_it_was_told_whatever_the_sink_is_at() {
    let directory = Directory::new(VIEWS);
    let mut history = History::new(9, VIEWS, 10);
    let mut store = directory.store();
    store.commit(&commit_of(&[history.advance()])).unwrap();
    let readers = store.readers();
    let limits = Limits {
        epochs: 10,
        changes: 10_000,
        bytes: 1 << 20,
    };
    let (let_go, stuck) = channel();
    let make = |_| -> Box<dyn Sink> { Box::new(Stuck(stuck)) };
    let (mut store, follower) = follow("stuck", Box::new(store), readers, limits, make).unwrap();
    store.commit(&commit_of(&[history.advance()])).unwrap();
    let since = Instant::now();
    // It ends only once it is let go, which nobody does before the stop is over.
    let progress = follower.stop(Duration::from_millis(300));
    assert!(
        since.elapsed() >= Duration::from_millis(300),
        "it was given its time"
    );
    assert_eq!((progress.epoch, progress.refills), (None, 0));
    drop(let_go);
}
