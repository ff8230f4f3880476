//! Tokens: opaque texts that name what was appended, so that a read can wait until it is visible.
//!
//! Inside: topic, partition and next offset of each part. A forged token can only make its owner wait.

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
            |(topic, partition, end): &(Topic, u32, u64)| format!("{}.{partition}.{end}", topic.name());
        let parts: Vec<String> = self.0.iter().map(part).collect();
        parts.join("~")
    }

    /// Reads what [`Token::text`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Token> {
        if text.len() > LEN_MAX {
            return None;
        }
        let part = |part: &str| {
            let mut fields = part.split('.');
            let topic = Topic::from_name(fields.next()?)?;
            let partition = number(fields.next()?)?.try_into().ok()?;
            let end = number(fields.next()?)?;
            fields.next().is_none().then_some((topic, partition, end))
        };
        text.split('~').map(part).collect::<Option<Vec<_>>>().map(Token)
    }
}

/// Digits, and nothing else.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

/// What an epoch or a token looks like, as a regular expression.
#[must_use]
pub fn pattern() -> String {
    let topics = Topic::ALL.map(Topic::name).join("|");
    let part = format!("({topics})\\.[0-9]{{1,9}}\\.[0-9]{{1,18}}");
    format!("^([0-9]{{1,18}}|{part}(~{part}){{0,20}})$")
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
        let epoch = number(text).map(|number| Needed::Epoch(Epoch(number)));
        epoch.or_else(|| Token::parse(text).map(Needed::Token))
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
        for bad in [
            "",
            "orders",
            "-1",
            "12x",
            "99999999999999999999",
            "orders.0",
            "orders.+1.1",
            "x.0.1",
            "~",
            " 1",
        ] {
            assert_eq!(Needed::parse(bad), None, "{bad}");
        }
    }
}
