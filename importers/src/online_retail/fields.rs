//! One line of CSV: its fields, and their values.
//!
//! The data set has no line breaks within fields, so a physical line is a record: a quote that is never
//! closed spoils its own line and not the rest of the file, and line numbers are those of an editor. A record
//! that does span lines is listed line by line.

use std::borrow::Cow;

use contract::time::Time;

use crate::ids::escaped as id;

use super::Reason;

/// Money's upper limit, 2^53 - 1.
pub(super) const MONEY_MAX: i64 = (1 << 53) - 1;
/// Quantities and adjustments go to this.
pub(super) const QUANTITY_MAX: i64 = 1_000_000;
/// Leaves room in 64 characters for what is added to an invoice's number.
const INVOICE_LEN_MAX: usize = 48;
const ID_LEN_MAX: usize = 64;
const TEXT_LEN_MAX: usize = 4000;

/// A line that cannot be split: a quote is not closed, or something follows a closing one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadQuotes;

/// Splits a line at commas, as RFC 4180 quotes them.
pub(super) fn split<'a>(line: &'a str, fields: &mut Vec<Cow<'a, str>>) -> Result<(), BadQuotes> {
    fields.clear();
    let mut rest = line;
    loop {
        let (field, after) = if let Some(quoted) = rest.strip_prefix('"') {
            unquote(quoted).ok_or(BadQuotes)?
        } else {
            let end = rest.find(',').unwrap_or(rest.len());
            (Cow::Borrowed(&rest[..end]), &rest[end..])
        };
        fields.push(field);
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None => return Ok(()),
        }
    }
}

/// What stands before the closing quote, and what follows it: nothing, or a comma.
fn unquote(quoted: &str) -> Option<(Cow<'_, str>, &str)> {
    let mut from = 0;
    loop {
        let at = from + quoted[from..].find('"')?;
        let after = &quoted[at + 1..];
        if after.starts_with('"') {
            from = at + 2;
        } else if after.is_empty() || after.starts_with(',') {
            let raw = &quoted[..at];
            let field = if from > 0 {
                Cow::Owned(raw.replace("\"\"", "\""))
            } else {
                Cow::Borrowed(raw)
            };
            return Some((field, after));
        } else {
            return None;
        }
    }
}

/// InvoiceNo as an id. It has no dot, so that the parts of split invoices have ids of their own.
pub(super) fn invoice(text: &str) -> Result<String, Reason> {
    id(text, true, INVOICE_LEN_MAX).ok_or(Reason::NotAnId)
}

/// StockCode as an id.
pub(super) fn sku(text: &str) -> Result<String, Reason> {
    id(text, false, ID_LEN_MAX).ok_or(Reason::NotAnId)
}

/// CustomerID: digits, with the `.0` of a table that took them for numbers; or nothing.
pub(super) fn customer(text: &str) -> Result<Option<&str>, Reason> {
    let text = whole(text);
    if text.is_empty() {
        return Ok(None);
    }
    let good = text.len() <= ID_LEN_MAX && text.bytes().all(|b| b.is_ascii_digit());
    if good {
        Ok(Some(text))
    } else {
        Err(Reason::BadCustomer)
    }
}

/// Description: a text as the contract has it.
pub(super) fn description(text: &str) -> Result<&str, Reason> {
    let good = !text.contains('\0') && text.chars().count() <= TEXT_LEN_MAX;
    if good {
        Ok(text)
    } else {
        Err(Reason::BadDescription)
    }
}

/// Quantity: a whole number.
pub(super) fn quantity(text: &str) -> Result<i64, Reason> {
    let text = whole(text);
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Reason::BadQuantity);
    }
    match text.parse::<i64>() {
        Ok(quantity) if quantity.abs() <= QUANTITY_MAX => Ok(quantity),
        _ => Err(Reason::QuantityOutOfRange),
    }
}

/// UnitPrice: pounds as a decimal fraction, given in whole pence.
pub(super) fn price(text: &str) -> Result<i64, Reason> {
    let text = text.trim();
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (pounds, parts) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    if !all_digits(pounds) || !all_digits(parts) {
        return Err(Reason::BadPrice);
    }
    let (pence, below) = parts.split_at(parts.len().min(2));
    if below.bytes().any(|b| b != b'0') {
        return Err(Reason::PriceBelowAPenny);
    }
    let pence = format!("{pounds}{pence:0<2}")
        .parse::<i64>()
        .map_err(|_| Reason::BadPrice)?;
    if pence <= MONEY_MAX {
        Ok(sign * pence)
    } else {
        Err(Reason::BadPrice)
    }
}

/// InvoiceDate: `2010-12-01 08:26:00`, taken as UTC.
pub(super) fn time(text: &str) -> Result<Time, Reason> {
    text.trim()
        .split_once(' ')
        .and_then(|(date, time)| Time::parse(&format!("{date}T{time}Z")))
        .ok_or(Reason::BadDate)
}

/// Trimmed, and without the `.0` of a table that took whole numbers for others.
fn whole(text: &str) -> &str {
    let text = text.trim();
    text.strip_suffix(".0").unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_read_as_rfc_4180_writes_them() {
        let mut fields = Vec::new();
        let mut of = |line| split(line, &mut fields).map(|()| fields.join("|"));
        assert_eq!(of("a,b,,c"), Ok("a|b||c".into()));
        assert_eq!(of(""), Ok(String::new()));
        assert_eq!(of(r#""a,b","say ""x""","",z"#), Ok(r#"a,b|say "x"||z"#.into()));
        assert_eq!(of(r#"7" PLATE,"7"" PLATE""#), Ok(r#"7" PLATE|7" PLATE"#.into()));
        assert_eq!(of(r#""""","#), Ok(r#""|"#.into()));
        assert_eq!(of(r#"a,"b,c"#), Err(BadQuotes));
        assert_eq!(of(r#""a"b,c"#), Err(BadQuotes));
        assert_eq!(of(r#"a,b,"c"""#), Err(BadQuotes));
    }

    #[test]
    fn ids_are_escaped_so_that_no_two_codes_meet() {
        assert_eq!(sku("BANK CHARGES").as_deref(), Ok("BANK=20CHARGES"));
        assert_eq!(sku("BANK=20CHARGES").as_deref(), Ok("BANK=3D20CHARGES"));
        assert_eq!(sku(" 85123A ").as_deref(), Ok("85123A"));
        assert_eq!(sku("£").as_deref(), Ok("=C2=A3"));
        assert_eq!(sku("gift_0001_20").as_deref(), Ok("gift_0001_20"));
        assert_eq!(invoice("536365.2").as_deref(), Ok("536365=2E2"));
        assert_eq!(sku(""), Err(Reason::NotAnId));
        assert_eq!(sku("   "), Err(Reason::NotAnId));
        assert_eq!(sku(&"x".repeat(65)), Err(Reason::NotAnId));
        assert_eq!(invoice(&"5".repeat(49)), Err(Reason::NotAnId));
    }

    #[test]
    fn prices_are_exact_pence() {
        for (text, pence) in [
            ("2.55", 255),
            ("2.1", 210),
            ("0.0", 0),
            ("-11062.06", -1_106_206),
            ("3", 300),
            ("0.070", 7),
            ("38970.0", 3_897_000),
            ("90071992547409.91", MONEY_MAX),
            ("-0.0", 0),
        ] {
            assert_eq!(price(text), Ok(pence), "{text}");
        }
        assert_eq!(price("0.001"), Err(Reason::PriceBelowAPenny));
        assert_eq!(price("1.255"), Err(Reason::PriceBelowAPenny));
        for bad in [
            "",
            ".5",
            "5.",
            "1e3",
            "NaN",
            "1,5",
            "--1",
            "90071992547409.92",
            "99999999999999999999",
        ] {
            assert_eq!(price(bad), Err(Reason::BadPrice), "{bad}");
        }
    }

    #[test]
    fn quantities_customers_and_dates_are_read_strictly() {
        assert_eq!(quantity("-80995"), Ok(-80_995));
        assert_eq!(quantity("6.0"), Ok(6));
        assert_eq!(quantity("1000001"), Err(Reason::QuantityOutOfRange));
        assert_eq!(quantity("-99999999999999999999"), Err(Reason::QuantityOutOfRange));
        for bad in ["", "-", "6.5", "six", "+6", "0x1"] {
            assert_eq!(quantity(bad), Err(Reason::BadQuantity), "{bad}");
        }
        assert_eq!(customer("17850.0"), Ok(Some("17850")));
        assert_eq!(customer("  "), Ok(None));
        assert_eq!(customer("17850.5"), Err(Reason::BadCustomer));
        assert_eq!(customer("guest-1"), Err(Reason::BadCustomer));
        assert_eq!(time("2010-12-01 08:26:00").map(Time::ms), Ok(1_291_191_960_000));
        for bad in [
            "",
            "2010-12-01",
            "12/1/2010 8:26",
            "2010-12-01T08:26:00Z",
            "2010-02-30 08:26:00",
        ] {
            assert_eq!(time(bad), Err(Reason::BadDate), "{bad}");
        }
        assert_eq!(description("a\0b"), Err(Reason::BadDescription));
    }
}
