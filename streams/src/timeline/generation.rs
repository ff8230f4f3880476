//! Who may write sinks and run connectors: the holder of the generation in force in the timeline.
//!
//! A process that wants it binds an epoch that says so; since of records for the same epoch the first
//! counts, one of two succeeds. It acts only once it has read that back, and a sink refuses an older
//! generation than its own: a holder that wakes from a pause writes nothing.

use super::Generation;

/// What a process that has no generation does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Takeover {
    /// It holds the generation already.
    Holds,
    /// It binds the next epoch with this generation.
    Take(Generation),
    /// It stays a reader, and asks again after so long.
    WaitMs(u64),
}

/// Whether `me` may write sinks: it holds the generation in force, as far as the timeline was read.
#[must_use]
pub fn may_act(in_force: Option<&Generation>, me: &str) -> bool {
    in_force.is_some_and(|generation| generation.owner == me)
}

/// Whether `me` takes the generation: if nobody holds it, if somebody asked for it explicitly, or if the
/// frontier has not moved for `silence_ms_max` (never, if that is `None`).
#[must_use]
pub fn take_over(
    in_force: Option<&Generation>,
    me: &str,
    explicit: bool,
    still_ms: u64,
    silence_ms_max: Option<u64>,
) -> Takeover {
    if may_act(in_force, me) {
        return Takeover::Holds;
    }
    let silent = silence_ms_max.is_some_and(|max| still_ms >= max);
    if in_force.is_none() || explicit || silent {
        let number = in_force
            .map_or(0, |generation| generation.number)
            .saturating_add(1);
        let owner = me.to_owned();
        return Takeover::Take(Generation { number, owner });
    }
    Takeover::WaitMs(silence_ms_max.map_or(u64::MAX, |max| max - still_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generation_is_taken_from_nobody_or_on_demand_or_after_silence_and_never_twice() {
        let held = |owner: &str| Generation {
            number: 7,
            owner: owner.to_owned(),
        };
        for in_force in [None, Some(held("a")), Some(held("b"))] {
            for explicit in [false, true] {
                for still_ms in [0, 999, 1000, u64::MAX] {
                    for silence_ms_max in [None, Some(1000)] {
                        let decision = take_over(in_force.as_ref(), "a", explicit, still_ms, silence_ms_max);
                        let silent = silence_ms_max.is_some() && still_ms >= 1000;
                        let expected = match in_force.as_ref().map(|g| g.owner.as_str()) {
                            Some("a") => Takeover::Holds,
                            None => Takeover::Take(Generation {
                                number: 1,
                                ..held("a")
                            }),
                            _ if explicit || silent => Takeover::Take(Generation {
                                number: 8,
                                ..held("a")
                            }),
                            _ => Takeover::WaitMs(silence_ms_max.map_or(u64::MAX, |max| max - still_ms)),
                        };
                        assert_eq!(decision, expected);
                        assert_eq!(may_act(in_force.as_ref(), "a"), decision == Takeover::Holds);
                    }
                }
            }
        }
    }
}
