//! Reviews. Here: which records of `reviews` count (contract, section 1). The job that shows reviews builds
//! on it.

use contract::content::Fingerprint;
use contract::decode::Reason;
use operators::once::{Once, Verdict};

use crate::checkout::Fate;

/// The reviews that were ever posted.
#[derive(Debug, Default)]
pub struct ReviewIds {
    pub(crate) posted: Once,
}

impl ReviewIds {
    /// Judges a review_posted.
    pub fn posted(&mut self, review_id: &str, content: u64) -> Fate {
        let print = Fingerprint::of(review_id.as_bytes()).0;
        match self.posted.judge(print, content) {
            Verdict::Same => Fate::Duplicate,
            Verdict::Other => Fate::Quarantined(
                Reason::Conflict,
                format!("{review_id}: has counted with another content"),
            ),
            Verdict::First => {
                self.posted.keep(print, content);
                Fate::Applied
            }
        }
    }

    /// Judges an edit or a deletion: applied if the review was ever posted, even if it is deleted by now.
    pub fn known(&mut self, review_id: &str) -> Fate {
        match self.posted.judge(Fingerprint::of(review_id.as_bytes()).0, 0) {
            Verdict::First => Fate::Quarantined(
                Reason::UnknownReview,
                format!("review_id: no such review: {review_id}"),
            ),
            Verdict::Same | Verdict::Other => Fate::Applied,
        }
    }
}
