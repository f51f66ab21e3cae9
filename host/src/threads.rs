//! The threads of this program and those of Candle.

use std::env;
use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result};

/// The variable from which rayon and Candle's products take their number of threads.
pub const RAYON: &str = "RAYON_NUM_THREADS";
/// The one for Candle's element-wise operations.
pub const CANDLE: &str = "CANDLE_NUM_THREADS";

/// Lets Candle's element-wise operations run on the calling thread, unless the user has set otherwise.
///
/// Batches are shared among threads already, and Candle's own threads wait for work and for each other by spinning:
/// with them, training takes twice as long. Candle reads the environment when it is first used, so this starts the
/// program over; where that fails, it goes on as it is.
pub fn keep_candle_on_ours() {
    if env::var_os(CANDLE).is_some() {
        return;
    }
    let mut variables = vec![(CANDLE, "1".to_owned())];
    if let (None, Ok(count)) = (env::var_os(RAYON), std::thread::available_parallelism()) {
        // Otherwise Candle counts the processor's cores anew for every product.
        variables.push((RAYON, count.to_string()));
    }
    let _ = start_over(&variables);
}

/// Starts this program over with the same arguments and these variables of the environment in the same
/// process; returns only if that fails.
///
/// # Errors
/// If the program cannot be started.
pub fn start_over(variables: &[(&str, String)]) -> Result<()> {
    let program = env::current_exe().context("cannot find this program")?;
    let mut again = Command::new(program);
    again.args(env::args_os().skip(1)).envs(variables.iter().map(|(name, value)| (name, value)));
    Err(again.exec()).context("cannot start this program again")
}
