//! The rows of an order: `orders`, `order_lines`, `order_timeline`, `payments`, `payment_commands`, and the
//! attention that ends by itself (contract, section 2; rules, sections 4.1 and 5).

use contract::delta::Value;
use contract::views::View;

use crate::order::{Ask, Command, Event, Note, Order, Payment, Status};
use crate::records::Int;
use crate::table::{Writer, int, int_or_null, json_or_null, text, text_or_null, time_or_null};

impl Writer<'_> {
    /// All rows of an order that was touched, but its attention.
    pub(crate) fn show_order(&mut self, order: &Order) {
        self.put_stamped(View::Orders, vec![text(&order.order_id)], order_columns(order));
        for (line_no, line) in (1..).zip(&order.lines) {
            let columns = vec![
                text(&line.sku),
                int(line.quantity),
                int(line.unit_price),
                int(line.cancelled),
                text(&line.store_id),
                text(&line.category),
            ];
            self.put(
                View::OrderLines,
                vec![text(&order.order_id), int(line_no)],
                columns,
            );
        }
        for (seq, event) in (1..).zip(&order.timeline) {
            if event.epoch == self.epoch {
                let key = vec![text(&order.order_id), int(seq)];
                self.put(View::OrderTimeline, key, event_columns(event));
            }
        }
        for (payment_key, payment) in &order.payments {
            let key = vec![text(&order.order_id), text(payment_key)];
            self.put_stamped(View::Payments, key, payment_columns(order, payment_key, payment));
        }
        for command in &order.commands {
            let key = vec![text(&command.idempotency_key(&order.order_id))];
            self.put_stamped(View::PaymentCommands, key, command_columns(order, command));
        }
    }

    /// The attention that an order asks for at the end of an epoch, by itself.
    pub(crate) fn show_order_attention(&mut self, order: &Order) {
        let when = |asks: bool| asks.then_some(Value::Null);
        let id = &order.order_id;
        self.put_attention("needs_operator", id, when(order.status == Status::NeedsOperator));
        for (payment_key, payment) in &order.payments {
            let failed = payment_status(order, payment_key, payment) == "refund_failed";
            self.put_attention("refund_failed", &format!("{id}/{payment_key}"), when(failed));
        }
        let mut payment_unanswered = false;
        for command in &order.commands {
            let until = command.issued_last.plus_seconds(order.rules.payment_answer_max_s);
            let unanswered = !command.answered && self.clock >= until;
            match command.refund_id(id) {
                None => payment_unanswered |= unanswered,
                Some(refund_id) => {
                    let payment = order.payments.get(&command.payment_key);
                    let in_full = payment.is_some_and(Payment::is_refunded_in_full);
                    self.put_attention("refund_unanswered", &refund_id, when(unanswered && !in_full));
                }
            }
        }
        self.put_attention("payment_unanswered", id, when(payment_unanswered));
    }
}

fn order_columns(order: &Order) -> Vec<Value> {
    let main = order.main_payment();
    vec![
        text(&order.customer_id),
        text(order.status.name()),
        text_or_null(order.reason.as_deref()),
        json_or_null(order.reason_detail.as_deref()),
        text(&order.currency),
        int_or_null(order.total),
        int(order.discount),
        int(order.wallet_amount),
        int(order.payable),
        int(order.returned),
        text_or_null(order.campaign_id.as_deref()),
        text_or_null(order.main.as_deref().or(order.submitted_last.as_deref())),
        int(order.attempts),
        int(main.map_or(0, Payment::captured)),
        int(main.map_or(0, Payment::refunded)),
        time_or_null(order.deadline),
        Value::Time(order.placed_at),
        int(order.rules.version),
    ]
}

fn event_columns(event: &Event) -> Vec<Value> {
    let at = event.cause.at;
    vec![
        int(Int::from(event.epoch)),
        Value::Time(event.clock),
        text_or_null(event.from.map(Status::name)),
        text(event.to.name()),
        text_or_null(at.map(|at| at.topic.name())),
        int_or_null(at.map(|at| Int::from(at.partition))),
        int_or_null(at.map(|at| Int::from(at.offset))),
        text(event.cause.type_name),
        text_or_null(event.note.map(Note::name)),
    ]
}

fn payment_columns(order: &Order, payment_key: &str, payment: &Payment) -> Vec<Value> {
    let money = payment.captured.as_ref().or(payment.submitted.as_ref());
    vec![
        int_or_null(payment.attempt),
        text(money.map_or("", |money| &money.currency)),
        int(payment.submitted.as_ref().map_or(0, |money| money.amount)),
        int(payment.captured()),
        int(payment.refunded()),
        text(payment_status(order, payment_key, payment)),
        Value::Bool(order.is_main(payment_key)),
        text_or_null(payment.code.as_deref()),
    ]
}

/// payments.status: declined or submitted while nothing is captured; else refunded if refunded in full,
/// refund_failed if a failed command still owes, refund_pending if one is open, else captured.
fn payment_status(order: &Order, payment_key: &str, payment: &Payment) -> &'static str {
    if payment.captured.is_none() {
        if payment.declined { "declined" } else { "submitted" }
    } else if payment.is_refunded_in_full() {
        "refunded"
    } else if order
        .owed_by_failed(payment_key)
        .iter()
        .any(|(_, owes)| *owes > 0)
    {
        "refund_failed"
    } else if order
        .commands
        .iter()
        .any(|command| command.is_open_refund_of(payment_key))
    {
        "refund_pending"
    } else {
        "captured"
    }
}

fn command_columns(order: &Order, command: &Command) -> Vec<Value> {
    let (kind, attempt, reason) = match command.ask {
        Ask::Confirm { attempt } => ("confirm", Some(attempt), None),
        Ask::Refund { reason, .. } => ("refund", None, Some(reason.name())),
    };
    vec![
        text(kind),
        text(&order.order_id),
        text(&command.payment_key),
        int_or_null(attempt),
        text_or_null(command.refund_id(&order.order_id).as_deref()),
        int(command.money.amount),
        text(&command.money.currency),
        text_or_null(reason),
        int(command.issued),
        Value::Bool(command.answered),
    ]
}
