//! What a coupon takes off: `{type: "amount" or "percent", value, max_amount?}`.
//!
//! The range of `value` depends on `type`, which is why this one object is read by hand.

use bumpalo::Bump;
use serde_json::{Value as Json, json};

use crate::content::Content;
use crate::json::cursor::Cursor;
use crate::json::tree::Node;
use crate::records::{found, twice_of, write_field};
use crate::values::{Amount, Fault, Field, Int, Path, PositiveAmount};

/// A share in hundredths.
pub type Percent = Int<1, 100>;

/// What a discount is measured by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// A fixed amount.
    Amount(PositiveAmount),
    /// A share of the total, rounded down.
    Percent(Percent),
}

/// What a coupon takes off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Discount {
    /// How much.
    pub measure: Measure,
    /// At most so much.
    pub max_amount: Option<Amount>,
}

impl Discount {
    /// What it takes off `total`, both in minor units: at most `max_amount` and at most `total` (rules,
    /// section 3).
    #[must_use]
    pub fn of(&self, total: i64) -> i64 {
        let full = match self.measure {
            Measure::Amount(value) => value.get(),
            Measure::Percent(value) => {
                let share = i128::from(total) * i128::from(value.get()) / 100;
                i64::try_from(share).expect("a share of an amount is at most the amount")
            }
        };
        full.min(self.max_amount.map_or(full, Amount::get)).min(total)
    }
}

const NAMES: &[&str] = &["type", "value", "max_amount"];
const TYPE_EXPECTED: &str = "amount or percent";

impl<'a> Field<'a> for Discount {
    fn quick(cursor: &mut Cursor<'a>, _: &'a Bump) -> Option<Self> {
        let (mut kind, mut value, mut max_amount) = (None, None, None);
        let mut opening = b'{';
        while opening == b'{' || !cursor.closes(b'}')? {
            cursor.expect(opening)?;
            opening = b',';
            match cursor.key()? {
                b"type" if kind.is_none() => kind = Some(cursor.string()?),
                b"value" if value.is_none() => value = Some(cursor.integer()?),
                b"max_amount" if max_amount.is_none() => max_amount = Some(Amount::new(cursor.integer()?)?),
                _ => return None,
            }
        }
        let measure = match kind? {
            "amount" => Measure::Amount(PositiveAmount::new(value?)?),
            "percent" => Measure::Percent(Percent::new(value?)?),
            _ => return None,
        };
        Some(Discount { measure, max_amount })
    }

    fn careful(node: &Node<'a>, at: &Path<'_>, arena: &'a Bump) -> Result<Self, Fault> {
        let Node::Object(fields) = node else {
            return Err(Fault::bad(at, &Self::expected()));
        };
        let (at_type, at_value) = (Path::Field(at, "type"), Path::Field(at, "value"));
        let percent = match found(fields, "type") {
            None => return Err(Fault::missing(&at_type, TYPE_EXPECTED)),
            Some(Node::String("amount")) => false,
            Some(Node::String("percent")) => true,
            Some(_) => return Err(Fault::bad(&at_type, TYPE_EXPECTED)),
        };
        let expected = if percent {
            Percent::expected()
        } else {
            PositiveAmount::expected()
        };
        let value = found(fields, "value").ok_or_else(|| Fault::missing(&at_value, &expected))?;
        let measure = if percent {
            Measure::Percent(Percent::careful(value, &at_value, arena)?)
        } else {
            Measure::Amount(PositiveAmount::careful(value, &at_value, arena)?)
        };
        let max_amount = found(fields, "max_amount")
            .map(|node| Amount::careful(node, &Path::Field(at, "max_amount"), arena))
            .transpose()?;
        Ok(Discount { measure, max_amount })
    }

    fn twice(node: &Node<'a>, at: &Path<'_>) -> Option<String> {
        let Node::Object(fields) = node else { return None };
        twice_of(fields, NAMES).map(|name| format!("{at}.{name}"))
    }

    fn expected() -> String {
        "an object with type, value and, if there is a limit, max_amount".to_owned()
    }

    fn feed(&self, content: &mut Content) {
        let (percent, value) = match self.measure {
            Measure::Amount(value) => (false, value.get()),
            Measure::Percent(value) => (true, value.get()),
        };
        content.present(percent);
        content.number(value);
        content.present(self.max_amount.is_some());
        content.number(self.max_amount.map_or(0, Amount::get));
    }

    fn write(&self, out: &mut String) {
        out.push('{');
        match &self.measure {
            Measure::Amount(value) => {
                out.push_str("\"type\":\"amount\"");
                write_field("value", value, out);
            }
            Measure::Percent(value) => {
                out.push_str("\"type\":\"percent\"");
                write_field("value", value, out);
            }
        }
        if let Some(max_amount) = &self.max_amount {
            write_field("max_amount", max_amount, out);
        }
        out.push('}');
    }

    fn schema() -> Json {
        let shape = |kind: &str, value: Json| {
            json!({
                "type": "object",
                "properties": {
                    "type": {"const": kind}, "value": value,
                    "max_amount": {"anyOf": [Amount::schema(), {"type": "null"}]},
                },
                "required": ["type", "value"],
            })
        };
        json!({"oneOf": [shape("amount", PositiveAmount::schema()), shape("percent", Percent::schema())]})
    }
}
