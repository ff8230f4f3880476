//! Orders as bytes: as few as the rules allow, since most of memory is orders.
//!
//! An order that can still move keeps everything but texts that its next record will bring along. A closed
//! record (a final status, or confirmed and past its cancel window) keeps what a late record may ask: the
//! content's digest, status, counters, and its payments, as hashes and amounts. The order's own id is kept
//! only while a deadline may have to name it.
//!
//! While an epoch works on an order it is packed whole: nothing is left out, so that its rows can be told
//! at the end, and the order lies in two or three cache lines all the same.
//!
//! First byte: status, form, closed, whether a refund command is open. That is all a deadline looks at first
//! ([`glance`]). Then, of a whole one, its place among the touched.

use contract::values::Currency;
use contract::words::{RefundReason, Status};
use operators::ledger::{AccountNo, HoldState, Leg};
use operators::varint::{Reader, put, put_bytes, put_signed};

use super::order::{Confirm, ForeignRefund, Line, Order, Payment, Refund, RefundState};

/// In which form an order is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// For good: what a later record may ask.
    Rest,
    /// For the rest of an epoch: everything, and its place among the touched.
    Whole(u32),
}

const STATUS: u8 = 0x0f;
const WHOLE: u8 = 0x20;
const CLOSED: u8 = 0x40;
const OPEN_REFUNDS: u8 = 0x80;

/// What a packed order's first byte tells.
#[derive(Clone, Copy, Debug)]
pub struct Glance {
    /// Where it stands.
    pub status: Status,
    /// Whether it is a closed record.
    pub closed: bool,
    /// Whether it has a refund command that is not answered.
    pub open_refunds: bool,
    /// Its place among the touched, if it is packed whole.
    pub place: Option<u32>,
}

/// Looks at a packed order without unpacking it.
#[must_use]
pub fn glance(bytes: &[u8]) -> Glance {
    let head = bytes[0];
    let place = || u32::from_le_bytes(bytes[1..5].try_into().expect("4 bytes are 4 bytes"));
    let status = Status::ALL[usize::from(head & STATUS)];
    Glance {
        status,
        closed: head & CLOSED != 0 || status.is_final(),
        open_refunds: head & OPEN_REFUNDS != 0,
        place: (head & WHOLE != 0).then(place),
    }
}

/// Reads the digest of the content of a packed order.
#[must_use]
pub fn content(bytes: &[u8]) -> u64 {
    let at = if bytes[0] & WHOLE != 0 { 5 } else { 1 };
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes are 8 bytes"))
}

/// Reads the id of an order that is packed for good; empty if that is not kept.
#[must_use]
pub fn kept_id(bytes: &[u8]) -> &str {
    let mut from = Unpacker(Reader::new(&bytes[9..]));
    let mut id = || {
        let (_seq, _rules) = (from.number()?, from.number()?);
        from.text()
    };
    id().expect("we packed it")
}

/// Whether a deadline may have to name the order.
fn needs_id(order: &Order) -> bool {
    matches!(order.status, Status::AwaitingPayment | Status::Paying) || order.has_open_refunds()
}

/// Whether a payment's key may be needed without a record that names it.
fn needs_key(order: &Order, index: usize) -> bool {
    let unsettled =
        |r: &Refund| r.payment == index && matches!(r.state, RefundState::Open | RefundState::Failed);
    (order.main == Some(index) && !order.is_closed()) || order.refunds.iter().any(unsettled)
}

fn count(n: usize) -> u64 {
    n as u64
}

fn amount(out: &mut Vec<u8>, amount: i64) {
    put(
        out,
        u64::try_from(amount).expect("an amount of an order is not negative"),
    );
}

/// Packs an order with id `id`.
pub fn pack(order: &Order, id: &str, form: Form, out: &mut Vec<u8>) {
    let whole = form != Form::Rest;
    let head = order.status as u8
        | if whole { WHOLE } else { 0 }
        | if order.closed { CLOSED } else { 0 }
        | if order.has_open_refunds() { OPEN_REFUNDS } else { 0 };
    out.push(head);
    if let Form::Whole(place) = form {
        out.extend_from_slice(&place.to_le_bytes());
    }
    out.extend_from_slice(&order.content.to_le_bytes());
    put(out, u64::from(order.seq));
    put(out, u64::from(order.rules));
    put_bytes(
        out,
        if !whole && needs_id(order) {
            id.as_bytes()
        } else {
            b""
        },
    );
    let closed = order.is_closed() && !whole;
    pack_payments(order, whole, closed, out);
    if !closed {
        pack_open(order, whole, out);
    }
}

fn pack_payments(order: &Order, whole: bool, closed: bool, out: &mut Vec<u8>) {
    // One byte says the usual: at most one payment, no refunds.
    let plain = order.payments.len() < 2 && order.refunds.is_empty() && order.foreign.is_empty();
    put(
        out,
        count(order.payments.len()) << 2 | u64::from(order.main.is_some()) << 1 | u64::from(!plain),
    );
    for (index, payment) in order.payments.iter().enumerate() {
        let key = order.key(index).filter(|_| whole || needs_key(order, index));
        let code = payment.code_text.as_deref().filter(|_| whole);
        out.extend_from_slice(&payment.print.to_le_bytes());
        let flags = u8::from(payment.declined)
            | u8::from(key.is_some()) << 1
            | u8::from(payment.refunded > 0) << 2
            | u8::from(payment.code != 0) << 3
            | u8::from(code.is_some()) << 4;
        out.push(flags);
        put(out, u64::from(payment.currency));
        amount(out, payment.captured);
        if let Some(key) = key {
            put_bytes(out, key.as_bytes());
        }
        if payment.refunded > 0 {
            amount(out, payment.refunded);
        }
        if payment.code != 0 {
            out.extend_from_slice(&payment.code.to_le_bytes());
        }
        if let Some(code) = code {
            put_bytes(out, code.as_bytes());
        }
        if !closed {
            put(out, u64::from(payment.attempt));
            amount(out, payment.submitted);
        }
    }
    if !plain {
        put(out, count(order.main.unwrap_or(0)));
        pack_refunds(order, out);
    }
}

fn pack_refunds(order: &Order, out: &mut Vec<u8>) {
    put(out, count(order.refunds.len()));
    for refund in &order.refunds {
        out.push(refund.state as u8 | (refund.reason as u8) << 2 | u8::from(refund.overdue) << 7);
        put(out, count(refund.payment));
        amount(out, refund.asked);
        amount(out, refund.given);
        put(out, u64::from(refund.issued));
        put_signed(out, refund.issued_at);
    }
    put(out, count(order.foreign.len()));
    for foreign in &order.foreign {
        put(out, count(foreign.payment));
        out.extend_from_slice(&foreign.print.to_le_bytes());
        amount(out, foreign.amount);
    }
}

fn pack_open(order: &Order, whole: bool, out: &mut Vec<u8>) {
    put(out, u64::from(order.currency.to_u16()));
    put(out, u64::from(order.customer));
    put(out, u64::from(order.day));
    for value in [
        order.discount,
        order.wallet_amount,
        order.payable,
        order.returned,
        order.wallet_returned,
    ] {
        amount(out, value);
    }
    put_signed(out, order.deadline);
    put_signed(out, order.window_end);
    put(out, u64::from(order.attempts));
    match &order.cancel {
        None => put(out, 0),
        Some(text) => {
            put(out, count(text.len()) + 1);
            out.extend_from_slice(text.as_bytes());
        }
    }
    put(out, order.right.map_or(0, |right| u64::from(right) + 1));
    put(out, order.wallet.map_or(0, |wallet| u64::from(wallet) + 1));
    put(out, count(order.lines.len()));
    for line in &order.lines {
        put(out, u64::from(line.product));
        put(
            out,
            u64::try_from(line.quantity).expect("a quantity is positive") << 1
                | u64::from(line.cancelled > 0),
        );
        if line.cancelled > 0 {
            amount(out, line.cancelled);
        }
        amount(out, line.unit_price);
        put(out, u64::from(line.store));
        put(out, u64::from(line.category));
    }
    out.push(order.hold.state() as u8);
    put(out, count(order.hold.legs().len()));
    for leg in order.hold.legs() {
        put(out, u64::from(leg.account.0));
        amount(out, leg.amount);
    }
    let waiting = usize::from(order.status == Status::Paying).min(order.confirms.len());
    let confirms = &order.confirms[if whole { 0 } else { order.confirms.len() - waiting }..];
    put(out, count(confirms.len()));
    for confirm in confirms {
        put(out, u64::from(confirm.attempt));
        put(out, count(confirm.payment));
        let flags = u64::from(confirm.overdue) << 1 | u64::from(confirm.answered);
        put(out, u64::from(confirm.issued) << 2 | flags);
        put_signed(out, confirm.issued_at);
    }
}

/// Reads what [`pack`] wrote.
struct Unpacker<'a>(Reader<'a>);

impl<'a> Unpacker<'a> {
    #[inline]
    fn number(&mut self) -> Option<u32> {
        u32::try_from(self.0.get()?).ok()
    }

    #[inline]
    fn index(&mut self) -> Option<usize> {
        usize::try_from(self.0.get()?).ok()
    }

    #[inline]
    fn amount(&mut self) -> Option<i64> {
        i64::try_from(self.0.get()?).ok()
    }

    #[inline]
    fn print(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.0.take(8)?.try_into().ok()?))
    }

    #[inline]
    fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.0.get_bytes()?).ok()
    }

    #[inline]
    fn leg(&mut self) -> Option<Leg> {
        Some(Leg {
            account: AccountNo(self.number()?),
            amount: self.amount()?,
        })
    }

    #[inline]
    fn optional(&mut self) -> Option<Option<u32>> {
        match self.0.get()? {
            0 => Some(None),
            n => u32::try_from(n - 1).ok().map(Some),
        }
    }
}

/// Unpacks an order, and its id if that was kept.
pub fn unpack<'a>(bytes: &'a [u8], order: &mut Order) -> &'a str {
    read(bytes, order).expect("we packed it")
}

/// The same of any bytes; none if no order was packed into them.
pub fn read<'a>(bytes: &'a [u8], order: &mut Order) -> Option<&'a str> {
    order.reset();
    let mut from = Unpacker(Reader::new(bytes));
    let head = from.0.byte()?;
    order.status = *Status::ALL.get(usize::from(head & STATUS))?;
    order.closed = head & CLOSED != 0;
    let whole = head & WHOLE != 0;
    if whole {
        from.0.take(4)?;
    }
    order.content = from.print()?;
    order.seq = from.number()?;
    order.rules = from.number()?;
    let id = from.text()?;
    let closed = order.is_closed() && !whole;
    unpack_payments(&mut from, order, closed)?;
    if !closed {
        unpack_open(&mut from, order)?;
    }
    from.0.rest().is_empty().then_some(id)
}

fn unpack_payments(from: &mut Unpacker<'_>, order: &mut Order, closed: bool) -> Option<()> {
    let head = from.0.get()?;
    for _ in 0..head >> 2 {
        let mut payment = Payment {
            print: from.print()?,
            ..Payment::default()
        };
        let flags = from.0.byte()?;
        payment.declined = flags & 1 != 0;
        payment.currency = u16::try_from(from.0.get()?).ok()?;
        payment.captured = from.amount()?;
        if flags & 2 != 0 {
            payment.key = order.keep_text(from.text()?);
        }
        if flags & 4 != 0 {
            payment.refunded = from.amount()?;
        }
        if flags & 8 != 0 {
            payment.code = from.print()?;
        }
        if flags & 16 != 0 {
            payment.code_text = Some(from.text()?.to_owned());
        }
        if !closed {
            payment.attempt = from.number()?;
            payment.submitted = from.amount()?;
        }
        order.payments.push(payment);
    }
    let has_main = head & 2 != 0;
    let mut main = 0;
    if head & 1 != 0 {
        main = from.index()?;
        unpack_refunds(from, order)?;
    }
    order.main = has_main.then_some(main);
    Some(())
}

const REFUND_STATES: [RefundState; 4] = [
    RefundState::Open,
    RefundState::Done,
    RefundState::Failed,
    RefundState::Superseded,
];

fn unpack_refunds(from: &mut Unpacker<'_>, order: &mut Order) -> Option<()> {
    for _ in 0..from.index()? {
        let flags = from.0.byte()?;
        order.refunds.push(Refund {
            payment: from.index()?,
            asked: from.amount()?,
            given: from.amount()?,
            state: REFUND_STATES[usize::from(flags & 3)],
            reason: *RefundReason::ALL.get(usize::from(flags >> 2 & 0x1f))?,
            issued: from.number()?,
            issued_at: from.0.get_signed()?,
            overdue: flags & 0x80 != 0,
        });
    }
    for _ in 0..from.index()? {
        let payment = from.index()?;
        order.foreign.push(ForeignRefund {
            payment,
            print: from.print()?,
            amount: from.amount()?,
        });
    }
    Some(())
}

const HOLD_STATES: [HoldState; 4] = [
    HoldState::Open,
    HoldState::Frozen,
    HoldState::Posted,
    HoldState::Released,
];

fn unpack_open(from: &mut Unpacker<'_>, order: &mut Order) -> Option<()> {
    order.currency = Currency::from_u16(u16::try_from(from.0.get()?).ok()?);
    order.customer = from.number()?;
    order.day = from.number()?;
    order.discount = from.amount()?;
    order.wallet_amount = from.amount()?;
    order.payable = from.amount()?;
    order.returned = from.amount()?;
    order.wallet_returned = from.amount()?;
    order.deadline = from.0.get_signed()?;
    order.window_end = from.0.get_signed()?;
    order.attempts = from.number()?;
    if let Some(len) = from.optional()? {
        let text = from.0.take(len as usize)?;
        order.cancel = Some(std::str::from_utf8(text).ok()?.to_owned());
    }
    order.right = from.optional()?;
    order.wallet = from.optional()?;
    for _ in 0..from.index()? {
        let product = from.number()?;
        let quantity = from.0.get()?;
        let cancelled = if quantity & 1 != 0 { from.amount()? } else { 0 };
        let quantity = i64::try_from(quantity >> 1).ok()?;
        order.lines.push(Line {
            product,
            quantity,
            cancelled,
            unit_price: from.amount()?,
            store: from.number()?,
            category: from.number()?,
        });
    }
    let state = *HOLD_STATES.get(usize::from(from.0.byte()?))?;
    let legs = from.index()?;
    order.hold.restore(state, (0..legs).map_while(|_| from.leg()));
    if order.hold.legs().len() < legs {
        return None;
    }
    for _ in 0..from.index()? {
        let attempt = from.number()?;
        let payment = from.index()?;
        let issued = from.number()?;
        order.confirms.push(Confirm {
            attempt,
            payment,
            issued: issued >> 2,
            issued_at: from.0.get_signed()?,
            overdue: issued & 2 != 0,
            answered: issued & 1 != 0,
        });
    }
    Some(())
}
