//! An order as it is worked on: everything that the rules may ask about it.
//!
//! Unpacked when a record or deadline first touches it in an epoch, packed again at the epoch's end
//! ([`super::pack`]). What only the rows of this epoch need (texts, the columns that never change) lives in
//! [`super::book::Touched`].

use contract::values::Currency;
use contract::words::{PaymentStatus, RefundReason, Status};
use operators::interner::hash;
use operators::ledger::{Hold, HoldState};

/// An order.
#[derive(Clone, Debug)]
pub struct Order {
    /// Digest of the content of its order_placed.
    pub content: u64,
    /// Where it stands.
    pub status: Status,
    /// Whether its cancel window is over (only ever set of a confirmed one).
    pub closed: bool,
    /// Number of its last timeline row.
    pub seq: u32,
    /// Index of the rules that it lives under.
    pub rules: u32,
    /// Of its amounts.
    pub currency: Currency,
    /// Who placed it, by number; only of an accepted one.
    pub customer: u32,
    /// The UTC day of its placed_at, counted from 1970.
    pub day: u32,
    /// What the coupon took off.
    pub discount: i64,
    /// What the wallet pays.
    pub wallet_amount: i64,
    /// What is to be paid.
    pub payable: i64,
    /// Value given back for cancelled lines.
    pub returned: i64,
    /// How much of that, or of all, went back to the wallet.
    pub wallet_returned: i64,
    /// When it expires if unpaid, in ms.
    pub deadline: i64,
    /// End of the cancel window of a confirmed order, in ms.
    pub window_end: i64,
    /// Attempts to pay it.
    pub attempts: u32,
    /// The first cancel's reason, once a cancel was asked for.
    pub cancel: Option<String>,
    /// Its lines; none of a closed record.
    pub lines: Vec<Line>,
    /// What it holds or spent of stock, right and wallet.
    pub hold: Hold,
    /// The right to a campaign that it uses: number of the grant.
    pub right: Option<u32>,
    /// The wallet that it uses, by number.
    pub wallet: Option<u32>,
    /// Its payments, in the order of their first record.
    pub payments: Vec<Payment>,
    /// Index of the main payment.
    pub main: Option<usize>,
    /// Confirm commands of this epoch, and the one that waits for an answer.
    pub confirms: Vec<Confirm>,
    /// Refund commands: the one with number n at index n - 1.
    pub refunds: Vec<Refund>,
    /// Refunds under ids that are not ours.
    pub foreign: Vec<ForeignRefund>,
    /// Keys of payments, one behind another.
    pub texts: String,
}

/// A line of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// The product, by number.
    pub product: u32,
    /// Units ordered.
    pub quantity: i64,
    /// Units cancelled since.
    pub cancelled: i64,
    /// Price of a unit.
    pub unit_price: i64,
    /// The product's store when it was decided, by number of its text.
    pub store: u32,
    /// The product's category when it was decided, by number of its text.
    pub category: u32,
}

/// A payment key of an order.
#[derive(Clone, Debug, Default)]
pub struct Payment {
    /// Hash of the key.
    pub print: u64,
    /// Where the key itself stands in [`Order::texts`], if it is at hand.
    pub key: Option<(u32, u32)>,
    /// Which attempt it was; 0 if it was never submitted.
    pub attempt: u32,
    /// Number of the capture's currency, else of the submission's.
    pub currency: u16,
    /// Amount submitted.
    pub submitted: i64,
    /// Amount captured; 0 if nothing was.
    pub captured: i64,
    /// Amount refunded.
    pub refunded: i64,
    /// Whether the last word on it, before any capture, was a decline.
    pub declined: bool,
    /// Hash of the code of the last decline or failure; 0 if there was none.
    pub code: u64,
    /// That code, if it was set in this epoch.
    pub code_text: Option<String>,
}

/// A command to confirm a payment.
#[derive(Clone, Copy, Debug)]
pub struct Confirm {
    /// Which attempt it is.
    pub attempt: u32,
    /// Index of the payment.
    pub payment: usize,
    /// How often it was issued.
    pub issued: u32,
    /// When it was last issued, in ms.
    pub issued_at: i64,
    /// Whether it has waited too long.
    pub overdue: bool,
    /// Whether it was answered.
    pub answered: bool,
}

/// Where a refund command is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefundState {
    /// Not answered.
    Open,
    /// Answered by a refund of all that was asked.
    Done,
    /// Answered by a failure or by less than was asked.
    Failed,
    /// Failed, and redriven or made good by a whole cancel.
    Superseded,
}

/// A command to refund.
#[derive(Clone, Copy, Debug)]
pub struct Refund {
    /// Index of the payment.
    pub payment: usize,
    /// Amount asked.
    pub asked: i64,
    /// Amount refunded under its id; 0 if nothing was.
    pub given: i64,
    /// Where it is in its life.
    pub state: RefundState,
    /// Why.
    pub reason: RefundReason,
    /// How often it was issued.
    pub issued: u32,
    /// When it was last issued, in ms.
    pub issued_at: i64,
    /// Whether it has waited too long.
    pub overdue: bool,
}

/// A refund under an id that is not ours.
#[derive(Clone, Copy, Debug)]
pub struct ForeignRefund {
    /// Index of the payment.
    pub payment: usize,
    /// Hash of its id.
    pub print: u64,
    /// Amount refunded.
    pub amount: i64,
}

/// What becomes of a payment's captured amount (rules, section 4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Asked for by open refund commands.
    pub open: i64,
    /// Still owed by failed ones.
    pub owed: i64,
    /// Neither refunded nor under way; negative if more was refunded.
    pub left: i64,
}

impl Payment {
    /// Whether all that was captured, or more, was refunded.
    #[must_use]
    pub fn is_refunded_in_full(&self) -> bool {
        self.captured > 0 && self.refunded >= self.captured
    }

    /// Keeps the code of a decline or failure.
    pub fn set_code(&mut self, code: &str) {
        self.code = hash(code.as_bytes()).max(1);
        self.code_text = Some(code.to_owned());
    }
}

impl Refund {
    /// Whether the provider has answered.
    #[must_use]
    pub fn answered(&self) -> bool {
        self.state != RefundState::Open
    }
}

impl Order {
    /// Sum of quantity x unit_price.
    #[must_use]
    pub fn total(&self) -> i64 {
        self.lines
            .iter()
            .map(|line| line.quantity * line.unit_price)
            .sum()
    }

    /// Whether amount and currency equal what is to be paid.
    #[must_use]
    pub fn matches(&self, amount: i64, currency: Currency) -> bool {
        amount == self.payable && currency == self.currency
    }

    /// Index of the payment under `key`; keeps the key's text, as a record has named it.
    pub fn find_payment(&mut self, key: &str) -> Option<usize> {
        let print = hash(key.as_bytes());
        let index = self.payments.iter().position(|payment| payment.print == print)?;
        if self.payments[index].key.is_none() {
            self.payments[index].key = self.keep_text(key);
        }
        Some(index)
    }

    /// Adds a payment under `key`, of which nothing else is known yet; its index.
    pub fn add_payment(&mut self, key: &str, currency: Currency) -> usize {
        let (print, kept) = (hash(key.as_bytes()), self.keep_text(key));
        self.payments.push(Payment {
            print,
            key: kept,
            currency: currency.to_u16(),
            ..Payment::default()
        });
        self.payments.len() - 1
    }

    /// Keeps a text; where it stands.
    pub fn keep_text(&mut self, text: &str) -> Option<(u32, u32)> {
        let start = u32::try_from(self.texts.len()).ok()?;
        self.texts.push_str(text);
        Some((start, u32::try_from(self.texts.len()).ok()?))
    }

    /// The key of a payment, if it is at hand.
    #[must_use]
    pub fn key(&self, payment: usize) -> Option<&str> {
        self.payments[payment]
            .key
            .map(|(start, end)| &self.texts[start as usize..end as usize])
    }

    /// Index of the payment that is being paid.
    #[must_use]
    pub fn paying(&self) -> Option<usize> {
        if self.status != Status::Paying {
            return None;
        }
        self.confirms.last().map(|confirm| confirm.payment)
    }

    /// Index of the payment that the order's row shows: the main one, else the last submitted.
    #[must_use]
    pub fn shown_payment(&self) -> Option<usize> {
        let submitted = || (0..self.payments.len()).filter(|i| self.payments[*i].attempt > 0);
        self.main
            .or_else(|| submitted().max_by_key(|i| self.payments[*i].attempt))
    }

    /// Of each failed refund command of a payment what it still owes, in order of n: (index, amount above 0).
    pub fn owing(&self, payment: usize) -> impl Iterator<Item = (usize, i64)> {
        let mut left = self.payments[payment].captured - self.payments[payment].refunded - self.open(payment);
        let failed = move |(_, refund): &(usize, &Refund)| {
            refund.payment == payment && refund.state == RefundState::Failed
        };
        self.refunds
            .iter()
            .enumerate()
            .filter(failed)
            .filter_map(move |(index, refund)| {
                let owes = (refund.asked - refund.given).min(left).max(0);
                left -= owes;
                (owes > 0).then_some((index, owes))
            })
    }

    /// What open refund commands of a payment ask for.
    #[must_use]
    pub fn open(&self, payment: usize) -> i64 {
        let of = |refund: &&Refund| refund.payment == payment && refund.state == RefundState::Open;
        self.refunds.iter().filter(of).map(|refund| refund.asked).sum()
    }

    /// What becomes of a payment's captured amount.
    #[must_use]
    pub fn share(&self, payment: usize) -> Share {
        let open = self.open(payment);
        let owed = self.owing(payment).map(|(_, owes)| owes).sum();
        let Payment {
            captured, refunded, ..
        } = self.payments[payment];
        Share {
            open,
            owed,
            left: captured - refunded - open - owed,
        }
    }

    /// A payment's status (rules, section 4.1).
    #[must_use]
    pub fn payment_status(&self, index: usize) -> PaymentStatus {
        let payment = &self.payments[index];
        if payment.captured == 0 {
            return if payment.declined {
                PaymentStatus::Declined
            } else {
                PaymentStatus::Submitted
            };
        }
        if payment.is_refunded_in_full() {
            return PaymentStatus::Refunded;
        }
        let share = self.share(index);
        match share {
            Share { owed: 1.., .. } => PaymentStatus::RefundFailed,
            Share { open: 1.., .. } => PaymentStatus::RefundPending,
            _ => PaymentStatus::Captured,
        }
    }

    /// Whether the confirm command has waited too long.
    #[must_use]
    pub fn payment_is_unanswered(&self) -> bool {
        self.status == Status::Paying && self.confirms.last().is_some_and(|confirm| confirm.overdue)
    }

    /// Whether a refund command has waited too long.
    #[must_use]
    pub fn refund_is_unanswered(&self, index: usize) -> bool {
        let refund = &self.refunds[index];
        refund.state == RefundState::Open
            && refund.overdue
            && !self.payments[refund.payment].is_refunded_in_full()
    }

    /// Whether any refund command is open.
    #[must_use]
    pub fn has_open_refunds(&self) -> bool {
        self.refunds
            .iter()
            .any(|refund| refund.state == RefundState::Open)
    }

    /// Whether nothing but late records can concern it any more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed || self.status.is_final()
    }
}

impl Default for Order {
    fn default() -> Self {
        Order {
            content: 0,
            status: Status::Rejected,
            closed: false,
            seq: 0,
            rules: 0,
            currency: Currency::from_u16(0),
            customer: 0,
            day: 0,
            discount: 0,
            wallet_amount: 0,
            payable: 0,
            returned: 0,
            wallet_returned: 0,
            deadline: 0,
            window_end: 0,
            attempts: 0,
            cancel: None,
            lines: Vec::new(),
            hold: Hold::default(),
            right: None,
            wallet: None,
            payments: Vec::new(),
            main: None,
            confirms: Vec::new(),
            refunds: Vec::new(),
            foreign: Vec::new(),
            texts: String::new(),
        }
    }
}

impl Order {
    /// Makes it as new, keeping its buffers.
    pub fn reset(&mut self) {
        self.status = Status::Rejected;
        self.closed = false;
        (self.discount, self.wallet_amount, self.payable) = (0, 0, 0);
        (self.returned, self.wallet_returned) = (0, 0);
        (self.deadline, self.window_end, self.attempts) = (0, 0, 0);
        (self.cancel, self.right, self.wallet, self.main) = (None, None, None, None);
        (self.content, self.seq, self.rules) = (0, 0, 0);
        (self.customer, self.day) = (0, 0);
        self.currency = Currency::from_u16(0);
        self.hold.restore(HoldState::Released, std::iter::empty());
        self.lines.clear();
        self.payments.clear();
        self.confirms.clear();
        self.refunds.clear();
        self.foreign.clear();
        self.texts.clear();
    }
}
