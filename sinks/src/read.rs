//! Reading views, whatever keeps them: what the API knows of a view store.
//!
//! # Guarantees
//! - All that a [`Moment`] shows belongs to one epoch, that of its frontier.
//! - Epochs never go back: after [`Views::get`], [`Views::shown`] or [`Views::moment`] has shown an epoch, no
//!   later call shows an earlier one.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use contract::log::Epoch;
use contract::value::Value;
use contract::views::View;

use crate::Frontier;
pub use crate::sqlite::ReadError;

/// A future of a trait's object.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A row: the values of all columns, in the order of the view's schema.
pub type Row = Vec<Value>;

/// A row, if there is one, and the epoch at which it is so (`None`: there is nothing yet).
pub type RowAt = (Option<Epoch>, Option<Row>);

/// In which form all that belongs to one thing is shown. What was shown is remembered by the form's address,
/// so it is a `static`.
#[derive(Debug)]
pub struct Form {
    /// The views whose rows belong to the thing: their keys begin with its id.
    pub views: &'static [View],
    /// Shows them: a list of rows a view, each in the order of its keys.
    pub show: fn(&[Vec<Row>]) -> Vec<u8>,
}

/// What a form makes of a thing's rows.
pub type Shown = Arc<[u8]>;

/// In which order rows come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// By the key, ascending.
    Key,
    /// Orders only: by `placed_at`, newest first; of the same time by `order_id`, ascending.
    Newest,
}

/// Which rows are wanted.
#[derive(Clone, Debug)]
pub struct Select {
    /// Of which view.
    pub view: View,
    /// Columns (by their position) that must have these values; null is a value, too.
    pub filters: Vec<(usize, Value)>,
    /// Columns (lists of texts) that must hold these texts.
    pub holding: Vec<(usize, String)>,
    /// The first part of the key, a text, is one of these.
    pub among: Option<Vec<String>>,
    /// The first part of the key lies between these, the second excluded.
    pub range: Option<(Value, Value)>,
    /// In which order.
    pub order: Order,
    /// Only rows after the one with these values of [`Select::order_columns`].
    pub after: Option<Vec<Value>>,
    /// At most so many.
    pub limit: usize,
}

impl Select {
    /// The rows of a view by key, all of them, at most `limit`.
    #[must_use]
    pub fn of(view: View, limit: usize) -> Select {
        Select {
            view,
            filters: Vec::new(),
            holding: Vec::new(),
            among: None,
            range: None,
            order: Order::Key,
            after: None,
            limit,
        }
    }

    /// Only those with this value in a column (as in `views::orders::status`).
    #[must_use]
    pub fn only(mut self, column: usize, value: Value) -> Select {
        self.filters.push((column, value));
        self
    }

    /// Only those whose list in a column holds this text.
    #[must_use]
    pub fn holding(mut self, column: usize, text: String) -> Select {
        self.holding.push((column, text));
        self
    }

    /// Only those whose key begins with one of these.
    #[must_use]
    pub fn among(mut self, firsts: Vec<String>) -> Select {
        self.among = Some(firsts);
        self
    }

    /// The columns that order the rows: together they tell every row from all others.
    #[must_use]
    pub fn order_columns(&self) -> Vec<usize> {
        match self.order {
            Order::Key => (0..self.view.schema().key_len).collect(),
            Order::Newest => vec![
                contract::views::orders::placed_at,
                contract::views::orders::order_id,
            ],
        }
    }
}

/// The views at one epoch.
pub trait Moment: Send {
    /// Where they stand; `None`: there is nothing yet.
    fn frontier(&self) -> Option<&Frontier>;

    /// A row by its key.
    ///
    /// # Errors
    /// If the moment was held for too long, the view is not kept, or it can't be read.
    fn get<'a>(&'a mut self, view: View, key: &'a [Value]) -> Later<'a, Result<Option<Row>, ReadError>>;

    /// Some rows.
    ///
    /// # Errors
    /// As [`Moment::get`].
    fn select<'a>(&'a mut self, wanted: &'a Select) -> Later<'a, Result<Vec<Row>, ReadError>>;

    /// How many rows there are of each value of a column.
    ///
    /// # Errors
    /// As [`Moment::get`].
    fn counts(&mut self, view: View, column: usize) -> Later<'_, Result<Vec<(Value, u64)>, ReadError>>;

    /// Gives it back. One that is dropped instead costs the next one more time.
    fn end(self: Box<Self>) -> Later<'static, ()>;
}

/// Where views are read.
pub trait Views: Send + Sync {
    /// Those that are kept.
    fn views(&self) -> &[View];

    /// A row; from memory, if it is there.
    ///
    /// # Errors
    /// If the view is not kept, or can't be read.
    fn get<'a>(&'a self, view: View, key: &'a [Value]) -> Later<'a, Result<RowAt, ReadError>>;

    /// The thing of the id `first` in a form, and the epoch at which it is so (`None`: there is nothing yet);
    /// from memory, if it is there.
    ///
    /// # Errors
    /// If a view is not kept, or can't be read.
    fn shown<'a>(
        &'a self,
        form: &'static Form,
        first: &'a str,
    ) -> Later<'a, Result<(Option<Epoch>, Shown), ReadError>>;

    /// The views as of now. Waits while too many are being read.
    ///
    /// # Errors
    /// If they can't be read.
    fn moment(&self) -> Later<'_, Result<Box<dyn Moment>, ReadError>>;
}
