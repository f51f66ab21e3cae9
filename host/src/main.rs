//! The command line: dispatch and exit codes; everything else is in the library.
//!
//! | status | meaning |
//! |---|---|
//! | 0 | done |
//! | 1 | an error, reported in one line |
//! | 2 | a wrong flag |
//! | 3 | training diverged; the best earlier epoch was used |
//! | 130 | stopped by Ctrl-C or SIGTERM |
#![forbid(unsafe_code)]

use std::process::ExitCode;

use host::exit_reason::ExitReason;

fn main() -> ExitCode {
    host::threads::keep_candle_on_ours();
    host::stop::large_files_are_errors();
    let result = host::command::Cli::read().run();
    let written = host::console::finish();
    match result {
        Ok(()) => match written {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                host::console::tell_unwritten(&error);
                ExitCode::FAILURE
            }
        },
        Err(error) => match error.downcast_ref::<ExitReason>() {
            Some(reason) => {
                host::console::note(&reason.to_string());
                reason.status().into()
            }
            None => {
                host::console::note(&format!("error: {error:#}"));
                ExitCode::FAILURE
            }
        },
    }
}
