//! Ends of a verb that are neither success nor an error.

use std::fmt;

/// Why the program ended early with all that could be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExitReason {
    /// The user asked for it (Ctrl-C, SIGTERM).
    Stopped(String),
    /// The loss stopped being a number; the best epoch before was used.
    Diverged(String),
}

impl ExitReason {
    /// The exit status: 130 if the user stopped the program, as shells give it after Ctrl-C; 3 if
    /// training diverged.
    #[must_use]
    pub const fn status(&self) -> u8 {
        match self {
            Self::Stopped(_) => crate::stop::STOPPED,
            Self::Diverged(_) => 3,
        }
    }
}

impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped(what) => write!(f, "stopped: {what}"),
            Self::Diverged(what) => write!(f, "training diverged: {what}"),
        }
    }
}

impl std::error::Error for ExitReason {}
