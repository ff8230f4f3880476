//! Review documents: each review with what is known of its product now, and whether its customer has bought
//! it.
//!
//! Reviews meet their products, known or not (a review's product has a row as soon as a review names it), and
//! then what their customer has bought. A product that changes reaches its reviews, a sale those of one
//! customer of one product.

use std::sync::Arc;

use differential_dataflow::operators::ThresholdTotal;
use differential_dataflow::operators::arrange::TraceAgent;
use differential_dataflow::trace::implementations::KeySpine;
use operators::base::Kept;
use operators::route::away_from_first;
use timely::dataflow::operators::Concat;
use timely::dataflow::operators::vec::Map;

use super::Changes;
use super::arrange::{by_key, by_self};
use crate::catalog::{About, Product};
use crate::reviews::{Review, ReviewKey};
use crate::show::Row;

type Id = Arc<str>;

/// What customers have bought.
type BoughtKept = Kept<TraceAgent<KeySpine<(u32, u32), u64, isize>>>;

/// The rows of `review_documents`, where a review's are always on the same worker; and what was bought.
pub(super) fn documents<'s>(
    reviews: Changes<'s, ((ReviewKey, ()), Arc<Review>), isize>,
    products: Changes<'s, ((u32, ()), Product), isize>,
    bought: Changes<'s, ((u32, u32), ()), isize>,
    workers: usize,
) -> (Changes<'s, Row, isize>, BoughtKept) {
    let of_product = move |product: &u32| away_from_first(u64::from(*product), workers);
    let of_pair = move |(customer, product): &(u32, u32)| {
        away_from_first(u64::from(*customer) << 32 | u64::from(*product), workers)
    };
    let reviews =
        reviews.map(|((((_, id), ()), review), epoch, diff)| ((review.product, (id, review)), epoch, diff));
    let reviews = by_key(reviews, "reviews by product", of_product);
    // Changes of a product that reviews don't show cancel here.
    let about =
        products.map(|(((number, ()), product), epoch, diff)| ((number, product.about()), epoch, diff));
    let about = by_key(about, "about products", of_product);
    let documents = reviews.join_core(about, |product, (id, review), about: &Option<Arc<About>>| {
        let pair = (review.customer, *product);
        Some((pair, (Arc::clone(id), Arc::clone(review), about.clone())))
    });
    let documents = by_key(documents.inner, "documents by customer", of_pair);
    let all = documents
        .clone()
        .as_collection(|_, document| document.clone())
        .inner;
    let bought = by_self(bought, "bought", of_pair);
    let kept = Kept::new(bought.trace.clone());
    let verified = documents.join_core(bought, |_, document, ()| Some((document.clone(), ())));
    // `distinct_total` of version 0.25.1 never takes back what it gave.
    // Several orders are one purchase; a pair's documents are where the pair is.
    let here = move |(_, review, _): &(Id, Arc<Review>, Option<Arc<About>>)| {
        of_pair(&(review.customer, review.product))
    };
    let verified = by_self(verified.inner, "verified", here)
        .threshold_total(|_, orders: &isize| isize::from(*orders > 0))
        .inner;
    let all =
        all.map(|((id, review, about), epoch, diff)| (Row::Document(id, review, about, false), epoch, diff));
    let verified = verified.flat_map(|((id, review, about), epoch, diff)| {
        let row = |verified| Row::Document(Arc::clone(&id), Arc::clone(&review), about.clone(), verified);
        [(row(false), epoch, -diff), (row(true), epoch, diff)]
    });
    (all.concat(verified), kept)
}
