//! Commands to payment providers, as the contract's `payment-commands` has them.

use contract::delta::{Change, Op};
use contract::json::write_str;
use contract::value::ValueRef;
use contract::views::{View, payment_commands as c};

/// A `confirm`'s members.
const CONFIRM: &[(&str, usize)] = &[
    ("order_id", c::order_id),
    ("attempt", c::attempt),
    ("payment_key", c::payment_key),
    ("amount", c::amount),
    ("currency", c::currency),
    ("idempotency_key", c::idempotency_key),
];

/// A `refund`'s members.
const REFUND: &[(&str, usize)] = &[
    ("order_id", c::order_id),
    ("refund_id", c::refund_id),
    ("payment_key", c::payment_key),
    ("amount", c::amount),
    ("currency", c::currency),
    ("reason", c::reason),
    ("idempotency_key", c::idempotency_key),
];

/// The values of a whole row of `payment_commands`: the key that a change has, and the columns after it.
fn values<'a>(change: &Change<'a>, columns: &'a [u8]) -> Vec<ValueRef<'a>> {
    let columns = contract::delta::row(View::PaymentCommands, columns);
    change.key().chain(columns.map(|(_, value)| value)).collect()
}

/// Whether a command is issued by a change: as its row appears, and whenever it is issued again. The job
/// patches a row only as either is so or an answer came.
pub(super) fn is_issued(change: &Change<'_>) -> bool {
    match change.op {
        Op::Upsert => true,
        Op::Patch => change
            .columns()
            .any(|(column, value)| (column, value) == (c::answered, ValueRef::Bool(false))),
        Op::Delete => false,
    }
}

/// Key and value of the record for a row with these columns after its key; `None`: it is no row that a job
/// writes.
pub(super) fn record(change: &Change<'_>, columns: &[u8]) -> Option<(String, String)> {
    let values = values(change, columns);
    let ValueRef::Text(kind) = *values.get(c::kind)? else {
        return None;
    };
    let members = match kind {
        "confirm" => CONFIRM,
        "refund" => REFUND,
        _ => return None,
    };
    let mut out = format!("{{\"type\":\"{kind}\"");
    for (name, column) in members {
        out.push_str(",\"");
        out.push_str(name);
        out.push_str("\":");
        match *values.get(*column)? {
            ValueRef::Text(text) => write_str(&mut out, text),
            ValueRef::Int(number) => out.push_str(&number.to_string()),
            _ => return None,
        }
    }
    out.push('}');
    let ValueRef::Text(order) = *values.get(c::order_id)? else {
        return None;
    };
    Some((order.to_owned(), out))
}

/// A row as a refill looks at it.
pub(super) struct Found {
    /// Its idempotency key.
    pub key: String,
    /// How often it was issued.
    pub issued: u64,
    /// Whether the provider has answered.
    pub answered: bool,
}

impl Found {
    /// What a whole row says.
    pub(super) fn of(row: &Change<'_>) -> Found {
        let values = values(row, row.column_bytes());
        let key = match values.first() {
            Some(ValueRef::Text(key)) => (*key).to_owned(),
            _ => String::new(),
        };
        let issued = match values.get(c::issued) {
            Some(ValueRef::Int(issued)) => u64::try_from(*issued).unwrap_or(0),
            _ => 0,
        };
        let answered = values.get(c::answered) == Some(&ValueRef::Bool(true));
        Found {
            key,
            issued,
            answered,
        }
    }
}
