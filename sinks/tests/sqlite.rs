//! The SQLite view store keeps what every sink must keep.

mod common;

use contract::views::{CHECKOUT_VIEWS, View};

use common::{Directory, conformance};

#[test]
fn it_does_what_every_sink_must() {
    conformance::all(|| Directory::new(View::ALL), 0..4);
}

#[test]
fn it_keeps_only_the_views_that_it_is_given() {
    conformance::all(|| Directory::new(&View::ALL[..CHECKOUT_VIEWS]), 100..102);
}
