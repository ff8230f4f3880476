//! A log for people: one line a record.

use std::fmt::Write as _;

use contract::log::{History, RawRecord};

/// How much of a value is printed.
const SHOWN: usize = 400;

/// The log, readable: a line for each epoch with its clock, below it a line for each of its records.
#[must_use]
pub fn describe(log: &History) -> String {
    let mut out = String::new();
    for (index, binding) in log.timeline().iter().enumerate() {
        // Writing to a string can't fail.
        let _ = writeln!(out, "epoch {} at {}", binding.epoch.0, binding.clock);
        for record in log.records(index) {
            line(&mut out, &record);
        }
    }
    out
}

fn line(out: &mut String, record: &RawRecord<'_>) {
    let at = record.at;
    let _ = write!(out, "  {}/{}/{} ", at.topic.name(), at.partition, at.offset);
    match record.key {
        Some(key) => bytes(out, key),
        None => out.push_str("(no key)"),
    }
    out.push(' ');
    match record.value {
        Some(value) => bytes(out, value),
        None => out.push_str("(no value)"),
    }
    out.push('\n');
}

/// Text as it is, but on one line; other bytes as `\xNN`; the middle of what is long left out.
fn bytes(out: &mut String, bytes: &[u8]) {
    let head = &bytes[..bytes.len().min(SHOWN)];
    for chunk in head.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c.is_control() {
                out.extend(c.escape_default());
            } else {
                out.push(c);
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    if bytes.len() > head.len() {
        let _ = write!(out, "... ({} bytes)", bytes.len());
    }
}

#[cfg(test)]
mod tests {
    use contract::log::Topic;
    use contract::time::Time;

    use super::*;

    #[test]
    fn a_log_is_printed_one_line_a_record() {
        let mut log = History::new();
        log.append(Topic::Orders, 1, Some(b"o1"), Some("{\"a\":\n\"é\"}".as_bytes()));
        log.append(Topic::Carts, 0, None, Some(&[b'x', 0xff]));
        log.append(Topic::Carts, 0, Some(b""), None);
        log.bind(Time::from_ms(0).unwrap());
        let expected = "epoch 1 at 1970-01-01T00:00:00.000Z\n  \
            orders/1/0 o1 {\"a\":\\n\"é\"}\n  \
            carts/0/0 (no key) x\\xff\n  \
            carts/0/1  (no value)\n";
        assert_eq!(describe(&log), expected);
    }
}
