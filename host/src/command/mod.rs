//! The verbs of the command line.

pub mod bench;
pub mod boards;
pub mod compare;
pub mod corpus;
pub mod early_exit;
pub mod emulate;
pub mod eval;
pub mod export;
pub mod firmware;
pub mod fit;
pub mod flash;
pub mod frontier;
pub mod image;
pub mod import;
pub mod inspect;
pub mod label;
mod measures;
pub mod monitor;
pub mod report;
mod rows;
pub mod run;
pub mod train;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;

/// Writes a value as JSON to a flag's file, if it is given, or to standard output for `-`; a closed pipe is no error.
///
/// Control characters of terminals are escaped, as JSON allows.
///
/// # Errors
/// If the file cannot be written.
pub fn write_json(to: Option<&PathBuf>, value: &impl Serialize) -> Result<()> {
    let Some(to) = to else { return Ok(()) };
    let mut text = serde_json::to_string_pretty(value).context("cannot encode the JSON")?;
    if text.contains(crate::console::is_obeyed) {
        let shown = |c: char| {
            if crate::console::is_obeyed(c) { format!("\\u{:04x}", u32::from(c)) } else { c.into() }
        };
        text = text.chars().map(shown).collect();
    }
    text.push('\n');
    if to == Path::new("-") {
        crate::console::raw(text.as_bytes());
        return Ok(());
    }
    crate::files::write(to, text.as_bytes())
}
