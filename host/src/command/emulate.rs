//! `emulate`: the firmware in an emulated board, with standard input on its UART.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args as ClapArgs;

use crate::toolchain::{Emulator, build};
use crate::{board, engine};

/// Builds the firmware, boots it in the emulator of its board with a model and streams standard input to its UART
#[derive(ClapArgs, Clone, Debug)]
pub struct Args {
    /// The board; `boards` lists them
    #[arg(long, value_name = "BOARD")]
    board: String,
    /// The model, as `train --export` wrote it
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// Adds the word's id and the 64-bit trace hash of the engine's state
    #[arg(long)]
    trace: bool,
    /// Links the model into the firmware instead of loading it into its region of flash
    #[arg(long)]
    embed: bool,
}

/// Runs the verb.
///
/// # Errors
/// If the model is unsound, the firmware does not build, the emulator is missing, or the board refuses the model.
pub fn run(args: &Args) -> Result<()> {
    let board = board::find(&args.board)?;
    engine::with_model(&args.model, |_| Ok(()))?;
    eprintln!("building the firmware for {} ({}) …", board.name, board.core);
    let program = build(&board, "classifier", args.embed.then_some(&args.model))?;
    let loaded = (!args.embed).then_some(args.model.as_path());
    let mut emulator = Emulator::boot(&board, &program, loaded)?;
    let hello = emulator.line()?;
    eprintln!("{hello}");
    if !hello.ends_with("self-test ok") {
        bail!("the board cannot use the model");
    }
    emulator.converse(std::io::stdin(), &mut std::io::stdout().lock(), args.trace)
}
