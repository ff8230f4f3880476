//! The clock of the next epoch: often at the very end of a window, a millisecond before, or a millisecond
//! after.

use contract::time::Time;

use crate::rng::Rng;
use crate::snapshot::Snapshot;

/// How fast time passes between such moments.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    Slow,
    Usual,
    Fast,
}

impl Pace {
    /// Steps between epochs in milliseconds, from none to more than any window that is usual.
    fn steps(self) -> &'static [(i64, u64)] {
        match self {
            Pace::Slow => &[
                (0, 25),
                (1, 5),
                (999, 20),
                (5_000, 35),
                (30_000, 12),
                (600_000, 3),
            ],
            Pace::Usual => &[
                (0, 22),
                (1, 6),
                (999, 10),
                (5_000, 20),
                (20_000, 18),
                (60_000, 12),
                (600_000, 8),
                (86_400_000, 3),
                (40 * 86_400_000, 1),
            ],
            Pace::Fast => &[
                (0, 20),
                (5_000, 10),
                (600_000, 30),
                (3_600_000, 20),
                (86_400_000, 20),
            ],
        }
    }

    /// The pace of a log.
    pub fn draw(rng: &mut Rng) -> Pace {
        rng.weighted(&[(Pace::Slow, 50), (Pace::Usual, 35), (Pace::Fast, 15)])
    }
}

/// What waits for a time, by its id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Focus {
    Order(String),
    Campaign(String),
}

/// A time to come, and what waits for it, if anything.
type Moment = (Time, Option<Focus>);

/// The clock of the next epoch, and what waits for it.
pub(crate) fn next(rng: &mut Rng, snapshot: &Snapshot, now: Time, pace: Pace) -> Moment {
    if rng.chance(40) {
        let mut moments = moments(rng, snapshot, now);
        moments.sort();
        let near = moments.len().min(6);
        if let Some((moment, focus)) = rng.pick_from(&moments[..near]) {
            let off = rng.weighted(&[(-1, 30), (0, 50), (1, 20)]);
            let clock = moment.plus_ms(off).max(now);
            if Time::from_ms(clock.ms()).is_some() {
                return (clock, focus.clone());
            }
        }
    }
    let most = rng.weighted(pace.steps());
    let step = if rng.chance(30) { most } else { rng.range(0, most) };
    (Time::from_ms(now.ms() + step).unwrap_or(now), None)
}

/// The times to come at which something happens or ceases to be possible; some of the many at which refunds
/// should have been answered.
fn moments(rng: &mut Rng, snapshot: &Snapshot, now: Time) -> Vec<Moment> {
    let mut moments = Vec::new();
    for order in &snapshot.orders {
        let answers = order.confirm_open || rng.chance(12);
        let times = order.moments(answers).into_iter();
        moments.extend(
            times
                .filter(|t| *t >= now)
                .map(|t| (t, Some(Focus::Order(order.id.clone())))),
        );
    }
    for campaign in snapshot.campaigns.iter().filter(|c| !c.closed) {
        let times = campaign.starts.into_iter().chain(campaign.ends);
        let waits = Some(Focus::Campaign(campaign.id.clone()));
        moments.extend(times.filter(|t| *t >= now).map(|t| (t, waits.clone())));
    }
    moments
}
