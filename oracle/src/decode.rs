//! From bytes to a record, or to the first reason why not: section 1 of the contract, "Quarantine".
//!
//! What can be judged from the record alone is judged here, up to and with `key_mismatch`; the reasons
//! after it depend on the log so far.

use contract::log::RawRecord;

use crate::fields::{self, Fields};
use crate::json::{self, Json};
use crate::records::{
    AMOUNT_MAX, Campaign, Discount, Int, LinesCancel, OrderPlaced, PlacedLine, Product, Reason, Record,
    Review, Rules,
};
use crate::types::{TYPES, inner_fields};

/// The longest value, in bytes.
const VALUE_MAX: usize = 1_048_576;
/// The largest quantity.
const QUANTITY_MAX: Int = 1_000_000;

/// A record that can't be used: why, and its type where that can be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unusable {
    pub(crate) reason: Reason,
    pub(crate) type_read: Option<String>,
}

/// A record together with its type's name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Decoded {
    pub(crate) record: Record,
    pub(crate) type_name: &'static str,
}

/// Reads a record as far as it can be judged by itself.
pub(crate) fn decode(raw: &RawRecord<'_>) -> Result<Decoded, Unusable> {
    let unreadable = |reason| Unusable {
        reason,
        type_read: None,
    };
    if raw.skipped {
        return Err(unreadable(Reason::Skipped));
    }
    let value = raw.value.unwrap_or_default();
    if value.len() > VALUE_MAX {
        return Err(unreadable(Reason::TooLarge));
    }
    let text = std::str::from_utf8(value).map_err(|_| unreadable(Reason::BadUtf8))?;
    let Some(Json::Object(fields)) = json::parse(text) else {
        return Err(unreadable(Reason::BadJson));
    };
    if comes_twice(&fields, &["type"]) {
        return Err(unreadable(Reason::BadJson));
    }
    let named = Fields(&fields)
        .required("type", fields::text)
        .map_err(unreadable)?;
    let unusable = |reason| Unusable {
        reason,
        type_read: Some(named.clone()),
    };
    let known = TYPES
        .iter()
        .find(|(topic, name, _)| *topic == raw.at.topic && *name == named);
    let Some(&(_, type_name, known_fields)) = known else {
        return Err(unusable(Reason::UnknownType));
    };
    if comes_twice(&fields, known_fields) || inner_comes_twice(&fields, type_name) {
        return Err(unusable(Reason::BadJson));
    }
    let record = read_record(type_name, Fields(&fields)).map_err(unusable)?;
    if raw.key != Some(key_of(&record).as_bytes()) {
        return Err(unusable(Reason::KeyMismatch));
    }
    Ok(Decoded { record, type_name })
}

fn comes_twice(fields: &[(String, Json)], known: &[&str]) -> bool {
    known
        .iter()
        .any(|name| fields.iter().filter(|(n, _)| n == name).count() > 1)
}

fn inner_comes_twice(fields: &[(String, Json)], type_name: &str) -> bool {
    fields.iter().any(|(field, value)| {
        let known = inner_fields(type_name, field);
        match (field.as_str(), value) {
            ("lines", Json::List(items)) => items
                .iter()
                .filter_map(Fields::of)
                .any(|item| comes_twice(item.0, known)),
            ("discount", Json::Object(inner)) => comes_twice(inner, known),
            _ => false,
        }
    })
}

/// The key that a record must have: the entity's id.
fn key_of(record: &Record) -> &str {
    match record {
        Record::RulesActivated(_) | Record::AttentionRaised { .. } | Record::AttentionResolved { .. } => {
            "operations"
        }
        Record::ProductUpserted(Product { sku, .. })
        | Record::ProductWithdrawn { sku }
        | Record::StockReceived { sku, .. }
        | Record::StockAdjusted { sku, .. } => sku,
        Record::CampaignCreated(Campaign { campaign_id, .. })
        | Record::CampaignClosed { campaign_id }
        | Record::CouponClaimed { campaign_id, .. } => campaign_id,
        Record::WalletToppedUp { customer_id, .. }
        | Record::WalletWithdrawn { customer_id, .. }
        | Record::CartItemSet { customer_id, .. }
        | Record::CartCleared { customer_id, .. } => customer_id,
        Record::OrderPlaced(OrderPlaced { order_id, .. })
        | Record::OrderCancelRequested { order_id, .. }
        | Record::OrderLinesCancelRequested(LinesCancel { order_id, .. })
        | Record::OrderRedriveRequested { order_id }
        | Record::PaymentSubmitted { order_id, .. }
        | Record::PaymentConfirmed { order_id, .. }
        | Record::PaymentDeclined { order_id, .. }
        | Record::PaymentRefunded { order_id, .. }
        | Record::RefundFailed { order_id, .. } => order_id,
        Record::ReviewPosted(Review { review_id, .. })
        | Record::ReviewEdited { review_id, .. }
        | Record::ReviewDeleted { review_id } => review_id,
    }
}

/// Reads the fields of a type, in the contract's order: the first that is missing or bad decides.
fn read_record(type_name: &str, f: Fields<'_>) -> Result<Record, Reason> {
    match type_name {
        "rules_activated" | "attention_raised" | "attention_resolved" => operations(type_name, f),
        "product_upserted" => product(f),
        "product_withdrawn" => Ok(Record::ProductWithdrawn { sku: f.id("sku")? }),
        "stock_received" => Ok(Record::StockReceived {
            receipt_id: f.id("receipt_id")?,
            sku: f.id("sku")?,
            quantity: f.integer("quantity", 1, QUANTITY_MAX)?,
        }),
        "stock_adjusted" => Ok(Record::StockAdjusted {
            adjustment_id: f.id("adjustment_id")?,
            sku: f.id("sku")?,
            delta: f.required("delta", |v| {
                fields::integer(v, -QUANTITY_MAX, QUANTITY_MAX).filter(|d| *d != 0)
            })?,
            reason: f.text("reason")?,
        }),
        "campaign_created" => campaign(f),
        "campaign_closed" => Ok(Record::CampaignClosed {
            campaign_id: f.id("campaign_id")?,
        }),
        "coupon_claimed" => Ok(Record::CouponClaimed {
            campaign_id: f.id("campaign_id")?,
            customer_id: f.id("customer_id")?,
        }),
        "wallet_topped_up" => Ok(Record::WalletToppedUp {
            topup_id: f.id("topup_id")?,
            customer_id: f.id("customer_id")?,
            money: f.money()?,
        }),
        "wallet_withdrawn" => Ok(Record::WalletWithdrawn {
            withdrawal_id: f.id("withdrawal_id")?,
            customer_id: f.id("customer_id")?,
            money: f.money()?,
        }),
        "order_placed" => order_placed(f),
        "order_cancel_requested" => Ok(Record::OrderCancelRequested {
            order_id: f.id("order_id")?,
            reason: f.text("reason")?,
        }),
        "order_lines_cancel_requested" => lines_cancel(f),
        "order_redrive_requested" => Ok(Record::OrderRedriveRequested {
            order_id: f.id("order_id")?,
        }),
        "cart_item_set" => Ok(Record::CartItemSet {
            customer_id: f.id("customer_id")?,
            sku: f.id("sku")?,
            quantity: f.integer("quantity", 0, QUANTITY_MAX)?,
            if_version: f.integer_if_any("if_version", 0, AMOUNT_MAX)?,
        }),
        "cart_cleared" => Ok(Record::CartCleared {
            customer_id: f.id("customer_id")?,
            if_version: f.integer_if_any("if_version", 0, AMOUNT_MAX)?,
        }),
        "review_posted" | "review_edited" | "review_deleted" => review(type_name, f),
        _ => payment(type_name, f),
    }
}

fn operations(type_name: &str, f: Fields<'_>) -> Result<Record, Reason> {
    if type_name == "rules_activated" {
        return Ok(Record::RulesActivated(Rules {
            version: f.integer("version", 1, 1_000_000)?,
            payment_window_s: f.seconds("payment_window_s")?,
            payment_attempts_max: f.integer("payment_attempts_max", 1, 1000)?,
            cancel_window_s: f.seconds("cancel_window_s")?,
            payment_answer_max_s: f.seconds("payment_answer_max_s")?,
            low_stock_default: f.integer("low_stock_default", 0, 1_000_000)?,
        }));
    }
    let kind = f.text("kind")?;
    let subject = f.text("subject")?;
    let note = f.text("note")?;
    Ok(match type_name {
        "attention_raised" => Record::AttentionRaised { kind, subject, note },
        _ => Record::AttentionResolved { kind, subject },
    })
}

fn product(f: Fields<'_>) -> Result<Record, Reason> {
    Ok(Record::ProductUpserted(Product {
        sku: f.id("sku")?,
        name: f.name("name")?,
        price: f.integer("price", 0, AMOUNT_MAX)?,
        currency: f.currency("currency")?,
        stocked: f.optional("stocked", fields::flag)?.unwrap_or(true),
        store_id: f.id_if_any("store_id")?,
        category: f.optional("category", fields::text)?,
        description: f.optional("description", fields::text)?,
        tags: f.texts("tags", 50, 100)?,
        images: f.texts("images", 20, 2000)?,
        low_stock: f.integer_if_any("low_stock", 0, 1_000_000)?,
    }))
}

fn campaign(f: Fields<'_>) -> Result<Record, Reason> {
    let campaign_id = f.id("campaign_id")?;
    let name = f.name("name")?;
    let quota = f.integer("quota", 1, 100_000_000)?;
    let currency = f.currency("currency")?;
    let inner = f.required("discount", Fields::of)?;
    let kind = inner.required("type", |v| {
        fields::text(v).filter(|t| t == "amount" || t == "percent")
    })?;
    let discount = match kind.as_str() {
        "amount" => Discount::Amount(inner.integer("value", 1, AMOUNT_MAX)?),
        _ => Discount::Percent(inner.integer("value", 1, 100)?),
    };
    let max_amount = inner.integer_if_any("max_amount", 0, AMOUNT_MAX)?;
    let min_order_amount = f.integer_if_any("min_order_amount", 0, AMOUNT_MAX)?;
    let starts_at = f.time_if_any("starts_at")?;
    let ends_at = f.time_if_any("ends_at")?;
    Ok(Record::CampaignCreated(Campaign {
        campaign_id,
        name,
        quota,
        currency,
        discount,
        max_amount,
        min_order_amount,
        starts_at,
        ends_at,
    }))
}

fn order_placed(f: Fields<'_>) -> Result<Record, Reason> {
    Ok(Record::OrderPlaced(OrderPlaced {
        order_id: f.id("order_id")?,
        customer_id: f.id("customer_id")?,
        currency: f.currency("currency")?,
        lines: f.lines("lines", |line| {
            Ok(PlacedLine {
                sku: line.id("sku")?,
                quantity: line.integer("quantity", 1, QUANTITY_MAX)?,
                unit_price: line.integer("unit_price", 0, AMOUNT_MAX)?,
            })
        })?,
        campaign_id: f.id_if_any("campaign_id")?,
        wallet_amount: f.integer_if_any("wallet_amount", 0, AMOUNT_MAX)?.unwrap_or(0),
        placed_at: f.time_if_any("placed_at")?,
    }))
}

fn lines_cancel(f: Fields<'_>) -> Result<Record, Reason> {
    Ok(Record::OrderLinesCancelRequested(LinesCancel {
        cancellation_id: f.id("cancellation_id")?,
        order_id: f.id("order_id")?,
        lines: f.lines("lines", |line| {
            Ok((
                line.integer("line_no", 1, 2000)?,
                line.integer("quantity", 1, QUANTITY_MAX)?,
            ))
        })?,
        reason: f.text("reason")?,
    }))
}

fn payment(type_name: &str, f: Fields<'_>) -> Result<Record, Reason> {
    let order_id = f.id("order_id")?;
    let payment_key = f.required("payment_key", fields::payment_key)?;
    let refund_id = || f.required("refund_id", |v| fields::id(v, 80));
    Ok(match type_name {
        "payment_submitted" => Record::PaymentSubmitted {
            order_id,
            payment_key,
            money: f.money()?,
        },
        "payment_confirmed" => Record::PaymentConfirmed {
            order_id,
            payment_key,
            money: f.money()?,
        },
        "payment_declined" => {
            let (code, message) = (f.text("code")?, f.text("message")?);
            Record::PaymentDeclined {
                order_id,
                payment_key,
                code,
                message,
            }
        }
        "payment_refunded" => {
            let money = f.money()?;
            Record::PaymentRefunded {
                order_id,
                payment_key,
                money,
                refund_id: refund_id()?,
            }
        }
        _ => {
            let (refund_id, code) = (refund_id()?, f.text("code")?);
            f.text("message")?;
            Record::RefundFailed {
                order_id,
                payment_key,
                refund_id,
                code,
            }
        }
    })
}

fn review(type_name: &str, f: Fields<'_>) -> Result<Record, Reason> {
    let review_id = f.id("review_id")?;
    Ok(match type_name {
        "review_posted" => Record::ReviewPosted(Review {
            review_id,
            customer_id: f.id("customer_id")?,
            sku: f.id("sku")?,
            rating: f.integer("rating", 1, 5)?,
            text: f.text("text")?,
            order_id: f.id_if_any("order_id")?,
            images: f.texts("images", 20, 2000)?,
        }),
        "review_edited" => Record::ReviewEdited {
            review_id,
            rating: f.integer_if_any("rating", 1, 5)?,
            text: f.optional("text", fields::text)?,
        },
        _ => Record::ReviewDeleted { review_id },
    })
}
