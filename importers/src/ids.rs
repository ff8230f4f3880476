//! Codes of the data as ids of the contract.

/// A code as an id: what an id may not have, and `=`, as `=XX`; so that no two codes meet. None if it is empty
/// or longer than `len_max`.
pub fn escaped(code: &str, escape_dot: bool, len_max: usize) -> Option<String> {
    let mut id = String::with_capacity(code.len());
    for b in code.trim().bytes() {
        match b {
            b'.' if escape_dot => id.push_str("=2E"),
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'_' | b'.' | b':' | b'@' | b'+' | b'-' => {
                id.push(char::from(b));
            }
            _ => id.push_str(&format!("={b:02X}")),
        }
    }
    (1..=len_max).contains(&id.len()).then_some(id)
}
