//! `boards`: the boards that Telltale runs on.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args as ClapArgs;
use serde::Serialize;

use crate::board::{self, RunnerKind};
use crate::console::say;

/// Lists the boards: core, clock, memory, how each is flashed and tested, and the evidence for each
#[derive(ClapArgs, Clone, Debug)]
pub struct Args {
    /// Results as JSON; `-` is standard output
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Serialize)]
struct Row {
    board: &'static str,
    title: String,
    core: String,
    target: String,
    clock_hz: u64,
    flash_bytes: u64,
    ram_bytes: u64,
    model_bytes: u64,
    flashing: String,
    tested_by: &'static str,
    evidence: String,
}

/// The emulator of a board in the suites.
const fn tested_by(kind: RunnerKind) -> &'static str {
    match kind {
        RunnerKind::Qemu => "QEMU",
        RunnerKind::Rp2040js => "rp2040js",
        RunnerKind::Unicorn => "Unicorn",
    }
}

/// Runs the verb.
///
/// # Errors
/// If the JSON cannot be written.
pub fn run(args: &Args) -> Result<()> {
    crate::files::Paths::default().print("--json", &args.json).check()?;
    let rows = board::all()?.into_iter().map(|board| Row {
        board: board.name,
        flash_bytes: board.memory.all_flash(),
        ram_bytes: board.memory.all_ram(),
        model_bytes: board.memory.model,
        flashing: board.flashing.ways(),
        tested_by: tested_by(board.runner.kind),
        title: board.title,
        core: board.core,
        target: board.target,
        clock_hz: board.clock_hz,
        evidence: board.evidence,
    });
    let rows: Vec<Row> = rows.collect();
    say!(
        "{:<16} {:<11} {:>7} {:>9} {:>7} {:>9}  {:<32} tested by",
        "board",
        "core",
        "clock",
        "flash",
        "RAM",
        "for model",
        "flashed by"
    );
    for row in &rows {
        say!(
            "{:<16} {:<11} {:>3} MHz {:>6} kB {:>4} kB {:>6} kB  {:<32} {}",
            row.board,
            row.core,
            row.clock_hz / 1_000_000,
            row.flash_bytes / 1024,
            row.ram_bytes / 1024,
            row.model_bytes / 1024,
            row.flashing,
            row.tested_by
        );
    }
    say!();
    for row in &rows {
        say!("{:<16} {}: {}", row.board, row.title, row.evidence);
    }
    super::write_json(args.json.as_ref(), &rows)
}
