//! A view store with kill points around its commits.

use api::Observed;
use contract::delta::Delta;
use contract::digest::Digest;
use contract::log::Epoch;
use contract::views::View;
use sinks::{Commit, Frontier, Hold, Sink, SinkError};

use super::around;

/// The store.
pub struct Store(pub Observed);

impl Sink for Store {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn views(&self) -> &[View] {
        self.0.views()
    }

    fn frontier(&mut self) -> Result<Option<Frontier>, SinkError> {
        self.0.frontier()
    }

    fn digests(&mut self) -> Result<Vec<(Epoch, Digest)>, SinkError> {
        self.0.digests()
    }

    fn commit(&mut self, commit: &Commit) -> Result<(), SinkError> {
        around("views", "commit", || self.0.commit(commit))
    }

    fn refill(
        &mut self,
        frontier: &Frontier,
        rows: &mut dyn Iterator<Item = Result<Delta, SinkError>>,
    ) -> Result<(), SinkError> {
        self.0.refill(frontier, rows)
    }

    fn hold(&self) -> Hold {
        self.0.hold()
    }

    fn caught_up(&mut self) -> Result<(), SinkError> {
        around("views", "caught_up", || self.0.caught_up())
    }
}
