//! The command line: dispatch and exit codes; everything else is in the library.
//!
//! | status | meaning |
//! |---|---|
//! | 0 | done |
//! | 1 | an error, told in one line |
//! | 2 | a wrong flag |
//! | 3 | training diverged; the best epoch before was used |
//! | 130 | stopped by Ctrl-C or SIGTERM |
#![forbid(unsafe_code)]

use std::process::ExitCode;

use host::exit_reason::ExitReason;

fn main() -> ExitCode {
    host::threads::keep_candle_on_ours();
    host::large_files_are_errors();
    match host::Cli::read().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => match error.downcast_ref::<ExitReason>() {
            Some(reason) => {
                eprintln!("{reason}");
                reason.status().into()
            }
            None => {
                eprintln!("error: {error:#}");
                ExitCode::FAILURE
            }
        },
    }
}
