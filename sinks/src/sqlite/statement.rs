//! What can be told of a SQL statement without running it: that it is one, that it only reads, and where in
//! it SQLite's message points.
//!
//! A lexer of SQLite's tokens is enough for that; everything else is SQLite's to judge. What it lets pass
//! runs on a connection that can't write anyway.

/// A token: where it begins, and its text. White space and comments are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    /// Bytes before it.
    pub at: usize,
    /// As it stands.
    pub text: &'a str,
}

/// The tokens of SQL, in order. What is not closed ends with the text.
pub fn tokens(sql: &str) -> impl Iterator<Item = Token<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let rest = &sql[at..];
            let first = rest.chars().next()?;
            let (length, is_token) = match first {
                c if c.is_whitespace() => (c.len_utf8(), false),
                '-' if rest.starts_with("--") => (rest.find('\n').unwrap_or(rest.len()), false),
                '/' if rest.starts_with("/*") => {
                    (rest[2..].find("*/").map_or(rest.len(), |end| end + 4), false)
                }
                '\'' | '"' | '`' => (quoted(rest, first), true),
                '[' => (rest.find(']').map_or(rest.len(), |end| end + 1), true),
                c if is_word(c) => (rest.find(|c| !is_word(c)).unwrap_or(rest.len()), true),
                c => (c.len_utf8(), true),
            };
            let text = &rest[..length];
            at += length;
            if is_token {
                let at = at - length;
                return Some(Token { at, text });
            }
        }
    })
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$' || !c.is_ascii()
}

/// The length of what is quoted; the quote itself is written twice inside.
fn quoted(text: &str, quote: char) -> usize {
    let mut from = 1;
    while let Some(end) = text[from..].find(quote) {
        from += end + 1;
        if !text[from..].starts_with(quote) {
            return from;
        }
        from += 1;
    }
    text.len()
}

/// Why a text is not one statement that reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAQuery {
    /// There is nothing in it.
    #[error("there is no statement")]
    Empty,
    /// There is more than one statement.
    #[error("there is more than one statement, the second at {0}: ask them one by one")]
    Several(Place),
    /// It begins with another word.
    #[error("a query begins with SELECT, WITH, VALUES or EXPLAIN: nothing is ever changed here")]
    NoRead,
}

/// The statement that `sql` is, without what ends it, if it is one that reads.
///
/// # Errors
/// What is wrong with it.
pub fn one_that_reads(sql: &str) -> Result<&str, NotAQuery> {
    let mut all = tokens(sql);
    let first = all.find(|token| token.text != ";").ok_or(NotAQuery::Empty)?;
    let reads = ["select", "with", "values", "explain", "("];
    if !reads.iter().any(|word| first.text.eq_ignore_ascii_case(word)) {
        return Err(NotAQuery::NoRead);
    }
    let Some(end) = all.find(|token| token.text == ";") else {
        return Ok(&sql[first.at..]);
    };
    match all.find(|token| token.text != ";") {
        Some(second) => Err(NotAQuery::Several(Place::of(sql, second.at))),
        None => Ok(&sql[first.at..end.at]),
    }
}

/// Whether a text can stand in parentheses, as a condition does: it closes what it opens, and ends no
/// statement.
#[must_use]
pub fn is_condition(sql: &str) -> bool {
    let mut open = 0_usize;
    let mut any = false;
    for token in tokens(sql) {
        any = true;
        match token.text {
            "(" => open += 1,
            ")" if open == 0 => return false,
            ")" => open -= 1,
            ";" => return false,
            _ => {}
        }
    }
    any && open == 0
}

/// Where something stands, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The character in the line.
    pub column: usize,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

impl Place {
    /// Where the byte `at` of `text` stands.
    #[must_use]
    pub fn of(text: &str, at: usize) -> Place {
        let before = &text[..at];
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Place {
            line: 1 + before.matches('\n').count(),
            column: 1 + before[start..].chars().count(),
        }
    }
}

/// The places in `sql` that a message of SQLite's may speak of: where what it quotes or names stands.
#[must_use]
pub fn places_named(sql: &str, message: &str) -> Vec<usize> {
    let named = match message.strip_prefix("near \"") {
        Some(rest) => rest.rsplit_once("\": ").map(|(named, _)| named),
        None => message.rsplit_once(": ").map(|(_, named)| named),
    };
    // Of `table.column` the last part is a token of its own.
    let named = named.map(|named| match named.rsplit_once('.') {
        Some((_, last)) if !message.starts_with("near") && !last.is_empty() => last,
        _ => named,
    });
    let Some(named) = named.filter(|named| !named.is_empty()) else {
        return Vec::new();
    };
    let is_named = |token: &Token<'_>| token.text == named || token.text.trim_matches('"') == named;
    tokens(sql).filter(is_named).map(|token| token.at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(sql: &str) -> Vec<&str> {
        tokens(sql).map(|token| token.text).collect()
    }

    #[test]
    fn tokens_are_those_of_sqlite() {
        assert_eq!(
            texts("SELECT a.b, 'it''s;'"),
            ["SELECT", "a", ".", "b", ",", "'it''s;'"]
        );
        assert_eq!(texts("a -- b; c\nd /* e; */f"), ["a", "d", "f"]);
        assert_eq!(texts("[a;b] `c;` \"d\"\"e\""), ["[a;b]", "`c;`", "\"d\"\"e\""]);
        assert_eq!(texts("'open; "), ["'open; "]);
        assert_eq!(texts("/* open"), Vec::<&str>::new());
        assert_eq!(texts("값, 이름"), ["값", ",", "이름"]);
    }

    #[test]
    fn one_statement_that_reads_is_told_from_others() {
        for sql in [
            "select 1",
            " SELECT 1 ;; -- done",
            "WITH a AS (SELECT ';') SELECT * FROM a",
            "VALUES (1)",
            "EXPLAIN DELETE FROM orders",
            "/* ; */ select 1",
        ] {
            assert!(one_that_reads(sql).is_ok(), "{sql}");
        }
        assert_eq!(one_that_reads(" ;; select 1 ; "), Ok("select 1 "));
        for sql in ["", " ", ";", "-- nothing"] {
            assert_eq!(one_that_reads(sql), Err(NotAQuery::Empty), "{sql}");
        }
        for sql in [
            "DELETE FROM orders",
            "pragma journal_mode = delete",
            "ATTACH 'x' AS y",
            "VACUUM INTO 'x'",
            "\"select\"",
        ] {
            assert_eq!(one_that_reads(sql), Err(NotAQuery::NoRead), "{sql}");
        }
        let second = Place { line: 2, column: 2 };
        assert_eq!(
            one_that_reads("select 1;\n select 2"),
            Err(NotAQuery::Several(second))
        );
    }

    #[test]
    fn conditions_close_what_they_open() {
        for sql in ["a = 1", "(a) OR b IN (1, 2)", "a = ')'", "a = 1 -- )"] {
            assert!(is_condition(sql), "{sql}");
        }
        for sql in ["", "-- a", "1) UNION SELECT (2", "(a", "a = 1; b"] {
            assert!(!is_condition(sql), "{sql}");
        }
    }

    #[test]
    fn places_are_counted_in_characters_from_one() {
        let sql = "SELECT 값,\n  nme FROM x";
        let at = places_named(sql, "no such column: nme");
        assert_eq!(at.len(), 1);
        assert_eq!(Place::of(sql, at[0]), Place { line: 2, column: 3 });
        assert_eq!(places_named(sql, "near \"FROM\": syntax error").len(), 1);
        assert_eq!(places_named("SELECT o.nme", "no such column: o.nme"), [9]);
        assert_eq!(
            places_named("SELECT '', \"\"", "incomplete input"),
            Vec::<usize>::new()
        );
    }
}
