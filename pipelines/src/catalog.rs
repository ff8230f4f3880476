//! The catalog: products as they were last upserted (`products`), and what reviews show of them.
//!
//! `low_stock` is not here: what it needs is at hand where stock is decided ([`crate::checkout`]).

use std::sync::Arc;

use contract::json::write_str;
use contract::records::ProductUpserted;
use contract::values::LowStock;
use operators::keyed::Change;
use serde::{Deserialize, Serialize};

/// A product as it was last upserted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Listed {
    /// Its name.
    pub name: Box<str>,
    /// Price of a unit.
    pub price: i64,
    /// Number of the price's currency.
    pub currency: u16,
    /// Whether stock is held for it.
    pub stocked: bool,
    /// Who sells it.
    pub store_id: Option<Box<str>>,
    /// Its category.
    pub category: Option<Box<str>>,
    /// Its description.
    pub description: Option<Box<str>>,
    /// A JSON list.
    pub tags: Box<str>,
    /// A JSON list.
    pub images: Box<str>,
    /// Its own threshold of low stock.
    pub low_stock: Option<i64>,
}

/// A JSON list of texts, compact.
pub(crate) fn json_list<'t>(texts: impl Iterator<Item = &'t str>) -> Box<str> {
    let mut out = String::from("[");
    for text in texts {
        if out.len() > 1 {
            out.push(',');
        }
        write_str(&mut out, text);
    }
    out.push(']');
    out.into()
}

impl From<&ProductUpserted<'_>> for Listed {
    fn from(r: &ProductUpserted<'_>) -> Self {
        Listed {
            name: r.name.get().into(),
            price: r.price.get(),
            currency: r.currency.to_u16(),
            stocked: r.stocked,
            store_id: r.store_id.map(|id| id.get().into()),
            category: r.category.map(|text| text.get().into()),
            description: r.description.map(|text| text.get().into()),
            tags: json_list(r.tags.get().iter().map(|tag| tag.get())),
            images: json_list(r.images.get().iter().map(|image| image.get())),
            low_stock: r.low_stock.map(LowStock::get),
        }
    }
}

/// What is known under a sku.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Product {
    /// Nothing, but a review names it.
    Unknown,
    /// A product, and whether it is withdrawn.
    Known(Arc<Listed>, bool),
}

/// What a record does to a product.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ProductChange {
    /// It is now this.
    Put(Product),
    /// It is not for sale any more.
    Withdraw,
    /// A review names it.
    Name,
}

impl Change for ProductChange {
    type Sub = ();
    type Value = Product;
    const LEAST: () = ();

    fn sub(&self) -> Option<()> {
        Some(())
    }

    fn apply(&self, row: Option<&Product>) -> Option<Product> {
        match (self, row) {
            (ProductChange::Put(product), _) => Some(product.clone()),
            (ProductChange::Withdraw, Some(Product::Known(listed, _))) => {
                Some(Product::Known(Arc::clone(listed), true))
            }
            (ProductChange::Name, None) => Some(Product::Unknown),
            (_, row) => row.cloned(),
        }
    }

    fn put((): (), row: Product) -> Self {
        ProductChange::Put(row)
    }
}

/// What reviews show of a product.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct About {
    /// Its name.
    pub name: Box<str>,
    /// Its category.
    pub category: Option<Box<str>>,
    /// A JSON list.
    pub tags: Box<str>,
    /// Who sells it.
    pub store_id: Option<Box<str>>,
}

impl Product {
    /// What reviews show of it; none while it is unknown.
    #[must_use]
    pub fn about(&self) -> Option<Arc<About>> {
        let Product::Known(listed, _) = self else {
            return None;
        };
        Some(Arc::new(About {
            name: listed.name.clone(),
            category: listed.category.clone(),
            tags: listed.tags.clone(),
            store_id: listed.store_id.clone(),
        }))
    }
}
