//! Strict JSON (RFC 8259), read in two ways that must agree.
//!
//! [`cursor::Cursor`] reads the common shapes of a record in one pass and gives up (`None`) at anything
//! unusual: an escape, a nested unknown value, any error. [`tree`] then reads the whole value with care,
//! every rule of the contract in its order. The property that guards both: whatever the cursor accepts, the
//! tree accepts alike (`contract/tests/decode/properties.rs`).

pub mod cursor;
pub mod tree;

/// Appends `text` as a JSON string: the two characters that must be escaped and controls, non-ASCII as it is.
pub fn write_str(out: &mut String, text: &str) {
    out.push('"');
    let mut plain = 0;
    for (at, byte) in text.bytes().enumerate() {
        let short = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0x08 => "\\b",
            0x0c => "\\f",
            0..0x20 => "",
            _ => continue,
        };
        out.push_str(&text[plain..at]);
        if short.is_empty() {
            out.push_str(&format!("\\u{byte:04x}"));
        } else {
            out.push_str(short);
        }
        plain = at + 1;
    }
    out.push_str(&text[plain..]);
    out.push('"');
}
