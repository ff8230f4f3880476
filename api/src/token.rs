//! Tokens: opaque texts that name what was appended, so that a read can wait until it is visible.
//!
//! Inside: topic, partition and next offset of each part. A forged token can only make its owner wait.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use contract::log::{Epoch, Topic};
use sinks::Frontier;

/// The greatest length of a token that is read.
const LEN_MAX: usize = 4096;

/// What was appended: of each partition the offset after its last record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Token(Vec<(Topic, u32, u64)>);

impl Token {
    /// Adds a part.
    pub fn add(&mut self, topic: Topic, partition: u32, end: u64) {
        let same = |part: &&mut (Topic, u32, u64)| part.0 == topic && part.1 == partition;
        match self.0.iter_mut().find(same) {
            Some(part) => part.2 = part.2.max(end),
            None => self.0.push((topic, partition, end)),
        }
    }

    /// That of one part.
    #[must_use]
    pub fn of(topic: Topic, partition: u32, end: u64) -> Token {
        Token(vec![(topic, partition, end)])
    }

    /// Whether what it names is decided at this frontier.
    #[must_use]
    pub fn is_held_by(&self, frontier: &Frontier) -> bool {
        self.0.iter().all(|(topic, partition, end)| {
            let ends = &frontier.ends[*topic as usize];
            let bound = usize::try_from(*partition).ok().and_then(|p| ends.get(p));
            bound.is_some_and(|bound| bound >= end)
        })
    }

    /// As text.
    #[must_use]
    pub fn text(&self) -> String {
        let part =
            |(topic, partition, end): &(Topic, u32, u64)| format!("{}/{partition}/{end}", topic.name());
        let parts: Vec<String> = self.0.iter().map(part).collect();
        format!("t{}", URL_SAFE_NO_PAD.encode(parts.join(",")))
    }

    /// Reads what [`Token::text`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Token> {
        let inner = text.strip_prefix('t').filter(|inner| inner.len() <= LEN_MAX)?;
        let inner = String::from_utf8(URL_SAFE_NO_PAD.decode(inner).ok()?).ok()?;
        let part = |part: &str| {
            let mut fields = part.split('/');
            let topic = Topic::from_name(fields.next()?)?;
            let (partition, end) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
            fields.next().is_none().then_some((topic, partition, end))
        };
        inner.split(',').map(part).collect::<Option<Vec<_>>>().map(Token)
    }
}

/// What a read waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Needed {
    /// An epoch.
    Epoch(Epoch),
    /// What a token names.
    Token(Token),
}

impl Needed {
    /// Reads an epoch's number or a token.
    #[must_use]
    pub fn parse(text: &str) -> Option<Needed> {
        if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
            return text.parse().ok().map(|number| Needed::Epoch(Epoch(number)));
        }
        Token::parse(text).map(Needed::Token)
    }

    /// Whether it is visible at this frontier.
    #[must_use]
    pub fn is_held_by(&self, frontier: &Frontier) -> bool {
        match self {
            Needed::Epoch(epoch) => frontier.epoch >= *epoch,
            Needed::Token(token) => token.is_held_by(frontier),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_back_and_nothing_else_is() {
        let mut token = Token::of(Topic::Orders, 3, 17);
        token.add(Topic::Payments, 0, u64::MAX);
        token.add(Topic::Orders, 3, 18);
        assert_eq!(Needed::parse(&token.text()), Some(Needed::Token(token)));
        assert_eq!(Needed::parse("12"), Some(Needed::Epoch(Epoch(12))));
        for bad in ["", "t", "t!", "-1", "12x", "99999999999999999999", "tAAAA", " 1"] {
            assert_eq!(Needed::parse(bad), None, "{bad}");
        }
    }
}
