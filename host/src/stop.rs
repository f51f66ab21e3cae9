//! Signals: Ctrl-C, noted and handled later; files that grow too large.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result};
use signal_hook::consts::{SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;

/// The exit status of a run that was asked to stop, as shells give it after Ctrl-C.
pub const STOPPED: u8 = 130;

/// A file that grows past the limit of the shell (`ulimit -f`) is an error of the write, not the
/// silent end of the process.
pub fn large_files_are_errors() {
    let _ = flag::register(SIGXFSZ, Arc::default());
}

/// Whether the user has asked the program to stop.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    asked: Arc<AtomicBool>,
}

/// What the process's handlers have noted.
static HEARD: OnceLock<Stop> = OnceLock::new();

impl Stop {
    /// Listens from now on: the first SIGINT (Ctrl-C) or SIGTERM is noted, the second ends the
    /// process at once with status [`STOPPED`]. What was noted before is forgotten.
    ///
    /// # Errors
    /// If the system does not let signals be caught.
    pub fn listen() -> Result<Self> {
        if let Some(stop) = HEARD.get() {
            stop.asked.store(false, Ordering::Relaxed);
            return Ok(stop.clone());
        }
        let stop = Self::default();
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal finds the flag still down.
            flag::register_conditional_shutdown(signal, STOPPED.into(), Arc::clone(&stop.asked))
                .and_then(|_| flag::register(signal, Arc::clone(&stop.asked)))
                .context("cannot listen for Ctrl-C")?;
        }
        Ok(HEARD.get_or_init(|| stop).clone())
    }

    /// Whether a signal has come.
    #[must_use]
    pub fn asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// From now on the next signal ends the process at once.
    pub fn at_once(&self) {
        self.asked.store(true, Ordering::Relaxed);
    }
}
