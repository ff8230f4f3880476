//! The small operators: what counts once, deadlines, interned texts, slots, numbers.

use super::Mutant;

const PRINTS: &str = "operators/src/prints.rs";
const ONCE: &str = "operators/src/once.rs";
const DEADLINES: &str = "operators/src/deadlines.rs";
const INTERNER: &str = "operators/src/interner.rs";
const SLOTS: &str = "operators/src/slots.rs";
const VARINT: &str = "operators/src/varint.rs";

/// The mutants.
pub const MUTANTS: &[Mutant] = &[
    Mutant::new(
        "other-content-is-the-same",
        ONCE,
        "Some(number) if *self.contents.value(number) == content => Verdict::Same",
        "Some(number) if *self.contents.value(number) == content || !self.is_empty() => Verdict::Same",
        "another content under a known id is refused",
    ),
    Mutant::new(
        "counts-twice",
        ONCE,
        r#"assert_eq!(self.judge(id, content), Verdict::First, "an id counts once");"#,
        "",
        "an id counts once",
    ),
    Mutant::new(
        "half-a-fingerprint",
        PRINTS,
        "|number| prints[number as usize] == print",
        "|number| prints[number as usize] << 64 == print << 64",
        "ids are told apart by 128 bits",
    ),
    Mutant::new(
        "due-is-after",
        DEADLINES,
        "*first.key() <= now",
        "*first.key() < now",
        "a deadline fires at its instant",
    ),
    Mutant::new(
        "last-set-first",
        DEADLINES,
        ".push(item);",
        ".insert(0, item);",
        "what falls due together comes in the order in which it was set",
    ),
    Mutant::new(
        "texts-run-together",
        INTERNER,
        "len => &text[start..start + usize::from(len)],",
        "_ => &text[start..],",
        "a number's text",
    ),
    Mutant::new(
        "texts-forgotten",
        INTERNER,
        "index.insert(number, |number| hash(texts.get(number).as_bytes()));",
        "index.insert(number, |number| hash(texts.get(number / 2).as_bytes()));",
        "a text keeps its number when the table grows",
    ),
    Mutant::new(
        "one-class-too-few",
        SLOTS,
        "self.scratch.len() > SMALL_MAX",
        "self.scratch.len() > SMALL_MAX + 8",
        "blobs just above the greatest class",
    ),
    Mutant::new(
        "past-the-page",
        SLOTS,
        "(usize::from(self.used) + 1) * self.units > UNITS_A_PAGE",
        "usize::from(self.used) * self.units > UNITS_A_PAGE",
        "a slot lies in one page",
    ),
    Mutant::new(
        "freed-slots-leak",
        SLOTS,
        "} else if was_full {",
        "} else if was_full && page.units == 0 {",
        "freed slots are used again",
    ),
    Mutant::new(
        "emptied-pages-leak",
        SLOTS,
        "self.empty.push(number);",
        "",
        "a page without blobs goes to whatever size needs one",
    ),
    Mutant::new(
        "pages-of-another-size",
        SLOTS,
        "if page.units == units { page.take() } else { None }",
        "page.take()",
        "blobs don't overlap",
    ),
    Mutant::new(
        "pages-keep-freed-slots",
        SLOTS,
        "page.free.clear();",
        "",
        "an emptied page starts afresh",
    ),
    Mutant::new(
        "large-handles-leak",
        SLOTS,
        "self.large_free.push(at);",
        "",
        "the handle of a large blob is used again",
    ),
    Mutant::new(
        "large-blobs-leak",
        SLOTS,
        "self.blobs.large[at as usize] = Arc::default();",
        "",
        "a large blob's memory is given back",
    ),
    Mutant::new(
        "varint-loses-a-bit",
        VARINT,
        "while number >= 0x80 {",
        "while number > 0x80 {",
        "numbers at the edge of a byte",
    ),
    Mutant::new(
        "signed-varint-loses-the-sign",
        VARINT,
        "(number >> 1).cast_signed() ^ -(number & 1).cast_signed()",
        "(number >> 1).cast_signed()",
        "negative numbers",
    ),
];
