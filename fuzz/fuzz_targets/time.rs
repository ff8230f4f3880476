//! Any text as a time, and any numbers in the form of one: read exactly if a plain second reading of RFC
//! 3339 reads it, as the same instant.

#![no_main]

use contract::time::Time;
use libfuzzer_sys::fuzz_target;
use millrace_fuzz::judge::time;

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data) {
        check(text);
    }
    if let Some([y1, y2, month, day, hour, minute, second, fraction, offset]) = data.first_chunk::<9>() {
        let year = u16::from_le_bytes([*y1, *y2]) % 10_000;
        let (month, day, hour, minute, second) = (month % 14, day % 33, hour % 25, minute % 61, second % 61);
        let head = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
        check(&format!("{head}.{fraction:03}Z"));
        let sign = if fraction % 2 == 0 { '+' } else { '-' };
        check(&format!("{head}{sign}{:02}:{:02}", offset % 25, offset % 61));
    }
});

fn check(text: &str) {
    let ours = Time::parse(text);
    let rendered = ours.map(|time| time.to_string());
    assert_eq!(
        rendered.as_ref().map(|time| format!("\"{time}\"")),
        time(text),
        "{text}"
    );
    if let (Some(time), Some(rendered)) = (ours, rendered) {
        assert_eq!(Time::parse(&rendered), Some(time));
        assert!(rendered.starts_with(&time.day()));
    }
}
