//! Canaries: known bugs that can be planted, to see that the simulator finds them.
//!
//! Each is planted around the real parts (in the log's and the store's wrappers, in what goes in and out of
//! the workers, in the simulated connector), never in them.

macro_rules! canaries {
    ($( $variant:ident $name:literal $what:literal, )+) => {
        /// A bug that can be planted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Canary { $( #[doc = $what] $variant, )+ }

        impl Canary {
            /// All of them.
            pub const ALL: &'static [Canary] = &[$( Canary::$variant, )+];

            /// Its name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $( Canary::$variant => $name, )+ }
            }

            /// What the bug is.
            #[must_use]
            pub const fn what(self) -> &'static str {
                match self { $( Canary::$variant => $what, )+ }
            }
        }
    };
}

canaries! {
    SkippedRelease "skipped-release" "a cancelled or expired order does not give its stock back",
    LostPatch "lost-patch" "a patch of an order is lost on its way to the store",
    LostChunk "lost-chunk" "a chunk of an epoch's records never reaches the decider",
    SwappedChunks "swapped-chunks" "two chunks of an epoch are decided in the wrong order",
    RawClock "raw-clock" "the wall clock is used as it reads, so that the epochs' clock goes back",
    UnnoticedJump "unnoticed-jump" "a wall clock that jumps ahead by hours is accepted by itself",
    LastBindingCounts "last-binding-counts" "of two timeline records for an epoch the last counts",
    AcknowledgedEarly "acknowledged-early" "the log acknowledges and hands out what is not durable yet",
    TailCut "tail-cut" "opening the log cuts off the last acknowledged batch as if it were torn",
    FrontierBeforeRows "frontier-before-rows" "a crash inside a commit leaves the frontier without the rows",
    RowsBeforeFrontier "rows-before-frontier" "a crash inside a commit leaves the rows without the frontier",
    ResumedLate "resumed-late" "after a restart the first epoch that the store lacks is left out",
    ResumedEarly "resumed-early" "after a restart an epoch that the store holds is written once more",
    CommittedTwice "committed-twice" "a commit in doubt that counted is taken for failed and made again",
    CommitLost "commit-lost" "a commit in doubt that did not count is taken for done",
    OtherLogic "other-logic" "other rules go on with the store, and digests are not compared",
    NoFence "no-fence" "the store takes commits of a generation that was replaced",
    DoubleCharge "double-charge" "the connector asks the bank without an idempotency key",
    ForgottenCommands "forgotten-commands" "after a restart the connector does not look for older commands",
    UnheardRetry "unheard-retry" "a producer takes a failed append for done",
    ManifestFirst "manifest-first" "a checkpoint's manifest is written before its last part",
    CompletedEarly "completed-early" "a checkpoint is completed before the store has passed it",
    CompletedUnheld "completed-unheld" "a checkpoint is completed while a crash can still take the store behind it",
    WrongOffset "wrong-offset" "a checkpoint says that the timeline goes on a record later than it does",
    OldPart "old-part" "a checkpoint holds a part of the one before it",
    OtherDigest "other-digest" "a checkpoint says another digest, which nobody compares with the store's",
    ForgottenGeneration "forgotten-generation" "a checkpoint does not say which generation is in force",
    TrimmedBeyond "trimmed-beyond" "the log is trimmed beyond where the oldest checkpoint ends",
    PrunedOnly "pruned-only" "the checkpoint up to which the log was trimmed is removed",
}

impl Canary {
    /// Whether it is about what a crash takes of the log.
    #[must_use]
    pub const fn is_of_durability(self) -> bool {
        matches!(self, Canary::AcknowledgedEarly | Canary::TailCut)
    }

    /// The one of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Canary> {
        Canary::ALL.iter().copied().find(|canary| canary.name() == name)
    }
}
