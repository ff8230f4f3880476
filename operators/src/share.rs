//! A piece of state that can be shared with a snapshot, and is copied when it is next changed.
//!
//! State that grows is kept in pieces of some 64 KiB, each a [`Share`]. Taking a snapshot then costs a
//! counter a piece, whatever they hold, and whoever goes on changing the state copies a piece once, at its
//! first change after the snapshot, and not even that if the snapshot is gone by then.
//!
//! A piece that was never shared, or was changed since, is reached without any atomic operation: changing
//! state is what a job does most, sharing what it does seldom. The price is one more step to read a piece
//! that was shared and not changed since.

use std::ops::Deref;
use std::sync::Arc;

/// A piece of state: ours alone, or shared and to be copied before it is changed.
#[derive(Debug)]
pub struct Share<P>(Piece<P>);

#[derive(Debug)]
enum Piece<P> {
    Mine(P),
    Shared(Arc<P>),
}

impl<P: Default> Default for Share<P> {
    fn default() -> Self {
        Share::new(P::default())
    }
}

impl<P> Deref for Share<P> {
    type Target = P;

    #[inline]
    fn deref(&self) -> &P {
        match &self.0 {
            Piece::Mine(piece) => piece,
            Piece::Shared(piece) => piece,
        }
    }
}

impl<P> Share<P> {
    /// A piece of our own.
    #[must_use]
    #[inline]
    pub const fn new(piece: P) -> Self {
        Share(Piece::Mine(piece))
    }
}

impl<P: Clone + Default> Share<P> {
    /// The same piece once more; neither sees what the other changes from now on.
    #[must_use]
    pub fn share(&mut self) -> Self {
        if let Piece::Mine(piece) = &mut self.0 {
            self.0 = Piece::Shared(Arc::new(std::mem::take(piece)));
        }
        match &self.0 {
            Piece::Shared(piece) => Share(Piece::Shared(Arc::clone(piece))),
            Piece::Mine(_) => unreachable!("it was just made a shared one"),
        }
    }

    /// The piece, to be changed: copied first if somebody else still has it.
    #[inline]
    pub fn get_mut(&mut self) -> &mut P {
        if matches!(self.0, Piece::Shared(_)) {
            self.own();
        }
        match &mut self.0 {
            Piece::Mine(piece) => piece,
            Piece::Shared(_) => unreachable!("it was just made our own"),
        }
    }

    #[cold]
    fn own(&mut self) {
        if let Piece::Shared(piece) = std::mem::replace(&mut self.0, Piece::Mine(P::default())) {
            self.0 = Piece::Mine(Arc::unwrap_or_clone(piece));
        }
    }
}
