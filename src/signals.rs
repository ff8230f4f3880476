//! Signals that ask a process to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::Failure;

/// How often it is looked.
const LOOK: Duration = Duration::from_millis(50);

/// Whether somebody asked.
#[derive(Clone, Debug)]
pub struct Signals(Arc<AtomicBool>);

impl Signals {
    /// Listens from now on. The first signal asks; the second ends the process as if nobody listened.
    pub fn new() -> Result<Signals, Failure> {
        let asked = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            let failed = |error| Failure::Undone(format!("signals can't be heard: {error}"));
            flag::register_conditional_default(signal, Arc::clone(&asked)).map_err(failed)?;
            flag::register(signal, Arc::clone(&asked)).map_err(failed)?;
        }
        Ok(Signals(asked))
    }

    /// Whether somebody asked to stop.
    pub fn stop(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// What is true once somebody has asked.
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }

    /// Waits until somebody asks.
    pub async fn asked(&self) {
        while !self.stop() {
            tokio::time::sleep(LOOK).await;
        }
    }
}
