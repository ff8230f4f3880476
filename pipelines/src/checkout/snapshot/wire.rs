//! The job's values as bytes. Each field is named, so that a new one does not compile until it stands here.

use contract::discount::{Discount, Measure};
use contract::time::Time;
use contract::values::{Amount, Currency, PositiveAmount};
use operators::varint::Reader;

use crate::checkout::attention::{Key, Raised};
use crate::checkout::audit::Flow;
use crate::checkout::facts::{Campaign, Grant, Offer, Owner, Product, Rules, Wallet};
use crate::checkout::intake::Counts;
use crate::wire::{Wire, wire_fields};

/// What is small: the clock, and what there is one of per partition or currency.
#[derive(Clone, Debug)]
pub struct Moment {
    /// The clock of the last epoch.
    pub now: Time,
    /// By topic and partition.
    pub counts: Vec<Vec<Counts>>,
    /// [`super::super::audit::Audit::payments`]
    pub payments: Vec<(Currency, Flow)>,
    /// [`super::super::audit::Audit::kept`]
    pub kept: Vec<(Currency, i128)>,
    /// [`super::super::audit::Audit::violations`]
    pub violations: Vec<(Key, (i64, i64))>,
}

wire_fields!(Moment {
    now,
    counts,
    payments,
    kept,
    violations
});
wire_fields!(Counts {
    received,
    applied,
    duplicate,
    quarantined,
    touched
});
wire_fields!(Flow { came_in, went_out });
wire_fields!(Raised { since, detail });
wire_fields!(Rules {
    version,
    payment_window_s,
    payment_attempts_max,
    cancel_window_s,
    payment_answer_max_s,
    low_stock_default,
});
wire_fields!(Offer {
    price,
    currency,
    stocked,
    withdrawn,
    store,
    category,
    low_stock
});
wire_fields!(Product { offer, stock });
wire_fields!(Campaign {
    name,
    quota,
    currency,
    discount,
    min_order_amount,
    window,
    closed,
    refused,
    account,
});
wire_fields!(Grant {
    campaign,
    customer,
    account,
    holder,
    shown
});
wire_fields!(Wallet {
    customer,
    currency,
    account
});

impl Wire for Owner {
    fn put(&self, out: &mut Vec<u8>) {
        let (kind, number) = match *self {
            Owner::Stock(number) => (0u8, number),
            Owner::Quota(number) => (1, number),
            Owner::Right(number) => (2, number),
            Owner::Wallet(number) => (3, number),
        };
        kind.put(out);
        number.put(out);
    }

    fn get(from: &mut Reader<'_>) -> Option<Self> {
        let owner = match u8::get(from)? {
            0 => Owner::Stock,
            1 => Owner::Quota,
            2 => Owner::Right,
            3 => Owner::Wallet,
            _ => return None,
        };
        u32::get(from).map(owner)
    }
}

impl Wire for Discount {
    fn put(&self, out: &mut Vec<u8>) {
        let Discount { measure, max_amount } = *self;
        let (kind, value) = match measure {
            Measure::Amount(value) => (0u8, value.get()),
            Measure::Percent(value) => (1, value.get()),
        };
        kind.put(out);
        value.put(out);
        max_amount.map(Amount::get).put(out);
    }

    fn get(from: &mut Reader<'_>) -> Option<Self> {
        let (kind, value) = <(u8, i64)>::get(from)?;
        let measure = match kind {
            0 => Measure::Amount(PositiveAmount::new(value)?),
            1 => Measure::Percent(contract::discount::Percent::new(value)?),
            _ => return None,
        };
        let max_amount = match Option::<i64>::get(from)? {
            Some(amount) => Some(Amount::new(amount)?),
            None => None,
        };
        Some(Discount { measure, max_amount })
    }
}
