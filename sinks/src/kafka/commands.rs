//! Commands to payment providers, as the contract's `payment-commands` has them.

use contract::delta::Change;
use contract::json::write_str;
use contract::value::ValueRef;
use contract::views::payment_commands as c;

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

/// The values of a whole row of `payment_commands`.
fn values<'a>(row: &Change<'a>) -> Vec<ValueRef<'a>> {
    let columns = contract::delta::row(contract::views::View::PaymentCommands, row.column_bytes());
    row.key().chain(columns.map(|(_, value)| value)).collect()
}

/// Key and value of the record for a whole row; `None`: it is no row that a job writes.
pub(super) fn record(row: &Change<'_>) -> Option<(String, String)> {
    let values = values(row);
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

/// A row's idempotency key, and whether the provider has answered.
pub(super) fn identity(row: &Change<'_>) -> (String, bool) {
    let values = values(row);
    let key = match values.first() {
        Some(ValueRef::Text(key)) => (*key).to_owned(),
        _ => String::new(),
    };
    (key, values.get(c::answered) == Some(&ValueRef::Bool(true)))
}
