//! Records, and how a run of them is encoded.
//!
//! A run is what one batch adds to one partition. It is encoded once, by whoever makes the [`Batch`], and
//! stays in that form in files, in buffers and in memory: per record the length of key and of value (each
//! plus one, zero is "none"), the length of the headers, as LEB128, then key, value and headers. Reading
//! yields slices of the buffer and allocates nothing.
//!
//! A run is checked as a whole before its first record is handed out ([`Records::checked`]), so that handing
//! out can't fail in the middle.

/// A record as it stands in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its offset in its partition.
    pub offset: u64,
    /// When it was appended, in milliseconds since 1970.
    pub timestamp_ms: i64,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value.
    pub value: Option<&'a [u8]>,
    /// Its headers.
    pub headers: Headers<'a>,
}

/// A record's headers, in the order in which they were given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Headers<'a>(&'a [u8]);

impl<'a> Headers<'a> {
    /// The first header named `name`.
    #[must_use]
    pub fn get(self, name: &str) -> Option<&'a [u8]> {
        self.into_iter().find(|(n, _)| *n == name).map(|(_, v)| v)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = (&'a str, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, rest) = take(self.0)?;
        let (value, rest) = take(rest)?;
        let name = std::str::from_utf8(name).ok()?;
        self.0 = rest;
        Some((name, value))
    }
}

/// A number in LEB128 at the start of `b`, and what follows.
fn number(b: &[u8]) -> Option<(usize, &[u8])> {
    let (&first, rest) = b.split_first()?;
    if first < 0x80 {
        return Some((usize::from(first), rest));
    }
    let mut value = u64::from(first & 0x7f);
    for (i, &byte) in rest.iter().enumerate().take(4) {
        value |= u64::from(byte & 0x7f) << (7 * (i + 1));
        if byte < 0x80 {
            return Some((usize::try_from(value).ok()?, &rest[i + 1..]));
        }
    }
    None
}

/// Bytes with their length before them at the start of `b`, and what follows.
fn take(b: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = number(b)?;
    rest.split_at_checked(len)
}

fn put_number(out: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        out.push(0x80 | low_seven(value));
        value >>= 7;
    }
    out.push(low_seven(value));
}

fn low_seven(value: usize) -> u8 {
    u8::try_from(value & 0x7f).expect("seven bits fit a byte")
}

pub(crate) fn put_record(
    out: &mut Vec<u8>,
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    headers: &[(&str, &[u8])],
) {
    let size = |n: usize| 1 + n.checked_ilog2().unwrap_or(0) as usize / 7;
    let headers_len = headers
        .iter()
        .map(|(n, v)| size(n.len()) + n.len() + size(v.len()) + v.len())
        .sum();
    put_number(out, key.map_or(0, |k| k.len() + 1));
    put_number(out, value.map_or(0, |v| v.len() + 1));
    put_number(out, headers_len);
    out.extend_from_slice(key.unwrap_or_default());
    out.extend_from_slice(value.unwrap_or_default());
    for (name, value) in headers {
        put_number(out, name.len());
        out.extend_from_slice(name.as_bytes());
        put_number(out, value.len());
        out.extend_from_slice(value);
    }
}

/// Key, value, headers of the record at the start of `b`, and what follows.
#[inline]
#[expect(clippy::type_complexity, reason = "used in two places, right below")]
fn parts(b: &[u8]) -> Option<(Option<&[u8]>, Option<&[u8]>, &[u8], &[u8])> {
    let (key_len, b) = number(b)?;
    let (value_len, b) = number(b)?;
    let (headers_len, b) = number(b)?;
    let (key, b) = b.split_at_checked(key_len.saturating_sub(1))?;
    let (value, b) = b.split_at_checked(value_len.saturating_sub(1))?;
    let (headers, b) = b.split_at_checked(headers_len)?;
    Some((
        (key_len > 0).then_some(key),
        (value_len > 0).then_some(value),
        headers,
        b,
    ))
}

/// A run of records of one partition, offset after offset. An iterator that borrows from the reader's
/// buffer.
#[derive(Clone, Copy, Debug)]
pub struct Records<'a> {
    bytes: &'a [u8],
    next: u64,
    count: u64,
    timestamp_ms: i64,
}

impl<'a> Records<'a> {
    /// The run of `count` records that `bytes` encodes, the first of them at offset `first`; `None` if
    /// `bytes` is anything else.
    pub(crate) fn checked(bytes: &'a [u8], first: u64, count: u64, timestamp_ms: i64) -> Option<Self> {
        let mut rest = bytes;
        for _ in 0..count {
            let (_, _, mut headers, after) = parts(rest)?;
            while !headers.is_empty() {
                let (name, more) = take(headers)?;
                std::str::from_utf8(name).ok()?;
                (_, headers) = take(more)?;
            }
            rest = after;
        }
        (rest.is_empty() && first.checked_add(count).is_some()).then_some(Records {
            bytes,
            next: first,
            count,
            timestamp_ms,
        })
    }

    /// What is left of a run that was checked.
    pub(crate) fn left_of(bytes: &'a [u8], next: u64, count: u64, timestamp_ms: i64) -> Self {
        Records {
            bytes,
            next,
            count,
            timestamp_ms,
        }
    }

    /// The records below offset `at`, and how many bytes they take of the run's.
    pub(crate) fn below(self, at: u64) -> (Records<'a>, usize) {
        if at.saturating_sub(self.next) >= self.count {
            return (self, self.bytes.len());
        }
        let mut rest = self;
        while rest.next < at && rest.next().is_some() {}
        let len = self.bytes.len() - rest.bytes.len();
        let head = Records {
            bytes: &self.bytes[..len],
            count: rest.next - self.next,
            ..self
        };
        (head, len)
    }

    /// The offset of its next record.
    #[must_use]
    pub fn first(&self) -> u64 {
        self.next
    }

    /// When its records were appended, in milliseconds since 1970.
    #[must_use]
    pub fn timestamp_ms(&self) -> i64 {
        self.timestamp_ms
    }

    /// How many records are left of it.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.count
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    #[inline]
    fn next(&mut self) -> Option<Record<'a>> {
        let left = self.count.checked_sub(1)?;
        let (key, value, headers, rest) = parts(self.bytes)?;
        let record = Record {
            offset: self.next,
            timestamp_ms: self.timestamp_ms,
            key,
            value,
            headers: Headers(headers),
        };
        self.bytes = rest;
        self.next += 1;
        self.count = left;
        Some(record)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let count = usize::try_from(self.count).unwrap_or(usize::MAX);
        (count, Some(count))
    }
}

/// The partition, of so many, where records with a key belong: the CRC-32 of the key, which is what
/// librdkafka's `consistent` partitioner does. Records without a key go to the first.
#[must_use]
pub fn partition_of(key: Option<&[u8]>, partitions: u32) -> u32 {
    key.map_or(0, |key| crc32fast::hash(key) % partitions.max(1))
}

/// What one batch adds to one partition.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) topic: String,
    pub(crate) partition: u32,
    pub(crate) count: u64,
    pub(crate) bytes: Vec<u8>,
}

/// Records that are appended together: all of them or none.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    pub(crate) timestamp_ms: i64,
    pub(crate) parts: Vec<Part>,
}

impl Batch {
    /// A batch without records, appended at `timestamp_ms` (milliseconds since 1970).
    #[must_use]
    pub fn new(timestamp_ms: i64) -> Batch {
        let parts = Vec::new();
        Batch { timestamp_ms, parts }
    }

    /// Adds a record without headers. Records of one partition keep their order.
    pub fn push(&mut self, topic: &str, partition: u32, key: Option<&[u8]>, value: Option<&[u8]>) {
        self.push_with_headers(topic, partition, key, value, &[]);
    }

    /// Adds a record.
    pub fn push_with_headers(
        &mut self,
        topic: &str,
        partition: u32,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&str, &[u8])],
    ) {
        let same = |p: &Part| p.partition == partition && p.topic == topic;
        let at = self.parts.iter().rposition(same).unwrap_or_else(|| {
            self.parts.push(Part {
                topic: topic.to_owned(),
                partition,
                count: 0,
                bytes: Vec::new(),
            });
            self.parts.len() - 1
        });
        let part = &mut self.parts[at];
        put_record(&mut part.bytes, key, value, headers);
        part.count += 1;
    }

    /// How many records it holds.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.parts.iter().map(|p| p.count).sum()
    }

    /// Whether it holds no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// How many bytes its records take.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.parts.iter().map(|p| p.bytes.len() as u64).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_read_as_it_was_written() {
        let long = vec![7u8; 300_000];
        let keys = [None, Some(&b""[..]), Some(b"k"), Some(&long)];
        let traced: &[(&str, &[u8])] = &[("traceparent", b"00-ab"), ("", b""), ("x", &long[..200])];
        let (mut batch, mut expected) = (Batch::new(5), Vec::new());
        for headers in [&[], &traced[..1], traced] {
            for key in keys {
                for value in keys {
                    batch.push_with_headers("t", 0, key, value, headers);
                    expected.push((key, value, headers));
                }
            }
        }
        let part = &batch.parts[0];
        let records = Records::checked(&part.bytes, 10, part.count, 5).unwrap();
        for (i, (record, (key, value, headers))) in records.zip(&expected).enumerate() {
            assert_eq!((record.offset, record.timestamp_ms), (10 + i as u64, 5));
            assert_eq!((record.key, record.value), (*key, *value));
            assert!(record.headers.eq(headers.iter().copied()));
        }
        let (head, len) = records.below(57);
        assert!(head.map(|r| r.offset).eq(10..57));
        let rest = Records::left_of(&part.bytes[len..], 57, records.left() - head.left(), 5);
        assert_eq!(rest.map(|r| r.key).collect::<Vec<_>>(), [expected[47].0]);
        assert_eq!(records.below(10).0.left(), 0);
        assert_eq!(records.below(u64::MAX).1, part.bytes.len());
        for cut in [0, 1, 2, part.bytes.len() - 1] {
            assert!(Records::checked(&part.bytes[..cut], 0, part.count, 5).is_none());
        }
        assert!(Records::checked(&part.bytes, 0, part.count - 1, 5).is_none());
    }
}
