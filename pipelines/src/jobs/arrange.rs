//! Arrangements whose keys lie where we want them.

use differential_dataflow::ExchangeData;
use differential_dataflow::difference::Semigroup;
use differential_dataflow::operators::arrange::arrangement::arrange_core;
use differential_dataflow::operators::arrange::{Arranged, TraceAgent};
use differential_dataflow::trace::implementations::{
    ContainerChunker, KeyBatcher, KeyBuilder, KeySpine, ValBatcher, ValBuilder, ValSpine,
};
use timely::dataflow::channels::pact::Exchange;

use super::Changes;

type ByKey<'s, K, V, R> = Arranged<'s, TraceAgent<ValSpine<K, V, u64, R>>>;
type BySelf<'s, K, R> = Arranged<'s, TraceAgent<KeySpine<K, u64, R>>>;

/// Arranges pairs by key, each key on the worker that `route` says.
pub(super) fn by_key<'s, K, V, R>(
    changes: Changes<'s, (K, V), R>,
    name: &str,
    route: impl Fn(&K) -> u64 + 'static,
) -> ByKey<'s, K, V, R>
where
    K: ExchangeData,
    V: ExchangeData,
    R: ExchangeData + Semigroup,
{
    type Chunker<K, V, R> = ContainerChunker<Vec<((K, V), u64, R)>>;
    let pact = Exchange::new(move |((key, _), ..): &((K, V), u64, R)| route(key));
    arrange_core::<_, _, Chunker<K, V, R>, ValBatcher<K, V, u64, R>, ValBuilder<K, V, u64, R>, _>(
        changes, pact, name,
    )
}

/// Arranges what is its own key.
pub(super) fn by_self<'s, K, R>(
    changes: Changes<'s, (K, ()), R>,
    name: &str,
    route: impl Fn(&K) -> u64 + 'static,
) -> BySelf<'s, K, R>
where
    K: ExchangeData,
    R: ExchangeData + Semigroup,
{
    type Chunker<K, R> = ContainerChunker<Vec<((K, ()), u64, R)>>;
    let pact = Exchange::new(move |((key, ()), ..): &((K, ()), u64, R)| route(key));
    arrange_core::<_, _, Chunker<K, R>, KeyBatcher<K, u64, R>, KeyBuilder<K, u64, R>, _>(changes, pact, name)
}
