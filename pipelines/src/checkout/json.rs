//! The JSON of details: compact, fields in the contract's order.

use contract::json::write_str;

fn one_text(name: &str, text: &str) -> String {
    let mut out = String::with_capacity(text.len() + name.len() + 7);
    out.push('{');
    write_str(&mut out, name);
    out.push(':');
    write_str(&mut out, text);
    out.push('}');
    out
}

/// Of a failed payment: `{message}`.
pub(super) fn message_detail(message: &str) -> String {
    one_text("message", message)
}

/// Of a cancelled order: `{text}`.
pub(super) fn text_detail(text: &str) -> String {
    one_text("text", text)
}

/// Of a raised attention: `{note}`.
pub(super) fn note_detail(note: &str) -> String {
    one_text("note", note)
}

/// Of a rejected order: `{why}`.
pub(super) fn why_detail(why: &str) -> String {
    one_text("why", why)
}

/// `{skus: [...]}`, each element written by `write`.
pub(super) fn skus_detail<T>(items: &[T], write: impl Fn(&T, &mut String)) -> String {
    let mut out = String::from("{\"skus\":[");
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write(item, &mut out);
    }
    out.push_str("]}");
    out
}

/// `{sku, asked, <third>}`.
pub(super) fn write_sku(sku: &str, asked: i64, third: &str, value: i64, out: &mut String) {
    out.push_str("{\"sku\":");
    write_str(out, sku);
    out.push_str(&format!(",\"asked\":{asked},\"{third}\":{value}}}"));
}
