//! `bench device`: instructions per word on emulated boards.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args as ClapArgs;
use object::{Object, ObjectSection};
use serde::Serialize;
use shared::Model;

use super::synthetic::{Shape, blob};
use crate::board::{self, Board};
use crate::command::write_json;
use crate::files;
use crate::model::Pooling;
use crate::toolchain::{Emulator, build};

/// Instructions per word on emulated boards, by phase; stack, RAM and flash
#[derive(ClapArgs, Clone, Debug)]
pub struct Args {
    /// The board; all of them if it is not given
    #[arg(long, value_name = "BOARD")]
    board: Option<String>,
    #[command(flatten)]
    shape: Shape,
    /// Results for machines; `-` is standard output
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Instructions of a word's parts.
#[derive(Clone, Copy, Debug, Serialize)]
struct Phases {
    look_up: f64,
    embedding: f64,
    cell: f64,
    pooling: f64,
    head: f64,
}

#[derive(Clone, Debug, Serialize)]
struct Row {
    board: &'static str,
    core: String,
    #[serde(flatten)]
    shape: Shape,
    /// Multiply-accumulates of layers and head.
    macs: usize,
    instructions_per_word: f64,
    instructions_per_mac: f64,
    phases: Phases,
    /// Peak of opening a model and reading words.
    stack_bytes: u64,
    /// State and scratch that this network needs.
    ram_bytes: usize,
    /// Code of the whole `classifier` program.
    code_bytes: u64,
    /// Read-only data of the whole `classifier` program.
    table_bytes: u64,
}

/// What the bench firmware tells, in instructions and bytes.
struct Told {
    look_up: f64,
    embedding: f64,
    step: f64,
    head: f64,
    stack: f64,
}

/// Runs the verb.
///
/// # Errors
/// If a firmware does not build, QEMU is missing, or the network does not fit a board.
pub fn run(args: &Args) -> Result<()> {
    let boards = match &args.board {
        Some(name) => vec![board::find(name)?],
        None => board::all()?,
    };
    let quiet = args.json.as_deref() == Some(std::path::Path::new("-"));
    if !quiet {
        println!(
            "{:<12} {:<11} {:>8} {:>13} {:>9} {:>8} {:>9} {:>9} {:>8} {:>8} {:>7} {:>7} {:>7} {:>7}",
            "board",
            "core",
            "MACs",
            "instr./word",
            "per MAC",
            "look-up",
            "embedding",
            "cell",
            "pooling",
            "head",
            "stack",
            "RAM",
            "code",
            "tables"
        );
    }
    let mut rows = Vec::new();
    for board in boards {
        let row = measure(&board, &args.shape)?;
        if !quiet {
            println!(
                "{:<12} {:<11} {:>8} {:>13.0} {:>9.3} {:>8.0} {:>9.0} {:>9.0} {:>8.0} {:>8.0} {:>7} {:>7} {:>7} {:>7}",
                row.board,
                row.core,
                row.macs,
                row.instructions_per_word,
                row.instructions_per_mac,
                row.phases.look_up,
                row.phases.embedding,
                row.phases.cell,
                row.phases.pooling,
                row.phases.head,
                row.stack_bytes,
                row.ram_bytes,
                row.code_bytes,
                row.table_bytes
            );
        }
        rows.push(row);
    }
    match (&args.json, &rows[..]) {
        (Some(path), [row]) => write_json(path, row),
        (Some(path), rows) => write_json(path, &rows),
        (None, _) => Ok(()),
    }
}

fn measure(board: &Board, shape: &Shape) -> Result<Row> {
    let program = build(board, "bench", None)?;
    let (code_bytes, table_bytes) = sizes(&build(board, "classifier", None)?)?;
    let folder = tempfile::tempdir().context("no folder for temporary files")?;
    let ask = |pooling: Pooling| -> Result<(Told, usize, usize)> {
        let bytes = blob(shape, pooling)?;
        let model = Model::open(&bytes)?;
        let (layers, head) = model.macs();
        let needs = model.needs();
        let ram = needs.state_bytes() + needs.scratch_bytes();
        let path = folder.path().join("bench.bin");
        files::write(&path, &bytes)?;
        let mut emulator = Emulator::boot_counting(board, &program, &path)?;
        Ok((listen(&mut emulator, board)?, layers + head, ram))
    };
    let (last, _, _) = ask(Pooling::Last)?;
    let (mean, macs, ram_bytes) = ask(Pooling::Mean)?;
    let phases = Phases {
        look_up: mean.look_up,
        embedding: mean.embedding,
        cell: last.step - last.embedding,
        pooling: mean.step - last.step,
        head: mean.head,
    };
    let instructions_per_word = mean.look_up + mean.step + mean.head;
    Ok(Row {
        board: board.name,
        core: board.core.clone(),
        shape: shape.clone(),
        macs,
        instructions_per_word,
        instructions_per_mac: instructions_per_word / macs as f64,
        phases,
        stack_bytes: mean.stack as u64,
        ram_bytes,
        code_bytes,
        table_bytes,
    })
}

/// Reads `<name> <ticks> <repeats>` lines until `end`.
fn listen(emulator: &mut Emulator, board: &Board) -> Result<Told> {
    // An instruction takes a nanosecond; RISC-V counts instructions, SysTick the core clock's ticks.
    let per_tick = if board.target.starts_with("riscv") { 1.0 } else { 1e9 / board.clock_hz as f64 };
    let mut told = Told { look_up: 0.0, embedding: 0.0, step: 0.0, head: 0.0, stack: 0.0 };
    loop {
        let line = emulator.line()?;
        if line == "end" {
            return Ok(told);
        }
        let fields: Vec<&str> = line.split(' ').collect();
        let &[name, value, repeats] = &fields[..] else { bail!("{}: {line}", board.name) };
        let number = |text: &str| text.parse::<f64>().with_context(|| format!("{}: {line}", board.name));
        let ticks = number(value)? / number(repeats)?;
        match name {
            "look_up" => told.look_up = ticks * per_tick,
            "embedding" => told.embedding = ticks * per_tick,
            "step" => told.step = ticks * per_tick,
            "head" => told.head = ticks * per_tick,
            "stack" => told.stack = ticks,
            _ => bail!("{}: {line}", board.name),
        }
    }
}

/// Bytes of code and of read-only data in a program.
fn sizes(program: &std::path::Path) -> Result<(u64, u64)> {
    let bytes = std::fs::read(program).with_context(|| program.display().to_string())?;
    let file = object::File::parse(&*bytes).with_context(|| program.display().to_string())?;
    let of = |names: &[&str]| {
        file.sections()
            .filter(|section| section.name().is_ok_and(|name| names.contains(&name)))
            .map(|section| section.size())
            .sum()
    };
    Ok((of(&[".text", ".vector_table", ".init"]), of(&[".rodata"])))
}
