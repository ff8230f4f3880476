//! Reviews of films in Korean: a random sample of the Naver sentiment movie corpus (CC0), or any table of its
//! form: tab-separated columns `review_id`, `movie_id`, `rating` (1 to 10), `date` (YY.MM.DD), `author`,
//! `review`.
//!
//! [`read`] turns the table, plain or gzipped, into an [`Input`]; [`import`] turns that into a log with its
//! timeline, an epoch a day.
//!
//! **What becomes what**
//! - A film is a product that is not stocked, of category `film` and the store `cinema`, upserted on the day
//!   on which it is first reviewed. An author is a customer: a byte that an id may not have is written as `=`
//!   and two hexadecimal digits.
//! - A rating of 1 to 10 is one of 1 to 5, halved and rounded up. A text is the data's own.
//!
//! **What the data doesn't say** and is made up, drawn from hashes of the review's id ([`Shares`]): some
//! reviewers bought what they review, on the same day, and some of those orders are cancelled days later; some
//! reviews are edited, some deleted, days later.
//!
//! **Invariants.** Lines read = lines mapped + lines listed. Every record satisfies the contract. The same
//! input and options give the same bytes.
//!
//! **How it fails.** A file that can't be read as a whole is a [`ReviewsError`]; a line that alone is bad is
//! listed with a reason, and nothing beside it is lost.

mod import;
mod read;

pub use import::{Imported, Shares, import};
pub use read::{Input, Line, Listed, ReviewsError, read};

/// 60,000 reviews, gzipped.
pub const SAMPLE: &[u8] = include_bytes!("../../data/nsmc-reviews-60k.tsv.gz");

/// The currency of all prices.
pub const CURRENCY: &str = "KRW";
