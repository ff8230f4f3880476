//! The rows of `products`, `carts`, `cart_items`, `review_documents` and `product_ratings`.

use contract::values::Currency;
use contract::views::{
    CartItemsRow, CartsRow, Json, ProductRatingsRow, ProductsRow, ReviewDocumentsRow, View,
};
use sha2::{Digest, Sha256};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use super::{Deltas, Names};
use crate::catalog::{About, Listed};
use crate::news::Named;
use crate::reviews::{Ratings, Review};

/// A product's row.
pub(super) fn product(sku: &str, epoch: i64, row: Option<(&Listed, bool)>, deltas: &mut Deltas) {
    let out = deltas.of(View::Products);
    let Some((listed, withdrawn)) = row else {
        return out.delete(&sku);
    };
    out.upsert(&ProductsRow {
        sku,
        name: &listed.name,
        price: listed.price,
        currency: Currency::from_u16(listed.currency).get(),
        stocked: listed.stocked,
        store_id: listed.store_id.as_deref(),
        category: listed.category.as_deref(),
        description: listed.description.as_deref(),
        tags: Json(&listed.tags),
        images: Json(&listed.images),
        low_stock: listed.low_stock,
        withdrawn,
        epoch,
    });
}

/// A cart's row.
pub(super) fn cart(customer_id: &str, version: i64, epoch: i64, deltas: &mut Deltas) {
    deltas.of(View::Carts).upsert(&CartsRow {
        customer_id,
        version,
        epoch,
    });
}

/// The row of a product in a cart.
pub(super) fn cart_item(customer_id: &str, sku: &str, quantity: Option<i64>, deltas: &mut Deltas) {
    let out = deltas.of(View::CartItems);
    match quantity {
        None => out.delete(&(customer_id, sku)),
        Some(quantity) => out.upsert(&CartItemsRow {
            customer_id,
            sku,
            quantity,
        }),
    }
}

/// The row of a product's ratings.
#[expect(clippy::cast_precision_loss, reason = "both are below 2^53")]
pub(super) fn rating(sku: &str, ratings: Option<Ratings>, deltas: &mut Deltas) {
    let out = deltas.of(View::ProductRatings);
    let Some(Ratings(counts)) = ratings else {
        return out.delete(&sku);
    };
    let [r1, r2, r3, r4, r5] = counts;
    let count = counts.iter().sum::<i64>();
    let sum = (1..)
        .zip(counts)
        .map(|(rating, count)| rating * count)
        .sum::<i64>();
    out.upsert(&ProductRatingsRow {
        sku,
        count,
        mean: sum as f64 / count as f64,
        r1,
        r2,
        r3,
        r4,
        r5,
    });
}

/// What an embedding is computed of: the product's name and the text, composed, with single spaces.
fn embedding_text(name: Option<&str>, text: &str) -> String {
    let parts = [
        name.unwrap_or_default(),
        if name.is_some() { ". " } else { "" },
        text,
    ];
    let bytes = parts.iter().map(|part| part.len()).sum();
    let chars = || parts.into_iter().flat_map(str::chars);
    // Composition looks over the seams. Most texts are composed already, which is seen sooner than done.
    match is_nfc_quick(chars()) {
        IsNormalized::Yes => single_spaced(chars(), bytes),
        IsNormalized::No | IsNormalized::Maybe => single_spaced(chars().nfc(), bytes),
    }
}

/// Controls and white space as single spaces, none at either end; about so many bytes.
fn single_spaced(chars: impl Iterator<Item = char>, bytes: usize) -> String {
    let mut out = String::with_capacity(bytes);
    let mut gap = false;
    for c in chars {
        if c.is_control() || c.is_whitespace() {
            gap = !out.is_empty();
            continue;
        }
        if std::mem::take(&mut gap) {
            out.push(' ');
        }
        out.push(c);
    }
    out
}

/// A review's row; none if it was deleted.
pub(super) fn document(
    review_id: &str,
    epoch: i64,
    row: Option<(&Review, Option<&About>, bool)>,
    names: &Names,
    deltas: &mut Deltas,
) {
    let out = deltas.of(View::ReviewDocuments);
    let Some((review, about, verified_purchase)) = row else {
        return out.delete(&review_id);
    };
    let customer = names.get(Named::Customer, review.customer);
    let author: String = customer.chars().take(2).chain("***".chars()).collect();
    let embedding_text = embedding_text(about.map(|about| &*about.name), &review.text);
    let hash = Sha256::digest(embedding_text.as_bytes());
    out.upsert(&ReviewDocumentsRow {
        review_id,
        sku: names.get(Named::Sku, review.product),
        product_name: about.map(|about| &*about.name),
        category: about.and_then(|about| about.category.as_deref()),
        tags: about.map(|about| Json(&about.tags)),
        store_id: about.and_then(|about| about.store_id.as_deref()),
        author: &author,
        rating: i64::from(review.rating),
        text: &review.text,
        images: Json(&review.images),
        verified_purchase,
        embedding_text: &embedding_text,
        content_hash: &hex(&hash),
        epoch,
    });
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |half: u8| char::from(DIGITS[usize::from(half)]);
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}
