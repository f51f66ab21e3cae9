//! `boards`: what Telltale runs on.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args as ClapArgs;
use serde::Serialize;

use crate::board;
use crate::console::say;

/// Lists the boards: core, clock, flash, RAM and the room for a model
#[derive(ClapArgs, Clone, Debug)]
pub struct Args {
    /// Results for machines; `-` is standard output
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Serialize)]
struct Row {
    board: &'static str,
    core: String,
    target: String,
    clock_hz: u64,
    flash_bytes: u64,
    ram_bytes: u64,
    model_bytes: u64,
}

/// Runs the verb.
///
/// # Errors
/// If the JSON cannot be written.
pub fn run(args: &Args) -> Result<()> {
    crate::files::Paths::default().write("--json", &args.json).check()?;
    let boards = board::all()?;
    if let Some(path) = &args.json {
        let rows = boards.into_iter().map(|board| Row {
            board: board.name,
            core: board.core,
            target: board.target,
            clock_hz: board.clock_hz,
            flash_bytes: board.memory.flash + board.memory.model,
            ram_bytes: board.memory.ram,
            model_bytes: board.memory.model,
        });
        return super::write_json(path, &rows.collect::<Vec<_>>());
    }
    say!(
        "{:<12} {:<11} {:>8} {:>10} {:>9} {:>10}  remark",
        "board",
        "core",
        "clock",
        "flash",
        "RAM",
        "for model"
    );
    for board in boards {
        say!(
            "{:<12} {:<11} {:>4} MHz {:>7} kB {:>6} kB {:>7} kB  {}",
            board.name,
            board.core,
            board.clock_hz / 1_000_000,
            (board.memory.flash + board.memory.model) / 1024,
            board.memory.ram / 1024,
            board.memory.model / 1024,
            board.remark,
        );
    }
    Ok(())
}
