//! `firmware`: a program with a model in it, as a file.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};
use clap::Args as ClapArgs;
use telltale::Model;

use super::train::Preset;
use crate::board::{self, Board};
use crate::console::say;
use crate::program::{ImageFormat, Program};
use crate::{engine, files, toolchain};

/// Writes a program with a model in it, to be flashed, and reports the flash and RAM that it takes
///
/// The program has only the parts of the engine that the model needs, and communicates over the board's serial port.
/// Flash and RAM are those of the linked program.
#[derive(ClapArgs, Clone, Debug)]
pub struct Args {
    /// The board; `boards` lists them
    #[arg(long, value_name = "BOARD")]
    board: String,
    /// The model file, as written by `train --export`
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// File for the program; its extension sets the format: .elf, .hex (Intel HEX), .uf2 (Pico), .bin (flash from its
    /// first address on)
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Runs the verb.
///
/// # Errors
/// If the model is unsound or does not fit, the firmware does not build, or the file cannot be written.
pub fn run(args: &Args) -> Result<()> {
    files::Paths::default().read("--model", [&args.model]).write("--out", [&args.out]).check()?;
    let format = ImageFormat::of(&args.out)?;
    let board = board::find(&args.board)?;
    format.check(&board)?;
    let program = build(&board, &args.model)?;
    let file = program.write(format, &board)?;
    files::write(&args.out, &file)?;
    let place = match (format, board.flashing.window) {
        (ImageFormat::Bin, Some(_)) => ", to be written from offset 0 of flash on".to_owned(),
        (ImageFormat::Bin, None) => format!(", to be written from {:#010x} on", program.first()),
        _ => String::new(),
    };
    say!("wrote {}, {} bytes{place}", args.out.display(), file.len());
    Ok(())
}

/// Builds a program for a board with a model in it, and prints its flash and RAM.
///
/// # Errors
/// Like [`run`].
pub fn build(board: &Board, model: &Path) -> Result<Program> {
    let engine = engine::with_model(model, |own| {
        check(own, board)?;
        Ok(board.memory_for(own))
    })?;
    let program = Program::of_elf(std::fs::read(toolchain::build(board, "classifier", Some(model))?)?)?;
    let memory = &board.memory;
    let (of_model, of_program) = program.flash(board);
    let room = memory.all_flash() - memory.model;
    say!("flash: program {of_program} of {room} bytes, model {of_model} of {}", memory.model);
    say!(
        "RAM: {} bytes static, {engine} of them the engine's, and up to {} of stack, of {}",
        program.ram(),
        board::STACK,
        memory.ram
    );
    let needed = program.ram() + board::STACK;
    ensure!(
        needed <= memory.ram,
        "{}: RAM for data and stack: needs {needed} bytes, has {}",
        board.name,
        memory.ram
    );
    if memory.model_ram_address.is_some() {
        if of_model <= memory.model_ram {
            say!(
                "the board copies the model to RAM when it starts: {of_model} of {} bytes",
                memory.model_ram
            );
        } else {
            say!(
                "the model is read from flash, which is slower: it is larger than the {} bytes of RAM that the board has \
                 for one",
                memory.model_ram
            );
        }
    }
    Ok(program)
}

/// Refuses a model that does not fit the board.
fn check(model: &Model<'_>, board: &Board) -> Result<()> {
    check_fit(board, model, board.obstacle(model))
}

/// Refuses a model if there is an obstacle, and names the preset that fits the board.
///
/// # Errors
/// If there is an obstacle.
pub fn check_fit(board: &Board, model: &Model<'_>, obstacle: Option<String>) -> Result<()> {
    let Some(obstacle) = obstacle else { return Ok(()) };
    let advice = match (board.flash_obstacle(model), Preset::largest_in(board.memory.model)) {
        (Some(_), Some(preset)) => {
            format!("the largest preset that does is {preset} (`train --preset {preset}`)")
        }
        (Some(_), None) => "no preset does".to_owned(),
        (None, _) => "fewer units (`train --hidden`), layers or classes need less".to_owned(),
    };
    bail!("the model does not fit {}: {obstacle}; {advice}", board.name)
}
