//! Calls of a store of objects, and waiting for them: no longer than is said, and no longer than until
//! somebody asks to stop. Whatever is answered becomes one of our errors, which names place and object.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::answer::{self, Unmet};
use super::error::{CheckpointError, Trouble};

/// The longest that a call may take, unless another time is said.
const ANSWER: Duration = Duration::from_secs(120);
/// How often it is looked whether to stop while nothing is answered.
const LOOK: Duration = Duration::from_millis(200);

/// Who calls.
#[derive(Clone)]
pub(super) struct Calls {
    /// What messages call the place.
    name: String,
    answer: Duration,
    /// Somebody asks to stop.
    stop: Option<Arc<AtomicBool>>,
    runtime: Arc<tokio::runtime::Runtime>,
}

impl Calls {
    /// For a place of this name.
    pub(super) fn new(name: String) -> Result<Calls, CheckpointError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        match runtime {
            Ok(runtime) => Ok(Calls {
                name,
                answer: ANSWER,
                stop: None,
                runtime: Arc::new(runtime),
            }),
            Err(error) => Err(CheckpointError::Place {
                place: name,
                trouble: Trouble::Unusable,
                what: error.to_string(),
            }),
        }
    }

    pub(super) fn answered_in(self, answer: Duration) -> Calls {
        Calls { answer, ..self }
    }

    pub(super) fn until(self, stop: Arc<AtomicBool>) -> Calls {
        let stop = Some(stop);
        Calls { stop, ..self }
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stop
            .as_ref()
            .is_some_and(|stop| stop.load(Ordering::Relaxed))
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn trouble(&self, trouble: Trouble, what: String) -> CheckpointError {
        CheckpointError::Place {
            place: self.name.clone(),
            trouble,
            what,
        }
    }

    /// Waits for a call's answer; one that there is nothing or that it can't be done is a failure.
    pub(super) fn ask<T>(
        &self,
        doing: &str,
        object: &str,
        call: impl Future<Output = object_store::Result<T>>,
    ) -> Result<T, CheckpointError> {
        let answered = self.run(doing, object, call)?;
        answered.map_err(|unmet| self.unmet(doing, object, unmet))
    }

    /// Waits for a call's answer.
    pub(super) fn run<T>(
        &self,
        doing: &str,
        object: &str,
        call: impl Future<Output = object_store::Result<T>>,
    ) -> Result<Result<T, Unmet>, CheckpointError> {
        let began = Instant::now();
        let answered = self.runtime.block_on(async {
            let mut call = pin!(call);
            loop {
                match tokio::time::timeout(LOOK, &mut call).await {
                    Ok(answered) => return Ok(answered),
                    Err(_) if self.is_stopping() => {
                        return Err((Trouble::Stopped, "stopped before an answer".to_owned()));
                    }
                    Err(_) if began.elapsed() >= self.answer => {
                        return Err((
                            Trouble::TimedOut,
                            format!("no answer in {} s", self.answer.as_secs()),
                        ));
                    }
                    Err(_) => {}
                }
            }
        });
        let (trouble, what) = match answered {
            Ok(Ok(done)) => return Ok(Ok(done)),
            Ok(Err(error)) => match answer::read(&error) {
                Ok(unmet) => return Ok(Err(unmet)),
                Err(trouble) => trouble,
            },
            Err(unanswered) => unanswered,
        };
        Err(self.trouble(trouble, format!("{doing} {object}: {what}")))
    }

    pub(super) fn unmet(&self, doing: &str, object: &str, unmet: Unmet) -> CheckpointError {
        let what = match unmet {
            Unmet::Missing => "it is not there",
            Unmet::Taken => "another process has written it: two own this place, stop one of them",
            Unmet::Unable => "the store can't do that",
        };
        self.trouble(Trouble::Failed, format!("{doing} {object}: {what}"))
    }
}
