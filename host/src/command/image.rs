//! `image`: a model as a board's core reads it.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args as ClapArgs;

use crate::{board, engine, files};

/// Writes what goes onto a board for a model: its file, the maps laid out for the board's core
///
/// `qemu`, `bench` and firmware built with `MODEL=FILE` do so by themselves; this is for flashing a model into the
/// region of firmware without one. What a model gives is the same in every layout. Cortex-M0, M3 and RISC-V have one of their own, the other cores take the file as it is.
#[derive(ClapArgs, Clone, Debug)]
pub struct Args {
    /// The board; `boards` lists them
    #[arg(long, value_name = "BOARD")]
    board: String,
    /// The model, as `train --export` wrote it
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// Where to write the image
    #[arg(long, value_name = "FILE")]
    export: PathBuf,
}

/// Runs the verb.
///
/// # Errors
/// If the model is unsound or the image cannot be written.
pub fn run(args: &Args) -> Result<()> {
    let board = board::find(&args.board)?;
    files::write(&args.export, &engine::image(&args.model, &board)?)
}
