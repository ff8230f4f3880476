//! What every sink must do, as tests that any sink can be put through.
//!
//! A sink's own tests implement [`Place`] and call [`all`]. The oracle is `contract::delta::Tables`: the rows
//! that applying each epoch's deltas in memory yields.
//!
//! Checks panic with the seed that they failed at.

use contract::delta::Tables;
use contract::log::Epoch;
use contract::views::View;

use millrace_sinks::{Commit, Frontier, Sink, SinkError};

use super::history::{Dice, History, commit_of};

/// A place where a sink keeps its rows: empty at first, removed when it is dropped.
pub trait Place {
    /// The sink there, opened or opened again. At most one is open at a time, unless a test says otherwise.
    fn open(&self) -> Box<dyn Sink>;

    /// The views that a sink there keeps.
    fn views(&self) -> Vec<View>;

    /// Reads everything back by another way than the sink, while it may be open.
    fn read(&self) -> (Option<Frontier>, Tables);
}

/// A check: what it is called, and what it does with an empty place and a seed.
pub type Check = (&'static str, fn(&dyn Place, u64));

/// Every check, each of which wants a place of its own.
pub const CHECKS: &[Check] = &[
    ("rows_are_those_of_the_history", rows_are_those_of_the_history),
    (
        "a_sink_resumes_after_it_is_opened_again",
        a_sink_resumes_after_it_is_opened_again,
    ),
    (
        "an_older_generation_changes_nothing",
        an_older_generation_changes_nothing,
    ),
    (
        "a_commit_elsewhere_changes_nothing",
        a_commit_elsewhere_changes_nothing,
    ),
    (
        "another_installation_changes_nothing",
        another_installation_changes_nothing,
    ),
    ("a_commit_is_never_taken_twice", a_commit_is_never_taken_twice),
    ("a_refill_replaces_everything", a_refill_replaces_everything),
    ("a_failed_refill_leaves_a_whole", a_failed_refill_leaves_a_whole),
    (
        "views_that_it_does_not_keep_are_passed_over",
        views_that_it_does_not_keep_are_passed_over,
    ),
];

/// Runs every check with some seeds; `make` yields an empty place each time.
pub fn all<P: Place>(make: impl Fn() -> P, seeds: std::ops::Range<u64>) {
    for seed in seeds {
        for (name, check) in CHECKS {
            println!("{name}, seed {seed}");
            check(&make(), seed);
        }
    }
}

fn assert_holds(place: &dyn Place, history: &History, seed: u64) {
    let (frontier, tables) = place.read();
    let expected = (history.frontier().epoch > Epoch(0)).then_some(history.frontier());
    assert_eq!(frontier.as_ref(), expected, "seed {seed}");
    let differences = tables.differences(history.tables(), &place.views());
    let first: Vec<_> = differences.iter().take(3).map(ToString::to_string).collect();
    assert!(
        differences.is_empty(),
        "seed {seed}, {:?}: {} rows differ, such as {first:#?}",
        history.frontier().epoch,
        differences.len()
    );
}

/// Takes some epochs, a few in each commit.
fn follow(sink: &mut dyn Sink, history: &mut History, dice: &mut Dice, commits: usize) {
    for _ in 0..commits {
        let epochs: Vec<_> = (0..=dice.roll(4)).map(|_| history.advance()).collect();
        sink.commit(&commit_of(&epochs))
            .expect("the commit goes on where the sink stands");
    }
}

/// Whatever changes come, merged or one by one, the rows are as they should be after every commit.
pub fn rows_are_those_of_the_history(place: &dyn Place, seed: u64) {
    let mut history = History::new(seed, &place.views(), 60);
    let mut dice = Dice(!seed);
    let mut sink = place.open();
    assert_eq!(sink.frontier(), Ok(None));
    assert_eq!(sink.views(), place.views());
    for round in 0..12 {
        follow(sink.as_mut(), &mut history, &mut dice, 1);
        assert_holds(place, &history, seed);
        assert_eq!(sink.frontier(), Ok(Some(history.frontier().clone())));
        if round == 5 {
            sink.caught_up().expect("it is told that it has caught up");
            sink.caught_up().expect("and again");
        }
    }
    let digests = sink.digests().expect("its digests are read");
    let last = (history.frontier().epoch, history.frontier().digest);
    assert_eq!(digests.last(), Some(&last));
    assert!(digests.is_sorted_by(|a, b| a.0 < b.0));
}

/// Closed and opened at any time, a sink stands where it stood.
pub fn a_sink_resumes_after_it_is_opened_again(place: &dyn Place, seed: u64) {
    let mut history = History::new(seed, &place.views(), 20);
    let mut dice = Dice(!seed);
    for _ in 0..6 {
        let mut sink = place.open();
        let expected = (history.frontier().epoch > Epoch(0)).then(|| history.frontier().clone());
        assert_eq!(sink.frontier(), Ok(expected));
        let commits = dice.roll(3);
        follow(sink.as_mut(), &mut history, &mut dice, commits);
        drop(sink);
        assert_holds(place, &history, seed);
    }
}

/// A commit and a refill that must be refused for a reason, and change nothing.
fn refused(
    place: &dyn Place,
    sink: &mut dyn Sink,
    history: &History,
    commit: &Commit,
    seed: u64,
) -> SinkError {
    let error = sink.commit(commit).expect_err("the commit is refused");
    assert!(!error.to_string().is_empty());
    assert_eq!(
        sink.frontier(),
        Ok(Some(history.frontier().clone())),
        "seed {seed}"
    );
    assert_holds(place, history, seed);
    error
}

/// Two processes, each believing that the sink is its own: the later generation wins, whatever the order.
pub fn an_older_generation_changes_nothing(place: &dyn Place, seed: u64) {
    let mut history = History::new(seed, &place.views(), 20);
    let mut dice = Dice(!seed);
    let mut old = place.open();
    follow(old.as_mut(), &mut history, &mut dice, 2);
    let mut late = history.clone();
    let mut new = place.open();
    history.set_generation(2);
    follow(new.as_mut(), &mut history, &mut dice, 1);
    let error = refused(place, old.as_mut(), &history, &commit_of(&[late.advance()]), seed);
    assert!(
        matches!(
            error,
            SinkError::Fenced {
                found: 2,
                ours: 1,
                ..
            }
        ),
        "{error:?}"
    );
    let rows = late.rows();
    let refilled = old.refill(late.frontier(), &mut rows.into_iter().map(Ok));
    assert!(
        matches!(
            refilled,
            Err(SinkError::Fenced {
                found: 2,
                ours: 1,
                ..
            })
        ),
        "{refilled:?}"
    );
    assert_holds(place, &history, seed);
    follow(new.as_mut(), &mut history, &mut dice, 1);
    assert_holds(place, &history, seed);
}

/// A commit that skips epochs, repeats them, or begins anew.
pub fn a_commit_elsewhere_changes_nothing(place: &dyn Place, seed: u64) {
    let mut history = History::new(seed, &place.views(), 20);
    let mut sink = place.open();
    let start = history.clone();
    sink.commit(&commit_of(&[history.advance(), history.advance()]))
        .expect("the first commit");
    let mut ahead = history.clone();
    let (_, skipping) = (ahead.advance(), ahead.advance());
    let mut again = start.clone();
    let anew = commit_of(&[again.advance(), again.advance(), again.advance()]);
    let mut second = start.clone();
    second.advance();
    let repeating = commit_of(&[second.advance(), second.advance()]);
    for wrong in [commit_of(&[skipping]), anew, repeating] {
        let error = refused(place, sink.as_mut(), &history, &wrong, seed);
        let found = Some(history.frontier().epoch);
        let expected = wrong.after;
        let SinkError::Elsewhere {
            found: told,
            expected: wanted,
            ..
        } = &error
        else {
            panic!("{error:?}");
        };
        assert_eq!((*told, *wanted), (found, expected));
    }
    // An empty sink does not begin in the middle either.
    let mut commit = commit_of(&[history.advance()]);
    commit.after = None;
    let error = sink.commit(&commit).expect_err("it is not empty");
    assert!(matches!(error, SinkError::Elsewhere { .. }), "{error:?}");
}

/// Another log's views are neither mixed in nor overwritten; nor are those of other rules.
pub fn another_installation_changes_nothing(place: &dyn Place, seed: u64) {
    let mut history = History::new(seed, &place.views(), 20);
    let mut sink = place.open();
    sink.commit(&commit_of(&[history.advance()]))
        .expect("the first commit");
    let mut commit = commit_of(&[history.clone().advance()]);
    commit.frontier.installation = contract::installation::Installation::new(2, [8; 10]);
    let error = refused(place, sink.as_mut(), &history, &commit, seed);
    assert!(matches!(error, SinkError::Refused { .. }), "{error:?}");
    let rows = history.rows();
    let refilled = sink.refill(&commit.frontier, &mut rows.into_iter().map(Ok));
    assert!(matches!(refilled, Err(SinkError::Refused { .. })), "{refilled:?}");
    assert_holds(place, &history, seed);
    commit.frontier.installation = history.frontier().installation;
    commit.frontier.logic = 2;
    let error = refused(place, sink.as_mut(), &history, &commit, seed);
    assert!(matches!(error, SinkError::Refused { .. }), "{error:?}");
}

/// Who does not know whether a commit counts asks for the frontier, and repeating it does no harm.
pub fn a_commit_is_never_taken_twice(place: &dyn Place, seed: u64) {
    let mut history = History::new(seed, &place.views(), 20);
    let mut sink = place.open();
    for _ in 0..4 {
        let commit = commit_of(&[history.advance()]);
        sink.commit(&commit).expect("it goes on where the sink stands");
        drop(sink);
        sink = place.open();
        let found = sink.frontier().expect("it can be read");
        assert_eq!(found.as_ref(), Some(&commit.frontier), "it counts");
        refused(place, sink.as_mut(), &history, &commit, seed);
    }
}

/// Behind, elsewhere or empty: afterwards it is as if it had always been there, and follows.
pub fn a_refill_replaces_everything(place: &dyn Place, seed: u64) {
    let mut history = History::new(seed, &place.views(), 40);
    let mut dice = Dice(!seed);
    let mut sink = place.open();
    for _ in 0..3 {
        for _ in 0..=dice.roll(5) {
            history.advance();
        }
        let rows = history.rows();
        sink.refill(history.frontier(), &mut rows.into_iter().map(Ok))
            .expect("it is filled");
        assert_holds(place, &history, seed);
        follow(sink.as_mut(), &mut history, &mut dice, 2);
        assert_holds(place, &history, seed);
    }
    // Other rules are no reason not to: this is the way to them.
    let mut rules = history.clone();
    let mut frontier = rules.frontier().clone();
    frontier.logic = 2;
    let rows = rules.rows();
    sink.refill(&frontier, &mut rows.into_iter().map(Ok))
        .expect("it is filled");
    assert_eq!(place.read().0, Some(frontier.clone()));
    let mut commit = commit_of(&[rules.advance()]);
    commit.frontier.logic = 2;
    sink.commit(&commit).expect("it goes on by the new rules");
}

/// Rows that break off in the middle of a refill leave it empty or as it was.
pub fn a_failed_refill_leaves_a_whole(place: &dyn Place, seed: u64) {
    let mut history = History::new(seed, &place.views(), 40);
    let mut dice = Dice(!seed);
    let mut sink = place.open();
    follow(sink.as_mut(), &mut history, &mut dice, 2);
    let mut later = history.clone();
    later.advance();
    let broken = SinkError::Retry {
        sink: "rows".to_owned(),
        what: "broke off".to_owned(),
    };
    let rows = later.rows();
    let half = rows.len() / 2;
    let mut rows = rows.into_iter().take(half).map(Ok).chain([Err(broken.clone())]);
    assert_eq!(sink.refill(later.frontier(), &mut rows), Err(broken));
    let found = sink.frontier().expect("it can be read");
    match found {
        Some(frontier) => {
            assert_eq!(&frontier, history.frontier());
            assert_holds(place, &history, seed);
        }
        None => assert_holds(place, &History::new(seed, &place.views(), 40), seed),
    }
    let rows = later.rows();
    sink.refill(later.frontier(), &mut rows.into_iter().map(Ok))
        .expect("it is filled");
    assert_holds(place, &later, seed);
}

/// Commits carry all views; a sink takes its own.
pub fn views_that_it_does_not_keep_are_passed_over(place: &dyn Place, seed: u64) {
    let mut history = History::new(seed, View::ALL, 10);
    let mut sink = place.open();
    follow(sink.as_mut(), &mut history, &mut Dice(seed), 3);
    assert_holds(place, &history, seed);
}
