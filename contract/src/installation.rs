//! The id of one installation: what tells its log from every other one.

use std::fmt;

/// A UUID of version 7: made once, when a log is created, and kept in each of its files. A sink that was
/// filled from one installation refuses another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Installation([u8; 16]);

impl Installation {
    /// The id made at `now_ms` (milliseconds since 1970) from random bytes, which the caller finds.
    #[must_use]
    pub fn new(now_ms: u64, random: [u8; 10]) -> Installation {
        let mut id = [0; 16];
        id[..6].copy_from_slice(&now_ms.to_be_bytes()[2..]);
        id[6..].copy_from_slice(&random);
        id[6] = 0x70 | id[6] & 0x0f;
        id[8] = 0x80 | id[8] & 0x3f;
        Installation(id)
    }

    /// Reads what [`fmt::Display`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Installation> {
        let hex: String = text.split('-').collect();
        if hex.len() != 32 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let id = Installation(u128::from_str_radix(&hex, 16).ok()?.to_be_bytes());
        (id.to_string() == text).then_some(id)
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(self) -> [u8; 16] {
        self.0
    }
}

impl fmt::Display for Installation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = format!("{:032x}", u128::from_be_bytes(self.0));
        let (a, b, c, d, e) = (&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]);
        write!(f, "{a}-{b}-{c}-{d}-{e}")
    }
}

impl fmt::Debug for Installation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_uuid_of_version_7_and_is_read_back() {
        let id = Installation::new(0x0199_1234_5678, [0xff; 10]);
        assert_eq!(id.to_string(), "01991234-5678-7fff-bfff-ffffffffffff");
        assert_eq!(Installation::parse(&id.to_string()), Some(id));
        for bad in [
            "",
            "01991234",
            "01991234-5678-7fff-bfff-fffffffffffg",
            "0199123456787fffbfffffffffffffff",
        ] {
            assert_eq!(Installation::parse(bad), None);
        }
    }
}
