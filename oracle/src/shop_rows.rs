//! The rows of what is sold and said: `products`, `low_stock`, carts, reviews, dashboards (contract,
//! section 2, second table).

use std::collections::BTreeSet;

use contract::delta::Value;
use contract::views::View;
use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;

use crate::records::{Int, Product, Review};
use crate::sales::{By, Sales};
use crate::shop::{Listed, Shop, Touched};
use crate::table::{Writer, int, int_or_null, json_list, text, text_or_null};

impl Writer<'_> {
    /// `products` and `low_stock`.
    pub(crate) fn show_products(&mut self, shop: &Shop, touched: &Touched) {
        for listed in touched.products.iter().filter_map(|sku| shop.products.get(sku)) {
            self.put_stamped(
                View::Products,
                vec![text(&listed.product.sku)],
                product_columns(listed),
            );
        }
        if touched.rules {
            for sku in shop.products.keys() {
                self.show_low_stock(shop, sku);
            }
        } else {
            for sku in touched.products.union(&touched.stock) {
                self.show_low_stock(shop, sku);
            }
        }
    }

    /// Stocked, not withdrawn, available (0 without stock row) <= threshold.
    fn show_low_stock(&mut self, shop: &Shop, sku: &str) {
        let Some(Listed { product, withdrawn }) = shop.products.get(sku) else {
            return;
        };
        let available = shop.stock.get(sku).map_or(0, |stock| stock.available());
        let threshold = product.low_stock.unwrap_or(shop.rules.low_stock_default);
        let key = vec![text(sku)];
        if product.stocked && !withdrawn && available <= threshold {
            self.put(View::LowStock, key, vec![int(available), int(threshold)]);
        } else {
            self.remove(View::LowStock, &key);
        }
    }

    /// `carts` and `cart_items`.
    pub(crate) fn show_carts(&mut self, shop: &Shop, touched: &Touched) {
        for (customer_id, cart) in touched.carts.iter().filter_map(|id| shop.carts.get_key_value(id)) {
            self.put_stamped(View::Carts, vec![text(customer_id)], vec![int(cart.version)]);
            self.remove_all(View::CartItems, &text(customer_id));
            for (sku, quantity) in &cart.items {
                self.put(
                    View::CartItems,
                    vec![text(customer_id), text(sku)],
                    vec![int(*quantity)],
                );
            }
        }
    }

    /// `review_documents` and `product_ratings`.
    pub(crate) fn show_reviews(&mut self, shop: &Shop, touched: &Touched, sales: &Sales) {
        let mut reviews: BTreeSet<&String> = touched.reviews.iter().collect();
        reviews.extend(
            touched
                .products
                .iter()
                .filter_map(|sku| shop.reviews_by_sku.get(sku))
                .flatten(),
        );
        let customers = touched
            .orders
            .iter()
            .filter_map(|id| shop.orders.get(id))
            .map(|o| &o.customer_id);
        reviews.extend(
            customers
                .filter_map(|id| shop.reviews_by_customer.get(id))
                .flatten(),
        );
        for review_id in reviews {
            match shop.reviews.get(review_id) {
                None => self.remove(View::ReviewDocuments, &[text(review_id)]),
                Some(review) => {
                    let product = shop.products.get(&review.sku).map(|listed| &listed.product);
                    let bought = [review.customer_id.clone(), review.sku.clone()];
                    let verified = sales.sums(By::Bought, &bought).is_some();
                    let columns = document_columns(review, product, verified);
                    self.put_stamped(View::ReviewDocuments, vec![text(review_id)], columns);
                }
            }
        }
        for sku in &touched.ratings {
            self.show_ratings(shop, sku);
        }
    }

    fn show_ratings(&mut self, shop: &Shop, sku: &str) {
        let reviews = shop.reviews_by_sku.get(sku).into_iter().flatten();
        let mut given = [0; 5];
        let mut sum = 0;
        for review in reviews.filter_map(|id| shop.reviews.get(id)) {
            sum += review.rating;
            for (rating, count) in (1..).zip(&mut given) {
                *count += Int::from(rating == review.rating);
            }
        }
        let count: Int = given.iter().sum();
        if count == 0 {
            return self.remove(View::ProductRatings, &[text(sku)]);
        }
        let mut columns = vec![int(count), Value::Double(quotient(sum, count))];
        columns.extend(given.map(int));
        self.put(View::ProductRatings, vec![text(sku)], columns);
    }

    /// All views that sum up sold orders.
    pub(crate) fn show_dashboards(&mut self, sales: &mut Sales) {
        let mut rankings = BTreeSet::new();
        for (by, key) in sales.take_changed() {
            let (view, columns) = match by {
                By::Day => (View::RevenueByDay, 3),
                By::Store => (View::RevenueByStore, 2),
                By::Category => (View::RevenueByCategory, 2),
                By::Sku => (View::UnitsByProduct, 3),
                By::Product | By::Customer => {
                    rankings.extend(key.first().map(|currency| (by, currency.clone())));
                    continue;
                }
                By::Bought => continue,
            };
            let row_key: Vec<Value> = key.iter().map(|part| text(part)).collect();
            match sales.sums(by, &key) {
                Some(sums) => self.put(view, row_key, sums.into_iter().take(columns).map(int).collect()),
                None => self.remove(view, &row_key),
            }
        }
        for (by, currency) in rankings {
            self.show_ranking(sales, by, &currency);
        }
    }

    /// `top_products`: most units first, then gross; `vip_customers`: most spent first.
    fn show_ranking(&mut self, sales: &Sales, by: By, currency: &str) {
        let (view, ranked) = match by {
            By::Product => (
                View::TopProducts,
                sales.ranked(by, currency, |[units, gross, _]| [*units, *gross]),
            ),
            _ => (
                View::VipCustomers,
                sales.ranked(by, currency, |[_, spent, _]| [*spent, 0]),
            ),
        };
        self.remove_all(view, &text(currency));
        for (rank, (id, [first, second, _])) in (1..).zip(ranked) {
            self.put(
                view,
                vec![text(currency), int(rank)],
                vec![text(&id), int(first), int(second)],
            );
        }
    }
}

fn product_columns(listed: &Listed) -> Vec<Value> {
    let product = &listed.product;
    vec![
        text(&product.name),
        int(product.price),
        text(&product.currency),
        Value::Bool(product.stocked),
        text_or_null(product.store_id.as_deref()),
        text_or_null(product.category.as_deref()),
        text_or_null(product.description.as_deref()),
        json_list(&product.tags),
        json_list(&product.images),
        int_or_null(product.low_stock),
        Value::Bool(listed.withdrawn),
    ]
}

fn document_columns(review: &Review, product: Option<&Product>, verified: bool) -> Vec<Value> {
    let author: String = review.customer_id.chars().take(2).chain("***".chars()).collect();
    let embedding_text = embedding_text(product.map(|p| p.name.as_str()), &review.text);
    let hash: String = Sha256::digest(embedding_text.as_bytes())
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    vec![
        text(&review.sku),
        text_or_null(product.map(|p| p.name.as_str())),
        text_or_null(product.and_then(|p| p.category.as_deref())),
        product.map_or(Value::Null, |p| json_list(&p.tags)),
        text_or_null(product.and_then(|p| p.store_id.as_deref())),
        text(&author),
        int(review.rating),
        text(&review.text),
        json_list(&review.images),
        Value::Bool(verified),
        text(&embedding_text),
        text(&hash),
    ]
}

/// product_name, `. `, text (only text while unknown), NFC, controls and white space runs to one space,
/// trimmed.
pub(crate) fn embedding_text(product_name: Option<&str>, review_text: &str) -> String {
    let whole = product_name.map_or_else(|| review_text.to_owned(), |name| format!("{name}. {review_text}"));
    let composed: String = whole.nfc().collect();
    let words = composed
        .split(|c: char| c.is_control() || c.is_whitespace())
        .filter(|word| !word.is_empty());
    words.collect::<Vec<&str>>().join(" ")
}

/// The exact quotient, as a double: both are whole numbers below 2^53.
fn quotient(sum: Int, count: Int) -> f64 {
    let double = |value: Int| u32::try_from(value).map_or(f64::INFINITY, f64::from);
    double(sum) / double(count)
}
