//! From a record's bytes to a valid [`Record`], or to the reason why it is quarantined.
//!
//! Two ways, one answer: [`Cursor`] reads the usual shapes in one pass; whatever it does not read goes to
//! the careful way, which alone judges, in the contract's order (section 1, Quarantine): `too_large`,
//! `bad_utf8`, `bad_json`, the type, field by field, `key_mismatch`. The reasons after that need the state
//! of a job.

use bumpalo::Bump;

use crate::json::cursor::Cursor;
use crate::json::tree::{Malformed, Node, parse};
use crate::log::Topic;
use crate::records::{Record, found, twice_of};
use crate::values::Prose;

/// The greatest size of a value, in bytes.
pub const VALUE_BYTES_MAX: usize = 1_048_576;

/// Why a record is quarantined, in the order in which the reasons are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The value has more than [`VALUE_BYTES_MAX`] bytes.
    TooLarge,
    /// The value is not UTF-8.
    BadUtf8,
    /// The value is not one JSON object, or has a known field twice.
    BadJson,
    /// A field is absent.
    MissingField,
    /// A field has a value that it can't have.
    BadField,
    /// The topic has no such type.
    UnknownType,
    /// The key is not the entity's id.
    KeyMismatch,
    /// There is no such order.
    UnknownOrder,
    /// There is no such campaign.
    UnknownCampaign,
    /// There is no such review.
    UnknownReview,
    /// There is no such captured payment.
    UnknownPayment,
    /// It contradicts what has counted.
    Conflict,
    /// A balance, level or sum would pass 2^53-1.
    Limit,
    /// A person had it skipped, as it could not be decided (design, invariant 7).
    Skipped,
}

impl Reason {
    /// All of them, in the order in which they apply.
    pub const ALL: &'static [Reason] = &[
        Reason::TooLarge,
        Reason::BadUtf8,
        Reason::BadJson,
        Reason::MissingField,
        Reason::BadField,
        Reason::UnknownType,
        Reason::KeyMismatch,
        Reason::UnknownOrder,
        Reason::UnknownCampaign,
        Reason::UnknownReview,
        Reason::UnknownPayment,
        Reason::Conflict,
        Reason::Limit,
        Reason::Skipped,
    ];

    /// Its name in the `quarantine` view.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Reason::TooLarge => "too_large",
            Reason::BadUtf8 => "bad_utf8",
            Reason::BadJson => "bad_json",
            Reason::MissingField => "missing_field",
            Reason::BadField => "bad_field",
            Reason::UnknownType => "unknown_type",
            Reason::KeyMismatch => "key_mismatch",
            Reason::UnknownOrder => "unknown_order",
            Reason::UnknownCampaign => "unknown_campaign",
            Reason::UnknownReview => "unknown_review",
            Reason::UnknownPayment => "unknown_payment",
            Reason::Conflict => "conflict",
            Reason::Limit => "limit",
            Reason::Skipped => "skipped",
        }
    }
}

/// A record that can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {detail}", reason.name())]
pub struct Rejected {
    /// Why.
    pub reason: Reason,
    /// Names the field and says what was expected.
    pub detail: String,
    /// The record's type, where that could be read.
    pub kind: Option<&'static str>,
}

impl Rejected {
    /// Of a record that a person had skipped, whatever it holds.
    #[must_use]
    pub fn skipped() -> Rejected {
        Rejected {
            reason: Reason::Skipped,
            detail: "a person had it skipped, as it could not be decided".to_owned(),
            kind: None,
        }
    }
}

/// Reads a record of `topic`.
///
/// # Errors
/// The first reason that applies.
#[inline]
pub fn decode<'a>(
    topic: Topic,
    key: Option<&[u8]>,
    value: Option<&'a [u8]>,
    arena: &'a Bump,
) -> Result<Record<'a>, Rejected> {
    let bytes = value.unwrap_or_default();
    if bytes.len() <= VALUE_BYTES_MAX
        && let Ok(text) = std::str::from_utf8(bytes)
        && let Some(record) = quick(topic, text, arena)
        && key == Some(record.key().as_bytes())
    {
        return Ok(record);
    }
    careful(topic, key, value, arena)
}

/// Reads a value in the quick way, its key aside. `None` is no verdict. For tests: [`decode`] is what to
/// call.
#[doc(hidden)]
#[inline]
pub fn quick<'a>(topic: Topic, text: &'a str, arena: &'a Bump) -> Option<Record<'a>> {
    let mut cursor = Cursor::new(text);
    let record = match Record::quick_typed(topic, &mut cursor, arena) {
        Some(record) => record,
        None => {
            cursor = Cursor::new(text);
            let kind = find_type(cursor.clone())?;
            Record::quick(topic, kind, &mut cursor, arena)
        }
    }?;
    cursor.end()?;
    Some(record)
}

/// The `type` that stands somewhere in an object.
fn find_type<'a>(mut cursor: Cursor<'a>) -> Option<&'a str> {
    let mut opening = b'{';
    loop {
        cursor.expect(opening)?;
        opening = b',';
        if cursor.key()? == b"type" {
            return cursor.string();
        }
        cursor.pass()?;
    }
}

/// Reads a record in the careful way: this is what [`decode`] means.
///
/// # Errors
/// The first reason that applies.
pub fn careful<'a>(
    topic: Topic,
    key: Option<&[u8]>,
    value: Option<&'a [u8]>,
    arena: &'a Bump,
) -> Result<Record<'a>, Rejected> {
    let record = careful_value(topic, value, arena)?;
    if key == Some(record.key().as_bytes()) {
        return Ok(record);
    }
    Err(Rejected {
        reason: Reason::KeyMismatch,
        detail: format!("key: expected {}", record.key()),
        kind: Some(record.kind()),
    })
}

/// Reads a value whose key is still to be made of it ([`Record::key`]): for who appends.
///
/// # Errors
/// The first reason that applies, keys aside.
pub fn decode_value<'a>(topic: Topic, value: &'a [u8], arena: &'a Bump) -> Result<Record<'a>, Rejected> {
    if value.len() <= VALUE_BYTES_MAX
        && let Ok(text) = std::str::from_utf8(value)
        && let Some(record) = quick(topic, text, arena)
    {
        return Ok(record);
    }
    careful_value(topic, Some(value), arena)
}

fn careful_value<'a>(topic: Topic, value: Option<&'a [u8]>, arena: &'a Bump) -> Result<Record<'a>, Rejected> {
    let rejected = |reason, detail| {
        Err(Rejected {
            reason,
            detail,
            kind: None,
        })
    };
    let bytes = value.unwrap_or_default();
    if bytes.len() > VALUE_BYTES_MAX {
        let detail = format!("value: {} bytes, expected at most {VALUE_BYTES_MAX}", bytes.len());
        return rejected(Reason::TooLarge, detail);
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(e) => {
            return rejected(
                Reason::BadUtf8,
                format!("value: byte {} is not UTF-8", e.valid_up_to()),
            );
        }
    };
    let fields = match parse(text, arena) {
        Ok(Node::Object(fields)) => fields,
        Ok(_) => return rejected(Reason::BadJson, "value: expected one JSON object".to_owned()),
        Err(Malformed { what, at }) => {
            return rejected(Reason::BadJson, format!("value: {what} at byte {at}"));
        }
    };
    fields_of(topic, fields, arena)
}

/// What is said of a known field that stands there twice. Of a `type` twice it can't be said which one
/// holds, so the record has no kind then.
fn twice<'a>(name: &str, kind: Option<&'static str>) -> Result<Record<'a>, Rejected> {
    Err(Rejected {
        reason: Reason::BadJson,
        detail: format!("{name}: stands there twice, expected once"),
        kind,
    })
}

fn fields_of<'a>(
    topic: Topic,
    fields: &'a [(&'a str, Node<'a>)],
    arena: &'a Bump,
) -> Result<Record<'a>, Rejected> {
    if twice_of(fields, &["type"]).is_some() {
        return twice("type", None);
    }
    let named = found(fields, "type");
    let text = if let Some(Node::String(text)) = named {
        // What has no other range in the contract is a text.
        Prose::new(text).map(Prose::get)
    } else {
        None
    };
    let kind = Record::kinds(topic).iter().copied().find(|k| text == Some(k));
    let rejected = |reason, detail| Err(Rejected { reason, detail, kind });
    if let Some(name) = kind.and_then(|kind| Record::twice(topic, kind, fields)) {
        return twice(&name, kind);
    }
    let one_of = || Record::kinds(topic).join(", ");
    let Some(kind_name) = kind else {
        return match (named, text) {
            (None, _) => rejected(
                Reason::MissingField,
                format!("type: missing, expected one of {}", one_of()),
            ),
            (_, None) => rejected(Reason::BadField, format!("type: expected one of {}", one_of())),
            _ => rejected(Reason::UnknownType, format!("type: expected one of {}", one_of())),
        };
    };
    match Record::careful(topic, kind_name, fields, arena) {
        Some(Ok(record)) => Ok(record),
        Some(Err(fault)) => {
            let reason = if fault.missing {
                Reason::MissingField
            } else {
                Reason::BadField
            };
            rejected(reason, fault.detail)
        }
        None => unreachable!("{kind_name} is one of the topic's types"),
    }
}
