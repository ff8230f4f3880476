//! Reading JSON strictly (RFC 8259) into a tree that forgets nothing the contract asks about.
//!
//! Section 1 of the contract ("Values", "Quarantine") asks what common readers throw away: whether a
//! field came twice, and whether an integer was written with a fraction, an exponent or as minus zero.
//! So objects keep all their fields in order, and numbers keep their text.

/// How deeply objects and lists may nest, counting the outer object.
const LEVELS_MAX: usize = 127;

/// A JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    /// As it was written.
    Number(String),
    Text(String),
    List(Vec<Json>),
    /// All fields in their order, also those that came twice.
    Object(Vec<(String, Json)>),
}

/// Reads exactly one JSON value; `None` if the text is anything else, nests too deeply, or names a lone
/// surrogate.
pub(crate) fn parse(text: &str) -> Option<Json> {
    let mut reader = Reader { rest: text };
    let value = reader.value(0)?;
    reader.skip_space();
    reader.rest.is_empty().then_some(value)
}

/// What is still to be read.
struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    /// Takes `token` if it comes next.
    fn take(&mut self, token: &str) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Takes as many digits as come next.
    fn take_digits(&mut self) -> usize {
        let rest = self.rest.trim_start_matches(|c: char| c.is_ascii_digit());
        let count = self.rest.len() - rest.len();
        self.rest = rest;
        count
    }

    /// Reads a value inside `levels` objects and lists.
    fn value(&mut self, levels: usize) -> Option<Json> {
        self.skip_space();
        match self.rest.chars().next()? {
            '{' => self.object(levels + 1),
            '[' => self.list(levels + 1),
            '"' => self.text().map(Json::Text),
            'n' => self.take("null").then_some(Json::Null),
            't' => self.take("true").then_some(Json::Bool(true)),
            'f' => self.take("false").then_some(Json::Bool(false)),
            _ => self.number(),
        }
    }

    fn object(&mut self, level: usize) -> Option<Json> {
        if level > LEVELS_MAX || !self.take("{") {
            return None;
        }
        let mut fields = Vec::new();
        self.skip_space();
        if self.take("}") {
            return Some(Json::Object(fields));
        }
        loop {
            self.skip_space();
            let name = self.text()?;
            self.skip_space();
            if !self.take(":") {
                return None;
            }
            let value = self.value(level)?;
            fields.push((name, value));
            self.skip_space();
            if self.take("}") {
                return Some(Json::Object(fields));
            }
            if !self.take(",") {
                return None;
            }
        }
    }

    fn list(&mut self, level: usize) -> Option<Json> {
        if level > LEVELS_MAX || !self.take("[") {
            return None;
        }
        let mut items = Vec::new();
        self.skip_space();
        if self.take("]") {
            return Some(Json::List(items));
        }
        loop {
            let item = self.value(level)?;
            items.push(item);
            self.skip_space();
            if self.take("]") {
                return Some(Json::List(items));
            }
            if !self.take(",") {
                return None;
            }
        }
    }

    fn number(&mut self) -> Option<Json> {
        let start = self.rest;
        self.take("-");
        if !self.take("0") && self.take_digits() == 0 {
            return None;
        }
        if self.take(".") && self.take_digits() == 0 {
            return None;
        }
        if self.take("e") || self.take("E") {
            if !self.take("+") {
                self.take("-");
            }
            if self.take_digits() == 0 {
                return None;
            }
        }
        let written = start.strip_suffix(self.rest)?;
        Some(Json::Number(written.to_owned()))
    }

    fn text(&mut self) -> Option<String> {
        if !self.take("\"") {
            return None;
        }
        let mut text = String::new();
        loop {
            let next = self.rest.chars().next()?;
            self.rest = self.rest.strip_prefix(next)?;
            match next {
                '"' => return Some(text),
                '\\' => text.push(self.escaped()?),
                '\0'..='\u{1f}' => return None,
                other => text.push(other),
            }
        }
    }

    /// Reads what follows a backslash.
    fn escaped(&mut self) -> Option<char> {
        let letter = self.rest.chars().next()?;
        self.rest = self.rest.strip_prefix(letter)?;
        match letter {
            '"' | '\\' | '/' => Some(letter),
            'b' => Some('\u{8}'),
            'f' => Some('\u{c}'),
            'n' => Some('\n'),
            'r' => Some('\r'),
            't' => Some('\t'),
            'u' => self.code_point(),
            _ => None,
        }
    }

    /// Reads the digits of `\uXXXX`, and of the second half if they are the first half of a surrogate pair.
    fn code_point(&mut self) -> Option<char> {
        let first = self.four_digits()?;
        if !(0xd800..0xdc00).contains(&first) {
            return char::from_u32(first);
        }
        if !self.take("\\u") {
            return None;
        }
        let second = self.four_digits()?;
        if !(0xdc00..0xe000).contains(&second) {
            return None;
        }
        char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00))
    }

    fn four_digits(&mut self) -> Option<u32> {
        let digits = self.rest.get(..4)?;
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        self.rest = self.rest.get(4..)?;
        u32::from_str_radix(digits, 16).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rfc_8259_allows_is_read_and_nothing_else() {
        let numbers = ["0", "-0", "12", "-1.50", "1e999", "1E+2", "0e-0"];
        for good in numbers {
            assert_eq!(parse(good), Some(Json::Number(good.to_owned())));
        }
        for bad in [
            "",
            " ",
            "01",
            "-",
            "+1",
            ".5",
            "1.",
            "1e",
            "1e+",
            "0x1",
            "NaN",
            "nul",
            "True",
            "'a'",
            "\"",
            "\"\u{1}\"",
            "\"\\x\"",
            "\"\\u12g4\"",
            "\"\\u+123\"",
            "[1,]",
            "[,]",
            "{,}",
            "{\"a\":1,}",
            "{\"a\"}",
            "{a:1}",
            "1 1",
            "[1]]",
            "\u{feff}{}",
            "{}\u{a0}",
            "\"\\ud800\"",
            "\"\\udc00\"",
            "\"\\ud800\\ud800\"",
            "\"\\ud800x\"",
            "{\"\\ud800\":1}",
            "\"\n\"",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
        let text = parse(r#" "a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00\u0000" "#);
        assert_eq!(
            text,
            Some(Json::Text("a\"\\/\u{8}\u{c}\n\r\t\u{e9}\u{1f600}\0".to_owned()))
        );
    }

    #[test]
    fn fields_that_come_twice_are_kept() {
        let two = parse(r#"{"a":1,"\u0061":null}"#);
        let expected = vec![
            ("a".to_owned(), Json::Number("1".to_owned())),
            ("a".to_owned(), Json::Null),
        ];
        assert_eq!(two, Some(Json::Object(expected)));
    }

    #[test]
    fn at_most_127_levels() {
        for open in ["[", "{\"a\":"] {
            let close = if open == "[" { "]" } else { "}" };
            let nested = |levels| format!("{}1{}", open.repeat(levels), close.repeat(levels));
            assert!(parse(&nested(127)).is_some());
            assert_eq!(parse(&nested(128)), None);
            assert_eq!(parse(&open.repeat(100_000)), None);
        }
    }
}
