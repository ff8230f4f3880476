//! Backlog: millrace was down, producers were not. What has gathered is bound in slices, each of at most one
//! second of append time and a bounded number of records, with its slice's time as clock. Nobody's order
//! expires because we were away, and no epoch is larger than one can be.
//!
//! Records are taken by append time; at the same time in the order of topics, so that an order never comes
//! before the price or stock that its sender had seen acknowledged.

use contract::time::Time;

/// Records of one partition that were appended at the same time, after what is bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// When they were appended.
    pub timestamp: Time,
    /// How many they are.
    pub count: u64,
}

/// The next slice: how many records of each partition it holds, and its clock; `None` if there is nothing.
///
/// `pending` has the partitions in log order, each with what comes after the last binding, in order of
/// offsets; it need not reach to the end, but at least one second or `records_max` records far. Append times
/// that go back within a partition count as not having moved. The clock is at least `last_clock`.
#[must_use]
pub fn slice(
    pending: &[&[Pending]],
    last_clock: Option<Time>,
    span_ms_max: i64,
    records_max: u64,
) -> Option<(Vec<u64>, Time)> {
    let mut heads: Vec<_> = pending
        .iter()
        .map(|runs| runs.iter().filter(|r| r.count > 0).peekable())
        .collect();
    let mut times: Vec<Option<Time>> = vec![None; pending.len()];
    let mut taken = vec![0; pending.len()];
    let (mut begin, mut clock, mut left) = (None, last_clock, records_max.max(1));
    while left > 0 {
        let head = |(i, head): (usize, &mut std::iter::Peekable<_>)| {
            let run: &&Pending = head.peek()?;
            Some((
                times[i].map_or(run.timestamp, |t| t.max(run.timestamp)),
                i,
                run.count,
            ))
        };
        let Some((time, i, count)) = heads.iter_mut().enumerate().filter_map(head).min() else {
            break;
        };
        let begin = *begin.get_or_insert(time);
        if time.ms().saturating_sub(begin.ms()) >= span_ms_max {
            break;
        }
        heads[i].next();
        times[i] = Some(time);
        let count = count.min(left);
        taken[i] += count;
        left -= count;
        clock = clock.max(Some(time));
    }
    begin.and(clock).map(|clock| (taken, clock))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64, count: u64) -> Pending {
        let timestamp = Time::from_ms(ms).unwrap();
        Pending { timestamp, count }
    }

    /// All slices, as (records per partition, clock).
    fn all(partitions: &[Vec<Pending>], records_max: u64) -> Vec<(Vec<u64>, i64)> {
        let mut rest = partitions.to_vec();
        let (mut slices, mut last) = (Vec::new(), None);
        loop {
            let pending: Vec<_> = rest.iter().map(Vec::as_slice).collect();
            let Some((taken, clock)) = slice(&pending, last, 1000, records_max) else {
                return slices;
            };
            for (runs, taken) in rest.iter_mut().zip(&taken) {
                let mut taken = *taken;
                for run in runs.iter_mut() {
                    let part = run.count.min(taken);
                    run.count -= part;
                    taken -= part;
                }
            }
            last = Some(clock);
            slices.push((taken, clock.ms()));
        }
    }

    #[test]
    fn a_slice_spans_less_than_a_second_and_its_clock_is_its_last_append_time() {
        let orders = vec![at(0, 2), at(999, 1), at(1000, 1), at(5000, 1)];
        let expected = [(vec![3], 999), (vec![1], 1000), (vec![1], 5000)];
        assert_eq!(all(&[orders], 100), expected);
    }

    #[test]
    fn records_are_taken_by_append_time_then_by_topic_up_to_the_limit() {
        let (products, orders) = (vec![at(10, 2), at(30, 1)], vec![at(10, 2), at(20, 1)]);
        let expected = [(vec![2, 1], 10), (vec![1, 2], 30)];
        assert_eq!(all(&[products, orders], 3), expected);
    }

    #[test]
    fn a_time_that_goes_back_counts_as_not_having_moved_and_the_clock_never_goes_back() {
        let expected = [(vec![2, 0], 9000), (vec![0, 1], 9500)];
        assert_eq!(all(&[vec![at(9000, 1), at(100, 1)], vec![]], 100)[0].1, 9000);
        let slices = all(&[vec![at(9000, 1), at(100, 1)], vec![at(9500, 1)]], 2);
        assert_eq!(slices, expected);
        let last = Time::from_ms(50);
        assert_eq!(
            slice(&[&[at(10, 1)]], last, 1000, 9),
            last.map(|last| (vec![1], last))
        );
        assert_eq!(slice(&[&[at(10, 0)], &[]], last, 1000, 9), None);
    }
}
