//! Values that fields may have: usual ones, and the very ends of what is allowed.

use contract::time::Time;

use crate::doc::{Doc, J};
use crate::generator::Draft;
use crate::rng::Rng;
use crate::schema::{Field, Kind, MAX, Need, TypeSpec};

/// Texts that are not what they seem: decomposed characters, white space of every kind, controls, astral
/// planes.
const TEXTS: &[&str] = &[
    "",
    "good",
    "  two  spaces\tand\r\n a tab ",
    "e\u{301}te\u{301} \u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}",
    "좋아요 \u{1F600}\u{1F468}\u{200D}\u{1F469}",
    "\u{feff}bom \u{a0}nbsp\u{3000}wide\u{2028}line\u{85}next\u{200b}zero",
    "\u{1}control\u{7f}\u{9f} \"quoted\" \\ /",
    "ﬁ Å \u{212b} ½ ①",
    "\u{1d15e}\u{344}",
    ".",
];

/// A text.
pub(crate) fn text(rng: &mut Rng) -> &'static str {
    rng.one_of(TEXTS)
}

/// A name: a text that is not empty.
pub(crate) fn name(rng: &mut Rng) -> &'static str {
    rng.one_of(&[
        "Tea",
        "녹차",
        "  Cafe\u{301}\t\u{1}",
        "\u{1F375}",
        "a. b",
        "\u{3000}",
    ])
}

/// A record of the type with usual values; optional fields are there more often than not.
pub(crate) fn record(draft: &mut Draft<'_>, spec: &'static TypeSpec) -> Doc {
    if spec.name == "rules_activated" {
        let version = draft.memory.version + 1;
        return super::operations::activation(version);
    }
    let mut doc = Doc {
        spec,
        fields: Vec::new(),
    };
    for field in spec.fields {
        if field.need == Need::Must || draft.rng.chance(65) {
            let value = usual(draft, field);
            doc.fields.push((field.name, value));
        }
    }
    doc
}

/// A usual value of a field.
pub(crate) fn usual(draft: &mut Draft<'_>, field: &Field) -> J {
    let value = match field.name {
        "order_id" => draft.order_id(),
        "customer_id" => draft.customer(),
        "sku" => draft.sku(),
        "campaign_id" => format!("k{}", draft.rng.range(1, 6)),
        "review_id" => format!("r{}", draft.rng.range(1, 12)),
        "currency" => draft.currency().to_owned(),
        "payment_key" => (draft.rng.one_of(&["pk1", "pk2"])).to_owned(),
        "receipt_id" | "adjustment_id" | "topup_id" | "withdrawal_id" | "cancellation_id" => {
            draft.fresh("spare", "z")
        }
        "discount" => return discount(draft),
        _ => return by_kind(draft, field),
    };
    J::Text(value)
}

fn discount(draft: &mut Draft<'_>) -> J {
    let kind = draft.rng.one_of(&["amount", "percent"]);
    let value = draft.rng.range(1, 100);
    let mut fields = vec![("type", J::text(kind)), ("value", J::Int(value))];
    if draft.rng.chance(50) {
        fields.push(("max_amount", J::Int(draft.rng.range(0, 100))));
    }
    J::Object(fields)
}

fn by_kind(draft: &mut Draft<'_>, field: &Field) -> J {
    match field.kind {
        Kind::Id | Kind::RefundId => J::text(format!("i{}", draft.rng.range(1, 4))),
        Kind::PaymentKey => J::text("pk1"),
        Kind::Int(from, to) => J::Int(draft.rng.range(from, to.min(from + 20))),
        Kind::Delta => J::Int(draft.rng.one_of(&[-2, -1, 1, 2])),
        Kind::Currency => J::text("KRW"),
        Kind::Time => {
            let ago = draft.rng.range(-100_000, 100_000);
            J::At(Time::from_ms(draft.now.ms() + ago).unwrap_or_default())
        }
        Kind::Flag => J::Bool(draft.rng.chance(50)),
        Kind::Text => J::text(text(draft.rng)),
        Kind::Name => J::text(name(draft.rng)),
        Kind::Texts(..) => J::List(
            (0..draft.rng.range(0, 2))
                .map(|n| J::text(format!("t{n}")))
                .collect(),
        ),
        Kind::DiscountType => J::text("amount"),
        Kind::Object(inner) => {
            let fields = inner.iter().filter(|f| f.need == Need::Must);
            J::Object(fields.map(|f| (f.name, usual(draft, f))).collect())
        }
        Kind::List(inner) => {
            let count = draft.rng.range(1, 3);
            let item =
                |draft: &mut Draft<'_>| J::Object(inner.iter().map(|f| (f.name, usual(draft, f))).collect());
            J::List((0..count).map(|_| item(draft)).collect())
        }
    }
}

/// A value at the very end of what the field allows.
pub(crate) fn extreme(draft: &mut Draft<'_>, field: &Field) -> J {
    let rng = &mut *draft.rng;
    match field.kind {
        Kind::Id => J::text(
            rng.pick(&[".", "-", &"Z".repeat(64), "a:b@c+d=e_f.g-h"])
                .to_string(),
        ),
        Kind::RefundId => J::text("R".repeat(80)),
        Kind::PaymentKey => J::text(
            rng.pick(&["~".repeat(200), "!".to_owned(), "\"\\/".to_owned()])
                .clone(),
        ),
        Kind::Int(from, to) => J::Int(rng.one_of(&[from, to])),
        Kind::Delta => J::Int(rng.one_of(&[-1_000_000, 1_000_000, -1, 1])),
        Kind::Currency => J::text("ZZZ"),
        Kind::Time => J::text(rng.one_of(&[
            "1970-01-01T00:00:00Z",
            "1969-12-31T23:00:00-01:00",
            "9999-12-31T23:59:59.9999Z",
            "2024-02-29t12:00:00.0005+23:59",
        ])),
        Kind::Flag => J::Bool(false),
        Kind::Text => J::text(
            rng.pick(&["x".repeat(4_000), "\u{1F600}".repeat(4_000), String::new()])
                .clone(),
        ),
        Kind::Name => J::text(
            rng.pick(&["x".repeat(4_000), "\u{1}".to_owned(), " ".to_owned()])
                .clone(),
        ),
        Kind::Texts(count, len) => {
            let len = if rng.chance(20) { len } else { 3 };
            let count = if rng.chance(60) { count } else { 1 };
            J::List((0..count).map(|_| J::text("é".repeat(len))).collect())
        }
        Kind::DiscountType => J::text("percent"),
        Kind::Object(inner) => {
            let kind = if rng.chance(50) {
                ("percent", rng.one_of(&[1, 100]))
            } else {
                ("amount", MAX)
            };
            let mut fields = vec![("type", J::text(kind.0)), ("value", J::Int(kind.1))];
            fields.push((inner[2].name, J::Int(rng.one_of(&[0, MAX]))));
            J::Object(fields)
        }
        Kind::List(inner) => {
            let count = if rng.chance(3) { 2_000 } else { 1 };
            let item = |draft: &mut Draft<'_>| {
                J::Object(inner.iter().map(|f| (f.name, extreme(draft, f))).collect())
            };
            J::List((0..count).map(|_| item(draft)).collect())
        }
    }
}
