//! `emulate`: the firmware on an emulated board, with standard input on its UART.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Args as ClapArgs;

use super::stdin::CheckedInput;
use crate::console::say;
use crate::emulator::{EmulatedPort, Emulator};
use crate::exit_reason::ExitReason;
use crate::monitor::Greeting;
use crate::stop::Stop;
use crate::toolchain::build;
use crate::{board, engine};

/// Builds the firmware, boots it with a model in its board's emulator and streams standard input to its UART
#[derive(ClapArgs, Clone, Debug)]
pub struct Args {
    /// The board; `boards` lists them
    #[arg(long, value_name = "BOARD")]
    board: String,
    /// The model file, as written by `train --export`
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// Adds each word's id (for an unknown word, the vocabulary's size) and the 64-bit trace hash of the engine's state
    #[arg(long)]
    trace: bool,
    /// Link the model into the firmware instead of loading it into its region of flash
    #[arg(long)]
    embed: bool,
    /// Put the UART on a pseudo-terminal instead, a port for `monitor`, and print its path; runs until Ctrl-C
    #[arg(long, conflicts_with = "trace")]
    pty: bool,
}

/// Runs the verb.
///
/// # Errors
/// If the model is unsound, the firmware does not build, the emulator is missing, or the board refuses the model.
pub fn run(args: &Args) -> Result<()> {
    let board = board::find(&args.board)?;
    engine::with_model(&args.model, |model| {
        let obstacle = board.loading_obstacle(model).filter(|_| !args.embed);
        ensure!(
            obstacle.is_none() || board.obstacle(model).is_some(),
            "the firmware for any model has no room for this one: {}; --embed makes a program that has",
            obstacle.unwrap_or_default()
        );
        Ok(())
    })?;
    let program = build(&board, "classifier", args.embed.then_some(&args.model))?;
    let loaded = (!args.embed).then_some(args.model.as_path());
    if args.pty {
        let mut emulated = EmulatedPort::boot(&board, &program, loaded)?;
        say!("{}", emulated.port().display());
        return wait(&mut emulated);
    }
    let mut emulator = Emulator::boot(&board, &program, loaded)?;
    let stop = emulator.end_when_asked()?;
    let result = converse(&mut emulator, args.trace);
    if stop.asked() {
        return Err(ExitReason::Stopped("the emulation has ended".to_owned()).into());
    }
    result
}

/// Prints the board's greeting, then sends standard input to it and its answers to standard output.
fn converse(emulator: &mut Emulator, trace: bool) -> Result<()> {
    let line = emulator.line()?;
    crate::console::note(&line);
    let greeting = Greeting::of(line.as_bytes()).context("that is no greeting of Telltale's firmware")?;
    if let Err(wrong) = greeting.facts {
        bail!("the board cannot use the model: {wrong}");
    }
    emulator.converse(CheckedInput::standard(), &mut std::io::stdout().lock(), trace)
}

/// Waits for Ctrl-C; the emulator ends with this program.
fn wait(emulated: &mut EmulatedPort) -> Result<()> {
    const MOMENT: Duration = Duration::from_millis(100);
    let stop = Stop::listen()?;
    while !stop.asked() {
        if emulated.ended()? {
            bail!("the emulator has ended");
        }
        std::thread::sleep(MOMENT);
    }
    Ok(())
}
