//! Reviews: which records of `reviews` count (contract, section 1), and what they do to a review.

use std::sync::Arc;

use contract::content::Fingerprint;
use contract::decode::Reason;
use differential_dataflow::difference::{IsZero, Multiply, Semigroup};
use operators::keyed::Change;
use operators::once::{Once, Verdict};
use serde::{Deserialize, Serialize};

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

/// What a customer wrote.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Review {
    /// The product, by number.
    pub product: u32,
    /// The customer, by number.
    pub customer: u32,
    /// 1 to 5.
    pub rating: u8,
    /// What was written.
    pub text: Arc<str>,
    /// A JSON list.
    pub images: Arc<str>,
}

/// What a record does to a review.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ReviewChange {
    /// It is this.
    Put(Arc<Review>),
    /// Another rating or text.
    Edit(Option<u8>, Option<Arc<str>>),
    /// It is gone.
    Delete,
}

impl Change for ReviewChange {
    type Sub = ();
    type Value = Arc<Review>;
    const LEAST: () = ();

    fn sub(&self) -> Option<()> {
        Some(())
    }

    // A post counts once by its id, over the whole log ([`ReviewIds`]).
    fn is_first(&self) -> bool {
        matches!(self, ReviewChange::Put(_))
    }

    fn apply(&self, row: Option<&Arc<Review>>) -> Option<Arc<Review>> {
        match self {
            ReviewChange::Put(review) => Some(Arc::clone(review)),
            ReviewChange::Delete => None,
            // What is deleted stays so.
            ReviewChange::Edit(rating, text) => row.map(|row| {
                Arc::new(Review {
                    rating: rating.unwrap_or(row.rating),
                    text: text.clone().unwrap_or_else(|| Arc::clone(&row.text)),
                    images: Arc::clone(&row.images),
                    ..**row
                })
            }),
        }
    }

    fn put((): (), row: Arc<Review>) -> Self {
        ReviewChange::Put(row)
    }
}

/// A review's id behind its hash: nearly all comparisons end at a number, without following a pointer.
pub type ReviewKey = (u64, Arc<str>);

/// How many reviews give 1 to 5.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Ratings(pub [i64; 5]);

impl Ratings {
    /// One review with a rating.
    #[must_use]
    pub fn one(rating: u8) -> Self {
        let mut ratings = Ratings::default();
        ratings.0[usize::from(rating - 1)] = 1;
        ratings
    }
}

impl IsZero for Ratings {
    fn is_zero(&self) -> bool {
        *self == Ratings::default()
    }
}

impl Semigroup for Ratings {
    fn plus_equals(&mut self, other: &Ratings) {
        for (mine, more) in self.0.iter_mut().zip(other.0) {
            *mine += more;
        }
    }
}

impl Multiply<isize> for Ratings {
    type Output = Ratings;
    fn multiply(self, by: &isize) -> Ratings {
        Ratings(self.0.map(|count| count * *by as i64))
    }
}
