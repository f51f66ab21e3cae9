//! The verbs of the command line.

pub mod bench;
pub mod boards;
pub mod early_exit;
pub mod eval;
pub mod fit;
pub mod frontier;
pub mod image;
pub mod import;
pub mod inspect;
pub mod qemu;
pub mod run;
pub mod train;

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

/// Writes a value as JSON to a file, or to standard output for `-`.
///
/// # Errors
/// If the file cannot be written.
pub fn write_json(to: &Path, value: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_string_pretty(value).context("cannot encode the JSON")?;
    text.push('\n');
    if to == Path::new("-") {
        let mut out = std::io::stdout().lock();
        return out
            .write_all(text.as_bytes())
            .and_then(|()| out.flush())
            .context("cannot write the JSON to standard output");
    }
    crate::files::write(to, text.as_bytes())
}
