//! Any text as JSON: our reader accepts exactly what serde_json accepts, less lone surrogates and deep
//! nesting.

#![no_main]

use bumpalo::Bump;
use contract::json::{tree::parse, write_str};
use libfuzzer_sys::fuzz_target;
use millrace_fuzz::judge::is_json;

fuzz_target!(|text: &str| {
    assert_eq!(parse(text, &Bump::new()).is_ok(), is_json(text), "{text:?}");
    let mut written = String::new();
    write_str(&mut written, text);
    assert_eq!(
        serde_json::from_str::<String>(&written).ok().as_deref(),
        Some(text)
    );
});
