//! The state as lists: one table says which there are, what each is called and what it holds.
//!
//! A list is written in parts of its items and read part by part, each on its own. What is read of a list
//! need not be of the list's own type, as indexes and deadlines come about on the way.

use std::ops::Range;

use operators::interner::Texts;
use operators::ledger::{AccountNo, Accounts, Levels};
use operators::paged::Paged;
use operators::prints::Listed;
use operators::varint::Reader;

use super::orders::OrderList;
use super::wire::Moment;
use crate::checkout::attention::{Key, Raised, Standing};
use crate::checkout::audit::Flow;
use crate::checkout::facts::{Campaign, Grant, Owner, Product, Rules, Wallet};
use crate::wire::{Wire, get_text, put_text};

/// A part's bytes, about: what one buffer holds, and what one thread reads at a time.
const PART_BYTES: usize = 8 << 20;

/// A list of the state.
pub trait List {
    /// What is read of it.
    type Read: Default;

    /// How many items it has.
    fn len(&self) -> usize;

    /// Where its parts end: each is about [`PART_BYTES`] long at most.
    fn cuts(&self) -> Vec<usize>;

    /// Appends some items' bytes.
    fn put(&self, items: Range<usize>, out: &mut Vec<u8>);

    /// Reads `count` items, of which the first has number `first`; none if they are not there.
    fn read(first: usize, count: usize, from: &mut Reader<'_>) -> Option<Self::Read>;

    /// Adds what was read of the next part; none if all together is too much.
    fn append(all: &mut Self::Read, more: Self::Read) -> Option<()>;
}

/// Cuts items of so many bytes into parts.
pub fn cut(sizes: impl Iterator<Item = usize>) -> Vec<usize> {
    let (mut cuts, mut len, mut sum) = (Vec::new(), 0, 0);
    for size in sizes {
        if sum > 0 && sum + size > PART_BYTES {
            cuts.push(len);
            sum = 0;
        }
        sum += size;
        len += 1;
    }
    cuts.push(len);
    cuts
}

impl<T: Wire + Clone> List for Paged<T> {
    type Read = Paged<T>;

    fn len(&self) -> usize {
        Paged::len(self)
    }

    fn cuts(&self) -> Vec<usize> {
        cut(self.iter().map(Wire::size))
    }

    fn put(&self, items: Range<usize>, out: &mut Vec<u8>) {
        for at in items {
            self[at].put(out);
        }
    }

    fn read(_: usize, count: usize, from: &mut Reader<'_>) -> Option<Paged<T>> {
        (0..count).map(|_| T::get(from)).collect()
    }

    fn append(all: &mut Paged<T>, more: Paged<T>) -> Option<()> {
        if all.is_empty() {
            *all = more;
        } else {
            all.extend(more);
        }
        Some(())
    }
}

impl<V: Wire + Clone> List for Listed<V> {
    type Read = Listed<V>;

    fn len(&self) -> usize {
        self.prints.len()
    }

    fn cuts(&self) -> Vec<usize> {
        cut(self.values.iter().map(|value| size_of::<u128>() + value.size()))
    }

    fn put(&self, items: Range<usize>, out: &mut Vec<u8>) {
        for at in items {
            self.prints[at].put(out);
            self.values[at].put(out);
        }
    }

    fn read(_: usize, count: usize, from: &mut Reader<'_>) -> Option<Listed<V>> {
        let mut listed = Listed::default();
        for _ in 0..count {
            listed.prints.push(u128::get(from)?);
            listed.values.push(V::get(from)?);
        }
        Some(listed)
    }

    fn append(all: &mut Listed<V>, more: Listed<V>) -> Option<()> {
        let Listed { prints, values } = more;
        Paged::append(&mut all.prints, prints)?;
        Paged::append(&mut all.values, values)
    }
}

impl List for Texts {
    type Read = Texts;

    fn len(&self) -> usize {
        Texts::len(self)
    }

    fn cuts(&self) -> Vec<usize> {
        let numbers = (0u32..).take(self.len());
        cut(numbers.map(|number| size_of::<u32>() + self.get(number).len()))
    }

    fn put(&self, items: Range<usize>, out: &mut Vec<u8>) {
        for number in items {
            put_text(
                self.get(u32::try_from(number).expect("it is below the length")),
                out,
            );
        }
    }

    fn read(_: usize, count: usize, from: &mut Reader<'_>) -> Option<Texts> {
        let mut texts = Texts::default();
        for _ in 0..count {
            texts.push(get_text(from)?);
        }
        Some(texts)
    }

    fn append(all: &mut Texts, more: Texts) -> Option<()> {
        all.append(more);
        Some(())
    }
}

impl List for Accounts {
    type Read = Paged<Levels>;

    fn len(&self) -> usize {
        Accounts::len(self)
    }

    fn cuts(&self) -> Vec<usize> {
        cut((0..self.len()).map(|_| size_of::<Levels>()))
    }

    fn put(&self, items: Range<usize>, out: &mut Vec<u8>) {
        for number in items {
            let number = u32::try_from(number).expect("it is below the length");
            self.levels(AccountNo(number)).put(out);
        }
    }

    fn read(first: usize, count: usize, from: &mut Reader<'_>) -> Option<Paged<Levels>> {
        <Paged<Levels> as List>::read(first, count, from)
    }

    fn append(all: &mut Paged<Levels>, more: Paged<Levels>) -> Option<()> {
        <Paged<Levels> as List>::append(all, more)
    }
}

impl List for Standing {
    type Read = Vec<(Key, Raised)>;

    fn len(&self) -> usize {
        self.iter().count()
    }

    fn cuts(&self) -> Vec<usize> {
        cut(self.iter().map(|(key, raised)| key.size() + raised.size()))
    }

    fn put(&self, items: Range<usize>, out: &mut Vec<u8>) {
        for (key, raised) in self.iter().skip(items.start).take(items.len()) {
            key.put(out);
            raised.put(out);
        }
    }

    fn read(_: usize, count: usize, from: &mut Reader<'_>) -> Option<Self::Read> {
        (0..count).map(|_| Wire::get(from)).collect()
    }

    fn append(all: &mut Self::Read, more: Self::Read) -> Option<()> {
        all.extend(more);
        Some(())
    }
}

/// Declares all lists: kind, name, field, type.
macro_rules! lists {
    ($( $kind:ident $name:literal $field:ident: $list:ty, )+) => {
        /// Which list.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Kind { $( #[doc = $name] $kind, )+ }

        impl Kind {
            /// All lists.
            pub const ALL: &'static [Kind] = &[$( Kind::$kind, )+];

            /// What it is called.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $( Kind::$kind => $name, )+ }
            }

            /// Reads some items of it.
            pub fn read(self, first: usize, count: usize, from: &mut Reader<'_>) -> Option<Body> {
                match self {
                    $( Kind::$kind => <$list as List>::read(first, count, from).map(Body::$kind), )+
                }
            }
        }

        /// The whole state, shared.
        #[derive(Debug)]
        pub struct Lists { $( pub $field: $list, )+ }

        impl Lists {
            /// A list's length and where its parts end.
            pub fn cuts(&self, kind: Kind) -> (usize, Vec<usize>) {
                match kind { $( Kind::$kind => (List::len(&self.$field), self.$field.cuts()), )+ }
            }

            /// Appends the bytes of some items of a list.
            pub fn put(&self, kind: Kind, items: Range<usize>, out: &mut Vec<u8>) {
                match kind { $( Kind::$kind => List::put(&self.$field, items, out), )+ }
            }
        }

        /// Some items of a list, read.
        #[derive(Debug)]
        pub enum Body { $( #[doc = $name] $kind(<$list as List>::Read), )+ }

        /// All lists, read.
        #[derive(Debug, Default)]
        pub struct Gathered { $( pub $field: <$list as List>::Read, )+ }

        impl Gathered {
            /// Adds the next items of a list; none if they are too many.
            pub fn append(&mut self, body: Body) -> Option<()> {
                match body { $( Body::$kind(more) => <$list as List>::append(&mut self.$field, more), )+ }
            }
        }
    };
}

lists! {
    Moment "moment" moment: Paged<Moment>,
    Rules "rules" rules: Paged<Rules>,
    Orders "orders" orders: OrderList,
    Accounts "accounts" accounts: Accounts,
    Owners "owners" owners: Paged<Owner>,
    Skus "skus" skus: Texts,
    Products "products" products: Paged<Product>,
    Texts "texts" texts: Texts,
    CampaignIds "campaign-ids" campaign_ids: Texts,
    Campaigns "campaigns" campaigns: Paged<Campaign>,
    Customers "customers" customers: Texts,
    Grants "grants" grants: Paged<Grant>,
    Wallets "wallets" wallets: Paged<Wallet>,
    Attention "attention" attention: Standing,
    AuditStock "audit-stock" audit_stock: Paged<i128>,
    AuditLive "audit-live" audit_live: Paged<i128>,
    AuditGranted "audit-granted" audit_granted: Paged<i64>,
    AuditWallets "audit-wallets" audit_wallets: Paged<Flow>,
    OnceRules "once-rules" once_rules: Listed<u64>,
    OnceReceipts "once-receipts" once_receipts: Listed<u64>,
    OnceAdjustments "once-adjustments" once_adjustments: Listed<u64>,
    OnceCampaigns "once-campaigns" once_campaigns: Listed<u64>,
    OnceTopups "once-topups" once_topups: Listed<u64>,
    OnceWithdrawals "once-withdrawals" once_withdrawals: Listed<u64>,
    OnceCancellations "once-cancellations" once_cancellations: Listed<u64>,
    Carts "carts" carts: Listed<i64>,
    Reviews "reviews" reviews: Listed<u64>,
}
