//! Where a text stands in a source, whatever way the source is broken into lines.

/// The places of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Places {
    /// One: from, until.
    One(usize, usize),
    /// None, or several.
    Other(usize),
}

/// Finds `text` in `source`; white space of any kind and length matches any other.
#[must_use]
pub fn find(source: &str, text: &str) -> Places {
    let words: Vec<&str> = text.split_whitespace().collect();
    let Some(first) = words.first() else {
        return Places::Other(0);
    };
    let starts = source.match_indices(first).map(|(start, _)| start);
    let found: Vec<(usize, usize)> = starts
        .filter_map(|start| Some((start, end_of(source, start, &words)?)))
        .collect();
    match found[..] {
        [(from, until)] => Places::One(from, until),
        _ => Places::Other(found.len()),
    }
}

/// Where `words`, which start at `start`, end.
fn end_of(source: &str, start: usize, words: &[&str]) -> Option<usize> {
    let mut at = start;
    for (index, word) in words.iter().enumerate() {
        let rest = &source[at..];
        let space = rest.len() - rest.trim_start().len();
        if index > 0 && space == 0 {
            return None;
        }
        if !rest[space..].starts_with(word) {
            return None;
        }
        at += space + word.len();
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_breaks_do_not_matter_words_do() {
        let source = "if a <\n        b {\n    c();\n}";
        assert_eq!(find(source, "a < b"), Places::One(3, 16));
        assert_eq!(find(source, "a <b"), Places::Other(0));
        assert_eq!(find(source, "a > b"), Places::Other(0));
    }

    #[test]
    fn a_text_that_stands_twice_is_no_place() {
        assert_eq!(find("x += 1; y; x += 1;", "x += 1;"), Places::Other(2));
        assert_eq!(find("x", " "), Places::Other(0));
    }
}
