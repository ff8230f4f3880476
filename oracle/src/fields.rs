//! Reading fields: section 1 of the contract, "Values".
//!
//! Each reader answers `None` for a value that is not what the contract asks for. `null` is the same as
//! absent.

use contract::time::Time;

use crate::json::Json;
use crate::records::{AMOUNT_MAX, Int, Money, Reason};

/// The longest text, in Unicode scalar values.
const TEXT_MAX: usize = 4000;

/// The fields of an object.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a>(pub(crate) &'a [(String, Json)]);

impl<'a> Fields<'a> {
    /// The fields of `value`, if it is an object.
    pub(crate) fn of(value: &'a Json) -> Option<Self> {
        match value {
            Json::Object(fields) => Some(Fields(fields)),
            _ => None,
        }
    }

    /// The value of a field, unless it is absent or null.
    pub(crate) fn get(self, name: &str) -> Option<&'a Json> {
        self.0
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value)
            .filter(|value| **value != Json::Null)
    }

    /// A field that may be absent.
    pub(crate) fn optional<T>(
        self,
        name: &str,
        read: impl FnOnce(&'a Json) -> Option<T>,
    ) -> Result<Option<T>, Reason> {
        match self.get(name) {
            None => Ok(None),
            Some(value) => read(value).map(Some).ok_or(Reason::BadField),
        }
    }

    /// A field that must be there.
    pub(crate) fn required<T>(
        self,
        name: &str,
        read: impl FnOnce(&'a Json) -> Option<T>,
    ) -> Result<T, Reason> {
        self.optional(name, read)?.ok_or(Reason::MissingField)
    }

    pub(crate) fn id(self, name: &str) -> Result<String, Reason> {
        self.required(name, |v| id(v, 64))
    }

    pub(crate) fn id_if_any(self, name: &str) -> Result<Option<String>, Reason> {
        self.optional(name, |v| id(v, 64))
    }

    pub(crate) fn text(self, name: &str) -> Result<String, Reason> {
        self.required(name, text)
    }

    /// A text that is not empty.
    pub(crate) fn name(self, name: &str) -> Result<String, Reason> {
        self.required(name, |v| text(v).filter(|t| !t.is_empty()))
    }

    pub(crate) fn integer(self, name: &str, min: Int, max: Int) -> Result<Int, Reason> {
        self.required(name, |v| integer(v, min, max))
    }

    pub(crate) fn integer_if_any(self, name: &str, min: Int, max: Int) -> Result<Option<Int>, Reason> {
        self.optional(name, |v| integer(v, min, max))
    }

    pub(crate) fn currency(self, name: &str) -> Result<String, Reason> {
        self.required(name, currency)
    }

    pub(crate) fn time_if_any(self, name: &str) -> Result<Option<Time>, Reason> {
        self.optional(name, time)
    }

    /// A number of seconds, as the rules have them.
    pub(crate) fn seconds(self, name: &str) -> Result<i64, Reason> {
        let seconds = self.integer(name, 0, 31_536_000)?;
        i64::try_from(seconds).map_err(|_| Reason::BadField)
    }

    /// `amount`, from 1, and `currency`.
    pub(crate) fn money(self) -> Result<Money, Reason> {
        let amount = self.integer("amount", 1, AMOUNT_MAX)?;
        let currency = self.currency("currency")?;
        Ok(Money { amount, currency })
    }

    /// A list of texts; empty if absent.
    pub(crate) fn texts(
        self,
        name: &str,
        items_max: usize,
        length_max: usize,
    ) -> Result<Vec<String>, Reason> {
        let read = |value: &Json| match value {
            Json::List(items) if items.len() <= items_max => items
                .iter()
                .map(|item| text(item).filter(|t| t.chars().count() <= length_max))
                .collect(),
            _ => None,
        };
        Ok(self.optional(name, read)?.unwrap_or_default())
    }

    /// A list of 1 to 2,000 objects, each read by `read`.
    pub(crate) fn lines<T>(
        self,
        name: &str,
        read: impl Fn(Fields<'a>) -> Result<T, Reason>,
    ) -> Result<Vec<T>, Reason> {
        let items = self.required(name, |value| match value {
            Json::List(items) if (1..=2000).contains(&items.len()) => Some(items),
            _ => None,
        })?;
        items
            .iter()
            .map(|item| read(Fields::of(item).ok_or(Reason::BadField)?))
            .collect()
    }
}

/// An id of 1 to `length_max` characters.
pub(crate) fn id(value: &Json, length_max: usize) -> Option<String> {
    let Json::Text(id) = value else { return None };
    let good = id
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"_.:@+=-".contains(&b));
    (good && (1..=length_max).contains(&id.len())).then(|| id.clone())
}

/// A payment key: 1 to 200 printable ASCII characters without space.
pub(crate) fn payment_key(value: &Json) -> Option<String> {
    let Json::Text(key) = value else { return None };
    let good = key.bytes().all(|b| b.is_ascii_graphic());
    (good && (1..=200).contains(&key.len())).then(|| key.clone())
}

/// A text: up to 4,000 Unicode scalar values, no U+0000.
pub(crate) fn text(value: &Json) -> Option<String> {
    let Json::Text(text) = value else { return None };
    (text.chars().count() <= TEXT_MAX && !text.contains('\0')).then(|| text.clone())
}

/// An integer: no fraction, no exponent, no minus zero.
pub(crate) fn integer(value: &Json, min: Int, max: Int) -> Option<Int> {
    let Json::Number(written) = value else { return None };
    if written == "-0" || written.contains(['.', 'e', 'E']) {
        return None;
    }
    written.parse().ok().filter(|number| (min..=max).contains(number))
}

/// Three capitals.
pub(crate) fn currency(value: &Json) -> Option<String> {
    let Json::Text(text) = value else { return None };
    (text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase())).then(|| text.clone())
}

/// A flag.
pub(crate) fn flag(value: &Json) -> Option<bool> {
    match value {
        Json::Bool(flag) => Some(*flag),
        _ => None,
    }
}

/// An instant.
pub(crate) fn time(value: &Json) -> Option<Time> {
    match value {
        Json::Text(text) => Time::parse(text),
        _ => None,
    }
}
