//! What every sink decides alike, apart from all I/O: whether and where it goes on, whether a commit may be
//! taken, what is queued for it, and whether a replay is the history that it holds.

mod digests;
mod fence;
mod queue;
mod resume;

pub use digests::{Differs, KEPT_EVERY, KEPT_EXACTLY, Replay, is_kept};
pub use fence::{fence, fence_refill};
pub use queue::{FollowQueue, Limits, Size, Taken};
pub use resume::{Ours, Refusal, Resume, resume};
