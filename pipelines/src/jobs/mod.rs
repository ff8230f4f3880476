//! The jobs as one dataflow, on every worker: news of `checkout` in, parts of view deltas out.
//!
//! ```text
//! news ─► spread ─┬─► sales ────► sums ─► count ──────────────────────┬─► show ─► deltas
//!                 ├─► records of products, carts ─► rows ─────────────┤
//!                 ├─► records of reviews ─► rows ─► joined: documents ┤
//!                 │                            └──► count: ratings ───┤
//!                 └─► names, levels, carts' versions ─────────────────┘
//! ```
//!
//! The worker that decides gets as little of this as there is: keyed work goes to the others
//! ([`operators::route`]).

mod arrange;
mod bases;
mod documents;
mod spread;

use contract::delta::Delta;
use differential_dataflow::operators::CountTotal;
use operators::base::Kept;
use operators::epochs::whole_epochs;
use operators::keyed::keyed;
use operators::route::away_from_first;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::Concatenate;
use timely::dataflow::operators::vec::Map;

use crate::carts::CartChange;
use crate::catalog::{Product, ProductChange};
use crate::news::News;
use crate::reviews::{Ratings, ReviewChange, ReviewKey};
use crate::show::{Candidate, Row, Show, route};
use arrange::by_self;
pub use bases::{BaseRow, BaseRows, Bases, BasesDump, Damaged, begins};
use spread::spread;

/// Changes of a collection.
type Changes<'s, D, R> = StreamVec<'s, u64, (D, u64, R)>;

/// A hash of a text that is the same everywhere.
pub(crate) fn text_hash(text: &str) -> u64 {
    operators::interner::hash(text.as_bytes())
}

/// Builds the jobs on one worker. `news` is there on the worker that decides; what an epoch changes comes out
/// in parts, one of each worker that has something to say, with at most one delta a view.
///
/// After a restart, up to the epoch `start` (else 0), news bring all names and the rows of a checkpoint, on
/// whatever worker ([`begins`]). Nothing comes out up to that epoch.
pub fn build(news: StreamVec<'_, u64, News>, start: u64) -> (StreamVec<'_, u64, Vec<Delta>>, Bases) {
    let scope = news.scope();
    let (here, workers) = (scope.worker().index(), scope.worker().peers());
    let news = spread(news, workers);

    let sums = by_self(news.sums, "sums", move |group| {
        away_from_first(group.hash(), workers)
    });
    let sums_kept = Kept::new(sums.trace.clone());
    let groups = sums.count_total().inner.flat_map(|((group, sums), epoch, diff)| {
        let candidate = Candidate::of(&group, &sums).map(Row::Candidate);
        let rows = [Some(Row::Group(group, sums)), candidate];
        rows.into_iter().flatten().map(move |row| (row, epoch, diff))
    });

    let pact = Exchange::new(move |((number, ..), _): &((u32, u32, ProductChange), u64)| {
        away_from_first(u64::from(*number), workers)
    });
    let (products, products_kept) = keyed(news.products, pact, "products");
    let listed = products
        .clone()
        .flat_map(|(((number, ()), product), epoch, diff)| match product {
            Product::Known(listed, withdrawn) => Some((Row::Product(number, listed, withdrawn), epoch, diff)),
            Product::Unknown => None,
        });

    let pact = Exchange::new(move |((customer, ..), _): &((u32, u32, CartChange), u64)| {
        away_from_first(u64::from(*customer), workers)
    });
    let (carts, carts_kept) = keyed(news.carts, pact, "carts");
    let items = carts.map(|(((customer, product), quantity), epoch, diff)| {
        (Row::CartItem(customer, product, quantity), epoch, diff)
    });

    let pact = Exchange::new(
        move |(((hash, _), ..), _): &((ReviewKey, u32, ReviewChange), u64)| away_from_first(*hash, workers),
    );
    let (reviews, reviews_kept) = keyed(news.reviews, pact, "reviews");
    let ratings = reviews.clone().map(|((_, review), epoch, diff)| {
        let mut ratings = Ratings::one(review.rating);
        ratings.0.iter_mut().for_each(|count| *count *= diff as i64);
        ((review.product, ()), epoch, ratings)
    });
    let ratings = by_self(ratings, "ratings", move |product| {
        away_from_first(u64::from(*product), workers)
    });
    let ratings = ratings.count_total().inner;
    let ratings =
        ratings.map(|((product, ratings), epoch, diff)| (Row::Rating(product, ratings), epoch, diff));
    let (documents, bought_kept) = documents::documents(reviews, products, news.bought, workers);

    let rows = scope.concatenate([news.rows, groups, listed, items, ratings, documents]);
    let mut show = Show::default();
    let pact = Exchange::new(move |(row, ..): &(Row, u64, isize)| route(row, here, workers));
    let parts = whole_epochs(rows, pact, "show", move |epoch, changes| {
        let deltas = show.epoch(epoch, &changes);
        Some(deltas).filter(|deltas| epoch > start && !deltas.is_empty())
    });
    let bases = Bases {
        products: products_kept,
        carts: carts_kept,
        reviews: reviews_kept,
        sums: sums_kept,
        bought: bought_kept,
    };
    (parts, bases)
}
