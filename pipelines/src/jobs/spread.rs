//! Takes news apart into what each job hears, on another worker than the one that tells them.

use operators::keyed::{Change as _, Keyed};
use operators::route::away_from_first;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;

use super::{BaseRow, Changes, text_hash};
use crate::carts::CartChange;
use crate::catalog::ProductChange;
use crate::dashboards::{self, Group, Sums};
use crate::news::News;
use crate::reviews::{ReviewChange, ReviewKey};
use crate::show::Row;

/// Records of an epoch.
type Records<'s, K, C> = StreamVec<'s, u64, (Keyed<K, C>, u64)>;

/// What the jobs hear.
pub(super) struct Heard<'s> {
    /// What sales add to the sums of groups.
    pub sums: Changes<'s, (Group, ()), Sums>,
    /// Orders that customers have of products.
    pub bought: Changes<'s, ((u32, u32), ()), isize>,
    /// Rows that are rows already.
    pub rows: Changes<'s, Row, isize>,
    /// Records of products.
    pub products: Records<'s, u32, ProductChange>,
    /// Records of carts.
    pub carts: Records<'s, u32, CartChange>,
    /// Records of reviews.
    pub reviews: Records<'s, ReviewKey, ReviewChange>,
}

/// Rows that are not made by a job: names, for everybody; levels; carts' versions.
fn rows(news: &News, workers: usize, give: &mut impl FnMut(Row, isize)) {
    for to in 0..workers {
        news.names
            .iter()
            .for_each(|name| give(Row::Name(to, name.clone()), 1));
    }
    for spent in &news.spent {
        for (units, diff) in [(spent.before, -1), (spent.after, 1)] {
            if units != 0 {
                give(Row::Spent(spent.product, units), diff);
            }
        }
    }
    for (customer, version, _) in &news.carts {
        give(Row::Cart(*customer, *version), 1);
    }
}

fn numbered<T>(records: Vec<T>) -> impl Iterator<Item = (u32, T)> {
    (0..).zip(records)
}

/// One of something for each thing that is heard.
struct Outlets<A, B, C, D, E, F> {
    sums: A,
    bought: B,
    row: C,
    products: D,
    carts: E,
    reviews: F,
}

impl<A, B, C, D, E, F> Outlets<A, B, C, D, E, F>
where
    A: FnMut(Group, Sums),
    B: FnMut((u32, u32), isize),
    C: FnMut(Row, isize),
    D: FnMut(Keyed<u32, ProductChange>),
    E: FnMut(Keyed<u32, CartChange>),
    F: FnMut(Keyed<ReviewKey, ReviewChange>),
{
    /// Takes news apart.
    fn give(&mut self, news: News, workers: usize) {
        rows(&news, workers, &mut self.row);
        let (sums, bought) = (&mut self.sums, &mut self.bought);
        dashboards::spread(&news, sums, |customer, product, more| {
            bought((customer, product), more);
        });
        for (number, (product, change)) in numbered(news.products) {
            (self.products)((product, number, change));
        }
        for (number, (customer, _, change)) in numbered(news.carts) {
            (self.carts)((customer, number, change));
        }
        for (number, (id, change)) in numbered(news.reviews) {
            (self.reviews)(((text_hash(&id), id), number, change));
        }
        news.base.rows.into_iter().for_each(|row| self.restore(row));
        for (customer, product, orders) in news.base.bought {
            self.restore(BaseRow::Bought(customer, product, orders));
        }
    }

    /// Feeds a row of a base collection.
    fn restore(&mut self, row: BaseRow) {
        match row {
            BaseRow::Product(number, product) => {
                (self.products)((number, 0, ProductChange::put((), product)));
            }
            BaseRow::CartItem(customer, product, quantity) => {
                (self.carts)((customer, 0, CartChange::put(product, quantity)));
            }
            BaseRow::Review(id, review) => {
                (self.reviews)(((text_hash(&id), id), 0, ReviewChange::put((), review)));
            }
            BaseRow::Sums(group, sums) => (self.sums)(group, sums),
            BaseRow::Bought(customer, product, orders) => {
                let orders = isize::try_from(orders).expect("an isize has 64 bits");
                (self.bought)((customer, product), orders);
            }
        }
    }
}

/// Takes news apart.
pub(super) fn spread(news: StreamVec<'_, u64, News>, workers: usize) -> Heard<'_> {
    let mut builder = OperatorBuilder::new("spread".to_owned(), news.scope());
    let mut turn = 0;
    let pact = Exchange::new(move |_: &News| {
        turn += 1;
        away_from_first(turn, workers)
    });
    let mut input = builder.new_input(news, pact);
    let (sums, sums_heard) = builder.new_output();
    let (bought, bought_heard) = builder.new_output();
    let (row, rows_heard) = builder.new_output();
    let (products, products_heard) = builder.new_output();
    let (carts, carts_heard) = builder.new_output();
    let (reviews, reviews_heard) = builder.new_output();
    let (mut sums, mut bought) = (OutputBuilder::from(sums), OutputBuilder::from(bought));
    let (mut row, mut products) = (OutputBuilder::from(row), OutputBuilder::from(products));
    let (mut carts, mut reviews) = (OutputBuilder::from(carts), OutputBuilder::from(reviews));
    builder.build(move |_| {
        move |_| {
            let (mut sums, mut bought, mut row) = (sums.activate(), bought.activate(), row.activate());
            let (mut products, mut carts) = (products.activate(), carts.activate());
            let mut reviews = reviews.activate();
            input.for_each_time(|time, data| {
                let at = *time.time();
                let (mut sums, mut bought) = (sums.session(&time), bought.session(&time));
                let (mut row, mut products) = (row.session(&time), products.session(&time));
                let (mut carts, mut reviews) = (carts.session(&time), reviews.session(&time));
                let mut outlets = Outlets {
                    sums: |group, more| sums.give(((group, ()), at, more)),
                    bought: |pair, more| bought.give(((pair, ()), at, more)),
                    row: |shown, diff| row.give((shown, at, diff)),
                    products: |record| products.give((record, at)),
                    carts: |record| carts.give((record, at)),
                    reviews: |record| reviews.give((record, at)),
                };
                data.flat_map(|batch| batch.drain(..))
                    .for_each(|news| outlets.give(news, workers));
            });
        }
    });
    Heard {
        sums: sums_heard,
        bought: bought_heard,
        rows: rows_heard,
        products: products_heard,
        carts: carts_heard,
        reviews: reviews_heard,
    }
}
