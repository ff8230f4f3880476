//! The named mix of `bench decide`: a prelude of 10,000 products with stock, then orders of 1 to 3 lines
//! whose products follow Zipf's law with exponent 1, each submitted and confirmed; 5 % rejected (a price
//! that is not the product's), 1 % cancelled. Ids of orders are time-ordered like UUIDv7. Deterministic.

use contract::log::{Position, RawRecord, Topic};

/// How many products there are.
pub const PRODUCTS: usize = 10_000;

/// A record of the mix.
#[derive(Clone, Debug)]
pub struct MixRecord {
    topic: Topic,
    key: (usize, usize),
    value: (usize, usize),
}

/// Records one behind another in one buffer, cut into epochs.
#[derive(Clone, Debug, Default)]
pub struct Mix {
    bytes: String,
    records: Vec<MixRecord>,
    /// Where each epoch ends.
    epochs: Vec<usize>,
    /// Next offset by topic.
    offsets: [u64; Topic::ALL.len()],
}

/// SplitMix64 (Steele, Lea, Flood 2014).
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    /// The next number.
    #[expect(clippy::should_implement_trait, reason = "there is always a next one")]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

/// Products by Zipf's law.
#[derive(Clone, Debug)]
pub struct Zipf(Vec<f64>);

impl Zipf {
    /// Over `n` products, with exponent 1.
    #[must_use]
    pub fn new(n: usize) -> Self {
        Zipf::skewed(n, 1.0)
    }

    /// Over `n` products, with another exponent: 0 makes all alike.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "ranks are far below 2^52")]
    pub fn skewed(n: usize, exponent: f64) -> Self {
        let mut sum = 0.0;
        let sums = (1..=n).map(|rank| {
            sum += 1.0 / (rank as f64).powf(exponent);
            sum
        });
        Zipf(sums.collect())
    }

    /// The share of a product, 0 to 1.
    #[must_use]
    pub fn share(&self, product: usize) -> f64 {
        let until = |rank: Option<usize>| rank.and_then(|rank| self.0.get(rank)).copied().unwrap_or(0.0);
        (until(Some(product)) - until(product.checked_sub(1))) / until(self.0.len().checked_sub(1))
    }

    /// The next product.
    #[expect(clippy::cast_precision_loss, reason = "53 bits are kept")]
    pub fn next(&self, random: &mut Random) -> usize {
        let total = self.0.last().copied().unwrap_or_default();
        let at = (random.next() >> 11) as f64 / (1u64 << 53) as f64 * total;
        self.0.partition_point(|sum| *sum <= at).min(self.0.len() - 1)
    }
}

/// How orders are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ids {
    /// In the shape of a UUIDv7: later orders have greater ids.
    TimeOrdered,
    /// In the shape of a UUIDv4: no order.
    Random,
}

/// The orders of the mix: placed in one epoch, submitted in the next, confirmed in the one after, 1 %
/// cancelled then.
#[derive(Debug)]
pub struct Orders {
    total: u64,
    placed: u64,
    ids: Ids,
    random: Random,
    zipf: Zipf,
    stages: [Vec<(String, usize)>; 3],
    /// Epochs since the last order was placed.
    after: usize,
}

impl Orders {
    /// Orders placed in an epoch.
    pub const AN_EPOCH: u64 = 500;

    /// So many orders.
    #[must_use]
    pub fn new(total: u64, ids: Ids) -> Orders {
        Orders {
            total,
            placed: 0,
            ids,
            random: Random(1),
            zipf: Zipf::new(PRODUCTS),
            stages: Default::default(),
            after: 0,
        }
    }

    /// Adds the next epoch; false, and nothing added, if there is none.
    pub fn epoch(&mut self, mix: &mut Mix) -> bool {
        if self.after == 3 {
            return false;
        }
        for (id, _) in self.stages[2].drain(..) {
            if self.random.below(100) == 0 {
                mix.cancel(&id);
            }
        }
        self.stages.rotate_right(1);
        for (id, amount) in &self.stages[2] {
            mix.pay("payment_confirmed", id, *amount);
        }
        for (id, amount) in &self.stages[1] {
            mix.pay("payment_submitted", id, *amount);
        }
        let until = (self.placed + Self::AN_EPOCH).min(self.total);
        self.after += usize::from(until == self.placed);
        while self.placed < until {
            self.place(mix);
        }
        mix.cut();
        true
    }

    fn place(&mut self, mix: &mut Mix) {
        let id = match self.ids {
            Ids::TimeOrdered => order_id(self.placed, &mut self.random),
            Ids::Random => random_id(&mut self.random),
        };
        self.placed += 1;
        let rejected = self.random.below(100) < 5;
        let lines = 1 + self.random.below(3);
        let amount = mix.place(&id, lines, rejected, &self.zipf, &mut self.random);
        if !rejected {
            self.stages[0].push((id, amount));
        }
    }
}

/// An order's id without any order: in the shape of a UUIDv4.
fn random_id(random: &mut Random) -> String {
    let (a, b) = (random.next(), random.next());
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        a >> 32,
        (a >> 16) & 0xffff,
        a & 0xfff,
        b >> 52,
        b & 0xffff_ffff_ffff
    )
}

/// The price of a product.
#[must_use]
pub fn price(product: usize) -> usize {
    1000 + product * 7919 % 99_000
}

/// An order's id: time-ordered, in the shape of a UUIDv7.
#[must_use]
pub fn order_id(number: u64, random: &mut Random) -> String {
    let ms = 1_790_000_000_000 + number / 8;
    let (a, b) = (random.next(), random.next());
    let (high, low) = (ms >> 16, ms & 0xffff);
    let (version, variant) = (
        0x7000 | ((number % 8) << 9) | (a & 0x1ff),
        0x8000 | ((b >> 48) & 0x3fff),
    );
    format!(
        "{high:08x}-{low:04x}-{version:04x}-{variant:04x}-{:012x}",
        b & 0xffff_ffff_ffff
    )
}

impl Mix {
    /// Adds a record.
    pub fn push(&mut self, topic: Topic, key: &str, value: &str) {
        let start = self.bytes.len();
        self.bytes.push_str(key);
        let middle = self.bytes.len();
        self.bytes.push_str(value);
        let end = self.bytes.len();
        self.records.push(MixRecord {
            topic,
            key: (start, middle),
            value: (middle, end),
        });
    }

    /// Ends an epoch: sorts its records into log order.
    pub fn cut(&mut self) {
        let start = self.epochs.last().copied().unwrap_or(0);
        self.records[start..].sort_by_key(|record| record.topic);
        self.epochs.push(self.records.len());
    }

    /// Forgets all records, keeping offsets and buffers.
    pub fn clear(&mut self) {
        for record in &self.records {
            self.offsets[record.topic as usize] += 1;
        }
        self.bytes.clear();
        self.records.clear();
        self.epochs.clear();
    }

    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Bytes of all values.
    #[must_use]
    pub fn value_bytes(&self) -> usize {
        self.records
            .iter()
            .map(|record| record.value.1 - record.value.0)
            .sum()
    }

    /// The epochs' records in log order.
    pub fn epochs(&self) -> impl Iterator<Item = impl Iterator<Item = RawRecord<'_>>> {
        let mut offsets = self.offsets;
        let starts = std::iter::once(0).chain(self.epochs.iter().copied());
        starts.zip(&self.epochs).map(move |(start, end)| {
            let records = &self.records[start..*end];
            let mut next = offsets;
            for record in records {
                offsets[record.topic as usize] += 1;
            }
            records.iter().map(move |record| {
                let offset = next[record.topic as usize];
                next[record.topic as usize] += 1;
                RawRecord {
                    at: Position {
                        topic: record.topic,
                        partition: 0,
                        offset,
                    },
                    key: Some(&self.bytes.as_bytes()[record.key.0..record.key.1]),
                    value: Some(&self.bytes.as_bytes()[record.value.0..record.value.1]),
                    skipped: false,
                }
            })
        })
    }

    /// The prelude: products, and more stock than will be sold; one epoch.
    pub fn prelude(&mut self) {
        for product in 0..PRODUCTS {
            let sku = format!("sku-{product:06}");
            let price = price(product);
            let (store, category) = (product % 50, product % 200);
            let upserted = [
                format!(
                    r#"{{"type":"product_upserted","sku":"{sku}","name":"Product {product}","price":{price},"#
                ),
                format!(r#""currency":"KRW","store_id":"store-{store}","category":"category-{category}"}}"#),
            ];
            self.push(Topic::Products, &sku, &upserted.concat());
            for receipt in 0..10 {
                let received = [
                    format!(r#"{{"type":"stock_received","receipt_id":"r-{product}-{receipt}","#),
                    format!(r#""sku":"{sku}","quantity":1000000}}"#),
                ];
                self.push(Topic::Stock, &sku, &received.concat());
            }
        }
        self.cut();
    }

    /// Adds an order_placed of `lines` lines; answers what is to be paid.
    pub fn place(&mut self, id: &str, lines: u64, rejected: bool, zipf: &Zipf, random: &mut Random) -> usize {
        let mut total = 0;
        let mut text = String::new();
        for line in 0..lines {
            let product = zipf.next(random);
            let quantity = 1 + usize::try_from(random.below(3)).unwrap_or(0);
            let price = price(product) + usize::from(rejected);
            total += quantity * price;
            let comma = if line > 0 { "," } else { "" };
            text.push_str(&format!(
                r#"{comma}{{"sku":"sku-{product:06}","quantity":{quantity},"unit_price":{price}}}"#
            ));
        }
        let customer = random.below(200_000);
        let placed = [
            format!(r#"{{"type":"order_placed","order_id":"{id}","customer_id":"c-{customer:06}","#),
            format!(r#""currency":"KRW","lines":[{text}],"placed_at":"2026-11-21T09:00:00.123Z"}}"#),
        ];
        self.push(Topic::Orders, id, &placed.concat());
        total
    }

    /// Adds a payment record of `kind`.
    pub fn pay(&mut self, kind: &str, id: &str, amount: usize) {
        let paid = [
            format!(
                r#"{{"type":"{kind}","order_id":"{id}","payment_key":"tviva2026{}","#,
                &id[9..]
            ),
            format!(r#""amount":{amount},"currency":"KRW"}}"#),
        ];
        self.push(Topic::Payments, id, &paid.concat());
    }

    /// Adds a cancel.
    pub fn cancel(&mut self, id: &str) {
        self.push(
            Topic::Orders,
            id,
            &format!(r#"{{"type":"order_cancel_requested","order_id":"{id}","reason":"changed my mind"}}"#),
        );
    }
}
